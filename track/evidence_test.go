package track

import (
	"testing"
	"time"
)

// TestEvidence: the effects of evidence on messages (protocol §1, §2).
func TestEvidence(t *testing.T) {
	story(t, "read in time", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(time.Minute)
		w.fact(Received, "m1")
		w.step(5 * time.Minute)
		w.fact(Read, "m1")
		w.step(100 * time.Hour)
		is(t, "told", w.told("m1"), "delivered displayed")
		is(t, "outbox", w.outbox(), "")
		is(t, "text", w.store.find(key("m1")).Text, "")
	})
	story(t, "displayed before delivered", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Read, "m1")
		w.fact(Received, "m1")
		is(t, "told", w.told("m1"), "displayed")
	})
	story(t, "a marker is cumulative and goes forward only", func(t *testing.T, w *world) {
		for _, id := range []string{"m1", "m2", "m3"} {
			w.send(id)
		}
		w.fact(Read, "m2")
		is(t, "m1", w.told("m1"), "displayed")
		is(t, "m3", w.told("m3"), "")
		w.fact(Read, "m1")
		w.fact(Read, "nobody knows")
		is(t, "m3", w.told("m3"), "")
		is(t, "m2", w.told("m2"), "displayed")
	})
	story(t, "a marker for an untracked message", func(t *testing.T, w *world) {
		w.send("m1")
		w.send("note", passed)
		w.send("m2")
		w.fact(Read, "note")
		is(t, "m1", w.told("m1"), "displayed")
		is(t, "m2", w.told("m2"), "")
	})
	story(t, "one conversation is not another", func(t *testing.T, w *world) {
		w.send("m1")
		w.send("m1", to(carol))
		w.feed(&Fact{Kind: Sent, Key: Key{carol, bob, "m1"}, At: w.now, Once: true, Marks: AsksReceipt})
		w.fact(Read, "m1", to(carol))
		is(t, "to Bob", w.store.find(key("m1")).Status, Pending)
		is(t, "to Carol", w.store.find(Key{alice, carol, "m1"}).Status, Displayed)
		is(t, "from Carol", w.store.find(Key{carol, bob, "m1"}).Status, Pending)
	})
	story(t, "a reply reads what was delivered", func(t *testing.T, w *world) {
		w.send("m1")
		w.send("m2")
		w.fact(Received, "m1")
		w.fact(Replied, "")
		is(t, "m1", w.told("m1"), "delivered displayed")
		is(t, "m2", w.told("m2"), "")
		is(t, "basis", w.store.find(key("m1")).Notice.Basis, ByReply)
	})
	story(t, "a correction is the same message, both ways", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(time.Minute)
		w.fact(Corrected, "c1", func(f *Fact) { f.Original = "m1" })
		w.fact(Corrected, "c1", func(f *Fact) { f.Original = "m1" })
		w.send("m2")
		is(t, "text", w.store.find(key("m1")).Text, "better")
		is(t, "alarm", w.store.find(key("m1")).Due, noon.Add(2*time.Minute))
		w.fact(Received, "c1")
		is(t, "m1", w.told("m1"), "delivered")
		w.fact(Read, "c1")
		is(t, "m1", w.told("m1"), "delivered displayed")
		is(t, "m2", w.told("m2"), "")
		is(t, "rows", len(w.store.messages), 3)
		w.send("m3")
		w.fact(Corrected, "c3", func(f *Fact) { f.Original = "m3" })
		w.fact(Read, "m3")
		is(t, "m3", w.told("m3"), "displayed")
	})
	story(t, "a correction of a correction", func(t *testing.T, w *world) { // XEP-0308 §4 has it name the original
		w.send("m1")
		w.fact(Corrected, "c1", func(f *Fact) { f.Original = "m1" })
		w.fact(Corrected, "c2", func(f *Fact) { f.Original = "c1" })
		w.fact(Read, "c2")
		is(t, "m1", w.told("m1"), "displayed")
	})
	story(t, "a correction that uses an old id again", func(t *testing.T, w *world) {
		w.send("x1")
		w.fact(Read, "x1")
		w.step(time.Minute)
		w.send("m1")
		w.fact(Corrected, "x1", func(f *Fact) { f.Original = "m1" })
		w.step(time.Second)
		w.fact(Corrected, "x1", func(f *Fact) { f.Original, f.Text = "m1", "a copy" })
		is(t, "text", w.store.find(key("m1")).Text, "better")
		w.fact(Read, "x1")
		is(t, "m1", w.told("m1"), "displayed")
	})
	story(t, "a correction of something else has its place", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Corrected, "c1", func(f *Fact) { f.Original = "long ago" })
		w.fact(Read, "c1")
		is(t, "m1", w.told("m1"), "displayed")
	})
	story(t, "encrypted by correction", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Corrected, "c1", func(f *Fact) { f.Original, f.Text, f.Marks = "m1", "", Encrypted })
		is(t, "text", w.store.find(key("m1")).Text, "")
		is(t, "marks", w.store.find(key("m1")).Marks.Has(Encrypted|AsksReceipt), true)
	})
	story(t, "in clear by correction", func(t *testing.T, w *world) {
		w.send("m1", marked(AsksReceipt|Encrypted))
		w.fact(Corrected, "c1", func(f *Fact) { f.Original = "m1" })
		is(t, "text", w.store.find(key("m1")).Text, "better")
		is(t, "encrypted", w.store.find(key("m1")).Marks.Has(Encrypted), false)
	})
	story(t, "retracted", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(5 * time.Minute)
		w.fact(Retracted, "m1")
		is(t, "told", w.told("m1"), "timeout-undelivered cancelled")
		is(t, "outbox", w.outbox(), "show, withdraw retracted /phone /desk")
	})
	story(t, "retracted by the id of its correction", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Corrected, "c1", func(f *Fact) { f.Original = "m1" })
		w.fact(Retracted, "c1")
		is(t, "told", w.told("m1"), "cancelled")
	})
	story(t, "a blocker's bounce", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Bounced, "m1")
		w.step(100 * time.Hour)
		is(t, "told", w.told("m1"), "failed")
		is(t, "outbox", w.outbox(), "")
	})
	story(t, "a temporary error waits on", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Deferred, "m1")
		w.fact(Stored, "m1")
		w.step(2 * time.Minute)
		is(t, "told", w.told("m1"), "timeout-undelivered")
		is(t, "stored", w.store.find(key("m1")).Marks.Has(StoredOffline), true)
	})
	story(t, "stopped by command", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Stopped, "m1")
		w.fact(Read, "m1")
		w.step(100 * time.Hour)
		is(t, "told", w.told("m1"), "cancelled")
	})
	story(t, "nothing can be known", func(t *testing.T, w *world) {
		w.send("m1", marked(0))
		is(t, "at once", w.told("m1"), "unknown")
		w.step(100 * time.Hour)
		is(t, "later", w.told("m1"), "unknown")
		w.fact(Read, "m1")
		is(t, "and yet", w.told("m1"), "unknown displayed")
	})
	story(t, "delivery only", func(t *testing.T, w *world) {
		w.send("m1", marked(AsksReceipt))
		w.fact(Received, "m1")
		w.step(100 * time.Hour)
		is(t, "told", w.told("m1"), "delivered/unknown")
		is(t, "why", w.store.find(key("m1")).Reason, ReasonNotMarkable)
	})
	story(t, "one who was seen to mark unasked", func(t *testing.T, w *world) {
		w.send("m1", marked(AsksReceipt))
		w.fact(Read, "m1")
		w.restart()
		w.send("m2", marked(AsksReceipt))
		w.fact(Received, "m2")
		w.step(10 * time.Minute)
		is(t, "m2", w.told("m2"), "delivered timeout-unread")
		w.fact(Read, "m2")
		w.step(89 * day)
		w.send("m3", marked(AsksReceipt))
		w.fact(Received, "m3")
		is(t, "three months later", w.told("m3"), "delivered")
		w.step(2 * day)
		w.send("m4", marked(AsksReceipt))
		w.fact(Received, "m4")
		is(t, "and after that", w.told("m4"), "delivered/unknown")
	})
	story(t, "what is known of a recipient is loaded with the evidence", func(t *testing.T, w *world) {
		w.send("m1", marked(AsksReceipt))
		w.fact(Received, "m1")
		w.fact(Read, "m1")
		is(t, "all that was seen", w.store.peers[bob], Peer{JID: bob, Receipts: noon, Markers: noon})
		w.send("m2", marked(AsksReceipt))
		w.restart()
		w.fact(Received, "m2")
		is(t, "m2", w.told("m2"), "delivered")
	})
	story(t, "acks of the server are learned, too", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Received, "m1", func(f *Fact) { f.Basis = ByAck })
		w.send("m2", marked(0))
		w.step(2 * time.Minute)
		is(t, "m2", w.told("m2"), "timeout-undelivered")
		is(t, "by", w.store.find(key("m2")).Expects.Delivery, RuleAcknowledges)
	})
	story(t, "what could be expected when it was sent, and can't any more", func(t *testing.T, w *world) {
		w.policy.AssumeMarkers = true
		w.send("m1", to(carol), marked(0))
		w.send("m2", marked(AsksReceipt))
		w.fact(Received, "m2")
		w.policy.AssumeMarkers = false
		w.step(time.Hour)
		is(t, "m1", w.told("m1"), "unknown")
		is(t, "m2", w.told("m2"), "delivered delivered/unknown")
	})
	story(t, "nor is it told again after an SMS", func(t *testing.T, w *world) {
		w.policy.AssumeMarkers = true
		w.send("m1", marked(AsksReceipt))
		w.fact(Received, "m1")
		w.feed(&Fact{Kind: SMSSent, Ord: w.store.find(key("m1")).Ord})
		w.policy.AssumeMarkers = false
		w.step(time.Hour)
		is(t, "m1", w.told("m1"), "delivered escalated")
	})
	story(t, "never heard of again", func(t *testing.T, w *world) {
		age := func(id string) { w.feed(&Fact{Kind: Aged, Ord: w.store.find(key(id)).Ord}) }
		w.send("m1", marked(0))
		w.send("m2")
		age("m2")
		is(t, "what has an alarm stays", w.store.find(key("m2")).Due != 0, true)
		w.step(30 * time.Minute)
		age("m2")
		is(t, "and what a prompt asks about", w.store.find(key("m2")).Status, Pending)
		w.step(2 * day)
		is(t, "pending", w.ledger.Pending(), 2)
		age("m1")
		age("m2")
		is(t, "nothing is pending", w.ledger.Pending(), 0)
		is(t, "its text is gone", w.store.find(key("m1")).Text+w.store.find(key("m2")).Text, "")
		is(t, "told", w.told("m1")+", "+w.told("m2"), "unknown, timeout-undelivered")
		is(t, "outbox", w.outbox(), "show, withdraw expired /phone /desk")
	})
	story(t, "sealed", func(t *testing.T, w *world) {
		w.send("m1", marked(Sealed|Encrypted))
		is(t, "told", w.told("m1"), "unknown")
		is(t, "why", w.store.find(key("m1")).Reason, ReasonMaybeHidden)
	})
	story(t, "the recipient opts out", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(5 * time.Minute)
		w.send("m2")
		w.prefs[bob] = Prefs{Watch: Off}
		w.send("m3")
		w.feed(&Fact{Kind: AlarmFired, Ord: w.store.find(key("m1")).Ord})
		w.step(time.Hour)
		w.fact(Read, "m3")
		is(t, "m1", w.told("m1"), "timeout-undelivered")
		is(t, "m2", w.told("m2"), "unknown")
		is(t, "m3", w.told("m3"), "")
		is(t, "outbox", w.outbox(), "show, withdraw cancelled /phone /desk")
		is(t, "text", w.store.find(key("m1")).Text, "")
	})
}

// A message is in doubt if evidence about it may have been lost, until there is newer evidence or it is settled.
func TestInDoubt(t *testing.T) {
	gap := noon + 1000
	for _, tt := range []struct {
		name string
		m    Message
		gap  Time
		want bool
	}{
		{"under way", Message{SentAt: noon}, gap, true},
		{"delivered before", Message{SentAt: noon, DeliveredAt: noon + 500, Status: Delivered}, gap, true},
		{"delivered after", Message{SentAt: noon, DeliveredAt: gap + 1, Status: Delivered}, gap, false},
		{"sent after", Message{SentAt: gap + 1}, gap, false},
		{"read", Message{SentAt: noon, Status: Displayed}, gap, false},
		{"no gap", Message{SentAt: noon}, 0, false},
	} {
		if got := tt.m.InDoubt(tt.gap); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}
