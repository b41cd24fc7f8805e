package source

import (
	"time"

	"tocsin/track"
)

// State describes the tap in use, for display.
type State struct {
	Newest  time.Time  // when the newest accepted frame arrived; zero: none yet
	Lossy   bool       // copies are used, which can be lost unnoticed
	Sources []string   // the sources: "mod_tocsin 1, Prosody 13.0.1"
	Gap     track.Time // up to when something may have been missed; 0: nothing was
	Gaps    int        // since the start
	Lost    uint64     // events that the sources reported as dropped, since the start

	Ahead time.Duration // how far the server's clock is ahead of ours
}

// State describes the tap in use.
func (s *Source) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.account
	state := State{Newest: s.newest, Lossy: a.copies, Gap: a.gap, Gaps: a.gaps, Lost: a.lost, Ahead: time.Duration(s.skew.Ahead()) * time.Millisecond}
	for _, r := range a.runs {
		if r.Hello != nil && !r.Ended && !a.copies {
			state.Sources = append(state.Sources, r.Hello.Module+", "+r.Hello.Server)
		}
	}
	return state
}

// Gap returns up to when something may have been missed; 0: nothing was.
func (s *Source) Gap() track.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.account.gap
}
