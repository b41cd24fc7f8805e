package acceptance

import (
	"fmt"
	"testing"

	"tocsin/internal/lab"
)

// In a chat, Bob has the name from Alice's roster, as reported by our modules.
func TestNameInRoster(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]func(testing.TB, lab.Options) *lab.Server{"prosody": lab.Prosody, "ejabberd": lab.Ejabberd} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, lab.Options{Tap: lab.Module})
			h := &host{s, lab.Tocsin(t, s, lab.Settings{"escalate.fallback": "all"}), lab.Module}
			alice := h.Login("alice/desk", lab.Gajim)
			bob := h.Login("bob/phone", lab.Markers)
			h.reachable(bob.Bare())
			lab.Befriend(alice, bob)
			alice.Must("set", "", fmt.Sprintf("<query xmlns='jabber:iq:roster'><item jid='%s' name='Bob &amp; sons'/></query>", bob.Bare()))

			alice.Say(bob.Bare(), "m1", "Are you there?")
			chat := alice.Expect("message[@from='%s'][@type='chat']/body", h.contact())
			contains(t, "the chat message", chat.Find("body").Text, "Bob & sons has not")
			bob.Read()
			settled := alice.Expect("message[@from='%s']/{urn:xmpp:message-correct:0}replace[@id='%s']", h.contact(), chat.Attr("id"))
			contains(t, "what takes its place", settled.Find("body").Text, "Bob & sons read it")
		})
	}
}
