package track

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What the stories below are told with.

func key(id string) Key { return Key{alice, bob, id} }

// send lets Alice write to Bob, asking for a receipt and a marker.
func (w *world) send(id string, change ...func(*Fact)) {
	f := &Fact{Kind: Sent, Key: key(id), At: w.now, Once: true, Resource: "phone", Marks: AsksReceipt | Markable, Text: "text of " + id}
	for _, c := range change {
		c(f)
	}
	w.feed(f)
}

func to(recipient string) func(*Fact) { return func(f *Fact) { f.Recipient = recipient } }
func marked(m Marks) func(*Fact)      { return func(f *Fact) { f.Marks = m } }
func hinted(h Hint) func(*Fact)       { return func(f *Fact) { f.Hint = h } }
func passed(f *Fact)                  { f.Passed, f.Marks, f.Text = true, 0, "" }
func copied(f *Fact)                  { f.Once = false }

func (w *world) fact(kind FactKind, id string, change ...func(*Fact)) {
	f := tableFact(kind, w.now)
	f.Key = key(id)
	for _, c := range change {
		c(&f)
	}
	w.feed(&f)
}

// told are the states that were told about a message, in order.
func (w *world) told(id string) string {
	var states []string
	for _, m := range w.tells {
		if m.ID == id {
			state := string(m.Notice.State)
			if m.Notice.Further != "" {
				state += "/" + string(m.Notice.Further)
			}
			states = append(states, state)
		}
	}
	return strings.Join(states, " ")
}

// outbox are the entries that were made, in order: what, and why or to whom.
func (w *world) outbox() string {
	var list []string
	for _, o := range w.sent {
		s := string(o.Kind)
		if o.Reason != "" {
			s += " " + o.Reason
		}
		for _, to := range o.To {
			s += " " + strings.TrimPrefix(to, alice)
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

func (w *world) answer(by string, action AnswerAction, d ...time.Duration) Verdict {
	prompts := w.prompts()
	a := &Answer{Prompt: prompts[len(prompts)-1].ID, By: by, Action: action}
	if len(d) > 0 {
		a.For = d[0]
	}
	w.feed(a)
	return a.Verdict
}

// asked are the ids of the messages of the newest prompt.
func (w *world) asked() string {
	prompts := w.prompts()
	if len(prompts) == 0 {
		return "nothing"
	}
	var ids []string
	for _, ord := range prompts[len(prompts)-1].Messages {
		ids = append(ids, w.store.messages[ord].ID)
	}
	return strings.Join(ids, " ")
}

func is[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func story(t *testing.T, name string, tell func(*testing.T, *world)) {
	t.Run(name, func(t *testing.T) { tell(t, newWorld()) })
}

// TestEvidence tells what evidence does to messages (protocol §1, §2).
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
		is(t, "why", w.store.find(key("m1")).Why, WhyNoMarkers)
	})
	story(t, "one who was seen to send markers", func(t *testing.T, w *world) {
		w.send("m1", marked(AsksReceipt))
		w.fact(Read, "m1")
		w.restart()
		w.send("m2", marked(0))
		w.step(10 * time.Minute)
		is(t, "m2", w.told("m2"), "timeout-unread")
		w.step(60 * day)
		w.send("m3")
		w.fact(Read, "m3")
		w.step(60 * day)
		w.send("m4", marked(0))
		is(t, "two months after the last one", w.told("m4"), "")
		w.step(31 * day)
		w.send("m5", marked(0))
		is(t, "three months after it", w.told("m5"), "unknown")
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
	})
	story(t, "what could be expected when it was sent, and can't any more", func(t *testing.T, w *world) {
		w.can[bob] = Can{Marker: true}
		w.send("m1", marked(0))
		w.send("m2", marked(AsksReceipt))
		w.fact(Received, "m2")
		w.can[bob] = Can{}
		w.step(time.Hour)
		is(t, "m1", w.told("m1"), "unknown")
		is(t, "m2", w.told("m2"), "delivered delivered/unknown")
	})
	story(t, "nor is it told again after an SMS", func(t *testing.T, w *world) {
		w.can[bob] = Can{Marker: true}
		w.send("m1", marked(AsksReceipt))
		w.fact(Received, "m1")
		w.feed(&Fact{Kind: Texted, Ord: w.store.find(key("m1")).Ord})
		w.can[bob] = Can{}
		w.step(time.Hour)
		is(t, "m1", w.told("m1"), "delivered escalated")
	})
	story(t, "sealed", func(t *testing.T, w *world) {
		w.send("m1", marked(Sealed|Encrypted))
		is(t, "told", w.told("m1"), "unknown")
		is(t, "why", w.store.find(key("m1")).Why, WhyMaybeHidden)
	})
	story(t, "the recipient opts out", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(5 * time.Minute)
		w.send("m2")
		w.prefs[bob] = Prefs{Watch: Off}
		w.send("m3")
		w.feed(&Fact{Kind: Rang, Ord: w.store.find(key("m1")).Ord})
		w.step(time.Hour)
		w.fact(Read, "m3")
		is(t, "m1", w.told("m1"), "timeout-undelivered")
		is(t, "m2", w.told("m2"), "unknown")
		is(t, "m3", w.told("m3"), "")
		is(t, "outbox", w.outbox(), "show, withdraw cancelled /phone /desk")
		is(t, "text", w.store.find(key("m1")).Text, "")
	})
}

// TestCopies tells which message is another copy, and which is new (servers.md).
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
		w.fact(Received, "m1")
		w.send("m1")
		is(t, "m1", w.told("m1"), "delivered")
	})
}

// TestTimeouts tells when they fire (protocol §2, §3).
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
		w.feed(&Fact{Kind: Rang, Ord: w.store.find(key("m1")).Ord})
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

// TestBounds: past the bound of pending messages one only takes its place in the order.
func TestBounds(t *testing.T) {
	story(t, "a sender with too much pending", func(t *testing.T, w *world) {
		seed := w.store.seed()
		seed.Pending[alice] = MaxPendingPerSender - 1
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
}

// TestUnseenPrompts tells of a sender who is away (protocol §5).
func TestUnseenPrompts(t *testing.T) {
	story(t, "it waits until it expires, and holds nothing back", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(30 * time.Minute)
		w.send("m2")
		w.step(3 * time.Minute)
		is(t, "joined", w.asked(), "m1 m2")
		w.step(3 * time.Hour)
		is(t, "prompts", len(w.prompts(PromptExpired)), 1)
		is(t, "nothing to take back", w.outbox(), "show")
		is(t, "why", w.store.find(key("m1")).Why, WhyUnseen)
		w.live = true
		for i := range 4 {
			w.send(fmt.Sprint("n", i))
			w.step(90 * time.Minute)
		}
		is(t, "no cap counts it", len(w.prompts(PromptExpired)), 5)
	})
	story(t, "shown late, it is a prompt like any other", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(30 * time.Minute)
		p := w.prompts()[0]
		shown := w.show(p.ID, phone)
		is(t, "shown", shown.OK, true)
		is(t, "it", shown.Messages[0].ID, "m1")
		is(t, "claim", w.answer(phone, Claim), OK)
		w.fact(Read, "m1")
		is(t, "outbox", w.outbox(), "show, withdraw displayed /phone")
	})
	story(t, "not shown after its expiry, or when it is over", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(3 * time.Minute)
		p := w.prompts()[0]
		w.now = w.now.Add(time.Hour)
		is(t, "expired, though its alarm is late", w.show(p.ID, phone).OK, false)
		w.ring()
		is(t, "over", w.show(p.ID, phone).OK, false)
		is(t, "unknown", w.show("p-x", phone).OK, false)
	})
	story(t, "a device that comes later", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(2 * time.Minute)
		p := w.prompts()[0]
		w.show(p.ID, phone)
		is(t, "again", w.show(p.ID, desk).OK, true)
		w.fact(Read, "m1")
		is(t, "both are told", w.outbox(), "show, withdraw displayed /phone /desk")
	})
}

// TestOnePromptPerConversation tells how messages join (protocol §5, §7).
func TestOnePromptPerConversation(t *testing.T) {
	story(t, "joins within thirty seconds are gathered", func(t *testing.T, w *world) {
		for i := range 5 {
			w.send(fmt.Sprint("m", i))
			w.step(10 * time.Second)
		}
		w.step(80 * time.Second)
		is(t, "two minutes after the first", w.asked(), "m0 m1")
		w.step(time.Minute)
		is(t, "all", w.asked(), "m0 m1 m2 m3 m4")
		is(t, "outbox", w.outbox(), "show, show, show")
		first := w.prompts()[0]
		is(t, "one prompt", len(w.prompts()), 1)
		is(t, "for all", first.Covered, 5)
		w.fact(Read, "m3")
		is(t, "not yet", w.outbox(), "show, show, show")
		w.fact(Read, "m4")
		is(t, "when all are settled", w.outbox(), "show, show, show, withdraw displayed /phone /desk")
	})
	story(t, "the time to answer is that of the newest", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(50 * time.Minute)
		w.send("m2")
		w.step(2 * time.Minute)
		is(t, "expires", w.prompts()[0].ExpiresAt, w.now.Add(time.Hour))
	})
	story(t, "no cap keeps a message from joining", func(t *testing.T, w *world) {
		w.policy.PerConversationDay = 1
		w.send("m1")
		w.step(3 * time.Minute)
		w.send("m2")
		w.step(3 * time.Minute)
		is(t, "joined", w.asked(), "m1 m2")
	})
	story(t, "to an ordinary client every five minutes", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(10 * time.Second)
		w.send("m2")
		w.step(110 * time.Second)
		w.feed(&Shown{Prompt: w.prompts()[0].ID, To: []string{alice}, Chat: "p-1"})
		w.step(4*time.Minute + 59*time.Second)
		is(t, "gathered", w.outbox(), "show")
		w.step(time.Second)
		is(t, "corrected", w.outbox(), "show, show")
	})
	story(t, "delivered takes back only what was all undelivered", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Received, "m1")
		w.step(8*time.Minute + time.Second)
		w.send("m2")
		w.step(4 * time.Minute)
		is(t, "one unread, one undelivered", w.asked(), "m1 m2")
		w.fact(Received, "m2")
		is(t, "it stays", len(w.prompts(PromptOpen)), 1)
	})
	story(t, "whichever came first", func(t *testing.T, w *world) {
		w.send("m1")
		w.send("m2")
		w.fact(Received, "m2")
		w.step(11 * time.Minute)
		is(t, "one undelivered, one unread", w.asked(), "m1 m2")
		w.fact(Received, "m1")
		is(t, "it stays", len(w.prompts(PromptOpen)), 1)
	})
	story(t, "all undelivered, delivered one by one", func(t *testing.T, w *world) {
		w.send("m1")
		w.send("m2")
		w.step(3 * time.Minute)
		w.fact(Received, "m1")
		is(t, "one is left", len(w.prompts(PromptOpen)), 1)
		w.fact(Received, "m2")
		is(t, "none is left", w.prompts()[0].Withdrew, "delivered")
		w.step(10 * time.Minute)
		is(t, "unread in the same prompt", w.asked(), "m1 m2")
		is(t, "prompts", len(w.prompts()), 2)
	})
	story(t, "a message joins a prompt that is claimed, and is asked about by itself after the answer", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(2*time.Minute - time.Second)
		w.send("m2", hinted(Hint{Timeout: 10}))
		w.step(time.Second)
		w.answer(phone, Claim)
		w.step(9 * time.Second)
		is(t, "joined", w.asked(), "m1 m2")
		is(t, "sent", w.answer(phone, SentSMS), OK)
		w.ring()
		is(t, "prompts", len(w.prompts()), 2)
		is(t, "by itself", w.asked(), "m2")
		is(t, "escalated", w.told("m1"), "timeout-undelivered escalated")
		is(t, "not escalated", w.told("m2"), "timeout-undelivered")
	})
	story(t, "what joins a claimed prompt is shown when the lease is over", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(50 * time.Second)
		w.send("m2")
		w.step(80 * time.Second)
		w.answer(phone, Claim)
		w.step(55 * time.Second)
		is(t, "joined", w.asked(), "m1 m2")
		is(t, "claimed", w.outbox(), "show, withdraw claimed /desk")
		w.step(5 * time.Second)
		is(t, "over", w.outbox(), "show, withdraw claimed /desk, show")
	})
	story(t, "very many, of which some were not shown yet", func(t *testing.T, w *world) {
		for i := range maxAsked {
			w.send(fmt.Sprint("m", i))
		}
		w.step(2 * time.Minute)
		for i := range 3 {
			w.send(fmt.Sprint("n", i), hinted(Hint{Timeout: 10}))
		}
		w.step(31 * time.Second) // all of the first were shown
		for i := range 3 {
			w.send(fmt.Sprint("o", i), hinted(Hint{Timeout: 10}))
		}
		w.step(10 * time.Second)
		w.answer(phone, SentSMS)
		w.ring()
		is(t, "those ask again", w.asked(), "o0 o1 o2")
	})
	story(t, "the newest messages stand for very many", func(t *testing.T, w *world) {
		for i := range maxAsked + 20 {
			w.send(fmt.Sprint("m", i))
		}
		w.step(3 * time.Minute)
		is(t, "bounded", len(w.prompts()[0].Messages), maxAsked)
		w.fact(Read, fmt.Sprint("m", maxAsked+18))
		is(t, "one is left", len(w.prompts(PromptOpen)), 1)
		w.fact(Read, fmt.Sprint("m", maxAsked+19))
		is(t, "none is left", len(w.prompts(PromptWithdrawn)), 1)
	})
	story(t, "a correction is shown anew", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(3 * time.Minute)
		w.fact(Corrected, "c1", func(f *Fact) { f.Original = "m1" })
		is(t, "outbox", w.outbox(), "show, show")
	})
	story(t, "codes", func(t *testing.T, w *world) {
		w.policy.PerSenderHour, w.policy.PerRecipientDay = 0, 0
		codes := map[string]bool{}
		for i := range 300 {
			w.send("m1", to(fmt.Sprintf("bob%d@example.org", i)))
		}
		w.step(3 * time.Minute)
		for _, p := range w.prompts() {
			codes[p.Code] = true
			if len(p.Code) != 4 || strings.Trim(p.Code, codeDigits) != "" {
				t.Errorf("code %q", p.Code)
			}
			if len(p.ID) != 2+32 { // 160 bits
				t.Errorf("prompt id %q", p.ID)
			}
		}
		is(t, "unique", len(codes), 300)
	})
	story(t, "a code that is taken", func(t *testing.T, w *world) {
		b := newBatch(w.ledger, Loaded{}, w.now)
		code := b.code(alice, 7)
		b.live[Conv{alice, bob}] = &work{Prompt: Prompt{Conv: Conv{alice, bob}, Code: code}}
		if again := b.code(alice, 7); again == code {
			t.Error("given twice to one sender")
		}
		is(t, "another sender", b.code(carol, 7), code)
	})
}

// TestCaps tells what happens at each of them, and that it is said once.
func TestCaps(t *testing.T) {
	prompted := func(w *world, id string, d time.Duration, change ...func(*Fact)) {
		w.send(id, change...)
		w.step(2 * time.Minute)
		w.answer(phone, Declined)
		w.step(d - 2*time.Minute)
	}
	story(t, "per conversation and day", func(t *testing.T, w *world) {
		w.policy.PerConversationDay = 2
		for i := range 5 {
			w.send(fmt.Sprint("m", i))
			w.step(2 * time.Minute)
			if len(w.prompts(PromptOpen)) > 0 {
				w.answer(phone, Declined)
			}
			w.step(time.Hour)
		}
		is(t, "prompts", len(w.prompts(PromptDeclined)), 2)
		is(t, "timeouts are told", w.told("m4"), "timeout-undelivered")
		is(t, "said once", w.outbox(), "show, withdraw answered /desk, show, withdraw answered /desk, chat cap")
		is(t, "why", w.store.find(key("m2")).Why, WhyCap)
		w.restart()
		w.step(17*time.Hour + 58*time.Minute)
		w.send("n1")
		w.step(2 * time.Minute)
		is(t, "said once, even so", len(w.prompts(PromptCapped)), 1)
		w.step(2 * time.Hour)
		w.send("n2")
		w.step(2 * time.Minute)
		is(t, "a day later", w.asked(), "n2")
	})
	story(t, "per recipient and day, whoever sends", func(t *testing.T, w *world) {
		w.policy.PerRecipientDay = 2
		prompted(w, "m1", time.Hour)
		prompted(w, "m2", time.Hour)
		w.feed(&Fact{Kind: Sent, Key: Key{carol, bob, "m3"}, At: w.now, Once: true, Marks: AsksReceipt})
		w.step(3 * time.Minute)
		is(t, "why", w.store.find(Key{carol, bob, "m3"}).Why, WhyCap)
		prompted(w, "m4", time.Hour, to("dave@example.org"))
		is(t, "others", w.store.find(Key{alice, "dave@example.org", "m4"}).Why, WhyEnded)
	})
	story(t, "per sender and hour, said once for all conversations", func(t *testing.T, w *world) {
		w.policy.PerSenderHour = 2
		for i := range 5 {
			prompted(w, "m", 3*time.Minute, to(fmt.Sprintf("bob%d@example.org", i)))
		}
		is(t, "prompts", len(w.prompts(PromptDeclined)), 2)
		is(t, "said", len(w.prompts(PromptCapped)), 1)
		w.step(time.Hour)
		prompted(w, "m", 3*time.Minute, to("bob9@example.org"))
		is(t, "an hour later", len(w.prompts(PromptDeclined)), 3)
	})
	story(t, "shown a moment ago", func(t *testing.T, w *world) {
		w.live = false
		w.policy.PerSenderHour = 1
		w.send("m1")
		w.step(5 * time.Minute)
		w.send("m2", to(carol))
		w.now = w.now.Add(2 * time.Minute)
		w.feed(append([]Input{&Shown{Prompt: w.prompts()[0].ID, To: []string{phone}}}, w.due()...)...)
		is(t, "why", w.store.find(Key{alice, carol, "m2"}).Why, WhyCap)
	})
	story(t, "many at once for a sender who is there", func(t *testing.T, w *world) {
		w.policy.PerSenderHour = 3
		for i := range 10 {
			w.send("m", to(fmt.Sprintf("bob%d@example.org", i)))
		}
		w.step(10 * time.Minute)
		is(t, "prompts", len(w.prompts(PromptOpen)), 3)
		is(t, "said", len(w.prompts(PromptCapped)), 1)
	})
	story(t, "many at once for a sender who is away", func(t *testing.T, w *world) {
		w.live = false
		w.policy.PerSenderHour = 3
		for i := range 10 {
			w.send("m", to(fmt.Sprintf("bob%d@example.org", i)))
		}
		w.step(10 * time.Minute)
		is(t, "all wait", len(w.prompts(PromptOpen)), 10)
	})
	story(t, "a command does not go through caps", func(t *testing.T, w *world) {
		w.policy.PerConversationDay = 1
		prompted(w, "m1", time.Hour)
		w.send("m2")
		w.fact(Forced, "m2")
		w.ring()
		is(t, "prompts", len(w.prompts(PromptOpen)), 0)
		is(t, "said", len(w.prompts(PromptCapped)), 1)
	})
}
