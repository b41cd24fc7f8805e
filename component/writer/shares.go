package writer

import (
	"slices"
	"sync"

	"tocsin/track"
)

// shares counts the facts in a queue, by the user whose stanzas they come from.
type shares struct {
	mu   sync.Mutex
	of   map[string]*held
	text int64 // of all
}

type held struct {
	facts int
	text  int64 // bytes
}

// fit removes the facts of users who have used up their share.
func (s *shares) fit(facts []track.Fact) []track.Fact {
	s.mu.Lock()
	defer s.mu.Unlock()
	more := map[string]int{}
	return slices.DeleteFunc(facts, func(f track.Fact) bool {
		by := f.Author()
		var had held
		if h := s.of[by]; h != nil {
			had = *h
		}
		if had.facts+more[by] >= maxOf {
			return true
		}
		more[by]++
		return false
	})
}

// add counts facts, and removes texts for which there is no room.
func (s *shares) add(facts []track.Fact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range facts {
		f := &facts[i]
		h := s.of[f.Author()]
		if h == nil {
			h = &held{}
			s.of[f.Author()] = h
		}
		if n := int64(len(f.Text)); n > 0 && (s.text+n > maxText || h.text+n > maxTextOf) {
			f.Text = ""
		}
		h.facts, h.text, s.text = h.facts+1, h.text+int64(len(f.Text)), s.text+int64(len(f.Text))
	}
}

// remove is the opposite of add.
func (s *shares) remove(facts []track.Fact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range facts {
		f := &facts[i]
		h := s.of[f.Author()]
		h.facts, h.text, s.text = h.facts-1, h.text-int64(len(f.Text)), s.text-int64(len(f.Text))
		if h.facts <= 0 {
			delete(s.of, f.Author())
		}
	}
}
