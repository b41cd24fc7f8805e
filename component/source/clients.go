package source

import (
	"time"

	"tocsin/component/presence"
	"tocsin/component/tap"
	"tocsin/track"
	"tocsin/xep/caps"
)

// settling is how long after the start of a stream copies of presence show who is online, not who has just come online.
const settling = 10 * time.Second

// recordPresence records who comes and goes from copies of presence, which contain nothing else about sessions.
func (s *Source) recordPresence(r *tap.Resource, settled bool, now track.Time) {
	switch {
	case r.Kind == tap.Unavailable:
		s.clients = append(s.clients, track.Client{JID: r.JID, At: now, Left: true})
	case r.Kind == tap.Available && settled && !s.Presence.Online(r.JID):
		s.clients = append(s.clients, track.Client{JID: r.JID, At: now, Came: true})
	}
}

// sessions handles events about the sessions of a run.
func (s *Source) sessions(run string, reported []tap.Session, acks bool) {
	for i := range reported {
		c := s.table.record(run, &reported[i])
		s.move(c)
		s.recordSession(&reported[i], c, acks)
	}
}

// recordSession records what a session event reveals about the proof to expect from its client.
func (s *Source) recordSession(session *tap.Session, c change, acks bool) {
	client := track.Client{JID: session.JID, At: session.At}
	managed := func(is bool) track.Ternary {
		switch {
		case !acks:
			return track.Unknown
		case is:
			return track.Yes
		}
		return track.No
	}
	switch {
	case session.Kind == tap.SessionOpened:
		client.Came = true
	case session.Kind == tap.SessionManaged && acks:
		client.Managed = track.Yes
	case c.ended:
		client.Left, client.Managed = true, managed(c.managed)
	default:
		return
	}
	s.clients = append(s.clients, client)
}

// move reports changes to the registry.
func (s *Source) move(c change) {
	if c.came != "" {
		s.Presence.Observe(c.came, presence.FromPresence, caps.Caps{Node: c.caps.Node, Ver: c.caps.Ver, Hash: c.caps.Hash})
	}
	if c.left != "" {
		s.Presence.Left(c.left)
	}
}
