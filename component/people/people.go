// Package people holds users' settings in memory and saves changes to them: their preferences, their settings about others,
// and the resulting language and time zone.
//
// It knows neither the wire nor forms. Its tests are in people_test.go.
package people

import (
	"context"
	"fmt"
	"sync"

	"tocsin/component/settings"
	"tocsin/track"
)

// Store keeps users' settings.
type Store interface {
	Prefs(context.Context, func(track.Prefs)) error
	SavePrefs(context.Context, track.Prefs) error
	Contacts(context.Context, func(track.Contact)) error
	SaveContact(context.Context, track.Contact) error
}

// Events are notified of changes by users.
type Events interface {
	// Changed: the user's preferences are new.
	Changed(owner string)
	// NeedsChanged: the data needed from the server has changed.
	NeedsChanged()
}

// Clients knows what a user's clients support.
type Clients interface {
	Clients(bare string) track.Clients
	Present(bare, resource string) bool
	Answering(owner string) []string // full JIDs of those that answer queries
}

// Rosters are the rosters that the server lets us read, as far as they are cached.
type Rosters interface {
	Standing(owner, contact string) track.Standing
}

// Users are the users' settings. It is safe for concurrent use; of two concurrent changes to one thing the last one
// wins.
type Users struct {
	store    Store
	events   Events
	clients  Clients
	rosters  Rosters
	asker    Querier
	settings *settings.Live // Language
	zones    zones

	mu       sync.RWMutex
	prefs    map[string]track.Prefs
	contacts map[[2]string]track.Contact // by owner and contact
}

// New returns the users of a store.
func New(ctx context.Context, store Store, events Events, clients Clients, rosters Rosters, asker Querier, s *settings.Live) (*Users, error) {
	u := &Users{
		store: store, events: events, clients: clients, rosters: rosters, asker: asker, settings: s,
		prefs: map[string]track.Prefs{}, contacts: map[[2]string]track.Contact{},
	}
	if err := store.Prefs(ctx, func(p track.Prefs) { u.prefs[p.JID] = p }); err != nil {
		return nil, fmt.Errorf("load preferences: %w", err)
	}
	if err := store.Contacts(ctx, func(c track.Contact) { u.contacts[[2]string{c.Owner, c.Contact}] = c }); err != nil {
		return nil, fmt.Errorf("load settings about contacts: %w", err)
	}
	return u, nil
}

// Parties implements track.People.
func (u *Users) Parties(c track.Conv) track.Parties {
	standing := u.rosters.Standing(c.Recipient, c.Sender)
	u.mu.RLock()
	defer u.mu.RUnlock()
	return track.Parties{
		Sender: u.prefs[c.Sender].Strict(), Recipient: u.prefs[c.Recipient].Strict(), Contact: u.contacts[[2]string{c.Sender, c.Recipient}],
		Standing: standing, Hidden: u.hides(c.Recipient, c.Sender),
	}
}

// Clients implements track.People.
func (u *Users) Clients(bare string) track.Clients { return u.clients.Clients(bare) }

// Present implements track.People.
func (u *Users) Present(bare, resource string) bool { return u.clients.Present(bare, resource) }

// Language returns the language to use for a user: see the function Language.
func (u *Users) Language(owner string, choices ...string) string {
	return Language(u.Of(owner), u.settings.Get().Language, choices...)
}

// Of returns a user's effective preferences: for a user who has chosen nothing, the zero Prefs with only the JID set.
func (u *Users) Of(bare string) track.Prefs { return u.Stored(bare).Strict() }

// Stored returns a user's preferences as stored, for changing one of them: some may be unreadable.
func (u *Users) Stored(bare string) track.Prefs {
	u.mu.RLock()
	defer u.mu.RUnlock()
	prefs := u.prefs[bare]
	prefs.JID = bare
	return prefs
}

// Unreadable returns the users with unreadable settings, with the names of these.
func (u *Users) Unreadable() map[string][]string {
	u.mu.RLock()
	defer u.mu.RUnlock()
	all := map[string][]string{}
	for jid, prefs := range u.prefs {
		if names := prefs.Unreadable(); len(names) > 0 {
			all[jid] = names
		}
	}
	return all
}

// Synced reports whether any user wants the synchronisation of their own devices to count (XEP-0490).
func (u *Users) Synced() bool {
	u.mu.RLock()
	defer u.mu.RUnlock()
	for _, prefs := range u.prefs {
		if prefs.Strict().Sync != track.SyncOff {
			return true
		}
	}
	return false
}

// OptedIn returns the users who have opted in to prompts by chat.
func (u *Users) OptedIn() []string {
	u.mu.RLock()
	defer u.mu.RUnlock()
	var all []string
	for jid, prefs := range u.prefs {
		if prefs.Fallback == track.On {
			all = append(all, jid)
		}
	}
	return all
}

// Set saves the preferences of a user.
func (u *Users) Set(ctx context.Context, prefs track.Prefs) error {
	if err := u.store.SavePrefs(ctx, prefs); err != nil {
		return fmt.Errorf("save preferences: %w", err)
	}
	before := u.Synced()
	u.mu.Lock()
	u.prefs[prefs.JID] = prefs
	u.mu.Unlock()
	u.events.Changed(prefs.JID)
	if u.Synced() != before {
		u.events.NeedsChanged()
	}
	return nil
}

// ContactsOf returns a user's settings about others.
func (u *Users) ContactsOf(owner string) []track.Contact {
	u.mu.RLock()
	defer u.mu.RUnlock()
	var list []track.Contact
	for key, c := range u.contacts {
		if key[0] == owner {
			list = append(list, c)
		}
	}
	return list
}

// SetContact saves a user's settings about another.
func (u *Users) SetContact(ctx context.Context, c track.Contact) error {
	if err := u.store.SaveContact(ctx, c); err != nil {
		return fmt.Errorf("save settings about a contact: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.contacts[[2]string{c.Owner, c.Contact}] = c
	return nil
}

// Hides reports whether owner hides the number from contact: from them, from their domain, or from everybody.
func (u *Users) Hides(owner, contact string) bool {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.hides(owner, contact)
}

func (u *Users) hides(owner, contact string) bool {
	for _, from := range [...]string{"", contact, track.Domain(contact)} {
		if u.contacts[[2]string{owner, from}].Hidden {
			return true
		}
	}
	return false
}

// Forget drops a user's settings from memory; the store has deleted them.
func (u *Users) Forget(owner string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.prefs, owner)
	for key := range u.contacts {
		if key[0] == owner {
			delete(u.contacts, key)
		}
	}
}
