package tap

import "tocsin/track"

// clockSlack is the tolerated difference, in milliseconds, between the clocks of server and component.
const clockSlack track.Time = 2000

// serverClock translates the stamps of one domain from the server's time to ours, by which alarms are set. What is older than
// the skew explains was queued. The very first copies are assumed to be new: an alarm that is late is better than one that is
// early. Since copies arrive in order, none is older than the one before it on the same stream.
type serverClock struct {
	skew   Skew
	offset track.Time // added to its stamps
	last   track.Time // when the newest copy of this stream was made
}

// at returns when a copy that arrives now was made.
func (c *serverClock) at(stamp, now track.Time) track.Time {
	c.skew.Observe(stamp, now)
	if behind := -c.skew.Ahead(); max(behind-c.offset, c.offset-behind) > clockSlack {
		c.offset = behind
	}
	c.last = min(max(stamp+c.offset, c.last), now)
	return c.last
}

// Clocks are the clocks of the domains that stamp their copies; only trusted domains are in it. It outlives a Tap.
type Clocks map[string]*serverClock

// NewStream allows the next copy to be older than the previous one.
func (all Clocks) NewStream() {
	for _, c := range all {
		c.last = 0
	}
}

func (all Clocks) at(domain []byte, stamp, now track.Time) track.Time {
	if all == nil {
		return min(stamp, now)
	}
	return all.of(domain).at(stamp, now)
}

func (all Clocks) of(domain []byte) *serverClock {
	c := all[string(domain)]
	if c == nil {
		c = &serverClock{}
		all[string(domain)] = c
	}
	return c
}

// inOrder returns when an event happened that arrives now, given its time according to the age of its batch. Transit times
// differ by milliseconds, which must not make a later event older. A much older one was queued.
func (all Clocks) inOrder(domain []byte, at track.Time) track.Time {
	if all == nil {
		return at
	}
	c := all.of(domain)
	if at < c.last && c.last-at <= clockSlack {
		return c.last
	}
	c.last = max(c.last, at)
	return at
}
