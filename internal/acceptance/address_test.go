package acceptance

import (
	"testing"

	"tocsin/internal/lab"
)

// Bob hides his number from esse, who logs in as eße: that is one account. Odysseus, whose name ends in a sigma that servers
// fold, has read her message, on a client whose resource PRECIS rejects; i♥x, whose name it rejects, is told about it.
func TestNamesAsTheServerComparesThem(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		bob := h.Login("bob/phone", lab.Silent)
		binds(t, h, bob)
		completed(t, h.command(bob, "number", "hide_from", "esse@"+h.Domain))
		esse := h.capable("eße/x", lab.Markers)
		bob.Close() // no confirmations are expected of strangers who are online
		esse.Say(bob.Bare(), "m1", "Are you there?")
		if prompt := h.prompt(esse, "m1"); prompt.Has("number") || prompt.Has("sms") {
			t.Errorf("the number is shown: %s", prompt)
		}

		odysseus := h.Login("Οδυσσεύς/de\u00adsk", lab.Markers)
		odysseus.Open()
		heart := h.capable("i♥x/phone", lab.Markers)
		heart.Say(odysseus.Bare(), "m2", "Are you there?")
		wants(t, "with", status(heart, "m2", "displayed").Attr("with"), "οδυσσεύσ@"+h.Domain)
	})
}
