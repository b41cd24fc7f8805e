package storagetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tocsin/track"
)

type testingT = testing.T

func number(jid, e164 string) track.Number {
	return track.Number{JID: jid, E164: e164, Source: track.FromAdmin, Consent: true, At: now}
}

func (s *suite) numbers() (all []track.Number) {
	s.Helper()
	s.must(s.Numbers(s.Context(), func(n track.Number) error { all = append(all, n); return nil }))
	return all
}

func numbers(s *suite) {
	_, ok, err := s.Number(s.Context(), alice)
	s.must(err)
	s.same(false, ok)
	a, b := number(alice, "+8613800138000"), number(bob, "+4930123456")
	b.Consent, b.Verified, b.Source = false, true, track.FromUser
	odd := number("Ä\"'{}\\@example.org", "+1")
	upper := number("Zoe@example.org", "+2")
	s.must(s.SetNumbers(s.Context(), b, odd, a, upper))
	got, ok, err := s.Number(s.Context(), bob)
	s.must(err)
	s.same(true, ok)
	s.same(b, got)
	s.same([]track.Number{upper, a, b, odd}, s.numbers()) // sorted by bytes, on every database

	a.E164, a.At = "+8613900139000", now+1
	twice := b
	twice.E164 = "+49301"
	s.must(s.SetNumbers(s.Context(), twice, a, b)) // the last one counts
	s.same([]track.Number{upper, a, b, odd}, s.numbers())

	var seen int
	err = s.Numbers(s.Context(), func(track.Number) error { seen++; return errStop })
	if !errors.Is(err, errStop) || seen != 1 {
		s.Fatalf("%v after %d", err, seen)
	}
	removed, err := s.RemoveNumber(s.Context(), alice)
	s.must(err)
	s.same(true, removed)
	removed, err = s.RemoveNumber(s.Context(), alice)
	s.must(err)
	s.same(false, removed)
	s.same([]track.Number{upper, b, odd}, s.numbers())
	s.must(s.SetNumbers(s.Context()))
}

// Only one of two concurrent uses of a token succeeds. Expired ones are removed, and those of a removed user.
func tokens(s *suite) {
	t := track.Token{Hash: "abc", Purpose: track.PromptPage, Owner: alice, Prompt: "p-1", Expires: now + 5}
	mine := track.Token{Hash: "def", Purpose: track.SettingsLink, Owner: bob, Expires: now + 9}
	for range 2 { // a repeated prompt has the same token
		s.must(s.SaveToken(s.Context(), t))
	}
	s.must(s.SaveToken(s.Context(), mine))
	got, ok, err := s.Token(s.Context(), "abc")
	s.must(err)
	s.same(true, ok)
	s.same(t, got)
	for _, want := range []bool{true, false} {
		dropped, err := s.DropToken(s.Context(), "abc")
		s.must(err)
		s.same(want, dropped)
	}
	// Only the newest links of a user are kept.
	for i := range 100 {
		s.must(s.SaveToken(s.Context(), track.Token{Hash: fmt.Sprint("m", i), Purpose: track.SettingsLink, Owner: bob, Expires: now + 10 + track.Time(i)}))
	}
	for hash, kept := range map[string]bool{"def": false, "m0": false, "m83": false, "m84": true, "m99": true} {
		_, ok, err := s.Token(s.Context(), hash)
		s.must(err)
		s.same(kept, ok)
	}
	s.must(s.SaveToken(s.Context(), mine)) // expires before all of them
	s.must(s.Forget(s.Context(), bob))
	s.must(s.SaveToken(s.Context(), t))
	_, err = s.Prune(s.Context(), now+6, now+6, 100)
	s.must(err)
	for _, hash := range []string{"abc", "def", "m99", ""} {
		_, ok, err := s.Token(s.Context(), hash)
		s.must(err)
		s.same(false, ok)
	}
}

func manyNumbers(s *suite) {
	const n = 11_000 // an import of 5000 at a time: two in full, and a part
	all := make([]track.Number, n)
	for i := range all {
		all[i] = number(fmt.Sprintf("user%06d@example.org", i), fmt.Sprintf("+86138%08d", i))
	}
	s.must(s.SetNumbers(s.Context(), all...))
	s.same(n, len(s.numbers()))
}

func preferences(s *suite) {
	all := func() map[string]track.Prefs {
		found := map[string]track.Prefs{}
		s.must(s.Prefs(s.Context(), func(p track.Prefs) { found[p.JID] = p }))
		return found
	}
	s.same(map[string]track.Prefs{}, all())
	p := track.Prefs{JID: alice, Mode: track.Auto, UndeliveredAfter: 90 * time.Second, UnreadAfter: 1500 * time.Millisecond, Quiet: "22:00-07:00",
		Zone: "Europe/Berlin", Language: "zh", Text: "notice", Fallback: track.On, Watch: track.Off, Gateway: "cheogram.com"}
	s.must(s.SavePrefs(s.Context(), p))
	s.must(s.SavePrefs(s.Context(), track.Prefs{JID: bob, Mode: 9, UnreadAfter: -1500 * time.Millisecond})) // of another version, for example
	s.same(map[string]track.Prefs{alice: p, bob: {JID: bob, Mode: 9, UnreadAfter: -time.Millisecond}}, all())
	s.must(s.SavePrefs(s.Context(), track.Prefs{JID: bob}))
	s.same(map[string]track.Prefs{alice: p, bob: {JID: bob}}, all())
	p.Mode, p.Quiet = track.Never, ""
	s.must(s.SavePrefs(s.Context(), p))
	s.same(map[string]track.Prefs{alice: p, bob: {JID: bob}}, all())
}

func contacts(s *suite) {
	all := func() map[track.Conv]track.Contact {
		found := map[track.Conv]track.Contact{}
		s.must(s.Contacts(s.Context(), func(c track.Contact) { found[track.Conv{Sender: c.Owner, Recipient: c.Contact}] = c }))
		return found
	}
	muted, everybody := track.Contact{Owner: alice, Contact: bob, Muted: true}, track.Contact{Owner: alice, Hidden: true}
	s.must(s.SaveContact(s.Context(), muted))
	s.must(s.SaveContact(s.Context(), everybody))
	s.same(map[track.Conv]track.Contact{{Sender: alice, Recipient: bob}: muted, {Sender: alice}: everybody}, all())
	muted.Hidden = true
	s.must(s.SaveContact(s.Context(), muted))
	s.must(s.SaveContact(s.Context(), track.Contact{Owner: alice})) // nothing is set
	s.same(map[track.Conv]track.Contact{{Sender: alice, Recipient: bob}: muted}, all())
}

func (s *suite) devices() map[string]track.Device {
	s.Helper()
	found := map[string]track.Device{}
	s.must(s.Devices(s.Context(), func(d track.Device) { found[d.JID] = d }))
	return found
}

func devices(s *suite) {
	phone, desk := track.Device{JID: alice + "/phone", Features: track.CanSMS | track.CanStatus, At: now}, track.Device{JID: alice + "/desk", At: now + 1}
	s.must(s.SaveDevices(s.Context(), []track.Device{phone, desk}, nil))
	s.same(map[string]track.Device{phone.JID: phone, desk.JID: desk}, s.devices())
	desk.At++
	s.must(s.SaveDevices(s.Context(), []track.Device{desk}, []string{phone.JID, "nobody@x/y"}))
	s.same(map[string]track.Device{desk.JID: desk}, s.devices())
	s.must(s.SaveDevices(s.Context(), nil, []string{desk.JID}))
	s.same(map[string]track.Device{}, s.devices())
}

func forget(s *suite) {
	s.must(s.SetNumbers(s.Context(), number(alice, "+1"), number(bob, "+2")))
	s.must(s.SavePrefs(s.Context(), track.Prefs{JID: alice, Mode: track.Ask}))
	s.must(s.SaveContact(s.Context(), track.Contact{Owner: alice, Contact: bob, Muted: true}))
	s.must(s.SaveContact(s.Context(), track.Contact{Owner: bob, Contact: alice, Muted: true}))
	near := "alice@example.organic/x"
	s.must(s.SaveDevices(s.Context(), []track.Device{{JID: alice + "/phone"}, {JID: alice + "/ä"}, {JID: bob + "/desk"}, {JID: near}}, nil))
	s.must(s.Forget(s.Context(), alice))
	s.must(s.Forget(s.Context(), alice))

	s.same([]track.Number{number(bob, "+2")}, s.numbers())
	s.must(s.Prefs(s.Context(), func(p track.Prefs) { s.Errorf("%s remains", p.JID) }))
	var left []track.Contact
	s.must(s.Contacts(s.Context(), func(c track.Contact) { left = append(left, c) }))
	s.same([]track.Contact{{Owner: bob, Contact: alice, Muted: true}}, left)
	s.same(map[string]track.Device{bob + "/desk": {JID: bob + "/desk"}, near: {JID: near}}, s.devices())
}

func smallFacts(s *suite) {
	get := func() string {
		s.Helper()
		value, err := s.Get(s.Context(), "paused")
		s.must(err)
		return value
	}
	s.same("", get())
	s.must(s.Put(s.Context(), "paused", "yes"))
	s.same("yes", get())
	s.must(s.Put(s.Context(), "paused", ""))
	s.same("", get())
	s.must(s.Ping(s.Context()))
}
