package lab_test

import (
	"testing"

	"tocsin/internal/lab"
)

func TestModule(t *testing.T) {
	server := lab.Prosody(t, lab.Options{Tap: lab.Module})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)
	bob := server.Login("bob/desk", lab.Markers)
	alice.Say(bob.Bare(), "m1", "hello")
	bob.Expect("message[@id='m1']/body[.='hello']")
	tap.Tapped("out", "message[@id='m1']/body")
	tap.Tapped("out", "message/{urn:xmpp:receipts}received[@id='m1']")
}
