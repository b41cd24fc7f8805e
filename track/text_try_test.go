package track

import (
	"testing"
	"time"
)

// An admin's test SMS goes out once, counts like any other, and excludes others to the number meanwhile.
func TestTextTry(t *testing.T) {
	w := newWorld()
	w.texting()
	try := func(x TextTry) *TextTry {
		w.feed(&x)
		return &x
	}
	one := try(TextTry{Number: bobsNumber, Route: "route", Body: "Hello"})
	is(t, "refused", one.Why, "")
	is(t, "while it is on its way", try(TextTry{Number: bobsNumber}).Why, Busy)
	is(t, "elsewhere", try(TextTry{Number: davesNumber}).Why, NoRoute)
	look := &TextSnapshot{Text: one.ID}
	w.feed(look)
	is(t, "text", look.Was.Body, "Hello")
	is(t, "idle", look.Idle(), false)
	w.provider("submit", "taken", "delivered")
	is(t, "state", w.sms()[0].State, TextDelivered)
	is(t, "text", w.sms()[0].Body, "")
	is(t, "left to do", len(w.store.outbox), 0)

	for range w.policy.SMS.PerNumberDay - 1 {
		is(t, "refused", try(TextTry{Number: bobsNumber}).Why, "")
		w.provider("submit", "taken")
	}
	is(t, "too many", try(TextTry{Number: bobsNumber}).Why, NumberCap)
	is(t, "by force", try(TextTry{Number: bobsNumber, Force: true}).Why, "")
	w.provider("submit", "unsure")
	is(t, "goes out again", w.provider("submit"), false)
	w.provider("lost")
	w.step(25 * time.Hour)
	w.feed(&TextStop{Stop: Stop{Number: bobsNumber, By: StopBySMS}})
	w.step(time.Minute)
	for _, x := range w.sms(TextQueued) { // the answer to STOP
		w.feed(&TextEnded{Text: x.ID, State: TextRefused})
	}
	is(t, "stopped", try(TextTry{Number: bobsNumber, Force: true}).Why, OptedOut)
	w.policy.SMS = nil
	is(t, "without [sms]", try(TextTry{Number: bobsNumber}).Why, NoSMS)
}
