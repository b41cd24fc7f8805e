package acceptance

import (
	"strings"
	"testing"

	"tocsin/internal/lab"
)

// Bob blocks Alice while a message of hers is pending. From then on nothing reveals his number to her: not a message that
// corrects itself and contains an error of its own, not the command "escalate", and not the earlier message.
func TestRefused(t *testing.T) {
	settings := lab.Settings{"escalate.disclose": "all", "escalate.reveal": "all", "track.undelivered_after": "30s", "track.unread_after": "30s"}
	everywhere(t, settings, func(t *testing.T, h *host) {
		if h.tap == lab.Firewall {
			t.Skip("the stock firewall brings no errors that the server makes itself")
		}
		withoutNumber(t, h)
	})
}

// escalates escalates a message by command, as soon as it is known.
func (h *host) escalates(by *lab.Client, id string, to *lab.Client) {
	h.tocsin.Until(id+" is known", func() bool {
		done := h.command(by, "escalate", "id", id, "with", to.Bare())
		return done.Has("command[@status='completed']") && !done.Has("command/note[@type='error']")
	})
}

func withoutNumber(t *testing.T, h *host) {
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
	h.tocsin.Until("m2 has failed or is unknown", func() bool { return is("failed") || is("unknown") })
	if is("failed") {
		h.command(alice, "escalate", "id", "m2", "with", bob.Bare())
	} else { // Prosody 13 drops it silently: it still belongs to the burst
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

// Bob's account is deleted, and somebody else registers his name. None of his data is left, and nobody gets his number for
// the new account.
func TestRecycledAccount(t *testing.T) {
	recycled := func(t *testing.T, h *host) {
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
			t.Errorf("the new account has a number: %s", start)
		}
		preferences := h.command(next, "preferences").String()
		if strings.Contains(preferences, "00:00-23:59") {
			t.Errorf("preferences of the new account: %s", preferences)
		}
		if watching := h.command(next, "watching").String(); strings.Contains(watching, alice.Bare()) {
			t.Errorf("messages of the new account: %s", watching)
		}
		alice.Say(next.Bare(), "m2", "Who are you?")
		h.escalates(alice, "m2", next)
		if prompt := h.prompt(alice, "m2"); prompt.Has("number") {
			t.Errorf("the old account's number: %s", prompt)
		}
	}
	t.Parallel()
	for _, kind := range kinds {
		if kind.tap != lab.Module {
			continue // no other tap reports deleted accounts
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
