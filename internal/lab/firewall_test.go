package lab_test

import (
	"testing"

	"tocsin/internal/lab"
)

// The stock tap copies what users send and receive, once each; it reports neither bounces nor events.
func TestFirewallCopies(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Firewall})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)
	other := server.Login("alice/desk", lab.Silent)
	other.Carbons()
	bob := server.Login("bob/desk", lab.Receipts)

	alice.Say(bob.Bare(), "m1", "hello")
	bob.Expect("message[@id='m1']/body")
	other.Expect("message/sent")
	alice.Expect("message/received[@id='m1']")
	bob.Sync()
	want := []string{"m1", "desk-3"} // bob's receipt follows the roster and the ping of his login
	diff(t, "message and receipt", copied(tap, server.Domain), want)

	want = nil
	for _, payload := range []string{
		"<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>",
		"<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>+</reaction></reactions>",
		"<retract xmlns='urn:xmpp:message-retract:1' id='x'/>",
		"<apply-to xmlns='urn:xmpp:fasten:0' id='x'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>",
		"<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
		"<encrypted xmlns='urn:xmpp:omemo:2'/><encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2'/>",
		"<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>",
	} {
		want = append(want, alice.SendPayload(bob.Bare(), payload))
	}
	alice.SendPayload(bob.Bare(), "<composing xmlns='http://jabber.org/protocol/chatstates'/>")
	alice.SendPayload(bob.Bare(), "<markable xmlns='urn:xmpp:chat-markers:0'/>")
	alice.Say("sms@"+server.Component, "m2", "help")
	tap.Expect("message[@id='m2']")
	bob.Send("<message type='error' id='m3' to='%s'><error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", alice.JID())
	alice.Expect("message[@type='error'][@id='m3']")
	want = append(want, "error m3")
	alice.Say("nobody@lab.test", "m4", "hello")
	alice.Expect("message[@type='error'][@id='m4']")
	want = append(want, "m4")
	alice.Sync()
	diff(t, "everything else", copied(tap, server.Domain), want)
	if n := len(bob.Received("message/openpgp")); n != 1 {
		t.Errorf("bob got alice's last message %d times", n)
	}
}

// With the additional lines of the script, each message between two hosts is copied once.
func TestFirewallCrossHost(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Firewall, Hosts: []string{"one.test", "two.test"}})
	tap := server.Attach()
	alice := server.Login("alice@one.test/phone", lab.Silent)
	bob := server.Login("bob@two.test/desk", lab.Silent)
	alice.Say(bob.Bare(), "m1", "hello")
	bob.Expect("message[@id='m1']/body")
	bob.Say(alice.Bare(), "m2", "hello")
	alice.Expect("message[@id='m2']/body")
	diff(t, "copies", copied(tap, "one.test"), []string{"m1", "m2"})
}
