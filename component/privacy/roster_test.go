package privacy

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"tocsin/component/clock"
	"tocsin/component/session"
	"tocsin/internal/expect"
	"tocsin/track"
	"tocsin/xep/privilege"
)

// A roster is read again when it is old, and at once when it has changed: removed contacts soon lose access to the number.
func TestRosterThatChanged(t *testing.T) {
	const bob, alice = "bob@example.org", "alice@example.org"
	n, now := &network{}, clock.NewStepped(time.Unix(1e9, 0))
	s := NewServer(n, now, slog.New(slog.DiscardHandler))
	roster := func(subscription string) {
		n.answer = "<query xmlns='jabber:iq:roster'><item jid='" + alice + "' subscription='" + subscription + "'/></query>"
	}
	roster("both")
	expect.Equal(t, "not granted", s.readStanding(t.Context(), bob, alice), track.StandingUnknown)
	s.Grant("example.org", privilege.Grants{RosterGet: true})
	expect.Equal(t, "a contact", s.readStanding(t.Context(), bob, alice), track.StandingFrom)
	roster("none")
	expect.Equal(t, "a moment later", s.readStanding(t.Context(), bob, alice), track.StandingFrom)
	s.Changed(bob)
	expect.Equal(t, "told of a change", s.readStanding(t.Context(), bob, alice), track.StandingNone)
	roster("both")
	now.Step(rosterLife + time.Second)
	expect.Equal(t, "old", s.readStanding(t.Context(), bob, alice), track.StandingFrom)
	expect.Equal(t, "asked", n.asked, 3)
	n.err = session.ErrDown
	now.Step(rosterLife + time.Second)
	expect.Equal(t, "the stream is down", s.readStanding(t.Context(), bob, alice), track.StandingUnknown)
	n.err = context.DeadlineExceeded
	expect.Equal(t, "no answer", s.readStanding(t.Context(), bob, alice), track.StandingUnknown)
	expect.Equal(t, "it is not asked again", s.readStanding(t.Context(), bob, alice), track.StandingUnknown)
	expect.Equal(t, "asked in all", n.asked, 5)
}
