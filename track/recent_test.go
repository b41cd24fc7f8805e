package track

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// checkThreads panics if the memory differs from what is stored. Every batch of every test is checked.
func (l *Ledger) checkThreads(s *memory) {
	l.threads.each(func(c Conv) {
		t := l.thread(c)
		remembered := map[int64]bool{}
		check := func(m Message) {
			remembered[m.Ord] = true
			stored, ok := s.messages[m.Ord]
			if !ok && l.isNeedless(t, m) {
				return
			}
			stored.Notice.Delivered = m.Notice.Delivered
			if m != stored {
				panic(fmt.Sprintf("remembered %+v\nstored     %+v", m, stored))
			}
		}
		for _, m := range t.rows {
			check(*m)
		}
		for _, p := range t.passed {
			check(*p.message(c))
		}
		for _, m := range s.messages {
			if m.Conv() != c || remembered[m.Ord] {
				continue
			}
			if m.isOpen() || m.SentAt > t.since {
				panic(fmt.Sprintf("forgotten since %v: %+v", t.since, m))
			}
		}
	})
}

// isNeedless reports whether a remembered message need not be stored: it is unwatched, or an alias of such a one, and none of
// the messages before it can change any more.
func (l *Ledger) isNeedless(t *thread, m Message) bool {
	if m.Kind == Alias {
		original := t.original(&m)
		return original == nil || original.Kind == Passed
	}
	return m.Kind == Passed && !slices.ContainsFunc(t.rows, func(o *Message) bool { return o.Ord < m.Ord && o.isOpen() })
}

// wants returns what is loaded for a fact.
func (w *world) wants(kind FactKind, basis Basis, id string) (want Want) {
	return w.ledger.Want([]Input{&Fact{Kind: kind, Basis: basis, Key: Key{alice, bob, id}, At: w.now}})
}

// Evidence for recent messages needs no query.
func TestEvidenceOfRecentMessages(t *testing.T) {
	w := newKnowing()
	w.send("m1")
	w.now = w.now.Add(5 * time.Second)
	w.send("m2")
	for _, f := range []Fact{{Kind: Received, Basis: ByReceipt}, {Kind: Read, Basis: ByMarker}, {Kind: Replied, Basis: ByReply}, {Kind: Sent}} {
		if want := w.wants(f.Kind, f.Basis, "m2"); len(want.Keys)+len(want.Open)+len(want.Peers)+len(want.Pairs)+len(want.Recipients) > 0 {
			t.Errorf("%v wants %+v", f.Kind, want)
		}
	}
	m3 := key("m3")
	want := w.ledger.Want([]Input{&Fact{Kind: Sent, Key: m3, At: w.now, Once: true, OriginID: "o3"}, &Fact{Kind: Received, Key: m3}, &Fact{Kind: Read, Key: key("o3")}})
	is(t, "of a message of the same batch it wants", fmt.Sprint(want.Keys), fmt.Sprint([]Key{key("o3")}))
	is(t, "of an unknown id it wants", len(w.wants(Received, ByReceipt, "m0").Keys), 1)
	w.fact(Received, "m1")
	is(t, "m1", w.told("m1"), "delivered")
	w.restart()
	is(t, "after a restart it wants conversations", len(w.wants(Received, ByReceipt, "m1").Open), 1)
	w.fact(Read, "m2")
	is(t, "m1", w.told("m1"), "delivered displayed")
}

// Proof of known facts writes nothing.
func TestKnownProofsWriteNothing(t *testing.T) {
	w := newKnowing()
	w.send("m1")
	w.fact(Received, "m1")
	again := func(kind FactKind, basis Basis) bool {
		return w.feed(&Fact{Kind: kind, Basis: basis, Key: Key{alice, bob, "m1"}, At: w.now, Resource: "phone"}).Empty()
	}
	is(t, "a second receipt", again(Received, ByReceipt), true)
	is(t, "an ack", again(Received, ByAck), true)
	w.fact(Read, "m1", func(f *Fact) { f.Basis = ByMarker })
	is(t, "a second marker", again(Read, ByMarker), true)
	is(t, "a late receipt", again(Received, ByReceipt), true)
	is(t, "a late ack", again(Received, ByAck), true)
}

// Conversations whose messages others can change are not remembered.
func TestForgottenThreads(t *testing.T) {
	conv := Conv{alice, bob}
	for name, lead := range map[string]func(*world){
		"an error":    func(w *world) { w.fact(Bounced, "m1") },
		"a prompt":    func(w *world) { w.step(10 * time.Minute) },
		"a flood":     func(w *world) { w.sendMany(maxOpen) },
		"an account":  func(w *world) { w.feed(&Removed{alice}) },
		"another one": func(w *world) { w.feed(&Removed{bob}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.send("m1")
			is(t, "remembered before", w.ledger.thread(conv) != nil, true)
			lead(w)
			is(t, "remembered", w.ledger.thread(conv) != nil, false)
		})
	}
}

func (w *world) sendMany(n int) {
	for i := range n {
		w.send(fmt.Sprintf("x%d", i))
	}
}

// Only the last settled messages are remembered.
func TestRememberedPast(t *testing.T) {
	w := newWorld()
	for i := range 2 * maxPast {
		id := fmt.Sprintf("m%d", i)
		w.send(id)
		w.fact(Read, id)
		w.now = w.now.Add(time.Minute)
	}
	rows := w.ledger.thread(Conv{alice, bob}).rows
	is(t, "rows", len(rows), maxPast)
	is(t, "in order", slices.IsSortedFunc(rows, func(a, b *Message) int { return int(a.Ord - b.Ord) }), true)
}

// An unwatched message is stored only where it may settle earlier ones, or may be reported again.
func TestUnwatchedMessages(t *testing.T) {
	passed := func(once bool) func(*Fact) {
		return func(f *Fact) { f.Passed, f.Once, f.OriginID = true, once, "o"+f.ID }
	}
	stored := func(w *world, id string) bool { return w.store.find(Key{alice, bob, id}).Ord != 0 }
	w := newWorld()
	w.send("p1", passed(true))
	is(t, "stored, with nothing before it", stored(w, "p1") || stored(w, "op1"), false)
	is(t, "of its receipt it wants", len(w.wants(Received, ByReceipt, "op1").Keys), 0)
	w.fact(Received, "op1")
	is(t, "learned", w.store.pairs[Conv{alice, bob}].Receipts != 0, true)
	w.send("p2", passed(false))
	is(t, "stored, if it may come again", stored(w, "p2") && stored(w, "op2"), true)

	w.send("m3")
	w.send("p4", passed(true))
	w.restart()
	w.send("p5", passed(true))
	is(t, "stored, after a watched one", stored(w, "p4") && stored(w, "op4"), true)
	is(t, "stored, after a restart", stored(w, "p5"), true)
	w.fact(Read, "p1")
	w.fact(Read, "p2")
	is(t, "m3 after markers for earlier ones", w.told("m3"), "")
	w.restart()
	w.fact(Read, "op5")
	is(t, "m3 after a marker for a later one", w.told("m3"), "displayed")

	w.send("m6")
	w.feed(
		&Fact{Kind: Sent, Key: Key{alice, bob, "p7"}, At: w.now, Passed: true, Once: true},
		&Fact{Kind: Read, Key: Key{alice, bob, "p7"}, At: w.now, Basis: ByMarker},
	)
	is(t, "m6", w.told("m6"), "displayed")
	is(t, "stored, if nothing is open in the end", stored(w, "p7"), false)
	w.send("m8")
	w.fact(Bounced, "m8")
	w.send("p9", passed(true))
	is(t, "stored, after one that bounced", stored(w, "p9"), true)
}

func TestCache(t *testing.T) {
	c := newCache[int, int](100)
	for i := range 1000 {
		c.put(i, i, 10)
		if v, ok := c.get(i); !ok || v != i {
			t.Fatalf("%d is %d, %t", i, v, ok)
		}
		if n := len(c.young) + len(c.old); n > 21 {
			t.Fatalf("%d entries", n)
		}
		c.put(7, 7, 10) // used entries stay
		if _, ok := c.get(7); !ok {
			t.Fatalf("7 was dropped after %d", i)
		}
	}
	has := func(k int) bool { _, ok := c.get(k); return ok }
	is(t, "the oldest is there", has(1), false)
	c = newCache[int, int](100)
	c.put(1, 1, 30)
	c.put(5000, 1, 20)
	c.put(5000, 2, 10)
	is(t, "weight", c.weight, 40)
	c.remove(5000)
	is(t, "weight without it", c.weight, 30)
	is(t, "removed", has(5000), false)
}
