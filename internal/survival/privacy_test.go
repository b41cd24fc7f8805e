package survival

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/internal/fakeserver"
	"tocsin/internal/lab"
	"tocsin/track"
)

// holds reports whether the database's files or logs contain a text.
func holds(t *testing.T, path, text string) bool {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			return true
		}
	}
	return false
}

// The text of a message is in the file while it may be needed, and nowhere soon after the message is settled.
func TestTextIsErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(t, fakeserver.New(component, secret), newAudit(), "alice")
		path := filepath.Join(t.TempDir(), "tocsin.db")
		stop := inProcess(t, s, "sqlite:"+path, time.Second, 1000)
		read := track.Key{Sender: "alice@" + domain, Recipient: "bob@" + domain, ID: "m1"}
		waits := track.Key{Sender: "alice@" + domain, Recipient: "carol@" + domain, ID: "m2"}
		s.writeText(read, track.At(time.Now()), "The text of the first")
		s.writeText(waits, track.At(time.Now()), "The text of the second")
		time.Sleep(time.Second)
		for _, text := range []string{"The text of the first", "The text of the second"} {
			if !holds(t, path, text) {
				t.Errorf("%q is not stored while the message is pending", text)
			}
		}
		(&traffic{server: s}).marker(read)
		time.Sleep(2 * time.Minute) // for maintenance
		if holds(t, path, "The text of the first") {
			t.Error("the text of a read message remains")
		}
		if !holds(t, path, "The text of the second") {
			t.Error("the text of a pending message is gone")
		}
		(&traffic{server: s}).marker(waits)
		time.Sleep(time.Second)
		stop()
		if holds(t, path, "The text of the second") {
			t.Error("the text remains after the end")
		}
	})
}

// The log at debug level, readiness and metrics show nothing private.
func TestLogs(t *testing.T) {
	t.Parallel()
	const password = "hunter2-of-the-database"
	dsn := strings.Replace(lab.Postgres(t), "tocsin@", "tocsin:"+password+"@", 1)
	s := newServer(t, newAudit(), "alice")
	d := lab.NewTocsin(t, s.lab(), s.settings(lab.Settings{"storage.dsn": dsn}))
	d.Start()
	d.Must("numbers", "set", "bob@"+domain, number)
	d.Must("numbers", "set", "carol@"+domain, number)
	s.write(track.Key{Sender: "alice@" + domain, Recipient: "bob@" + domain, ID: "m1"}, track.At(time.Now()))
	s.write(track.Key{Sender: "alice@" + domain, Recipient: "carol@" + domain, ID: "m2"}, track.At(time.Now()))
	for _, garbage := range []string{
		"<iq type='set' from='alice@" + domain + "/phone' to='" + component + "' id='x1'><query xmlns='jabber:iq:register'><phone>" + number + "0000000</phone></query></iq>",
		"<message from='alice@" + domain + "/phone' to='sms@" + component + "' type='chat'><body>" + text + number + "</body></message>",
		"<message from='elsewhere.example' to='" + component + "'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='" + text + "'><body>" + text + "</body></message></forwarded></message>",
		"<message from='" + domain + "' to='" + component + "'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='" + text + "@@'><body>" + text + "</message></forwarded></message>",
	} {
		s.bring(garbage)
	}
	patiently(t, 30*time.Second, "both are asked about", func() bool {
		s.audit.mu.Lock()
		defer s.audit.mu.Unlock()
		return len(s.prompts) == 2
	})
	lab.Cut(t, dsn)
	patiently(t, 30*time.Second, "it goes on", func() bool { return serves(d) })
	_, body := d.Readiness()
	d.Stop()
	for what, said := range map[string]string{"the log": d.Stderr(), "/readyz": body} {
		for _, word := range []string{text, secret, number, number[1:], password} {
			if strings.Contains(said, word) {
				t.Errorf("%s has %q:\n%s", what, word, said)
			}
		}
	}
	s.report(t)
}
