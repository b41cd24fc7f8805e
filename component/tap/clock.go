package tap

import "tocsin/track"

const (
	// clockSlack is by how much, in milliseconds, the clocks of server and component may differ without anybody caring.
	clockSlack track.Time = 2000
	// clockWindow is how long a difference between them counts, and half as long at least.
	clockWindow track.Time = 60_000
)

// serverClock translates the stamps of one domain. Stamps are the server's time, alarms go by ours. A copy that comes as it
// is made is stamped now, so the least age that was seen lately is how much the two clocks differ; what is older than that
// was kept. The very first copies are taken for new ones: rather too late an alarm than too early. And since copies come
// in the order in which they were made, none is older than one before it on the same stream.
type serverClock struct {
	offset        track.Time // what is added to its stamps
	least, before track.Time // the least age in this window, and in the one before
	until         track.Time // the end of this window
	last          track.Time // when the newest copy of this stream was made
}

// at returns when a copy that comes now was made.
func (c *serverClock) at(stamp, now track.Time) track.Time {
	age := now - stamp
	if now >= c.until || now < c.until-clockWindow { // it is over, or our clock was put back
		if c.before = c.least; c.until == 0 {
			c.before = age
		}
		c.least, c.until = age, now+clockWindow
	}
	c.least = min(c.least, age)
	if least := min(c.least, c.before); max(least-c.offset, c.offset-least) > clockSlack {
		c.offset = least
	}
	c.last = min(max(stamp+c.offset, c.last), now)
	return c.last
}

// Clocks are what is known of the clocks of the domains that stamp their copies, which are as many as are believed. They
// outlive a Tap.
type Clocks map[string]*serverClock

// NewStream says that what comes now may be older than what came before.
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

// inOrder returns when an event was made that comes now and was at, by the age of its batch. How long batches are on their way
// differs by milliseconds: what comes after something else is not older for that. Much older is what was kept.
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
