package acceptance

import (
	"testing"
	"time"

	"tocsin/internal/lab"
)

// Bob's client confirms nothing: Alice is notified, and prompted with Bob's number and the link.
func TestUndelivered(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		h.reachable(bob.Bare())

		alice.Say(bob.Bare(), "m1", "Are you there? 1+1=2 & more")
		status := status(alice, "m1", "timeout-undelivered")
		wants(t, "with", status.Attr("with"), bob.Bare())
		wants(t, "basis", status.Attr("basis"), "timer")

		prompt := h.prompt(alice, "m1")
		wants(t, "with", prompt.Attr("with"), bob.Bare())
		wants(t, "reason", prompt.Attr("reason"), "timeout-undelivered")
		wants(t, "number", prompt.Find("number").Attr("uri"), "tel:"+number)
		text := "alice@lab.test wrote on lab.test: Are you there? 1+1=2 & more"
		wants(t, "text", prompt.Find("text").Text, text)
		wants(t, "link", prompt.Find("sms").Attr("uri"),
			"sms:"+number+"?body=alice%40lab.test%20wrote%20on%20lab.test%3A%20Are%20you%20there%3F%201%2B1%3D2%20%26%20more")
		wants(t, "segments", prompt.Find("sms").Attr("segments"), "1")
		wants(t, "encoding", prompt.Find("sms").Attr("encoding"), "gsm7")
	})
}

// Bob's client confirms delivery, but Bob does not read; then he does, late.
func TestUnreadThenReadLate(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Markers)
		h.reachable(bob.Bare())

		alice.Say(bob.Bare(), "m1", "Are you there?")
		wants(t, "basis", status(alice, "m1", "delivered").Attr("basis"), "receipt")
		status(alice, "m1", "timeout-unread")
		prompt := h.prompt(alice, "m1")
		wants(t, "reason", prompt.Attr("reason"), "timeout-unread")
		h.tocsin.Confirmed()

		bob.Read()
		wants(t, "basis", status(alice, "m1", "displayed").Attr("basis"), "marker")
		h.withdrawal(alice, prompt, "displayed")
		h.noPrompt(alice, settle)
	})
}

// Bob reads in time: Alice is notified, and never prompted.
func TestReadInTime(t *testing.T) {
	everywhere(t, lab.Settings{"track.unread_after": "4s"}, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Markers)
		h.reachable(bob.Bare())

		alice.Say(bob.Bare(), "m1", "Are you there?")
		status(alice, "m1", "delivered")
		bob.Read()
		status(alice, "m1", "displayed")
		h.noPrompt(alice, 6*time.Second)
	})
}

// Alice's client does not support Tocsin: the prompt is a chat message with everything in it, and is corrected to one line
// when Bob reads.
func TestOrdinaryClient(t *testing.T) {
	everywhere(t, lab.Settings{"escalate.fallback": "all"}, func(t *testing.T, h *host) {
		alice := h.Login("alice/desk", lab.Gajim)
		bob := h.Login("bob/phone", lab.Markers)
		h.reachable(bob.Bare())

		alice.Say(bob.Bare(), "m1", "Are you there?")
		chat := alice.Expect("message[@from='%s'][@type='chat']/body", h.contact())
		contains(t, "the chat message", chat.Find("body").Text, bob.Bare(), "> Are you there?", number+":", "sms:"+number+"?body=", "👍", "sent, no, later")
		if !chat.Has("{urn:xmpp:fallback:0}fallback[@for='"+ns+"']") || !chat.Has("{urn:xmpp:hints}store") || !chat.Has("escalate[@id='m1']") {
			t.Errorf("the chat message is incomplete: %s", chat)
		}
		if chat.Has("{urn:xmpp:receipts}request") || chat.Has("{urn:xmpp:chat-markers:0}markable") {
			t.Errorf("the contact asks for receipts: %s", chat)
		}

		bob.Read()
		settled := alice.Expect("message[@from='%s']/{urn:xmpp:message-correct:0}replace[@id='%s']", h.contact(), chat.Attr("id"))
		contains(t, "what takes its place", settled.Find("body").Text, bob.Bare(), "Nothing to do.")
		alice.ExpectNone(time.Second, "message/{%s}status", ns)
	})
}

// Nothing was requested, and nothing can be expected: silence means nothing, and no timeout fires.
func TestNothingAskedFor(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Silent)
		bob := h.Login("bob/desk", lab.GoSendxmpp)
		h.reachable(bob.Bare())

		alice.Say(bob.Bare(), "m1", "Are you there?")
		if h.tap == lab.Module { // the module reports XEP-0198 acks, which bob's client has not enabled
			status(alice, "m1", "unknown")
		}
		alice.ExpectNone(settle, "message/{%s}status[@state='timeout']", ns)
		h.noPrompt(alice, 0)
	})
}

// A marker counts for everything before it, goes to a bare JID, and counts without <markable/>.
func TestCumulativeMarker(t *testing.T) {
	everywhere(t, lab.Settings{"track.unread_after": "4s", "track.undelivered_after": "4s"}, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Gajim)
		h.reachable(bob.Bare())

		for _, id := range []string{"m1", "m2", "m3"} {
			alice.Say(bob.Bare(), id, "Are you there?")
			status(alice, id, "delivered")
		}
		bob.Display(alice.Bare(), "m2")
		status(alice, "m1", "displayed")
		status(alice, "m2", "displayed")
		prompt := h.prompt(alice, "m3")
		if prompt.Has("also") {
			t.Errorf("the prompt is about read messages: %s", prompt)
		}
	})
}

// Bob is offline: the message is stored, not delivered.
func TestOfflineRecipient(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Client("bob/phone", lab.Markers)
		h.reachable(bob.Bare())

		alice.Say(bob.Bare(), "m1", "Are you there?")
		status(alice, "m1", "timeout-undelivered")
		prompt := h.prompt(alice, "m1")

		bob.Connect()
		bob.Available()
		bob.Expect("message[@id='m1']/body")
		status(alice, "m1", "delivered")
		h.withdrawal(alice, prompt, "delivered")
		bob.Read()
		status(alice, "m1", "displayed")
	})
}

// Several resources, carbons: everything counts once, and every device shows the same prompt.
func TestSeveralDevices(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		phone := h.capable("alice/phone", lab.Markers)
		laptop := h.capable("alice/laptop", lab.Markers)
		phone.Carbons()
		laptop.Carbons()
		one := h.Login("bob/one", lab.Markers)
		two := h.Login("bob/two", lab.Markers)
		one.Carbons()
		two.Carbons()
		h.reachable(one.Bare())

		phone.Say(one.Bare(), "m1", "Are you there?")
		status(phone, "m1", "delivered")
		a, b := h.prompt(phone, "m1"), h.prompt(laptop, "m1")
		wants(t, "prompt of the laptop", b.Attr("prompt"), a.Attr("prompt"))
		phone.ExpectNone(settle, "message/{%s}status[@state='delivered']", ns)
		h.noPrompt(phone, 0)
		h.noPrompt(laptop, 0)

		two.Read()
		status(phone, "m1", "displayed")
		h.withdrawal(phone, a, "displayed")
		h.withdrawal(laptop, b, "displayed")
	})
}

// Only Bob can confirm that Bob has read, and only the server can send copies.
func TestForged(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Receipts)
		mallory := h.Login("mallory/x", lab.Markers)
		h.reachable(bob.Bare())

		alice.Say(bob.Bare(), "m1", "Are you there?")
		status(alice, "m1", "delivered")
		mallory.Display(alice.Bare(), "m1")
		mallory.Send("<message type='normal' to='%s'><forwarded xmlns='urn:xmpp:forward:0'>"+
			"<message xmlns='jabber:client' type='chat' from='%s' to='%s' id='x'><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/></message>"+
			"</forwarded></message>", h.Component, bob.JID(), alice.JID())
		mallory.Send("<message type='normal' to='%s'><tap xmlns='urn:tocsin:tap:0' event='out'/><forwarded xmlns='urn:xmpp:forward:0'>"+
			"<message xmlns='jabber:client' type='chat' from='%s' to='%s' id='x'><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/></message>"+
			"</forwarded></message>", h.Component, bob.JID(), alice.JID())
		mallory.Sync()
		h.tocsin.Counts("tocsin_tap_stanzas_total", `kind="rejected"`, 2)
		alice.ExpectNone(settle, "message/{%s}status[@state='displayed']", ns)
		mallory.ExpectNone(0, "message[@type='error']")
	})
}
