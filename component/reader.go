package component

import (
	"net"
	"sync/atomic"

	"tocsin/component/clock"
	"tocsin/component/intake"
	"tocsin/component/metrics"
	"tocsin/component/presence"
	"tocsin/component/settings"
	"tocsin/component/tap"
	"tocsin/component/writer"
	"tocsin/track"
	"tocsin/xep/caps"
)

// reader takes the copies of the tap out of the connection, before the XMPP library reads it, and makes facts of them. All
// but last is owned by the goroutine that reads the stream.
type reader struct {
	maxStanza int
	settings  *settings.Live
	queue     *writer.Queue
	presence  *presence.Registry
	clock     clock.Clock
	metrics   *metrics.Metrics
	refuse    func(from, to, id string) // answers a request that nobody else sees

	tap      *tap.Tap
	clocks   tap.Clocks
	of       *settings.Settings // those that tap was made with
	sighting tap.Sighting
	last     atomic.Int64 // Unix milliseconds of the newest copy that was believed
}

func (r *reader) wrap(c net.Conn) net.Conn {
	r.clocks.NewStream()
	conn := intake.NewConn(c, intake.Limits{Bytes: r.maxStanza}, r.take)
	conn.Dropped = func(why intake.Reason) { r.dropped(string(why)) }
	conn.Refuse = func(iq intake.Request) { r.refuse(iq.From, iq.To, iq.ID) }
	return conn
}

func (r *reader) dropped(reason string) { r.metrics.Dropped.WithLabelValues(reason).Inc() }

// take makes facts of one tapped copy. The frame is gone after it.
func (r *reader) take(frame []byte) {
	if s := r.settings.Get(); r.of != s {
		r.tap, r.of = tap.New(s.Tap), s
		r.tap.Clocks = r.clocks
	}
	now := r.clock.Now()
	verdict := r.tap.Take(frame, track.At(now), &r.sighting)
	r.metrics.Stanzas.WithLabelValues(verdict.String()).Inc()
	if verdict != tap.Rejected && verdict != tap.Malformed {
		r.last.Store(now.UnixMilli())
	}
	for i := range r.sighting.Seen {
		seen := &r.sighting.Seen[i]
		switch seen.Kind {
		case tap.Unavailable:
			r.presence.Left(seen.JID)
		case tap.Available:
			r.presence.Saw(seen.JID, presence.FromPresence, caps.Caps{Node: seen.Caps.Node, Ver: seen.Caps.Ver, Hash: seen.Caps.Hash})
		default:
			r.presence.Saw(seen.JID, presence.FromActivity, caps.Caps{})
		}
	}
	if r.sighting.VoidHint {
		r.metrics.VoidHints.Inc()
	}
	for i := range r.sighting.Facts {
		fact := r.sighting.Facts[i]
		r.queue.Offer(&fact)
	}
}
