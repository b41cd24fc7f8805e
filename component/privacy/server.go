package privacy

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tocsin/component/clock"
	"tocsin/component/numbers"
	"tocsin/component/queue"
	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/privilege"
	"tocsin/xep/vcard"
)

const (
	// rosterLife is how long a roster is cached, vcardLife how long the number in a vCard, or its absence.
	rosterLife = 5 * time.Minute
	vcardLife  = 24 * time.Hour
	lookWithin = 5 * time.Second
	cacheMax   = 10_000
	// readers is how many rosters are prefetched at a time, maxMissing how many may wait for that.
	readers    = 8
	maxMissing = 10_000
)

// Querier sends an entity an IQ, and reads its answer.
type Querier interface {
	Query(ctx context.Context, to, kind string, payload, answer any) error
}

// Server queries data about the server's users: their rosters, where granted (XEP-0356), and their vCards, which are public.
type Server struct {
	asker Querier
	clock clock.Clock
	log   *slog.Logger

	mu     sync.Mutex
	grants map[string]privilege.Grants // by domain
	known  map[string]rosterEntry
	cards  map[string]cardEntry

	nameless map[string]time.Time // domains that provide no names, and until when they are not queried

	missing *queue.Shared[string] // users whose rosters should be read
	wanted  map[string]bool       // those in missing, and those being read
}

type rosterEntry struct {
	privilege.Roster
	unread bool // it could not be read
	at     time.Time
}

type cardEntry struct {
	track.Number
	at time.Time
}

// NewServer returns a server that has granted nothing yet.
func NewServer(asker Querier, c clock.Clock, log *slog.Logger) *Server {
	return &Server{asker: asker, clock: c, log: log, grants: map[string]privilege.Grants{}, known: map[string]rosterEntry{}, cards: map[string]cardEntry{}, nameless: map[string]time.Time{},
		missing: queue.NewShared[string](maxMissing), wanted: map[string]bool{}}
}

// Reset forgets what the server has granted: it announces its grants on each new stream.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.grants)
	clear(s.known)
	clear(s.nameless)
}

// Grant records what a domain has granted to the component.
func (s *Server) Grant(domain string, g privilege.Grants) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grants[domain] = g
}

// Grants returns what a domain has granted to the component.
func (s *Server) Grants(domain string) privilege.Grants {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grants[domain]
}

// Forget drops what is cached about a user whose account was deleted.
func (s *Server) Forget(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, owner)
	delete(s.cards, owner)
}

// Changed records that a roster has changed since it was read.
func (s *Server) Changed(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if entry, ok := s.known[owner]; ok {
		entry.at = time.Time{}
		s.known[owner] = entry
	}
}

// Run reads missing rosters until ctx is done.
func (s *Server) Run(ctx context.Context) error {
	s.missing.Work(ctx, readers, func(ctx context.Context, owner string) {
		s.roster(ctx, owner)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.wanted, owner)
	})
	return nil
}

// Standing returns the contact's standing in the owner's roster, if it is cached. Otherwise the roster will be read, if
// permitted.
func (s *Server) Standing(owner, contact string) track.Standing {
	if !s.Grants(track.Domain(owner)).RosterGet {
		return track.StandingUnknown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, ok := s.known[owner]
	if (!ok || s.clock.Now().Sub(entry.at) > rosterLife) && !s.wanted[owner] {
		s.wanted[owner] = true
		if lost, room := s.missing.Push(owner, owner); !room {
			delete(s.wanted, lost)
		}
	}
	switch {
	case !ok:
		return track.StandingUnknown
	}
	return entry.standing(contact)
}

// standing returns the contact's standing in this roster.
func (e rosterEntry) standing(contact string) track.Standing {
	switch {
	case e.unread:
		return track.StandingUnknown
	case e.Shows(contact):
		return track.StandingFrom
	}
	return track.StandingNone
}

// readStanding returns the contact's standing in the owner's roster, which is read if necessary. It is unknown without permission,
// and if the roster can't be read.
func (s *Server) readStanding(ctx context.Context, owner, contact string) track.Standing {
	if !s.Grants(track.Domain(owner)).RosterGet {
		return track.StandingUnknown
	}
	return s.roster(ctx, owner).standing(contact)
}

// roster returns a user's roster, from the cache if possible.
func (s *Server) roster(ctx context.Context, owner string) rosterEntry {
	now := s.clock.Now()
	s.mu.Lock()
	entry, ok := s.known[owner]
	s.mu.Unlock()
	if ok && now.Sub(entry.at) <= rosterLife {
		return entry
	}
	entry = rosterEntry{at: now}
	err := s.query(ctx, owner, privilege.Roster{}, &entry.Roster)
	if errors.Is(err, session.ErrDown) || ctx.Err() != nil {
		return rosterEntry{unread: true}
	}
	if err != nil { // cached, so that not every notice repeats the request
		s.log.Warn("could not read a roster", "err", err)
		entry.Roster, entry.unread = privilege.Roster{}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= cacheMax {
		clear(s.known)
	}
	s.known[owner] = entry
	return entry
}

// query queries a user's server, with a short timeout.
func (s *Server) query(ctx context.Context, owner string, query, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	return s.asker.Query(ctx, owner, "get", query, answer)
}

// vcard returns the mobile number in a user's vCard: vcard-temp (XEP-0054), else vCard4 (XEP-0292). If the server does not
// answer, there is assumed to be none, and it is queried again soon.
func (s *Server) vcard(ctx context.Context, owner, region string) (track.Number, error) {
	now := s.clock.Now()
	s.mu.Lock()
	entry, ok := s.cards[owner]
	s.mu.Unlock()
	if ok && now.Sub(entry.at) <= vcardLife {
		return entry.Number, nil
	}
	var temp vcard.Temp
	var card vcard.VCard4
	err := s.query(ctx, owner, vcard.Temp{}, &temp)
	found := temp.Numbers()
	if len(found) == 0 && (err == nil || session.IsAnswer(err)) {
		err = s.query(ctx, owner, vcard.VCard4{}, &card)
		found = card.Numbers()
	}
	if errors.Is(err, session.ErrDown) || ctx.Err() != nil {
		return track.Number{}, err
	}
	entry = cardEntry{at: now}
	if err != nil && !session.IsAnswer(err) {
		entry.at = now.Add(rosterLife - vcardLife)
	}
	if e164, ok := numbers.FromVCard(found, region); ok {
		entry.Number = track.Number{JID: owner, E164: e164, Source: track.FromVCard, At: track.At(now)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cards) >= cacheMax {
		clear(s.cards)
	}
	s.cards[owner] = entry
	return entry.Number, nil
}
