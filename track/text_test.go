package track

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// automatically begins a story in which the component sends SMS itself, and a message of Alice's has just timed out.
func automatically(t *testing.T, name string, tell func(*testing.T, *world)) {
	t.Run(name, func(t *testing.T) {
		w := newWorld()
		w.texting()
		w.policy.Mode = Auto
		w.send("m1")
		tell(t, w)
	})
}

// provider plays a provider step by step: submit, later, taken, refused, stopped, unsure, lost, delivered, failed, expired.
func (w *world) provider(said ...string) (ok bool) {
	all := w.sms()
	x := all[len(all)-1]
	for _, what := range said {
		switch what {
		case "submit":
			s := &TextSubmit{Text: x.ID, Messages: x.Messages, Route: "route", Segments: 1}
			w.feed(s)
			ok = s.OK
		case "later":
			w.feed(&TextNotSent{Text: x.ID})
		case "taken":
			w.feed(&TextSent{Text: x.ID, Route: "route", IDs: []string{"1"}})
		case "refused", "stopped":
			w.feed(&TextEnded{Text: x.ID, State: TextRefused, Stopped: what == "stopped"})
		case "unsure":
			w.feed(&TextEnded{Text: x.ID, State: TextUnsure})
		case "lost":
			w.feed(&TextEnded{Text: x.ID, State: TextLost})
		default:
			state := map[string]TextState{"delivered": TextDelivered, "failed": TextFailed, "expired": TextExpired}[what]
			w.feed(&TextReported{PartKey: PartKey{Route: "route"}, Text: x.ID, State: state})
		}
		w.ring()
	}
	return ok
}

// heard are the states reported for a message, with those of its SMS.
func (w *world) heard(id string) string {
	var states []string
	for _, m := range w.tells {
		if m.ID == id {
			states = append(states, strings.TrimSuffix(fmt.Sprintf("%s/%s", m.Notice.State, m.Notice.SMS), "/"))
		}
	}
	return strings.Join(states, " ")
}

func (w *world) texted() string {
	var all []string
	for _, x := range w.sms() {
		var ids []string
		for _, ord := range x.Messages {
			ids = append(ids, w.store.messages[ord].ID)
		}
		all = append(all, strings.Join(ids, "+"))
	}
	return strings.Join(all, ", ")
}

func TestText(t *testing.T) {
	automatically(t, "taken, delivered, read", func(t *testing.T, w *world) {
		w.step(2 * time.Minute)
		is(t, "outbox", w.outbox(), "text")
		is(t, "goes out", w.provider("submit", "taken", "delivered"), true)
		is(t, "told", w.heard("m1"), "timeout-undelivered escalated/sent escalated/delivered")
		w.step(time.Hour)
		w.fact(Read, "m1")
		is(t, "nobody is asked", w.outbox(), "text")
		is(t, "told", w.told("m1"), "timeout-undelivered escalated escalated displayed")
		is(t, "left to do", len(w.store.outbox), 0)
	})
	automatically(t, "a stranger is not told that a phone is on", func(t *testing.T, w *world) {
		w.strangers, w.policy.SMS.Who = true, WhoAll
		w.step(10 * time.Minute)
		w.provider("submit", "taken", "delivered")
		is(t, "told", w.heard("m1"), "timeout-undelivered escalated/sent")
	})
	automatically(t, "a burst is one SMS", func(t *testing.T, w *world) {
		w.step(time.Minute)
		w.send("m2")
		w.step(time.Minute)
		w.send("m3")
		is(t, "about", w.texted(), "m1+m2")
		w.provider("submit", "taken")
		w.step(90 * time.Second)
		is(t, "the rest of it is another", w.texted(), "m1+m2")
		w.step(time.Minute)
		is(t, "in its own time", w.texted(), "m1+m2, m3")
	})
	automatically(t, "read before it is sent", func(t *testing.T, w *world) {
		w.step(2 * time.Minute)
		w.fact(Read, "m1")
		is(t, "goes out", w.provider("submit"), false)
		is(t, "outbox", w.outbox(), "text")
		is(t, "left to do", len(w.store.outbox), 0)
	})
	automatically(t, "delivered before it is sent", func(t *testing.T, w *world) {
		w.step(2 * time.Minute)
		w.fact(Received, "m1")
		is(t, "goes out", w.provider("submit"), false)
		w.step(10 * time.Minute)
		is(t, "once it is not read either", w.texted(), "m1, m1")
	})
	automatically(t, "no route takes it", func(t *testing.T, w *world) {
		w.step(2 * time.Minute)
		is(t, "goes out", w.provider("submit", "later", "submit", "later", "refused"), true)
		is(t, "outbox", w.outbox(), "text, show")
		is(t, "told", w.heard("m1"), "timeout-undelivered")
	})
	automatically(t, "the number's owner has opted out with the provider", func(t *testing.T, w *world) {
		w.step(2 * time.Minute)
		w.provider("submit", "stopped")
		is(t, "outbox", w.outbox(), "text, show")
		is(t, "stopped by", w.store.stops[bobsNumber].By, StopByProvider)
		w.answer(phone, Declined)
		w.send("m2")
		w.step(2 * time.Minute)
		is(t, "the next one", w.outbox(), "text, show, withdraw answered /desk, show")
	})
	automatically(t, "nobody knows whether it was sent", func(t *testing.T, w *world) {
		w.step(2 * time.Minute)
		w.provider("submit", "unsure")
		is(t, "nobody is asked yet", w.outbox(), "text")
		is(t, "it is not sent again", w.provider("submit"), false)
		w.provider("lost")
		is(t, "then somebody is", w.outbox(), "text, show")
		is(t, "told", w.heard("m1"), "timeout-undelivered escalated/unsure")
		w.step(5 * time.Minute)
		w.provider("delivered")
		is(t, "a late report settles it", w.outbox(), "text, show, withdraw texted /phone /desk")
		is(t, "told", w.heard("m1"), "timeout-undelivered escalated/unsure escalated/sent escalated/delivered")
	})
	automatically(t, "it fails after it was taken", func(t *testing.T, w *world) {
		w.step(2 * time.Minute)
		w.provider("submit", "taken", "failed")
		is(t, "told", w.heard("m1"), "timeout-undelivered escalated/sent escalated/failed")
		is(t, "outbox", w.outbox(), "text, show")
		w.step(2 * time.Hour)
		is(t, "SMS", w.texted(), "m1")
		is(t, "prompts", len(w.prompts()), 1)
	})
	automatically(t, "a person has sent one meanwhile", func(t *testing.T, w *world) {
		w.policy.Steps = []Step{{Do: DoPrompt}, {After: time.Minute, Do: DoSMS}}
		w.prefs[alice] = Prefs{Mode: Ask}
		w.step(3 * time.Minute)
		is(t, "outbox", w.outbox(), "show, text")
		w.answer(phone, SentSMS)
		is(t, "goes out", w.provider("submit"), false)
	})
	automatically(t, "a person is writing one", func(t *testing.T, w *world) {
		w.policy.Steps = []Step{{Do: DoPrompt}, {After: time.Minute, Do: DoSMS}}
		w.prefs[alice] = Prefs{Mode: Ask}
		w.step(2*time.Minute + 50*time.Second)
		w.answer(phone, Claim)
		w.step(30 * time.Second)
		is(t, "while the prompt is claimed", w.texted(), "")
		w.step(30 * time.Second)
		is(t, "after it", w.texted(), "m1")
		w.provider("submit", "taken")
		is(t, "outbox", w.outbox(), "show, withdraw claimed /desk, show, text, withdraw texted /phone /desk")
	})
	automatically(t, "in the night it waits", func(t *testing.T, w *world) {
		w.prefs[bob] = Prefs{Quiet: "12:00-14:00", Zone: "UTC"}
		w.step(time.Hour)
		is(t, "at one", w.outbox(), "")
		w.step(time.Hour)
		is(t, "at two", w.outbox(), "text")
	})
	automatically(t, "the night begins while it waits for a route", func(t *testing.T, w *world) {
		w.step(2 * time.Minute)
		w.provider("submit", "later")
		w.prefs[bob] = Prefs{Quiet: "12:00-14:00", Zone: "UTC"}
		is(t, "goes out", w.provider("submit"), false)
		w.step(2 * time.Hour)
		is(t, "in the morning", w.outbox(), "text, text")
	})
	automatically(t, "never", func(t *testing.T, w *world) {
		w.prefs[alice] = Prefs{Mode: Never}
		w.step(time.Hour)
		is(t, "outbox", w.outbox(), "")
	})
	automatically(t, "a prompt's caps are none of an SMS, and hold when it fails", func(t *testing.T, w *world) {
		w.policy.PerConversationDay = 1
		w.prefs[alice] = Prefs{Mode: Ask}
		w.step(2 * time.Minute)
		w.answer(phone, Declined)
		w.prefs[alice] = Prefs{}
		w.send("m2")
		w.step(2 * time.Minute)
		is(t, "outbox", w.outbox(), "show, withdraw answered /desk, text")
		w.provider("submit", "refused")
		is(t, "outbox", w.outbox(), "show, withdraw answered /desk, text, chat cap-conversation")
	})
}

// TestNoText: if an SMS can't be sent, for any reason, there is a prompt at once.
func TestNoText(t *testing.T) {
	for name, change := range map[NoText]func(*world){
		NoSMS:                func(w *world) { w.policy.SMS = nil },
		NoNumber:             func(w *world) { delete(w.store.numbers, bob) },
		"vcard":              func(w *world) { w.store.numbers[bob] = Number{JID: bob, E164: bobsNumber, Source: FromVCard} },
		Unverified:           func(w *world) { w.policy.SMS.Verify = true },
		SenderNotAllowed:     func(w *world) { w.strangers = true },
		"not consented":      func(w *world) { w.policy.SMS.Who = WhoConsented },
		NumberHidden:         func(w *world) { w.contacts[Conv{bob, alice}] = Contact{Owner: bob, Contact: alice, Hidden: true} },
		OptedOut:             func(w *world) { w.store.stops[bobsNumber] = Stop{Number: bobsNumber, By: StopByOwner} },
		NoRoute:              func(w *world) { w.policy.SMS.Reaches = func(string) bool { return false } },
		NumberCap:            func(w *world) { w.policy.SMS.PerNumberDay = 1; w.used(Conv{carol, bob}, bobsNumber) },
		SenderCap:            func(w *world) { w.policy.SMS.PerSenderDay = 1; w.used(Conv{alice, carol}, davesNumber) },
		OverBudget:           func(w *world) { w.policy.SMS.SegmentsDay = 2; w.used(Conv{carol, "dave@example.org"}, davesNumber) },
		"refused by Bob":     func(w *world) { w.send("m0"); w.fact(Bounced, "m0", func(f *Fact) { f.Refusal = true }) },
		"a test, no message": func(w *world) { m := w.store.find(key("m1")); m.Marks |= Test; w.store.put(m); w.restart() },
	} {
		automatically(t, string(name), func(t *testing.T, w *world) {
			change(w)
			w.fact(Forced, "m1") // it is treated like a timeout
			w.ring()
			is(t, "outbox", w.outbox(), "show")
		})
	}
}

// used is an SMS of two segments that was sent an hour ago.
func (w *world) used(c Conv, number string) {
	row := nextOrd(w.store.ord, w.now)
	w.store.texts["used"] = Text{ID: "used", Row: row, Conv: c, State: TextTaken, Number: number, Segments: 2, QueuedAt: w.now.Add(-time.Hour)}
}

// The budget is exact to the segment, although the number of segments is only known once the text is made.
func TestBudget(t *testing.T) {
	automatically(t, "to the segment", func(t *testing.T, w *world) {
		w.policy.SMS.SegmentsDay = 3
		w.used(Conv{carol, bob}, davesNumber)
		w.step(2 * time.Minute)
		x := w.sms(TextQueued)[0]
		s := &TextSubmit{Text: x.ID, Messages: x.Messages, Route: "route", Segments: 2}
		w.feed(s)
		w.ring()
		is(t, "goes out", s.OK, false)
		is(t, "outbox", w.outbox(), "text, show")
	})
}

// Limits count what is decided in the same transaction.
func TestLimitsInOneBatch(t *testing.T) {
	for name, second := range map[string]func(*Fact){"per number": func(f *Fact) { f.Sender = carol }, "per sender": to("dave@example.org")} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.texting()
			w.policy.Mode, w.policy.SMS.PerNumberDay, w.policy.SMS.PerSenderDay = Auto, 1, 1
			w.policy.SMS.Reaches = func(string) bool { return true }
			w.send("m1")
			w.send("m2", second)
			w.step(2 * time.Minute)
			is(t, "SMS", len(w.sms()), 1)
			is(t, "prompts", len(w.prompts()), 1)
		})
	}
}

// STOP holds for codes, too, even if one is queued already.
func TestStopBeforeCode(t *testing.T) {
	w := verifying()
	w.orders(bob, bobsNumber)
	w.feed(&TextStop{Stop: Stop{Number: bobsNumber, By: StopBySMS}})
	is(t, "kind", w.sms()[0].Kind, TextCode)
	is(t, "goes out", w.provider("submit"), false)
}

// TestSendIt: a sender has the component send the SMS that a prompt asks for.
func TestSendIt(t *testing.T) {
	asked := func(t *testing.T, name string, tell func(*testing.T, *world)) {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.texting()
			w.send("m1")
			w.step(2 * time.Minute)
			tell(t, w)
		})
	}
	asked(t, "sent", func(t *testing.T, w *world) {
		is(t, "answer", w.answer(phone, SendIt), OK)
		is(t, "again", w.answer(phone, SendIt), OK)
		is(t, "by another device", w.answer(desk, SendIt), Conflict)
		w.provider("submit", "taken")
		is(t, "outbox", w.outbox(), "show, text, withdraw claimed /desk, withdraw texted /phone /desk")
		is(t, "prompt", w.prompts()[0].State, PromptSent)
		is(t, "again", w.answer(phone, SendIt), OK)
		is(t, "told", w.heard("m1"), "timeout-undelivered escalated/sent")
		is(t, "SMS", w.texted(), "m1")
		back := &TakeBack{Prompt: w.prompts()[0].ID, By: phone}
		w.feed(back)
		is(t, "taken back", back.Verdict, Gone)
	})
	asked(t, "not sent: the prompt is open again", func(t *testing.T, w *world) {
		w.answer(phone, SendIt)
		w.provider("submit", "later", "refused")
		is(t, "outbox", w.outbox(), "show, text, withdraw claimed /desk, show")
		is(t, "prompt", w.prompts()[0].State, PromptOpen)
		is(t, "prompts", len(w.prompts()), 1)
		is(t, "a second time", w.answer(phone, SendIt), OK)
	})
	asked(t, "the component was down for longer than the prompt is held", func(t *testing.T, w *world) {
		w.answer(phone, SendIt)
		w.provider("submit")
		w.step(time.Hour)
		is(t, "nobody is asked", w.outbox(), "show, text, withdraw claimed /desk")
		w.provider("unsure", "lost")
		is(t, "until it is given up", w.outbox(), "show, text, withdraw claimed /desk, show")
	})
	asked(t, "not wanted meanwhile", func(t *testing.T, w *world) {
		w.answer(phone, SendIt)
		w.prefs[bob] = Prefs{Watch: Off}
		is(t, "goes out", w.provider("submit"), false)
		is(t, "prompt", w.prompts()[0].State.Live(), false)
	})
	asked(t, "read meanwhile", func(t *testing.T, w *world) {
		w.answer(phone, SendIt)
		w.fact(Read, "m1")
		is(t, "goes out", w.provider("submit"), false)
		is(t, "outbox", w.outbox(), "show, text, withdraw claimed /desk, withdraw displayed /phone /desk")
	})
	asked(t, "what joined meanwhile is asked about by itself", func(t *testing.T, w *world) {
		w.send("m2")
		w.answer(phone, SendIt)
		w.step(2 * time.Minute)
		w.provider("submit", "taken")
		is(t, "SMS", w.texted(), "m1")
		is(t, "asked", w.asked(), "m2")
	})
	asked(t, "in the sender's own words, which are forgotten once they are sent", func(t *testing.T, w *world) {
		a := &Answer{Prompt: w.prompts()[0].ID, By: phone, Action: SendIt, Text: "Call me"}
		w.feed(a)
		is(t, "verdict", a.Verdict, OK)
		look := &TextSnapshot{Text: w.sms()[0].ID}
		w.feed(look)
		is(t, "text", look.Was.Body, "Call me")
		w.policy.Mode = Auto
		w.send("m2")
		w.step(2 * time.Minute)
		is(t, "nothing joins them", w.texted(), "m1")
		w.provider("submit", "taken")
		is(t, "text", w.sms()[0].Body, "")
		w.step(textLease)
		is(t, "what came meanwhile is another SMS", w.texted(), "m1, m2")
	})
	asked(t, "claimed by another", func(t *testing.T, w *world) {
		w.answer(desk, Claim)
		is(t, "answer", w.answer(phone, SendIt), Conflict)
		is(t, "by the claimer", w.answer(desk, SendIt), OK)
	})
	for want, change := range map[Verdict]func(*world){
		BadRequest: func(w *world) { w.policy.SMS = nil },
		NotAllowed: func(w *world) { delete(w.store.numbers, bob) },
		TooOften:   func(w *world) { w.policy.SMS.PerSenderDay = 1; w.used(Conv{alice, carol}, davesNumber) },
		Gone:       func(w *world) { w.step(2 * time.Hour) },
	} {
		asked(t, string(want), func(t *testing.T, w *world) {
			change(w)
			is(t, "answer", w.answer(phone, SendIt), want)
			is(t, "SMS", len(w.sms(TextQueued)), 0)
		})
	}
}
