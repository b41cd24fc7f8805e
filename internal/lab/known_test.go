package lab_test

import (
	"strings"
	"testing"

	"tocsin/internal/lab"
)

// Changes of a roster are reported, whichever side has made them.
func TestModuleRosters(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, lab.Options) *lab.Server{"prosody": lab.Prosody, "ejabberd": lab.Ejabberd} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t, lab.Options{Tap: lab.Module})
			tap := server.Attach()
			alice, bob := server.Login("alice/phone", lab.Silent), server.Login("bob/desk", lab.Silent)
			stands := func(owner, contact *lab.Client, as string) {
				t.Helper()
				tap.Expect("{urn:tocsin:tap:1}roster[@o='%s'][@j='%s'][@ro='%s']", owner.Bare(), contact.Bare(), as)
			}
			lab.Befriend(alice, bob)
			stands(bob, alice, "both")
			stands(alice, bob, "both")
			bob.Send("<presence type='unsubscribed' to='%s'/>", alice.Bare())
			stands(bob, alice, "to")
			stands(alice, bob, "from")
			bob.Must("set", "", "<query xmlns='jabber:iq:roster'><item jid='"+alice.Bare()+"' subscription='remove'/></query>")
			stands(bob, alice, "none")
			stands(alice, bob, "none")
		})
	}
}

// A client that has reported itself inactive (XEP-0352) is not asked to acknowledge anything, unless messages are let
// through: it does not count as one that acknowledges.
func TestModuleInactive(t *testing.T) {
	t.Parallel()
	for modules, managed := range map[string]string{"csi": "", "csi csi_simple": "1"} {
		t.Run(modules, func(t *testing.T) {
			server := lab.Prosody(t, lab.Options{Tap: lab.Module, Modules: strings.Fields(modules)})
			tap := server.Attach()
			alice, bob := server.Login("alice/phone", lab.Silent), server.Login("bob/phone", lab.Silent)
			bob.Manage()
			bob.Send("<inactive xmlns='urn:xmpp:csi:0'/>")
			bob.Sync()
			alice.Say(bob.Bare(), "m1", "hello")
			out := tap.Expect("{urn:tocsin:tap:1}out[@i='m1'][@ss='1']")
			if got := out.Attr("sm"); got != managed {
				t.Errorf("with %s: %q sessions will acknowledge, want %q", modules, got, managed)
			}
		})
	}
}
