package track

import (
	"fmt"
	"testing"
)

// A batch's mark is stored with its effects; of several batches of a run, the newest mark. A fact in a batch sees the earlier
// ones.
func TestEvents(t *testing.T) {
	w := newWorld()
	key := Key{alice, bob, "m1"}
	result := w.feed(
		&Events{Mark: Mark{"run", 1}, Facts: []Fact{{Kind: Sent, Key: key, At: w.now, Marks: AsksReceipt}, {Kind: Received, Key: key, At: w.now, Basis: ByReceipt}}},
		&Events{Mark: Mark{"run", 2}},
		&Events{Facts: []Fact{{Kind: Read, Key: key, At: w.now, Basis: ByMarker}}},
		&Events{Mark: Mark{"other", 7}, Removed: []string{"carol@example.org"}},
	)
	if got, want := fmt.Sprint(result.Marks), "[{run 2} {other 7}]"; got != want {
		t.Errorf("marks %s, want %s", got, want)
	}
	if len(result.Insert) != 1 || result.Insert[0].Status != Displayed {
		t.Errorf("inserted %+v", result.Insert)
	}
	if len(result.Removed) != 1 || result.Removed[0].JID != "carol@example.org" {
		t.Errorf("removed %+v", result.Removed)
	}
}

// Events can be split down to single facts; the mark and the removals stay at the end.
func TestHalves(t *testing.T) {
	e := &Events{Mark: Mark{"run", 1}, Facts: []Fact{{Once: true}, {Once: true}, {Once: true}}, Removed: []string{"carol@example.org"}}
	first, second, ok := e.Halves()
	if !ok || len(first.Facts) != 1 || len(second.Facts) != 2 || first.Mark != (Mark{}) || second.Mark != e.Mark || len(first.Removed) != 0 || len(second.Removed) != 1 {
		t.Errorf("%+v, %+v, %t", first, second, ok)
	}
	if first.Facts[0].Once || !second.Facts[0].Once {
		t.Error("the first half has no mark: it may come again; the second may not")
	}
	if _, _, ok := first.Halves(); ok {
		t.Error("a single fact was split")
	}
}
