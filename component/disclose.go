package component

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tocsin/component/numbers"
	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/privilege"
	"tocsin/xep/vcard"
)

const (
	// rosterLife is how long a roster is remembered, vcardLife how long a vCard's number, or that it has none.
	rosterLife = 5 * time.Minute
	vcardLife  = 24 * time.Hour
	lookWithin = 5 * time.Second
	cacheMax   = 10_000
)

// numberFor returns the recipient's number, if it may go to the sender, else "".
func (s *Service) numberFor(ctx context.Context, conv track.Conv) (string, error) {
	c, err := s.caseOf(ctx, conv)
	if err != nil {
		return "", err
	}
	policy := s.disclosure()
	number, why := policy.Release(c)
	if why == numbers.NoNumber && policy.VCards && policy.Disclose != track.DiscloseConsented {
		if c.Number, err = s.roster.vcard(ctx, conv.Recipient); err != nil {
			return "", err
		}
		number, _ = policy.Release(c)
	}
	return number, nil
}

// reveals reports whether the sender may tell undelivered from unread. What cannot be found out is not revealed.
func (s *Service) reveals(ctx context.Context, conv track.Conv) bool {
	policy := s.disclosure()
	if policy.Reveal == track.RevealAll {
		return true
	}
	c, err := s.caseOf(ctx, conv)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Error("could not look up a consent", "err", err)
		}
		return false
	}
	return policy.Reveals(c)
}

func (s *Service) disclosure() numbers.Policy {
	settings := s.settings.Get()
	return numbers.Policy{Disclose: settings.Policy.Disclose, Reveal: settings.Policy.Reveal, VCards: settings.VCards, Verify: settings.Verify}
}

// caseOf gathers what a decision about the recipient's privacy depends on.
func (s *Service) caseOf(ctx context.Context, conv track.Conv) (numbers.Case, error) {
	c := numbers.Case{
		Owner:  s.people.Of(conv.Recipient),
		Sender: conv.Sender,
		Hides:  func(from string) bool { return s.people.hides(conv.Recipient, from) },
	}
	if s.settings.Get().Directory {
		n, _, err := s.opts.Store.Number(ctx, conv.Recipient)
		if err != nil {
			return c, fmt.Errorf("look up a number: %w", err)
		}
		c.Number = n
	}
	c.Visible = s.roster.shows(ctx, conv.Recipient, conv.Sender)
	return c, nil
}

// rosters is what the server lets the component see of its users beside the tap: their rosters, where that is granted
// (XEP-0356), and their vCards, which anybody may see.
type rosters struct {
	svc *Service

	mu     sync.Mutex
	grants map[string]privilege.Grants // by domain
	known  map[string]rosterEntry
	cards  map[string]cardEntry
}

type rosterEntry struct {
	privilege.Roster
	at time.Time
}

type cardEntry struct {
	track.Number
	at time.Time
}

func newRosters(s *Service) *rosters {
	return &rosters{svc: s, grants: map[string]privilege.Grants{}, known: map[string]rosterEntry{}, cards: map[string]cardEntry{}}
}

// reset forgets what the server has granted: with a new stream it says so anew.
func (r *rosters) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.grants)
	clear(r.known)
}

// granted takes in what a domain lets the component do.
func (r *rosters) granted(domain string, g privilege.Grants) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.grants[domain] = g
}

func (r *rosters) of(domain string) privilege.Grants {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.grants[domain]
}

// shows reports whether the owner's roster lets the contact see the owner's presence. Without the right to look it is
// taken not to.
func (r *rosters) shows(ctx context.Context, owner, contact string) bool {
	if !r.of(track.Domain(owner)).RosterGet {
		return false
	}
	now := r.svc.clock.Now()
	r.mu.Lock()
	entry, ok := r.known[owner]
	r.mu.Unlock()
	if !ok || now.Sub(entry.at) > rosterLife {
		entry = rosterEntry{at: now}
		err := r.ask(ctx, owner, privilege.Roster{}, &entry.Roster)
		if errors.Is(err, session.ErrDown) || ctx.Err() != nil {
			return false
		}
		if err != nil { // it is not asked for again at every notice
			r.svc.log.Warn("could not read a roster", "err", err)
			entry.Roster = privilege.Roster{}
		}
		r.mu.Lock()
		if len(r.known) >= cacheMax {
			clear(r.known)
		}
		r.known[owner] = entry
		r.mu.Unlock()
	}
	return entry.Shows(contact)
}

// ask asks a user's server; it does not wait for long.
func (r *rosters) ask(ctx context.Context, owner string, query, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	return r.svc.session.Ask(ctx, owner, "get", query, answer)
}

// vcard returns the number that a user's vCard names as a mobile phone's: vcard-temp (XEP-0054), else vCard4 (XEP-0292).
// A server that does not answer is taken to have none, and is asked again before long.
func (r *rosters) vcard(ctx context.Context, owner string) (track.Number, error) {
	now := r.svc.clock.Now()
	r.mu.Lock()
	entry, ok := r.cards[owner]
	r.mu.Unlock()
	if ok && now.Sub(entry.at) <= vcardLife {
		return entry.Number, nil
	}
	var temp vcard.Temp
	var card vcard.VCard4
	err := r.ask(ctx, owner, vcard.Temp{}, &temp)
	found := temp.Numbers()
	if len(found) == 0 && (err == nil || session.IsAnswer(err)) {
		err = r.ask(ctx, owner, vcard.VCard4{}, &card)
		found = card.Numbers()
	}
	if errors.Is(err, session.ErrDown) || ctx.Err() != nil {
		return track.Number{}, err
	}
	entry = cardEntry{at: now}
	if err != nil && !session.IsAnswer(err) {
		entry.at = now.Add(rosterLife - vcardLife)
	}
	if e164, ok := numbers.FromVCard(found, r.svc.settings.Get().Region); ok {
		entry.Number = track.Number{JID: owner, E164: e164, Source: track.FromVCard, At: track.At(now)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cards) >= cacheMax {
		clear(r.cards)
	}
	r.cards[owner] = entry
	return entry.Number, nil
}
