package acceptance

import (
	"fmt"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// Real recipients' clients, and the resulting states of a message.
func TestRecipientsAsTheyAre(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Gajim)
		for _, kind := range []struct {
			name    string
			profile lab.Profile
			read    bool
		}{{"gajim", lab.Gajim, true}, {"converse", lab.Converse, true}, {"profanity", lab.Profanity, false}, {"poezio", lab.Poezio, false}} {
			who := h.Login(kind.name+"/x", kind.profile)
			who.Sync()
			alice.Say(who.Bare(), kind.name, "Are you there?")
			delivered := status(alice, kind.name, "delivered")
			if kind.read {
				wants(t, "further of "+kind.name, delivered.Attr("further"), "")
				who.Read()
				status(alice, kind.name, "displayed")
			}
		}
		// Profanity and poezio are known not to confirm reading: silence means nothing.
		alice.ExpectNone(settle, "message/{%s}status[@state='timeout-unread']", ns)
	})
}

// A correction is the same message: the prompt has its text, and evidence for its id counts.
func TestCorrection(t *testing.T) {
	everywhere(t, lab.Settings{"track.undelivered_after": "3s"}, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		h.reachable(bob.Bare())
		alice.Say(bob.Bare(), "m1", "Are you their?")
		alice.Say(bob.Bare(), "m2", "Are you there?", "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>")
		prompt := h.prompt(alice, "m1")
		contains(t, "the text", prompt.Find("text").Text, "Are you there?")
		if prompt.Has("also") {
			t.Errorf("the correction counts as a message: %s", prompt)
		}
		bob.Display(alice.Bare(), "m2")
		status(alice, "m1", "displayed")
		h.withdrawal(alice, prompt, "displayed")
		alice.ExpectNone(0, "message/{%s}status[@id='m2']", ns)
	})
}

// A retracted message: nothing more is sent, and an open prompt is withdrawn.
func TestRetraction(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob, prompt := h.overdue(alice, "m1")
		alice.Send("<message type='chat' id='r1' to='%s'><retract xmlns='urn:xmpp:message-retract:1' id='m1'/>"+
			"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/><body>I took it back</body><store xmlns='urn:xmpp:hints'/></message>", bob.Bare())
		status(alice, "m1", "cancelled")
		h.withdrawal(alice, prompt, "retracted")
		alice.ExpectNone(settle, "message/{%s}status[@id='r1']", ns)
	})
}

// Encrypted: the placeholder is never in an SMS.
func TestEncrypted(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		h.reachable(bob.Bare())
		alice.Say(bob.Bare(), "m1", "I sent you an OMEMO encrypted message",
			"<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>AA==</key><iv>AA==</iv></header><payload>AA==</payload></encrypted>",
			"<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/>")
		prompt := h.prompt(alice, "m1")
		wants(t, "text", prompt.Find("text").Text, "")
		wants(t, "link", prompt.Find("sms").Attr("uri"), "sms:"+number)
	})
}

// Bob has blocked Alice: she learns that it failed, nothing else, and gets no number.
func TestBlocked(t *testing.T) {
	// Prosody 13 drops it silently; our module detects that two seconds later.
	everywhere(t, lab.Settings{"escalate.disclose": "all", "escalate.reveal": "all", "track.undelivered_after": "6s"}, func(t *testing.T, h *host) {
		if h.tap == lab.Firewall {
			t.Skip("the stock firewall brings no errors that the server makes itself")
		}
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Markers)
		h.reachable(bob.Bare())
		bob.Block(alice.Bare())
		alice.Say(bob.Bare(), "m1", "Are you there?")
		h.noPrompt(alice, 6*time.Second+settle)
		toldOfRefusal(t, alice, "m1")
	})
}

// toldOfRefusal checks that the sender learns no more about a refusal than from the server itself.
func toldOfRefusal(t *testing.T, alice *lab.Client, id string) {
	t.Helper()
	if len(alice.Received("message[@type='error'][@id='%s']", id)) > 0 {
		wants(t, "basis", status(alice, id, "failed").Attr("basis"), "error")
	} else { // silently dropped
		status(alice, id, "unknown")
		alice.ExpectNone(0, "message/{%s}status[@id='%s'][@state='failed']", ns, id)
	}
}

// If the server drops a message silently, as Prosody does for a blocker's full address, the sender learns no more than if no
// confirmation were expected, and gets no number.
func TestDropped(t *testing.T) {
	everywhere(t, lab.Settings{"escalate.disclose": "all", "escalate.reveal": "all", "track.undelivered_after": "5s"}, func(t *testing.T, h *host) {
		if h.tap != lab.Module {
			t.Skip("only our modules report it")
		}
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Markers)
		h.reachable(bob.Bare())
		bob.Block(alice.Bare())
		alice.Say(bob.JID(), "m1", "Are you there?")
		h.noPrompt(alice, settle)
		toldOfRefusal(t, alice, "m1")
		alice.ExpectNone(0, "message/{%s}status[@id='m1']", ns)
	})
}

// The sender's hint in the message decides.
func TestHints(t *testing.T) {
	everywhere(t, lab.Settings{"track.undelivered_after": "1h", "track.unread_after": "1h", "track.max_after": "2h"}, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Markers)
		h.reachable(bob.Bare())
		hint := func(attrs string) string { return fmt.Sprintf("<track xmlns='%s' %s/>", ns, attrs) }

		alice.Say(bob.Bare(), "none", "1", hint("until='none'"))
		alice.Say(bob.Bare(), "void", "2", hint("until='displayed' timeout='-5'"))
		alice.Say(bob.Bare(), "never", "3", hint("timeout='2' escalate='never'"))
		status(alice, "never", "timeout-unread")
		h.noPrompt(alice, time.Second)
		alice.Say(bob.Bare(), "high", "4", hint("until='displayed' timeout='2' priority='high'"))
		wants(t, "priority", h.prompt(alice, "high").Attr("priority"), "high")
		alice.ExpectNone(0, "message/{%s}status[@id='none']", ns)
		alice.ExpectNone(0, "message/{%s}status[@id='void'][@state='timeout-unread']", ns)
		h.tocsin.Counts("tocsin_hints_void_total", "", 1)
	})
}

// A sender who may not know whether Bob was online only learns that time has passed.
func TestLeakRule(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Receipts)
		h.tocsin.Must("numbers", "set", "-private", bob.Bare(), number)
		alice.Say(bob.Bare(), "m1", "Are you there?", "<markable xmlns='urn:xmpp:chat-markers:0'/>")
		_ = bob
		stranger := h.Client("dora/phone", lab.Markers) // offline, and with alice in no roster
		alice.Say(stranger.Bare(), "m2", "And you?")
		status(alice, "m2", "timeout")
		prompt := h.prompt(alice, "m2")
		wants(t, "reason", prompt.Attr("reason"), "timeout")
		if prompt.Has("number") || prompt.Has("sms") {
			t.Errorf("a number is shown: %s", prompt)
		}
	})
}

// A reply or a reaction counts like a marker.
func TestReplyReads(t *testing.T) {
	everywhere(t, lab.Settings{"track.unread_after": "20s"}, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Receipts)
		alice.Say(bob.Bare(), "m1", "Are you there?")
		status(alice, "m1", "delivered")
		bob.Say(alice.Bare(), "b1", "Yes.")
		wants(t, "basis", status(alice, "m1", "displayed").Attr("basis"), "reply")

		alice.Say(bob.Bare(), "m2", "Good.")
		status(alice, "m2", "delivered")
		bob.SendPayload(alice.Bare(), "<reactions xmlns='urn:xmpp:reactions:0' id='m2'><reaction>👍</reaction></reactions>")
		wants(t, "basis", status(alice, "m2", "displayed").Attr("basis"), "reaction")
	})
}
