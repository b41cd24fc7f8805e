package acceptance

import (
	"strconv"
	"testing"

	"tocsin/internal/lab"
)

// A reload replaces a provider: the next SMS goes through the new one, and the old one's reports about earlier SMS still
// count.
func TestTextRouteReloaded(t *testing.T) {
	withProvider(t, func(t *testing.T, h *host, old *provider) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Markers)
		h.reachable(bob.Bare())
		alice.Say(bob.Bare(), "m1", "Are you there?")
		status(alice, "m1", "escalated")

		next := newProvider(t, "0: Accepted for delivery")
		route := lab.TOML(`[{ name = "next", kind = "http", provider = "kannel", url = "` + next.URL + `/cgi-bin/sendsms", user = "tocsin", secret = "hunter3" }]`)
		h.tocsin.Set(lab.Settings{"sms.route": route, "sms.segments": 1})
		h.tocsin.Reload()
		h.tocsin.Logs("configuration reloaded")

		arrived(t, old.sms()[0])
		alice.Expect("message[@type='headline']/{%s}status[@id='m1'][@sms='delivered']", ns)
		bob.Read()
		status(alice, "m1", "displayed")

		alice.Say(bob.Bare(), "m2", "And now?")
		status(alice, "m2", "escalated")
		wants(t, "SMS by the old route", strconv.Itoa(len(old.sms())), "1")
		wants(t, "SMS by the new one", strconv.Itoa(len(next.sms())), "1")
	})
}
