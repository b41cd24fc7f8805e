package people

import (
	"context"
	"errors"
	"testing"

	"tocsin/component/settings"
	"tocsin/internal/expect"
	"tocsin/track"
)

// A choice comes first, then the user's language, then the domain's; "en" on a stanza is no choice where all speak English.
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

func TestZone(t *testing.T) {
	for zone, want := range map[string]string{"": "UTC", "Asia/Shanghai": "Asia/Shanghai", "Local": "UTC", "Mars/Olympus": "UTC", "../etc": "UTC"} {
		expect.Equal(t, zone, Zone(track.Prefs{Zone: zone}).String(), want)
	}
}

// book is a store, and who is told of changes.
type book struct {
	broken  error
	changed []string
	prefs   []track.Prefs
}

func (b *book) Prefs(_ context.Context, add func(track.Prefs)) error {
	for _, p := range b.prefs {
		add(p)
	}
	return nil
}
func (b *book) SavePrefs(context.Context, track.Prefs) error        { return b.broken }
func (b *book) Contacts(context.Context, func(track.Contact)) error { return nil }
func (b *book) SaveContact(context.Context, track.Contact) error    { return b.broken }
func (b *book) Changed(owner string)                                { b.changed = append(b.changed, owner) }
func (b *book) Can(string) track.Can                                { return track.Can{} }

// What could not be saved does not hold, and nobody is told of it.
func TestSet(t *testing.T) {
	const alice, bob = "alice@example.org", "bob@example.org"
	b := &book{prefs: []track.Prefs{{JID: alice, Zone: "Asia/Shanghai"}}}
	u, err := New(t.Context(), b, b, b, settings.NewLive(settings.Settings{Language: "en"}, false))
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
