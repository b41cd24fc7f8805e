package component

import (
	"context"
	"fmt"
	"sync"

	"tocsin/component/presence"
	"tocsin/track"
)

// people holds the users' settings in memory, for the ledger, and keeps what they change.
type people struct {
	store    SettingStore
	presence *presence.Registry

	mu       sync.RWMutex
	prefs    map[string]track.Prefs
	contacts map[[2]string]track.Contact // by owner and contact
}

func loadPeople(ctx context.Context, store SettingStore, r *presence.Registry) (*people, error) {
	p := &people{store: store, presence: r, prefs: map[string]track.Prefs{}, contacts: map[[2]string]track.Contact{}}
	if err := store.Prefs(ctx, func(x track.Prefs) { p.prefs[x.JID] = x }); err != nil {
		return nil, fmt.Errorf("load settings: %w", err)
	}
	if err := store.Contacts(ctx, func(x track.Contact) { p.contacts[[2]string{x.Owner, x.Contact}] = x }); err != nil {
		return nil, fmt.Errorf("load settings about contacts: %w", err)
	}
	return p, nil
}

// Parties implements track.People.
func (p *people) Parties(c track.Conv) track.Parties {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return track.Parties{Sender: p.prefs[c.Sender], Recipient: p.prefs[c.Recipient], Contact: p.contacts[[2]string{c.Sender, c.Recipient}]}
}

// Can implements track.People.
func (p *people) Can(bare string) track.Can { return p.presence.Can(bare) }

// Of returns the settings of a user.
func (p *people) Of(bare string) track.Prefs {
	p.mu.RLock()
	defer p.mu.RUnlock()
	prefs := p.prefs[bare]
	prefs.JID = bare
	return prefs
}

// Set keeps the settings of a user.
func (p *people) Set(ctx context.Context, prefs track.Prefs) error {
	if err := p.store.SavePrefs(ctx, prefs); err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prefs[prefs.JID] = prefs
	return nil
}

// ContactsOf returns what a user has set about others.
func (p *people) ContactsOf(owner string) []track.Contact {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var list []track.Contact
	for key, c := range p.contacts {
		if key[0] == owner {
			list = append(list, c)
		}
	}
	return list
}

// SetContact keeps what a user has set about another.
func (p *people) SetContact(ctx context.Context, c track.Contact) error {
	if err := p.store.SaveContact(ctx, c); err != nil {
		return fmt.Errorf("save settings about a contact: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.contacts[[2]string{c.Owner, c.Contact}] = c
	return nil
}

// hides reports whether owner hides the number from contact, or from everybody.
func (p *people) hides(owner, contact string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.contacts[[2]string{owner, contact}].Hidden || p.contacts[[2]string{owner, ""}].Hidden
}

// forget drops the settings of a user from memory; the store has forgotten them.
func (p *people) forget(owner string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.prefs, owner)
	for key := range p.contacts {
		if key[0] == owner {
			delete(p.contacts, key)
		}
	}
}
