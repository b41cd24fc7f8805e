package lab_test

import (
	"testing"
	"time"

	"tocsin/internal/lab"
)

// The service log copies a message when it is sent and when it is delivered, with all its payloads; also bounces.
func TestServiceLog(t *testing.T) {
	t.Parallel()
	server := lab.Ejabberd(t, lab.Options{Tap: lab.ServiceLog, Hosts: []string{"one.test", "two.test"}})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)
	bob := server.Login("bob/desk", lab.Receipts)
	carol := server.Login("carol@two.test/desk", lab.Silent)
	tap.Tapped("", "presence[@from='%s']", alice.JID())
	tap.Sync(server.Domain)
	tap.Forget()

	alice.Say(bob.Bare(), "m1", "hello")
	bob.Expect("message[@id='m1']/body[.='hello']")
	alice.Expect("message/received[@id='m1']")
	for range 2 {
		copied := tap.Tapped("", "message[@id='m1']/body")
		if copied.From != "one.test" || copied.Stamp != "" {
			t.Errorf("copy from %s, stamped %q", copied.From, copied.Stamp)
		}
		tap.Tapped("", "message/{urn:xmpp:receipts}received[@id='m1']")
	}

	alice.Say("dave@one.test", "m2", "hello")
	alice.Expect("message[@type='error'][@id='m2']")
	tap.Tapped("", "message[@type='error'][@id='m2']")

	alice.Say(carol.Bare(), "m3", "hello")
	carol.Expect("message[@id='m3']/body")
	if a, b := tap.Tapped("", "message[@id='m3']/body"), tap.Tapped("", "message[@id='m3']/body"); a.From == b.From {
		t.Errorf("both copies come from %s", a.From)
	}

	erin := server.Client("erin/phone", lab.Silent)
	alice.Say(erin.Bare(), "m4", "hello")
	tap.Tapped("", "message[@id='m4'][@type='chat']")
	alice.Sync()
	erin.Connect()
	erin.Available()
	erin.Expect("message[@id='m4']/delay")
	tap.Tapped("", "message[@id='m4']/delay")

	// While the component is down users notice nothing, and the copies are lost.
	tap.Close()
	alice.Say(bob.Bare(), "m5", "hello")
	alice.Expect("message/received[@id='m5']")
	alice.Sync()
	alice.ExpectNone(0, "message[@type='error']")
	tap.Connect()
	tap.Sync(server.Domain)
	tap.NotTapped(0, "message[@id='m5']/body")
}

// A stopped or killed server comes back with its users.
func TestEjabberdRestart(t *testing.T) {
	t.Parallel()
	server := lab.Ejabberd(t, lab.Options{SMTimeout: time.Minute})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Silent)
	alice.Manage()
	alice.Sync()
	server.Stop()
	tap.ExpectEnd()
	alice.ExpectEnd()
	server.Start()
	server.Attach()
	server.Login("alice/phone", lab.Silent)
	server.Kill()
	server.Start()
	server.Login("alice/phone", lab.Silent)
}
