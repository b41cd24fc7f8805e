package track

import (
	"testing"
	"time"
)

// The clock was ahead for a while, and is corrected: what was recorded meanwhile counts as recorded now, once its alarm
// fires.
func TestClockThatStoodAhead(t *testing.T) {
	const years = 10 * 365 * 24 * time.Hour
	early := func(w *world) { // as after a change of policy
		for _, a := range w.store.alarms() {
			if a.Ref > 0 {
				w.feed(&Fact{Kind: AlarmFired, Ord: a.Ref, At: 1})
			} else {
				w.feed(&PromptAlarm{Row: -a.Ref, Due: 1})
			}
		}
	}
	story(t, "a message waits no longer than one that is sent now", func(t *testing.T, w *world) {
		w.now = noon.Add(years)
		w.send("m1")
		w.now = noon
		early(w)
		w.step(119 * time.Second)
		is(t, "before its time", w.told("m1"), "")
		w.step(time.Second)
		is(t, "in its time", w.told("m1"), "timeout-undelivered")
	})
	story(t, "one that was delivered", func(t *testing.T, w *world) {
		w.now = noon.Add(years)
		w.send("m1")
		w.fact(Received, "m1")
		w.now = noon
		early(w)
		w.step(10 * time.Minute)
		is(t, "told", w.told("m1"), "delivered timeout-unread")
	})
	story(t, "a prompt expires in its time", func(t *testing.T, w *world) {
		w.now = noon.Add(years)
		w.send("m1")
		w.step(2 * time.Minute)
		is(t, "asked", w.asked(), "m1")
		w.now = noon
		early(w)
		w.step(time.Hour)
		is(t, "prompts that are open", len(w.prompts(PromptOpen)), 0)
		is(t, "expired", len(w.prompts(PromptExpired)), 1)
	})
	story(t, "one put back by a minute makes nothing fire early", func(t *testing.T, w *world) {
		w.send("m1")
		w.now = noon.Add(-time.Minute)
		w.step(119 * time.Second)
		is(t, "told", w.told("m1"), "")
		w.step(time.Minute + time.Second)
		is(t, "told, late by the step", w.told("m1"), "timeout-undelivered")
	})
}

// A late reply, handed over from another instance, does not cover later deliveries.
func TestLateReply(t *testing.T) {
	story(t, "told twice", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Received, "m1")
		reply := Fact{Kind: Replied, Key: Key{Sender: alice, Recipient: bob}, At: w.now, Basis: ByReply}
		w.step(time.Second)
		w.send("m2")
		w.fact(Received, "m2")
		w.feed(&reply)
		is(t, "before it", w.told("m1"), "delivered displayed")
		is(t, "after it", w.told("m2"), "delivered")
	})
}
