package acceptance

import (
	"strings"
	"testing"

	"tocsin/internal/lab"
)

const gatewayDomain = "gw.lab.test"

// A scripted SMS gateway on the server, with Bob's phone behind it. While it is offline, the next route is used.
func TestTextByGateway(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		if kind.tap == lab.Module {
			t.Run(kind.name, func(t *testing.T) {
				t.Parallel()
				textByGateway(t, kind)
			})
		}
	}
}

func textByGateway(t *testing.T, kind kind) {
	p := newProvider(t, "0: Accepted for delivery")
	o := friends(kind.tap)
	o.Others = []string{gatewayDomain}
	if kind.name == ejabberd.name {
		o.Extra = "s2s_access: none" // else it looks for the gateway on other servers when it is away
	}
	settings := texting(t, lab.Settings{"log.level": "debug"}, p)
	route := string(settings["sms.route"].(lab.TOML))
	settings["sms.route"] = lab.TOML(strings.Replace(route, "[{", `[{ name = "gw", kind = "xmpp", gateway = "`+gatewayDomain+`" }, {`, 1))
	h := open(t, kind, o, settings)
	gw := h.AttachOther(gatewayDomain)
	phone := number + "@" + gatewayDomain

	alice := h.capable("alice/phone", lab.Markers)
	bob := h.Login("bob/phone", lab.Markers)
	h.reachable(bob.Bare())
	alice.Say(bob.Bare(), "m1", "Are you there?")
	wants(t, "sms", status(alice, "m1", "escalated").Attr("sms"), "sent")
	sms := gw.Expect("message[@to='%s'][@from='%s'][@type='chat']", phone, h.contact())
	contains(t, "text", sms.Find("body").Text, "alice@lab.test", "Are you there?")
	if !sms.Has("{urn:xmpp:receipts}request") {
		t.Error("it asks for no receipt")
	}
	gw.Send("<message from='%s' to='%s' id='r1'><received xmlns='urn:xmpp:receipts' id='%s'/></message>", phone, h.contact(), sms.Attr("id"))
	alice.Expect("message[@type='headline']/{%s}status[@id='m1'][@sms='delivered']", ns)
	bob.Read()
	status(alice, "m1", "displayed")

	// The gateway says that it did not arrive: Alice is asked.
	alice.Say(bob.Bare(), "m2", "And now?")
	sms = gw.Expect("message[@to='%s']", phone)
	status(alice, "m2", "escalated")
	gw.Send("<message type='error' from='%s' to='%s' id='%s'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", phone, h.contact(), sms.Attr("id"))
	wants(t, "tried", h.prompt(alice, "m2").Attr("tried"), "failed")
	bob.Read()
	status(alice, "m2", "displayed")

	// It is away: the server says so, and the other route is taken.
	gw.Close()
	alice.Say(bob.Bare(), "m3", "And tomorrow?")
	status(alice, "m3", "escalated")
	if got := p.sms(); len(got) != 1 || !strings.Contains(got[0].Get("text"), "And tomorrow?") {
		t.Errorf("by the other route: %d SMS", len(got))
	}
	bob.Read()
	status(alice, "m3", "displayed")

	// Bob wants no more of them.
	gw = h.AttachOther(gatewayDomain)
	gw.Send("<message from='%s' to='%s' id='s1' type='chat'><body>Stop</body></message>", phone, h.contact())
	h.tocsin.Until("stopped", func() bool { return strings.Contains(h.tocsin.Must("sms", "stops", "list"), "sms (gw)") })
	alice.Say(bob.Bare(), "m4", "One more thing")
	h.prompt(alice, "m4")
	gw.ExpectNone(settle, "message[@to='%s']/body[.='alice@lab.test wrote on lab.test: One more thing']", phone) // it is only recorded
	for _, sms := range p.sms() {
		if strings.Contains(sms.Get("text"), "One more thing") {
			t.Error("an SMS after STOP")
		}
	}
	if strings.Contains(h.tocsin.Stderr(), number) || strings.Contains(h.tocsin.Stderr(), "Are you there") {
		t.Error("the log has the number or the text")
	}
}
