package storagetest

import (
	"fmt"

	"tocsin/track"
)

// The live instance finds what a superseded one has handed over, in order, until it has processed it: together with its
// consequences, or not at all.
func handover(s *suite) {
	old := s.again()
	_, err := old.Lead(s.Context(), "tocsin.example.org")
	s.must(err)
	s.Steal(s.T)
	leadership, err := s.Lead(s.Context(), "tocsin.example.org")
	s.must(err)
	defer leadership.Release()

	var left []track.Events
	for i := range 4500 {
		left = append(left, track.Events{Facts: []track.Fact{{Kind: track.Read, Key: key(fmt.Sprint("m", i)), At: now, Basis: track.ByMarker, Text: "\"é\x00"}}})
	}
	left = append(left, track.Events{Removed: []string{carol}})
	var n int
	s.retry(func() error { // its connections were cut
		done, err := old.HandOver(s.Context(), left[n:])
		n += done
		return err
	})
	s.same(len(left), n)

	var found []track.HandedOver
	for {
		some, err := s.HandedOver(s.Context(), 2000)
		s.must(err)
		if len(some) == 0 {
			break
		}
		found = append(found, some...)
		c := track.Changes{}
		for _, h := range some {
			c.Taken = append(c.Taken, h.Pos)
		}
		refused := c
		refused.Insert = []track.Message{pending(0, "m"), pending(0, "again")}
		if s.Commit(s.Context(), refused) == nil {
			s.Fatal("two rows of one number were stored")
		}
		again, err := s.HandedOver(s.Context(), 1)
		s.must(err)
		s.same(some[:1], again)
		s.commit(c)
	}
	s.same(len(left), len(found))
	for i := range found {
		s.same(left[i], *found[i].Events)
	}
}
