package source

import (
	"time"

	"tocsin/track"
)

// skewWindow is how long information about the server's clock counts: at most two windows, at least one.
const skewWindow = track.Time(60_000)

// skew is how far the server's clock is ahead of ours. A batch has the time it was sent, by the server's clock; transit and
// queueing only add to its age, so the youngest recent one is the most accurate.
type skew struct {
	most, before int64      // milliseconds ahead: of this window, and of the one before
	until        track.Time // the end of this window; 0: nothing is known
}

func (s *skew) observe(sent, now track.Time) {
	if sent == 0 {
		return
	}
	ahead := int64(sent - now)
	if now >= s.until || now < s.until-skewWindow { // it is over, or our clock was set back
		if s.before = s.most; s.until == 0 {
			s.before = ahead
		}
		s.most, s.until = ahead, now+skewWindow
	}
	s.most = max(s.most, ahead)
}

func (s *skew) ahead() time.Duration {
	return time.Duration(max(s.most, s.before)) * time.Millisecond
}
