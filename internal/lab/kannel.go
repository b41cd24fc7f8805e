package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Kannel is Debian's SMS gateway: bearerbox with two SMSCs, one of ours and the fake one of kannel-extras, and smsbox. SMS
// to +999… go to the fake one.
type Kannel struct {
	SendURL   string // of sendsms
	AccessLog string // path; the log contains numbers and texts

	t        testing.TB
	dir      string
	file     string                       // its configuration
	config   func(replyURL string) string // its content
	fake     int
	bearer   *process
	smsbox   *process
	phone    *process
	bearerAt string
}

// NewKannel starts one in front of an SMSC. Replies are posted to replyURL, in the preset's format; without one they wait.
func NewKannel(t testing.TB, smsc *SMSC, replyURL string) *Kannel {
	t.Helper()
	admin, box, send := Port(t), Port(t), Port(t)
	k := &Kannel{t: t, dir: t.TempDir(), fake: Port(t), bearerAt: loopback(box)}
	k.SendURL = fmt.Sprintf("http://%s/cgi-bin/sendsms", loopback(send))
	k.AccessLog = filepath.Join(k.dir, "access.log")
	k.config = func(replyURL string) string {
		config := kannelConfig
		if replyURL == "" {
			config, _, _ = strings.Cut(config, "group = sms-service")
		}
		return strings.NewReplacer(
			"DIR", k.dir, "ADMIN", fmt.Sprint(admin), "BOX", fmt.Sprint(box), "FAKEPORT", fmt.Sprint(k.fake), "SEND", fmt.Sprint(send),
			"SMSC", fmt.Sprint(smsc.port), "USER", SMSUser, "SECRET", SMSSecret, "REPLY", replyURL,
		).Replace(config)
	}
	k.file = filepath.Join(k.dir, "kannel.conf")
	k.configure(replyURL)
	k.bearer = k.start("bearerbox")
	if err := k.bearer.await(Timeout, func() bool { return listening(k.bearerAt) && listening(loopback(k.fake)) }); err != nil {
		t.Fatal(err)
	}
	k.startBox()
	if err := k.bearer.await(Timeout, func() bool { bound, _, _ := smsc.State(); return len(bound) > 0 }); err != nil {
		t.Fatal(err)
	}
	return k
}

// KannelNumber is the sender of SMS through a Kannel.
const KannelNumber = "+8613900139000"

// Settings make a component send SMS through it. Attach also returns replies.
func (k *Kannel) Settings() Settings {
	listen := loopback(Port(k.t))
	return Settings{
		"sms.countries": []string{"CN"}, "sms.from": []string{KannelNumber}, "sms.listen": listen, "sms.public": "http://" + listen,
		"sms.route": TOML(fmt.Sprintf(`[{ name = "kannel", kind = "http", provider = "kannel", url = %q, user = %q, secret = %q, hook_from = ["127.0.0.0/8"] }]`, k.SendURL, SMSUser, SMSSecret)),
	}
}

// Attach delivers replies to a component that has Settings.
func (k *Kannel) Attach(d *Daemon) {
	k.t.Helper()
	url := replyURL.FindStringSubmatch(d.Must("sms", "routes"))
	if url == nil {
		k.t.Fatal("tocsin sms routes names no URL for replies")
	}
	k.ReplyTo(url[1])
}

var replyURL = regexp.MustCompile(`replies: (\S+)`)

// ReplyTo posts replies to a URL from now on.
func (k *Kannel) ReplyTo(url string) {
	k.t.Helper()
	k.smsbox.kill()
	k.configure(url)
	k.startBox()
}

func (k *Kannel) configure(replyURL string) {
	k.t.Helper()
	if err := os.WriteFile(k.file, []byte(k.config(replyURL)), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// startBox starts smsbox.
func (k *Kannel) startBox() {
	k.t.Helper()
	k.smsbox = k.start("smsbox")
	if err := k.smsbox.await(Timeout, func() bool { return answers(k.SendURL, 403) }); err != nil {
		k.t.Fatal(err)
	}
}

func (k *Kannel) start(name string) *process {
	k.t.Helper()
	log := filepath.Join(k.dir, name+".out")
	p, err := start(name, log, nil, program(k.t, name, "/usr/sbin/"+name), "-v", "4", k.file)
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

// Phone makes the fake SMSC deliver an SMS from a phone.
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
	k.phone = p // it stays to accept SMS
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
