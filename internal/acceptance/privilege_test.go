package acceptance

import (
	"testing"

	"tocsin/internal/lab"
)

// If our module reports rosters, or the server lets Tocsin read them (XEP-0356), Bob's contacts may see a number that he has
// not released, and tell undelivered from unread; others may not.
func TestRosters(t *testing.T) {
	t.Parallel()
	type way struct {
		kind
		privilege bool
	}
	for _, w := range []way{{prosody, true}, {prosody, false}, {ejabberd, true}, {ejabberd, false}, {serviceLog, true}} {
		name := w.name
		if !w.privilege {
			name += ", told by the module alone"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, w.kind, lab.Options{Privilege: w.privilege}, lab.Settings{"escalate.disclose": "roster"})
			alice := h.capable("alice/phone", lab.Markers)
			carol := h.capable("carol/phone", lab.Markers)
			bob := h.Login("bob/desk", lab.Receipts)
			lab.Befriend(alice, bob)
			h.tocsin.Must("numbers", "set", "-private", bob.Bare(), number)
			carol.Say(bob.Bare(), "m0", "Are you the plumber?")
			status(carol, "m0", "delivered") // of strangers, only observed behaviour is expected
			bob.Close()

			alice.Say(bob.Bare(), "m1", "Are you there?")
			carol.Say(bob.Bare(), "m1", "Are you there?")
			status(alice, "m1", "timeout-undelivered")
			if prompt := h.prompt(alice, "m1"); !prompt.Has("number") {
				t.Errorf("alice is not shown the number: %s", prompt)
			}
			status(carol, "m1", "timeout")
			if prompt := h.prompt(carol, "m1"); prompt.Has("number") {
				t.Errorf("carol is shown the number: %s", prompt)
			}
		})
	}
}

// A vCard's number counts only if the policy discloses numbers to everybody.
func TestVCardNumber(t *testing.T) {
	everywhere(t, lab.Settings{"escalate.disclose": "all"}, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		bob.Must("set", "", "<vCard xmlns='vcard-temp'><FN>Bob</FN><TEL><CELL/><NUMBER>+86 138 0013 8000</NUMBER></TEL></vCard>")
		alice.Say(bob.Bare(), "m1", "Are you there?")
		prompt := h.prompt(alice, "m1")
		if !prompt.Has("number") {
			t.Fatalf("no number: %s", prompt)
		}
		wants(t, "number", prompt.Find("number").Attr("uri"), "tel:"+number)
	})
}
