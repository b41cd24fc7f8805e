package track

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// These are the facts whose meaning does not depend on when they are learned: receipts, markers, bounces, retractions,
// stops, and the server's reports about a message on its way. Not included are plain replies (which read what was delivered
// before), corrections (the last text counts) and commands to escalate. The order of the messages themselves matters.
func drawTimeless(t *rapid.T, ids []string) *Fact {
	f := rapid.SampledFrom([]Fact{
		{Kind: Received, Basis: ByReceipt}, {Kind: Received, Basis: ByAck}, {Kind: Read, Basis: ByMarker}, {Kind: Read, Basis: ByReaction},
		{Kind: Received, Basis: ByMarker}, {Kind: Stored}, {Kind: Stored, Archived: true}, {Kind: Handed}, {Kind: Unacked}, {Kind: Bounced, Basis: ByError}, {Kind: Retracted}, {Kind: Stopped, Basis: ByCommand}, {Kind: Deferred},
	}).Draw(t, "evidence")
	f.Key, f.At = Key{alice, bob, rapid.SampledFrom(ids).Draw(t, "id")}, noon
	return &f
}

// history is some messages, watched and unwatched ones and a correction, and facts about them.
type history struct {
	messages, evidence []*Fact
}

func drawHistory(t *rapid.T) history {
	var h history
	ids := []string{"m1", "m2", "m3", "m4", "m5", "m6"}
	for i, id := range ids {
		f := drawSent(t, Key{alice, bob, id}, noon)
		f.Hint, f.Once = Hint{}, true
		f.Passed = f.Passed || i == 4
		h.messages = append(h.messages, f)
	}
	h.messages = append(h.messages, &Fact{Kind: Corrected, Key: Key{alice, bob, "c2"}, Original: "m2", At: noon, Marks: h.messages[1].Marks, Text: h.messages[1].Text})
	h.evidence = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *Fact { return drawTimeless(t, append(ids, "c2", "strange")) }), 0, 12).Draw(t, "evidence")
	return h
}

// newKnowing is a world in which Bob's clients are known already: what is learned from evidence affects later messages,
// which is not the subject of the test.
func newKnowing() *world {
	w := newWorld()
	w.knows(Peer{Receipts: noon, Markers: noon, Acks: noon, Managed: Yes}, Pair{Receipts: noon, Markers: noon, Unasked: noon, SealedReceipts: noon, SealedMarkers: noon})
	return w
}

// TestAnyOrderEndsAlike: whatever the order, the repetitions and the division into batches, and whichever batches had to be
// applied again, the result equals that of the sorted history without repetitions. What a tap reports once is not applied again
// once it is stored, and what is not watched is not stored without need.
func TestAnyOrderEndsAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		once := rapid.Bool().Draw(t, "once")
		for _, f := range h.messages {
			f.Once = once
		}
		if once { // forgotten, it would not be known as the correction's original
			h.messages[1].Passed = false
		}
		sorted := slices.Clone(h.evidence)
		slices.SortFunc(sorted, func(x, y *Fact) int { return cmp.Compare(fmt.Sprint(*x), fmt.Sprint(*y)) })
		sorted = slices.CompactFunc(sorted, func(x, y *Fact) bool { return *x == *y })
		want := newKnowing()
		for _, f := range append(slices.Clone(h.messages), sorted...) {
			want.feed(f)
		}

		// Some evidence comes twice, some before its message.
		early := rapid.Bool().Draw(t, "early")
		evidence := append(slices.Clone(h.evidence), h.evidence[:rapid.IntRange(0, len(h.evidence)).Draw(t, "repeated")]...)
		evidence = rapid.Permutation(evidence).Draw(t, "order")
		var all []Input
		for _, f := range h.messages {
			all = append(all, f)
		}
		for _, f := range evidence {
			at := len(all)
			if early {
				at = rapid.IntRange(0, len(all)).Draw(t, "place")
			}
			all = slices.Insert(all, at, Input(f))
		}
		got := newKnowing()
		for len(all) > 0 {
			n := rapid.IntRange(1, len(all)).Draw(t, "batch")
			batch := all[:n]
			all = all[n:]
			switch crash := rapid.IntRange(0, 4).Draw(t, "crash"); {
			case crash == 0: // not stored: applied again, in halves
				got.ledger.Apply(got.store.load(got.ledger.Want(batch), got.now), batch, got.now)
				got.feed(batch[:n/2]...)
				batch = batch[n/2:]
			case crash == 1 && !once: // stored, but unnoticed
				r := got.ledger.Apply(got.store.load(got.ledger.Want(batch), got.now), batch, got.now)
				got.store.commit(r.Changes)
				got.ledger.ResetThreads()
				if !early { // early evidence is in memory only
					got.restart()
				}
			}
			if len(batch) > 0 {
				got.feed(batch...)
			}
			got.now = got.now.Add(time.Duration(rapid.IntRange(0, 1000/(n+len(all))).Draw(t, "ms")) * time.Millisecond)
		}
		// An error erases the text, and what overrides the error does not restore it.
		bounced := slices.ContainsFunc(h.evidence, func(f *Fact) bool { return f.Kind == Bounced })
		for _, f := range h.messages {
			x, y := want.store.find(f.Key), got.store.find(f.Key)
			if once && x.isUnwatched() && y.isUnwatched() {
				continue
			}
			if x.Kind != y.Kind || x.Status != y.Status || x.Marks != y.Marks || x.Text != y.Text && !bounced || x.Due == 0 != (y.Due == 0) || x.Reason != y.Reason {
				t.Fatalf("%s: got %+v,\nwant %+v", f.ID, y, x)
			}
			if state := y.Notice.State; y.Status == Delivered && state != StateDelivered || y.Status == Displayed && state != StateDisplayed {
				t.Fatalf("%s has status %d, but %s was reported", f.ID, y.Status, state)
			}
		}
		if !once && len(want.store.messages) != len(got.store.messages) {
			t.Fatalf("%d rows, want %d", len(got.store.messages), len(want.store.messages))
		}
	})
}

// isUnwatched reports whether a row is of an unwatched message, or there is none.
func (m *Message) isUnwatched() bool { return m.Ord == 0 || m.Kind == Passed }

// TestLostEvidenceOnlyDelays: a history with some evidence lost ends like one that never had it, and never further than the
// complete one.
func TestLostEvidenceOnlyDelays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		whole, part := newWorld(), newWorld()
		for _, f := range h.messages {
			whole.feed(f)
			part.feed(f)
		}
		for _, f := range h.evidence {
			whole.feed(f)
			if !rapid.Bool().Draw(t, "lost") {
				part.feed(f)
			}
		}
		for _, f := range h.messages {
			if x, y := whole.store.find(f.Key), part.store.find(f.Key); y.Status.rank() > x.Status.rank() && x.Status != Failed {
				t.Fatalf("%s: %d without some evidence, %d with all", f.ID, y.Status, x.Status)
			}
		}
		// Nothing waits for lost evidence: every unsettled message still has its alarm, or a reason for having none.
		part.step(96 * time.Hour)
		for _, m := range part.store.messages {
			if m.Kind == Watched && !m.Status.Settled() && m.Reason == "" {
				t.Fatalf("no alarm, no reason: %+v", m)
			}
		}
	})
}
