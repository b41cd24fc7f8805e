package tap

import "tocsin/track"

// skewWindow is how long a stamp counts: at most two windows, at least one.
const skewWindow track.Time = 60_000

// Skew is how far a server's clock is ahead of ours, found by the stamps of what it sends. Transit and queueing only add to the
// age of a stamp, so the youngest recent one is the most accurate.
type Skew struct {
	most, before track.Time // how far it is ahead: by the stamps of this window, and of the one before
	until        track.Time // the end of this window; 0: nothing is known
}

// Observe takes into account what arrives now, with the time at which the server sent it.
func (s *Skew) Observe(stamp, now track.Time) {
	ahead := stamp - now
	if now >= s.until || now < s.until-skewWindow { // the window is over, or our clock was set back
		if s.before = s.most; s.until == 0 {
			s.before = ahead
		}
		s.most, s.until = ahead, now+skewWindow
	}
	s.most = max(s.most, ahead)
}

// Ahead returns how many milliseconds the server's clock is ahead of ours; 0 if nothing is known.
func (s *Skew) Ahead() track.Time { return max(s.most, s.before) }
