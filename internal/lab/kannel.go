package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Kannel is Debian's SMS gateway: bearerbox with two SMSCs, an SMSC of ours and the fake one of kannel-extras, and smsbox. SMS
// to +999… go to the fake one.
type Kannel struct {
	SendURL   string // of sendsms
	AccessLog string // path: it has numbers and texts

	t        testing.TB
	dir      string
	fake     int
	bearer   *process
	smsbox   *process
	phone    *process
	bearerAt string
}

// NewKannel starts one in front of an SMSC. Replies are handed to replyURL, as the preset has it.
func NewKannel(t testing.TB, smsc *SMSC, replyURL string) *Kannel {
	t.Helper()
	admin, box, send := Port(t), Port(t), Port(t)
	k := &Kannel{t: t, dir: t.TempDir(), fake: Port(t), bearerAt: loopback(box)}
	k.SendURL = fmt.Sprintf("http://%s/cgi-bin/sendsms", loopback(send))
	k.AccessLog = filepath.Join(k.dir, "access.log")
	config := strings.NewReplacer(
		"DIR", k.dir, "ADMIN", fmt.Sprint(admin), "BOX", fmt.Sprint(box), "FAKEPORT", fmt.Sprint(k.fake), "SEND", fmt.Sprint(send),
		"SMSC", fmt.Sprint(smsc.port), "USER", SMSUser, "SECRET", SMSSecret, "REPLY", replyURL,
	).Replace(kannelConfig)
	file := filepath.Join(k.dir, "kannel.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	k.bearer = k.start("bearerbox", file)
	if err := k.bearer.await(Patience, func() bool { return listening(k.bearerAt) && listening(loopback(k.fake)) }); err != nil {
		t.Fatal(err)
	}
	k.smsbox = k.start("smsbox", file)
	if err := k.smsbox.await(Patience, func() bool { return answers(k.SendURL, 403) }); err != nil {
		t.Fatal(err)
	}
	if err := k.bearer.await(Patience, func() bool { bound, _, _ := smsc.State(); return len(bound) > 0 }); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *Kannel) start(name, config string) *process {
	k.t.Helper()
	log := filepath.Join(k.dir, name+".out")
	p, err := start(name, log, nil, program(k.t, name, "/usr/sbin/"+name), "-v", "4", config)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		p.kill()
		if k.t.Failed() {
			k.t.Logf("%s:\n%s", name, tail(log, 40))
		}
	})
	return p
}

// Phone has the fake SMSC hand over an SMS from a phone.
func (k *Kannel) Phone(from, to, text string) {
	k.t.Helper()
	fakesmsc := program(k.t, "fakesmsc", "/usr/lib/kannel/test/fakesmsc")
	if k.phone != nil {
		k.phone.kill() // bearerbox takes one at a time
	}
	p, err := start("fakesmsc", filepath.Join(k.dir, "fakesmsc.out"), nil, fakesmsc,
		"-H", "127.0.0.1", "-r", fmt.Sprint(k.fake), "-i", "0.1", "-m", "1", strings.Join([]string{from, to, "text", text}, " "))
	if err != nil {
		k.t.Fatal(err)
	}
	k.phone = p // it stays, to take what is sent
	k.t.Cleanup(p.kill)
}

// kannelConfig has all listeners on loopback.
const kannelConfig = `
group = core
admin-port = ADMIN
admin-interface = 127.0.0.1
admin-password = admin
smsbox-port = BOX
smsbox-interface = 127.0.0.1
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
admin-allow-ip = "127.0.0.1"
admin-deny-ip = "*.*.*.*"
access-log = "DIR/access.log"
dlr-storage = internal
store-type = file
store-location = "DIR/kannel.store"
sms-resend-freq = 1
sms-resend-retry = 3
sms-combine-concatenated-mo = true

group = smsc
smsc = fake
smsc-id = FAKE
our-host = 127.0.0.1
port = FAKEPORT
connect-allow-ip = "127.0.0.1"
allowed-prefix = "+999;999"

group = smsc
smsc = smpp
smsc-id = SMPP
host = 127.0.0.1
port = SMSC
transceiver-mode = true
smsc-username = USER
smsc-password = SECRET
system-type = ""
source-addr-ton = 1
source-addr-npi = 1
dest-addr-ton = 1
dest-addr-npi = 1
enquire-link-interval = 10
reconnect-delay = 1
wait-ack = 5
max-pending-submits = 10
throughput = 100
msg-id-type = 0x00
denied-prefix = "+999;999"

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = SEND
sendsms-interface = 127.0.0.1
mo-recode = true
http-request-retry = 5
http-queue-delay = 1

group = sendsms-user
username = USER
password = SECRET
user-allow-ip = "127.0.0.1"
user-deny-ip = "*.*.*.*"
max-messages = 4
concatenation = true

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "REPLY?from=%p&to=%P&text=%b&id=%I"
`
