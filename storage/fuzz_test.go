package storage_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

// FuzzAddresses stores everything about a message, whatever its addresses and ids are: the database must refuse nothing. A
// part of a JID has up to 1023 bytes (RFC 7622 §3.1), an id as many as the stanza.
func FuzzAddresses(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := func(n int) string { // incompressible
		b := make([]byte, n)
		for i := range b {
			b[i] = 'a' + byte(random.IntN(26))
		}
		return string(b)
	}
	bare := func() string { return letters(1023) + "@" + letters(1023) }
	han := func(bytes int) string { return strings.Repeat("李", bytes/3) }
	f.Add("alice@example.org", "bob@example.org", "phone", "m1")
	f.Add(bare(), bare(), letters(1023), letters(1023))
	f.Add(bare(), "bob@example.org", letters(1023), letters(200_000))
	f.Add("alice@example.org", bare(), "phone", "m1")
	f.Add(letters(1023), letters(1023), "", "")
	f.Add(han(1023)+"@"+han(1023), han(1023)+"@example.org", han(1023), han(3000))
	f.Add("a\x00\xff@b", "\xff@\x00", "'\"\\{},NULL", "{\"\\\"}")
	stores := map[string]*storage.Store{"sqlite": open(f, sqliteDSN(f)), "postgres": open(f, lab.Postgres(f))}
	f.Fuzz(func(t *testing.T, sender, recipient, resource, id string) {
		if len(sender) > 2047 || len(recipient) > 2047 {
			t.Skip("longer than any bare JID")
		}
		for name, s := range stores {
			t.Run(name, func(t *testing.T) { life(t, s, track.Key{Sender: sender, Recipient: recipient, ID: id}, resource) })
		}
	})
}

// life runs through a message's life: it is sent, reported, prompted for and answered; the users have clients, settings and
// numbers, and are removed at the end.
func life(t *testing.T, s *storage.Store, key track.Key, resource string) {
	t.Helper()
	ctx, now := t.Context(), benchStart
	seed, err := s.Seed(ctx)
	must(t, err)
	ledger := track.NewLedger(seed, &track.Policy{
		Senders: track.SendersAll, UndeliveredAfter: time.Second, UnreadAfter: time.Second, Mode: track.Ask, Expires: time.Hour,
		Steps: []track.Step{{Do: track.DoRemind}, {Do: track.DoPrompt}},
	}, nobody{})
	batch := func(inputs ...track.Input) *track.Result {
		t.Helper()
		now += 2000
		loaded, err := s.Load(ctx, ledger.Want(inputs), now)
		must(t, err)
		result := ledger.Apply(loaded, inputs, now)
		must(t, s.Commit(ctx, result.Changes))
		result.Commit()
		return result
	}
	full := key.Sender + "/" + resource
	about := &track.Fact{Key: key, At: now, Marks: track.AsksReceipt | track.Markable, Resource: resource, Text: key.ID}
	sent := batch(about)
	for _, a := range sent.Alarms {
		batch(&track.Fact{Kind: track.AlarmFired, Ord: a.Ref, At: a.Due})
	}
	prompts, err := s.Prompts(ctx, key.Sender)
	must(t, err)
	for _, p := range prompts {
		batch(&track.Shown{Prompt: p.ID, To: []string{full}, Releases: []track.Release{{Owner: key.Recipient, To: key.Sender, Number: "+1", ID: key.ID, At: now}}})
	}
	given, err := s.Releases(ctx, key.Recipient, 10)
	must(t, err)
	if len(sent.Insert) > 0 && (len(prompts) == 0 || len(given) == 0) {
		t.Errorf("%d prompts, %d releases", len(prompts), len(given))
	}
	batch(&track.Fact{Kind: track.Received, Basis: track.ByReceipt, Key: key, At: now}, &track.Fact{Kind: track.Read, Basis: track.ByMarker, Key: key, At: now})
	must(t, s.SaveContact(ctx, track.Contact{Owner: key.Sender, Contact: key.Recipient, Muted: true}))
	must(t, s.SavePrefs(ctx, track.Prefs{JID: key.Sender, Language: "en"}))
	must(t, s.SetNumbers(ctx, track.Number{JID: key.Sender, E164: "+1"}))
	must(t, s.SaveDevices(ctx, []track.Device{{JID: full}}, nil))
	must(t, s.SaveDevices(ctx, nil, []string{full}))
	must(t, s.SaveDevices(ctx, []track.Device{{JID: full}}, nil))
	must(t, s.Forget(ctx, key.Sender))
	must(t, s.Devices(ctx, func(d track.Device) {
		if d.JID == full && !strings.Contains(key.Sender, "/") {
			t.Errorf("%.100q was not forgotten", d.JID)
		}
	}))
}
