package track

import (
	"fmt"
	"testing"
	"time"
)

// TestCopies: which messages are copies, and which are new (servers.md).
func TestCopies(t *testing.T) {
	story(t, "ejabberd copies twice", func(t *testing.T, w *world) {
		w.send("m1", copied)
		w.send("m1", copied)
		is(t, "rows", len(w.store.messages), 1)
	})
	story(t, "the second copy comes after the receiver's marker", func(t *testing.T, w *world) {
		w.send("m1", copied)
		w.now = w.now.Add(300 * time.Millisecond)
		w.fact(Read, "m1")
		w.now = w.now.Add(time.Second)
		w.send("m1", copied)
		w.step(time.Hour)
		is(t, "rows", len(w.store.messages), 1)
		is(t, "told", w.told("m1"), "displayed")
	})
	story(t, "an id used again is a new message once the first is settled", func(t *testing.T, w *world) {
		w.send("m1", copied)
		w.step(time.Minute)
		w.send("m1", copied)
		is(t, "while pending", len(w.store.messages), 1)
		w.fact(Read, "m1")
		w.send("m1", copied)
		is(t, "afterwards", len(w.store.messages), 2)
		is(t, "it", w.store.find(key("m1")).Status, Pending)
		w.fact(Received, "m1")
		is(t, "evidence is for the newest", w.store.find(key("m1")).Status, Delivered)
	})
	story(t, "at once, where the tap tells of every message once", func(t *testing.T, w *world) {
		w.send("m1")
		w.now = w.now.Add(100 * time.Millisecond)
		w.fact(Read, "m1")
		w.send("m1")
		is(t, "rows", len(w.store.messages), 2)
	})
	story(t, "an untracked message twice", func(t *testing.T, w *world) {
		w.send("note", passed, copied)
		w.send("note", passed, copied)
		is(t, "rows", len(w.store.messages), 1)
	})
	story(t, "evidence that is faster than its message", func(t *testing.T, w *world) {
		w.fact(Read, "m2")
		w.fact(Received, "m3")
		w.fact(Retracted, "m4")
		w.now = w.now.Add(time.Second)
		for _, id := range []string{"m1", "m2", "m3", "m4"} {
			w.send(id)
		}
		is(t, "m1", w.told("m1"), "displayed")
		is(t, "m2", w.told("m2"), "displayed")
		is(t, "m3", w.told("m3"), "delivered")
		is(t, "m4", w.told("m4"), "cancelled")
	})
	story(t, "but is spent with its message", func(t *testing.T, w *world) {
		w.fact(Received, "m1")
		w.send("m1")
		w.fact(Read, "m1")
		w.now = w.now.Add(time.Second)
		w.send("m1")
		is(t, "the next one", w.store.find(key("m1")).Status, Pending)
	})
	story(t, "but not by much", func(t *testing.T, w *world) {
		w.fact(Read, "m1")
		w.now = w.now.Add(earlyWindow)
		w.send("m1")
		is(t, "m1", w.told("m1"), "")
	})
	story(t, "what a flood of strange ids leaves behind", func(t *testing.T, w *world) {
		for i := range 3 * maxEarly {
			for range 10 {
				w.fact(Received, fmt.Sprint("strange", i))
			}
			if i%100 == 0 {
				w.now = w.now.Add(100 * time.Millisecond)
			}
		}
		n := 0
		for _, facts := range w.ledger.early {
			n += len(facts)
		}
		if len(w.ledger.early) > maxEarly || n > 8*maxEarly {
			t.Errorf("%d ids with %d facts", len(w.ledger.early), n)
		}
		w.now = w.now.Add(earlyWindow) // a flood affects his own receipts while it lasts
		w.fact(Received, "m1")
		w.send("m1")
		is(t, "m1", w.told("m1"), "delivered")
	})
}

// TestTimeouts: when they fire (protocol §2, §3).
func TestTimeouts(t *testing.T) {
	story(t, "undelivered, then late", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(2*time.Minute - time.Millisecond)
		is(t, "a moment before", w.told("m1"), "")
		w.step(time.Millisecond)
		is(t, "in time", w.told("m1"), "timeout-undelivered")
		w.step(30 * time.Minute)
		is(t, "no timeout-unread on top", w.told("m1"), "timeout-undelivered")
		w.fact(Received, "m1")
		is(t, "late evidence is told", w.told("m1"), "timeout-undelivered delivered")
		is(t, "and takes the prompt back", w.outbox(), "show, withdraw delivered /phone /desk")
		w.step(10*time.Minute - time.Millisecond)
		is(t, "the time to read counts from the delivery", w.told("m1"), "timeout-undelivered delivered")
		w.step(time.Millisecond)
		is(t, "unread", w.told("m1"), "timeout-undelivered delivered timeout-unread")
		w.fact(Read, "m1")
		is(t, "told", w.told("m1"), "timeout-undelivered delivered timeout-unread displayed")
		is(t, "outbox", w.outbox(), "show, withdraw delivered /phone /desk, show, withdraw displayed /phone /desk")
	})
	story(t, "both times count from sending", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(time.Minute)
		w.fact(Received, "m1")
		w.step(9*time.Minute - time.Millisecond)
		is(t, "before", w.told("m1"), "delivered")
		w.step(time.Millisecond)
		is(t, "ten minutes after sending", w.told("m1"), "delivered timeout-unread")
	})
	story(t, "until delivered", func(t *testing.T, w *world) {
		w.send("m1", hinted(Hint{Until: UntilDelivered, Timeout: 60}))
		w.send("m2", hinted(Hint{Until: UntilDelivered}), to(carol))
		w.step(time.Minute)
		is(t, "m1", w.told("m1"), "timeout-undelivered")
		w.fact(Received, "m2", to(carol))
		w.step(100 * time.Hour)
		is(t, "m2", w.told("m2"), "delivered")
	})
	story(t, "an outage over both", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(time.Minute)
		w.fact(Received, "m1")
		w.now = w.now.Add(5 * time.Hour)
		w.restart()
		w.ring()
		w.step(5 * time.Hour)
		is(t, "once", w.told("m1"), "delivered timeout-unread")
		is(t, "outbox", w.outbox(), "show, withdraw expired /phone /desk")
	})
	story(t, "evidence of the gap comes before its alarm", func(t *testing.T, w *world) {
		w.send("m1")
		w.now = w.now.Add(5 * time.Hour)
		w.restart()
		w.fact(Read, "m1", func(f *Fact) { f.At = noon.Add(time.Minute) })
		w.ring()
		is(t, "told", w.told("m1"), "displayed")
	})
	story(t, "an alarm that rings too early is set again", func(t *testing.T, w *world) {
		w.send("m1")
		clear(w.heap)
		w.feed(&Fact{Kind: AlarmFired, Ord: w.store.find(key("m1")).Ord})
		w.step(2 * time.Minute)
		is(t, "told", w.told("m1"), "timeout-undelivered")
	})
	story(t, "a shorter policy holds from the next alarm on, or when the alarms are rung", func(t *testing.T, w *world) {
		w.policy.UndeliveredAfter = time.Hour
		w.send("m1")
		p := w.policy
		p.UndeliveredAfter = 5 * time.Minute
		w.ledger.SetPolicy(&p)
		w.step(4 * time.Minute)
		var early []Input
		for _, a := range w.store.alarms() {
			early = append(early, a.input())
		}
		w.feed(early...)
		is(t, "early", w.told("m1"), "")
		w.step(time.Minute)
		is(t, "in time", w.told("m1"), "timeout-undelivered")
	})
}

// TestBounds: beyond the limit of pending messages, only a message's position is recorded.
func TestBounds(t *testing.T) {
	story(t, "a sender with too much pending", func(t *testing.T, w *world) {
		seed := w.store.seed()
		seed.Pending[alice] = maxPendingPerSender - 1
		w.ledger = NewLedger(seed, &w.policy, &w.folk)
		w.send("m1")
		w.send("m2")
		is(t, "m1", w.store.find(key("m1")).Kind, Watched)
		is(t, "m2", w.store.find(key("m2")).Kind, Passed)
		is(t, "counted", w.ledger.Limited, uint64(1))
		w.fact(Read, "m2")
		w.send("m3")
		is(t, "m3", w.store.find(key("m3")).Kind, Watched)
	})
	story(t, "all have too much pending", func(t *testing.T, w *world) {
		seed := w.store.seed()
		for i := range 399 {
			seed.Pending[fmt.Sprint("s", i, "@example.org")] = maxPendingPerSender - 1
		}
		const share = maxPending / 400
		seed.Pending[alice] = share - 1
		w.ledger = NewLedger(seed, &w.policy, &w.folk)
		w.send("m1")
		w.send("m2")
		w.feed(&Fact{Kind: Sent, Key: Key{"s7@example.org", bob, "s"}, At: w.now, Marks: AsksReceipt})
		w.feed(&Fact{Kind: Sent, Key: Key{carol, bob, "c"}, At: w.now, Marks: AsksReceipt})
		is(t, "the last of her share", w.store.find(key("m1")).Kind, Watched)
		is(t, "one more", w.store.find(key("m2")).Kind, Passed)
		is(t, "of who has more", w.store.find(Key{"s7@example.org", bob, "s"}).Kind, Passed)
		is(t, "of who has none", w.store.find(Key{carol, bob, "c"}).Kind, Watched)
	})
}
