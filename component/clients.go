package component

import (
	"sync"

	"tocsin/component/clock"
	"tocsin/component/outbox"
	"tocsin/component/source"
	"tocsin/component/writer"
	"tocsin/track"
)

// maxAnnounced limits the users whose announcements are remembered; beyond it, all are reported again.
const maxAnnounced = 100_000

// announcements reports to the ledger whether users' clients announce markers, whenever that becomes known or changes, and
// passes on all other presence events.
type announcements struct {
	*outbox.Backlog
	queue *writer.Queue
	clock clock.Clock

	mu        sync.Mutex
	announced map[string]track.Ternary
}

// Changed implements presence.Events.
func (a *announcements) Changed(owner string, clients track.Clients) {
	a.Backlog.Changed(owner)
	if clients.Markers == track.Unknown || a.wasAnnounced(owner, clients.Markers) {
		return
	}
	client := track.Client{JID: owner, At: track.At(a.clock.Now()), Markers: clients.Markers}
	a.queue.Offer(&track.Events{Clients: []track.Client{client}}, nil)
}

func (a *announcements) wasAnnounced(owner string, markers track.Ternary) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.announced[owner] == markers {
		return true
	}
	if a.announced == nil || len(a.announced) >= maxAnnounced {
		a.announced = map[string]track.Ternary{}
	}
	a.announced[owner] = markers
	return false
}

// choices passes on changes of users' preferences.
type choices struct {
	*outbox.Backlog
	source *source.Source
}

// NeedsChanged implements people.Events.
func (c choices) NeedsChanged() { c.source.Refresh() }
