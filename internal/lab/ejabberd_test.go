package lab_test

import (
	"testing"

	"tocsin/internal/lab"
)

func TestServiceLog(t *testing.T) {
	server := lab.Ejabberd(t, lab.Options{Tap: lab.ServiceLog})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)
	bob := server.Login("bob/desk", lab.Markers)
	alice.Say(bob.Bare(), "m1", "hello")
	bob.Expect("message[@id='m1']/body[.='hello']")
	tap.Tapped("", "message[@id='m1']/body")
	tap.Tapped("", "message/{urn:xmpp:receipts}received[@id='m1']")
	server.Restart()
}
