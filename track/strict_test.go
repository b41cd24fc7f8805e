package track

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// lostSettings draw, for each setting by its name in the form, a value that can't be read, and one that can.
var lostSettings = []struct {
	name     string
	lose     func(*rapid.T, *Prefs)
	readable func(*rapid.T, *Prefs)
	// strictness measures the resulting settings: the greater, the less is prompted, reported and shown.
	strictness func(sender, recipient Settings, p Prefs) int64
}{
	{"mode", func(t *rapid.T, p *Prefs) { p.Mode = Mode(beyond(t, uint8(Never))) },
		func(t *rapid.T, p *Prefs) { p.Mode = Mode(upTo(t, uint8(Never))) },
		func(s, _ Settings, _ Prefs) int64 { return map[Mode]int64{Auto: 0, Ask: 1, Never: 2}[s.Mode] }},
	{"undelivered_after", func(t *rapid.T, p *Prefs) { p.UndeliveredAfter = negative(t) },
		func(t *rapid.T, p *Prefs) { p.UndeliveredAfter = wait(t) },
		func(s, _ Settings, _ Prefs) int64 { return int64(s.UndeliveredAfter) }},
	{"unread_after", func(t *rapid.T, p *Prefs) { p.UnreadAfter = negative(t) },
		func(t *rapid.T, p *Prefs) { p.UnreadAfter = wait(t) },
		func(s, _ Settings, _ Prefs) int64 { return int64(s.UnreadAfter) }},
	{"quiet_hours", func(t *rapid.T, p *Prefs) {
		p.Quiet = rapid.SampledFrom([]string{"22-7", "all day", "07:00-07:00", "22:00-07:00 Europe/Nowhere"}).Draw(t, "lost")
	}, quietly, quietness},
	{"time_zone", func(t *rapid.T, p *Prefs) {
		p.Zone, p.Quiet = "Europe/Nowhere", rapid.SampledFrom([]string{"22:00-07:00", "09:00-17:00"}).Draw(t, "hours")
	}, quietly, quietness},
	{"text", func(t *rapid.T, p *Prefs) { p.Text = rapid.StringMatching("[a-l]{1,9}").Draw(t, "lost") },
		func(t *rapid.T, p *Prefs) {
			p.Text = rapid.SampledFrom([]string{"", "message", "notice"}).Draw(t, "text")
		},
		func(_, _ Settings, p Prefs) int64 { return map[string]int64{"notice": 1}[p.Text] }},
	{"fallback", func(t *rapid.T, p *Prefs) { p.Fallback = Switch(beyond(t, uint8(Off))) },
		func(t *rapid.T, p *Prefs) { p.Fallback = Switch(upTo(t, uint8(Off))) },
		func(_, _ Settings, p Prefs) int64 { return map[Switch]int64{Off: 1}[p.Fallback] }},
	{"watch_me", func(t *rapid.T, p *Prefs) { p.Watch = Switch(beyond(t, uint8(Off))) },
		func(t *rapid.T, p *Prefs) { p.Watch = Switch(upTo(t, uint8(Off))) },
		func(_, r Settings, _ Prefs) int64 { return map[bool]int64{false: 1}[r.Watch] }},
	{"share", func(t *rapid.T, p *Prefs) { p.Share = Share(beyond(t, uint8(ShareContacts))) },
		func(t *rapid.T, p *Prefs) { p.Share = Share(upTo(t, uint8(ShareContacts))) },
		func(_, _ Settings, p Prefs) int64 { return map[Share]int64{ShareContacts: 1}[p.Share] }},
	{"read_sync", func(t *rapid.T, p *Prefs) { p.Sync = Sync(beyond(t, uint8(SyncTold))) },
		func(t *rapid.T, p *Prefs) { p.Sync = Sync(upTo(t, uint8(SyncTold))) },
		func(_, r Settings, _ Prefs) int64 { return map[Sync]int64{SyncQuiet: -1, SyncTold: -2}[r.Sync] }},
	{"gateway", func(t *rapid.T, p *Prefs) {
		p.Gateway = rapid.SampledFrom([]string{"me@cheogram.com", "cheogram.com/x", "a b", "x?message;body=1"}).Draw(t, "lost")
	},
		func(t *rapid.T, p *Prefs) {
			p.Gateway = rapid.SampledFrom([]string{"", "cheogram.com"}).Draw(t, "gateway")
		},
		func(_, _ Settings, p Prefs) int64 { return map[string]int64{"": 1}[p.Gateway] }},
	{"language", func(t *rapid.T, p *Prefs) { p.Language = rapid.SampledFrom([]string{"fr", "EN", "z"}).Draw(t, "lost") },
		func(t *rapid.T, p *Prefs) { p.Language = "" }, // the default, no stricter than any other
		func(_, _ Settings, p Prefs) int64 { return int64(len(p.Language)) }},
}

func beyond(t *rapid.T, last uint8) uint8 { return rapid.Uint8Min(last+1).Draw(t, "lost") }
func upTo(t *rapid.T, last uint8) uint8   { return rapid.Uint8Max(last).Draw(t, "readable") }
func negative(t *rapid.T) time.Duration {
	return time.Duration(rapid.Int64Max(-1).Draw(t, "lost"))
}
func wait(t *rapid.T) time.Duration {
	return rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, 24 * time.Hour, 72 * time.Hour}).Draw(t, "wait")
}
func quietly(t *rapid.T, p *Prefs) {
	p.Quiet = rapid.SampledFrom([]string{"", NoQuiet, "22:00-07:00", "00:00-23:59 UTC"}).Draw(t, "quiet")
	p.Zone = rapid.SampledFrom([]string{"", "Europe/Berlin", "Asia/Tokyo"}).Draw(t, "zone")
}
func quietness(_, r Settings, _ Prefs) int64 {
	for at := noon; at < noon.Add(day); at = at.Add(time.Hour) {
		if r.Quiet.Until(at) == 0 {
			return 0
		}
	}
	return 1
}

// TestUnreadableSettings: whatever was stored, unreadable settings are listed, and the result is at least as strict as any
// readable value would be; readable settings stay as they are.
func TestUnreadableSettings(t *testing.T) {
	holds := func(p Prefs) (sender, recipient Settings, strict Prefs) {
		policy := standard()
		policy.MaxAfter = 72 * time.Hour
		strict = p.Strict()
		m := Message{Key: Key{alice, bob, "m1"}}
		return policy.Resolve(&m, Parties{Sender: strict}, Expectation{}), policy.Resolve(&m, Parties{Recipient: strict}, Expectation{}), strict
	}
	rapid.Check(t, func(t *rapid.T) {
		var p Prefs
		for _, s := range lostSettings {
			s.readable(t, &p)
		}
		if p.Unreadable() != nil || p.Strict() != p {
			t.Fatalf("%+v: unreadable %q, result %+v", p, p.Unreadable(), p.Strict())
		}
		lost := rapid.SampledFrom(lostSettings).Draw(t, "setting")
		readable := p
		lost.readable(t, &readable)
		lost.lose(t, &p)
		if !slices.Contains(p.Unreadable(), lost.name) {
			t.Fatalf("%+v: %q, not %s", p, p.Unreadable(), lost.name)
		}
		if got, want := lost.strictness(holds(p)), lost.strictness(holds(readable)); got < want {
			t.Fatalf("%s: %+v is less strict (%d) than %+v (%d)", lost.name, p, got, readable, want)
		}
	})
	if n := reflect.TypeFor[Prefs]().NumField(); n != len(lostSettings)+1 {
		t.Errorf("%d settings, but unreadable values for %d", n-1, len(lostSettings))
	}
}
