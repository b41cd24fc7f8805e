package acceptance

import (
	"strings"
	"testing"

	"tocsin/internal/lab"
)

// Bob blocks Alice while a message of hers waits. After that nothing tells her his number: not a message that calls itself the
// correction of itself and holds an error of its own, not the command "escalate", and not the message that was there before.
func TestRefused(t *testing.T) {
	settings := lab.Settings{"escalate.disclose": "all", "escalate.reveal": "all", "track.undelivered_after": "30s", "track.unread_after": "30s"}
	everywhere(t, settings, func(t *testing.T, h *house) {
		if h.tap == lab.Firewall {
			t.Skip("the stock firewall brings no errors that the server makes itself")
		}
		withoutNumber(t, h)
	})
}

// escalates has a message asked about, as soon as it is known.
func (h *house) escalates(by *lab.Client, id string, to *lab.Client) {
	h.tocsin.Until(id+" is known", func() bool {
		done := h.command(by, "escalate", "id", id, "with", to.Bare())
		return done.Has("command[@status='completed']") && !done.Has("command/note[@type='error']")
	})
}

func withoutNumber(t *testing.T, h *house) {
	alice := h.capable("alice/phone", lab.Markers)
	bob := h.Login("bob/phone", lab.Silent)
	h.reachable(bob.Bare())
	alice.Say(bob.Bare(), "m1", "Are you there?")
	bob.Expect("message[@id='m1']/body")
	bob.Block(alice.Bare())
	alice.Say(bob.Bare(), "m2", "Are you there?", "<replace xmlns='urn:xmpp:message-correct:0' id='m2'/>",
		"<error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
	newest := "m1"
	is := func(state string) bool {
		return len(alice.Received("message/{%s}status[@id='m2'][@state='%s']", ns, state)) > 0
	}
	h.tocsin.Until("m2 has come to nothing", func() bool { return is("failed") || is("unknown") })
	if is("failed") {
		h.command(alice, "escalate", "id", "m2", "with", bob.Bare())
	} else { // Prosody 13 drops it without a word: it is still of the burst
		newest = "m2"
	}
	h.escalates(alice, "m1", bob)
	prompt := alice.Expect("message/{%s}escalate", ns).Find("escalate")
	if prompt.Has("number") || prompt.Has("sms") {
		t.Errorf("by command: %s", prompt)
	}
	wants(t, "what is asked about", prompt.Attr("id"), newest)
	wantsResult(t, h.answer(alice, prompt, "claim"))
	wantsResult(t, h.answer(alice, prompt, "declined"))
	completed(t, h.command(alice, "escalate", "id", "m1", "with", bob.Bare()))
	if again := h.prompt(alice, "m1"); again.Has("number") {
		t.Errorf("by command, again: %s", again)
	}
}

// Bob's account is deleted, and somebody else registers his name. Nothing of his is there any more, and nobody gets his number for
// the new one.
func TestRecycledAccount(t *testing.T) {
	recycled := func(t *testing.T, h *house) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.capable("bob/phone", lab.Silent)
		binds(t, h, bob)
		completed(t, h.command(bob, "preferences", "quiet_hours", "00:00-23:59"))
		bob.Say(alice.Bare(), "b1", "A secret")
		alice.Expect("message[@id='b1']/body")
		alice.Say(bob.Bare(), "m1", "Are you there?")
		bob.Expect("message[@id='m1']/body")
		contains(t, "the numbers", h.tocsin.Must("numbers", "list"), bob.Bare())
		bob.Send("<iq type='set' id='remove'><query xmlns='jabber:iq:register'><remove/></query></iq>")
		h.tocsin.Until("the number is gone", func() bool { return !strings.Contains(h.tocsin.Must("numbers", "list"), bob.Bare()) })

		h.AddUser(bob.Bare(), "bob's password")
		next := h.capable("bob/other", lab.Silent)
		start := h.command(next, "number")
		if start.Has("command/x/field[@var='remove']") {
			t.Errorf("a number is bound to the next one: %s", start)
		}
		preferences := h.command(next, "preferences").String()
		if strings.Contains(preferences, "00:00-23:59") {
			t.Errorf("the next one's preferences: %s", preferences)
		}
		if watching := h.command(next, "watching").String(); strings.Contains(watching, alice.Bare()) {
			t.Errorf("the next one's messages: %s", watching)
		}
		alice.Say(next.Bare(), "m2", "Who are you?")
		h.escalates(alice, "m2", next)
		if prompt := h.prompt(alice, "m2"); prompt.Has("number") {
			t.Errorf("the number of whom the name belonged to: %s", prompt)
		}
	}
	t.Parallel()
	for _, kind := range kinds {
		if kind.tap != lab.Module {
			continue // no other tap tells of deleted accounts
		}
		o := friends(kind.tap)
		o.Registration = true
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			recycled(t, open(t, kind, o, lab.Settings{"escalate.reveal": "all"}))
		})
		t.Run(kind.name+" and PostgreSQL", func(t *testing.T) {
			t.Parallel()
			recycled(t, open(t, kind, o, lab.Settings{"escalate.reveal": "all", "storage.dsn": lab.Postgres(t)}))
		})
	}
}
