package people

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"tocsin/component/session"
	"tocsin/component/settings"
	"tocsin/internal/expect"
	"tocsin/track"
)

// The setting comes first, then the language of the user's stanzas, then the domain's; "en" on a stanza does not count.
func TestLanguage(t *testing.T) {
	for _, tc := range []struct{ user, domain, choice, want string }{
		{"", "en", "", "en"},
		{"", "zh", "", "zh"},
		{"zh", "en", "", "zh"},
		{"zh", "en", "en", "zh"},
		{"en", "zh", "zh-CN", "en"},
		{"zh", "zh", "en-GB", "en"},
		{"", "en", "zh_TW", "zh"},
		{"zh", "en", "tlh", "zh"},
		{"fr", "zh", "fr", "zh"},
	} {
		if got := Language(track.Prefs{Language: tc.user}, tc.domain, tc.choice); got != tc.want {
			t.Errorf("user %q, domain %q, choice %q: %s, want %s", tc.user, tc.domain, tc.choice, got, tc.want)
		}
	}
}

// TestZone: the user's setting, else the client's zone, else UTC; a client is queried once.
func TestZone(t *testing.T) {
	const alice, phone = "alice@example.org", "alice@example.org/phone"
	for name, tc := range map[string]struct {
		chosen, told, want string
		asked              int
	}{
		"nothing is known":    {"", "", "+00:00", 1},
		"chosen":              {"Asia/Shanghai", "-05:00", "+08:00", 0},
		"a client tells":      {"", "+05:30", "+05:30", 1},
		"UTC":                 {"", "Z", "+00:00", 1},
		"not a zone":          {"", "CET", "+00:00", 1},
		"a zone that is gone": {"Mars/Olympus", "", "+00:00", 0},
		"that of the machine": {"Local", "", "+00:00", 0},
		"a path, not a zone":  {"../etc", "", "+00:00", 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := &fakeStore{prefs: []track.Prefs{{JID: alice, Zone: tc.chosen}}, tzo: tc.told}
			u, err := New(t.Context(), b, b, b, b, b, settings.NewLive(settings.Settings{Language: "en"}, false))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				u.Locate(t.Context(), alice, phone)
			}
			expect.Equal(t, "zone", time.Date(2026, 1, 1, 0, 0, 0, 0, u.Zone(alice)).Format("-07:00"), tc.want)
			expect.Equal(t, "asked", b.asked, tc.asked)
		})
	}
}

// fakeStore is a store, and a receiver of changes.
type fakeStore struct {
	broken  error
	changed []string
	needs   int
	prefs   []track.Prefs
	tzo     string // reported by clients; "": they refuse
	asked   int
}

func (b *fakeStore) Prefs(_ context.Context, add func(track.Prefs)) error {
	for _, p := range b.prefs {
		add(p)
	}
	return nil
}
func (b *fakeStore) SavePrefs(context.Context, track.Prefs) error        { return b.broken }
func (b *fakeStore) Contacts(context.Context, func(track.Contact)) error { return nil }
func (b *fakeStore) SaveContact(context.Context, track.Contact) error    { return b.broken }
func (b *fakeStore) NeedsChanged()                                       { b.needs++ }
func (b *fakeStore) Changed(owner string)                                { b.changed = append(b.changed, owner) }
func (b *fakeStore) Answering(string) []string                           { return nil }
func (b *fakeStore) Query(_ context.Context, _, _ string, _, answer any) error {
	b.asked++
	answer.(*entityTime).TZO = b.tzo
	if b.tzo == "" {
		return &session.StanzaError{Condition: "service-unavailable"}
	}
	return nil
}
func (b *fakeStore) Clients(string) track.Clients { return track.Clients{} }

// TestHides: numbers hidden from a person, a domain, everybody.
func TestHides(t *testing.T) {
	const bob = "bob@example.org"
	for _, tc := range []struct {
		from string
		want bool
	}{{"", true}, {"alice@example.net", true}, {"example.net", true}, {"eve@example.net", false}, {"example.org", false}} {
		b := &fakeStore{}
		u, err := New(t.Context(), b, b, b, b, b, settings.NewLive(settings.Settings{Language: "en"}, false))
		if err != nil {
			t.Fatal(err)
		}
		if err := u.SetContact(t.Context(), track.Contact{Owner: bob, Contact: tc.from, Hidden: true}); err != nil {
			t.Fatal(err)
		}
		conv := track.Conv{Sender: "alice@example.net", Recipient: bob}
		if got := u.Hides(bob, conv.Sender); got != tc.want || u.Parties(conv).Hidden != tc.want {
			t.Errorf("hidden from %q: %t", tc.from, got)
		}
	}
}

// Unreadable settings have their strictest meaning, and stay as stored when something else is changed.
func TestUnreadable(t *testing.T) {
	const alice, bob = "alice@example.org", "bob@example.org"
	stored := track.Prefs{JID: bob, Mode: 9, Share: 7, Watch: 5, Fallback: 200, Quiet: "22-7", Language: "fr"}
	b := &fakeStore{prefs: []track.Prefs{stored, {JID: alice, Mode: track.Auto}}}
	u, err := New(t.Context(), b, b, b, b, b, settings.NewLive(settings.Settings{Language: "en"}, false))
	if err != nil {
		t.Fatal(err)
	}
	strict := track.Prefs{JID: bob, Mode: track.Never, Share: track.ShareContacts, Watch: track.Off, Fallback: track.Off, Quiet: "22-7"}
	expect.Equal(t, "of him", u.Of(bob), strict)
	expect.Equal(t, "stored", u.Stored(bob), stored)
	expect.Equal(t, "as a recipient", u.Parties(track.Conv{Sender: alice, Recipient: bob}).Recipient, strict)
	expect.Equal(t, "as a sender", u.Parties(track.Conv{Sender: bob, Recipient: alice}).Sender, strict)
	expect.Equal(t, "unreadable", fmt.Sprint(u.Unreadable()), "map[bob@example.org:[mode quiet_hours language fallback watch_me share]]")
}

// Standing implements Rosters.
func (b *fakeStore) Standing(string, string) track.Standing { return track.StandingUnknown }
func (b *fakeStore) Present(string, string) bool            { return true }

// Settings that could not be saved have no effect, and are not announced.
func TestSet(t *testing.T) {
	const alice, bob = "alice@example.org", "bob@example.org"
	b := &fakeStore{prefs: []track.Prefs{{JID: alice, Zone: "Asia/Shanghai"}}}
	u, err := New(t.Context(), b, b, b, b, b, settings.NewLive(settings.Settings{Language: "en"}, false))
	if err != nil {
		t.Fatal(err)
	}
	zone := func() string { return u.Zone(alice).String() }
	expect.Equal(t, "loaded", zone(), "Asia/Shanghai")
	b.broken = errors.New("away")
	if u.Set(t.Context(), track.Prefs{JID: alice, Zone: "Europe/Paris"}) == nil || u.SetContact(t.Context(), track.Contact{Owner: bob, Contact: alice, Hidden: true}) == nil {
		t.Error("no error")
	}
	expect.Equal(t, "not saved", zone(), "Asia/Shanghai")
	expect.Equal(t, "hidden", u.Hides(bob, alice), false)
	expect.Equal(t, "told", b.changed, []string(nil))
	b.broken = nil
	expect.Equal(t, "set", u.Set(t.Context(), track.Prefs{JID: alice, Zone: "Europe/Paris"}), error(nil))
	expect.Equal(t, "saved", zone(), "Europe/Paris")
	expect.Equal(t, "told", b.changed, []string{alice})
	expect.Equal(t, "set", u.SetContact(t.Context(), track.Contact{Owner: bob, Hidden: true}), error(nil))
	expect.Equal(t, "hidden from everybody", u.Hides(bob, alice), true)
	u.Forget(bob)
	expect.Equal(t, "forgotten", u.Hides(bob, alice), false)
	expect.Equal(t, "of others", zone(), "Europe/Paris")
}
