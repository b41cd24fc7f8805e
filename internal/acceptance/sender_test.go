package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/internal/lab"
)

func (h *host) answer(c *lab.Client, prompt *lab.Element, action string, more ...string) *lab.Element {
	return c.Query("set", h.Component, fmt.Sprintf("<answer xmlns='%s' prompt='%s' action='%s' %s/>", ns, prompt.Attr("prompt"), action, strings.Join(more, " ")))
}

func wantsError(t *testing.T, iq *lab.Element, condition string) {
	t.Helper()
	if iq.Attr("type") != "error" || !iq.Has("error/"+condition) {
		t.Errorf("answered %s, want the error %s", iq, condition)
	}
}

func wantsResult(t *testing.T, iq *lab.Element) {
	t.Helper()
	if iq.Attr("type") != "result" {
		t.Errorf("answered %s, want a result", iq)
	}
}

// overdue has Alice write to Bob, whose client confirms nothing, and returns the prompt on her phone.
func (h *host) overdue(alice *lab.Client, id string) (*lab.Client, *lab.Element) {
	bob := h.Login("bob/desk", lab.Silent)
	h.reachable(bob.Bare())
	alice.Say(bob.Bare(), id, "Are you there?")
	return bob, h.prompt(alice, id)
}

// One device claims; the other is informed, and gets a conflict; repetitions change nothing; nobody else may answer.
func TestClaims(t *testing.T) {
	anyTap(t, nil, func(t *testing.T, h *host) {
		phone, laptop := h.capable("alice/phone", lab.Markers), h.capable("alice/laptop", lab.Markers)
		mallory := h.capable("mallory/phone", lab.Markers)
		_, prompt := h.overdue(phone, "m1")
		h.prompt(laptop, "m1")

		wantsError(t, h.answer(mallory, prompt, "sent"), "item-not-found")
		wantsError(t, h.answer(phone, prompt, "dance"), "bad-request")
		wantsResult(t, h.answer(phone, prompt, "claim"))
		h.withdrawal(laptop, prompt, "claimed")
		phone.ExpectNone(time.Second, "message/{%s}withdraw", ns)
		wantsResult(t, h.answer(phone, prompt, "claim"))
		wantsError(t, h.answer(laptop, prompt, "claim"), "conflict")
		wantsResult(t, h.answer(phone, prompt, "sent"))
		wantsResult(t, h.answer(phone, prompt, "sent"))
		wants(t, "basis", status(phone, "m1", "escalated").Attr("basis"), "command")
		wantsError(t, h.answer(phone, &lab.Element{}, "claim"), "bad-request")
	})
}

// Read while it was claimed: the claimer is informed; a later claim is too late, a later sent is recorded.
func TestReadWhileClaimed(t *testing.T) {
	anyTap(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob, prompt := h.overdue(alice, "m1")
		wantsResult(t, h.answer(alice, prompt, "claim"))
		bob.Display(alice.Bare(), "m1")
		status(alice, "m1", "displayed")
		h.withdrawal(alice, prompt, "displayed")
		late := h.answer(alice, prompt, "claim")
		wantsError(t, late, "not-acceptable")
		if !late.Has("error/{" + ns + "}already-displayed") {
			t.Errorf("no <already-displayed/>: %s", late)
		}
		wantsResult(t, h.answer(alice, prompt, "sent"))
	})
}

// Declined: no further prompt about the message. Snoozed: it comes again under the same id.
func TestDeclinedAndSnoozed(t *testing.T) {
	anyTap(t, lab.Settings{"track.min_after": "2s"}, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob, prompt := h.overdue(alice, "m1")
		wantsError(t, h.answer(alice, prompt, "snooze", "for='x'"), "bad-request")
		wantsResult(t, h.answer(alice, prompt, "snooze", "for='1'"))
		again := h.prompt(alice, "m1")
		wants(t, "prompt", again.Attr("prompt"), prompt.Attr("prompt"))
		wantsResult(t, h.answer(alice, again, "declined"))
		bob.Receive(alice.Bare(), "m1")
		status(alice, "m1", "delivered")
		h.noPrompt(alice, settle)

		alice.Say(bob.Bare(), "m2", "Still there?")
		if next := h.prompt(alice, "m2"); next.Attr("prompt") == prompt.Attr("prompt") {
			t.Error("the declined prompt was used again")
		}
	})
}

// All states can be requested, page by page.
func TestSync(t *testing.T) {
	anyTap(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Markers)
		for i := range 5 {
			alice.Say(bob.Bare(), fmt.Sprintf("m%d", i), "Are you there?")
			status(alice, fmt.Sprintf("m%d", i), "delivered")
		}
		page := func(after string) *lab.Element {
			return alice.Must("get", h.Component, fmt.Sprintf("<sync xmlns='%s' after='%s' max='2'/>", ns, after)).Find("sync")
		}
		var ids []string
		after, complete := "", false
		for !complete {
			p := page(after)
			for _, s := range p.All("status") {
				ids = append(ids, s.Attr("id"))
			}
			after, complete = p.Attr("last"), p.Attr("complete") == "true"
			if len(ids) > 5 {
				break
			}
		}
		wants(t, "the states", strings.Join(ids, " "), "m0 m1 m2 m3 m4")
		h.tocsin.Restart()
		if p := page(after); len(p.All("status")) != 0 && p.Attr("last") == after {
			t.Errorf("the token is not valid: %s", p)
		}
	})
}

// By chat: start, status, snooze, sent, help, stop; and errors are never answered.
func TestChatCommands(t *testing.T) {
	anyTap(t, lab.Settings{"escalate.fallback": "opted-in"}, func(t *testing.T, h *host) {
		alice := h.Login("alice/desk", lab.Gajim)
		say := func(text string) string {
			alice.Say(h.contact(), "c"+text[:2], text)
			return alice.Expect("message[@from='%s'][@type='chat']/body", h.contact()).Find("body").Text
		}
		contains(t, "the answer to start", say("START"), "asked here")
		bob := h.Login("bob/desk", lab.Silent)
		h.reachable(bob.Bare())
		alice.Say(bob.Bare(), "m1", "Are you there?")
		prompt := alice.Expect("message[@from='%s']/escalate", h.contact())
		contains(t, "the answer to status", say("status"), bob.Bare())
		contains(t, "the answer to a wrong code", say("sent 2222"), "2222")
		alice.Send("<message type='chat' id='r1' to='%s'><reactions xmlns='urn:xmpp:reactions:0' id='%s'><reaction>👍</reaction></reactions><store xmlns='urn:xmpp:hints'/></message>",
			h.contact(), prompt.Attr("id"))
		alice.ExpectNone(time.Second, "message[@from='%s']", h.contact())
		alice.Send("<message type='chat' id='r2' to='%s'><reactions xmlns='urn:xmpp:reactions:0' id='%s'/><store xmlns='urn:xmpp:hints'/></message>",
			h.contact(), prompt.Attr("id"))
		contains(t, "the answer to sent, after the reaction was taken back", say("Sent."), bob.Bare())
		contains(t, "the answer to something else", say("what is this?"), "sent", "later 10m")
		contains(t, "the answer to a setting", say("times 30s 5m"), "30s", "5m")
		alice.Say(h.contact(), "c9", "and this?") // within a minute: no second help
		alice.Send("<message type='error' to='%s' id='e1'><body>no</body><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", h.contact())
		alice.ExpectNone(2*time.Second, "message[@from='%s']", h.contact())
		contains(t, "the answer to stop", say("stop"), "be asked here any more")
	})
}

// Alice on an ordinary client, opted in, comes back: one line summarises her messages.
func TestOrdinaryReturn(t *testing.T) {
	everywhere(t, lab.Settings{"track.unread_after": "30s", "track.undelivered_after": "30s"}, func(t *testing.T, h *host) {
		if h.tap == lab.Firewall {
			t.Skip("the stock firewall tells no presence: that alice is away can't be known")
		}
		alice := h.Login("alice/desk", lab.Gajim)
		alice.Say(h.contact(), "c1", "start")
		alice.Expect("message[@from='%s']/body", h.contact())
		bob := h.Login("bob/phone", lab.Markers)
		alice.Say(bob.Bare(), "m1", "Are you there?")
		bob.Expect("message[@id='m1']/body")
		h.tocsin.Counts("tocsin_pending_messages", "", 1)
		alice.Close()
		bob.Read()
		bob.Sync()

		alice = h.Login("alice/desk", lab.Gajim)
		digest := alice.Expect("message[@from='%s'][@type='chat']/body", h.contact())
		contains(t, "the digest", digest.Find("body").Text, "While you were away", "read by "+bob.Bare())
		alice.ExpectNone(2*time.Second, "message[@from='%s']/body", h.contact())
	})
}
