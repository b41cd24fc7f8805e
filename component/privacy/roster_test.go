package privacy

import (
	"log/slog"
	"testing"
	"time"

	"tocsin/component/clock"
	"tocsin/internal/expect"
	"tocsin/xep/privilege"
)

// A roster is read again when it is old, and at once when it has changed: who was removed from it is not shown a number for long.
func TestRosterThatChanged(t *testing.T) {
	const bob, alice = "bob@example.org", "alice@example.org"
	n, now := &network{}, clock.NewStepped(time.Unix(1e9, 0))
	s := NewServer(n, now, slog.New(slog.DiscardHandler))
	roster := func(subscription string) {
		n.answer = "<query xmlns='jabber:iq:roster'><item jid='" + alice + "' subscription='" + subscription + "'/></query>"
	}
	roster("both")
	expect.Equal(t, "not granted", s.shows(t.Context(), bob, alice), false)
	s.Grant("example.org", privilege.Grants{RosterGet: true})
	expect.Equal(t, "a contact", s.shows(t.Context(), bob, alice), true)
	roster("none")
	expect.Equal(t, "a moment later", s.shows(t.Context(), bob, alice), true)
	s.Changed(bob)
	expect.Equal(t, "told of a change", s.shows(t.Context(), bob, alice), false)
	roster("both")
	now.Step(rosterLife + time.Second)
	expect.Equal(t, "old", s.shows(t.Context(), bob, alice), true)
	expect.Equal(t, "asked", n.asked, 3)
}
