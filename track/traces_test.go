package track

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTraces: whether a batch was stored can be told from what is stored, before and after anything.
func TestTraces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for range 20 {
			var list []Input
			for range rapid.IntRange(1, 4).Draw(t, "inputs") {
				list = append(list, w.anything(t))
			}
			r := w.ledger.Apply(w.store.load(w.ledger.Want(list), w.now), list, w.now)
			if len(r.Insert)+len(r.Update)+len(r.Prompts) > 0 {
				before := w.store.load(r.Probe(), w.now)
				same := len(r.Insert)+len(r.Update) == 0 && len(before.Prompts) == 1 && reflect.DeepEqual(before.Prompts[0], r.Prompts[0])
				if r.Matches(before) && !same {
					t.Fatalf("it is taken for stored before it is: %+v", r.Changes)
				}
				w.store.commit(r.Changes)
				if !r.Matches(w.store.load(r.Probe(), w.now)) {
					t.Fatalf("it is not found: %+v", r.Changes)
				}
			}
			r.Commit()
			w.step(time.Duration(rapid.IntRange(0, 700).Draw(t, "seconds")) * time.Second)
		}
	})
}
