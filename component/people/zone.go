package people

import (
	"context"
	"encoding/xml"
	"sync"
	"time"

	"tocsin/track"
)

const (
	// askZoneWithin is how long a client has to report its time, maxZoneAsks how many of a user's clients are asked.
	askZoneWithin = 2 * time.Second
	maxZoneAsks   = 3
	// maxZones is how many users' zones are cached; beyond that all are asked again.
	maxZones = 100_000
)

// Querier sends an entity an IQ, and reads its answer: see session.Session.
type Querier interface {
	Query(ctx context.Context, to, kind string, payload, answer any) error
}

// zones are the time zones reported by users' clients, by bare JID; nil if they report none.
type zones struct {
	mu    sync.Mutex
	known map[string]*time.Location
}

func (z *zones) get(owner string) (zone *time.Location, asked bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	zone, asked = z.known[owner]
	return zone, asked
}

func (z *zones) set(owner string, zone *time.Location) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.known == nil || len(z.known) >= maxZones {
		z.known = map[string]*time.Location{}
	}
	z.known[owner] = zone
}

// entityTime is a client's time; only the offset is used (XEP-0202 §2).
type entityTime struct {
	XMLName xml.Name `xml:"urn:xmpp:time time"`
	TZO     string   `xml:"tzo,omitempty"`
}

// Locate queries a user's clients for their time zone, once, unless the user has set one; it may take some seconds.
// from is an online client, or "".
func (u *Users) Locate(ctx context.Context, owner, from string) {
	if _, asked := u.zones.get(owner); asked || u.Of(owner).Zone != "" {
		return
	}
	var clients []string
	if from != "" {
		clients = append(clients, from)
	}
	for _, full := range u.clients.Answering(owner) {
		if full != from {
			clients = append(clients, full)
		}
	}
	if len(clients) == 0 {
		return // there may be one later
	}
	for _, full := range clients[:min(len(clients), maxZoneAsks)] {
		within, cancel := context.WithTimeout(ctx, askZoneWithin)
		var at entityTime
		err := u.asker.Query(within, full, "get", entityTime{}, &at)
		cancel()
		if zone := offset(at.TZO); err == nil && zone != nil {
			u.zones.set(owner, zone)
			return
		}
	}
	u.zones.set(owner, nil)
}

// offset parses an offset from UTC such as "+08:00" (XEP-0082 §3.2); nil for anything else.
func offset(tzo string) *time.Location {
	if tzo == "Z" {
		return time.UTC
	}
	at, err := time.Parse("-07:00", tzo)
	if err != nil {
		return nil
	}
	_, seconds := at.Zone()
	return time.FixedZone("", seconds)
}

// Zone returns the time zone for times shown to a user: the chosen one, else that of a client, else UTC.
func (u *Users) Zone(owner string) *time.Location {
	prefs := u.Of(owner)
	if zone, err := time.LoadLocation(prefs.Zone); prefs.Zone != "" && err == nil && zone != time.Local {
		return zone
	}
	if zone, _ := u.zones.get(track.Bare(owner)); zone != nil {
		return zone
	}
	return time.UTC
}
