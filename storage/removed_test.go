package storage_test

import (
	"path/filepath"
	"slices"
	"testing"

	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

// After an account was removed, no table contains anything about it, except what belongs to others. A later account of the
// same name starts from scratch.
func TestRemovedAccount(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "t.db"), "postgres": lab.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s, err := storage.Open(ctx, dsn, storage.Options{Migrate: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			const alice, bob, now = "alice@example.org", "bob@example.org", track.Time(1e12)
			message := func(ord int64, sender, recipient string) track.Message {
				return track.Message{Ord: ord, Key: track.Key{Sender: sender, Recipient: recipient, ID: "m"}, SentAt: now, Text: "text",
					Prompt: "p-" + sender, Notice: track.Notice{Seq: 1, Rev: ord}}
			}
			prompt := func(row int64, sender, recipient string) track.Prompt {
				return track.Prompt{ID: "p-" + sender, Row: row, Conv: track.Conv{Sender: sender, Recipient: recipient}, Shown: []string{sender + "/x"}, Claimer: sender + "/x"}
			}
			must(s.Commit(ctx, track.Changes{
				Insert:   []track.Message{message(1, alice, bob), message(2, bob, alice)},
				Prompts:  []track.Prompt{prompt(3, alice, bob), prompt(4, bob, alice)},
				Peers:    []track.Peer{{JID: alice, Acks: now}, {JID: bob, Acks: now}},
				Pairs:    []track.Pair{{Conv: track.Conv{Sender: alice, Recipient: bob}, Receipts: now}, {Conv: track.Conv{Sender: bob, Recipient: alice}, Receipts: now}},
				Outbox:   []track.Outgoing{{ID: "o1", Owner: alice, To: []string{alice}}, {ID: "o2", Owner: bob, To: []string{bob}}},
				Texts:    []track.Text{{ID: "t1", Row: 3, Conv: track.Conv{Sender: alice, Recipient: bob}}, {ID: "t2", Row: 4, Conv: track.Conv{Sender: bob, Recipient: alice}}},
				Parts:    []track.Part{{Text: "t1", Row: 3}},
				Releases: []track.Release{{Owner: alice, To: bob, Number: "+1", ID: "m"}, {Owner: bob, To: alice, Number: "+2", ID: "m"}},
			}))
			must(s.SetNumbers(ctx, track.Number{JID: alice, E164: "+1"}, track.Number{JID: bob, E164: "+2"}))
			must(s.SavePrefs(ctx, track.Prefs{JID: alice, Watch: track.Off}))
			must(s.SavePrefs(ctx, track.Prefs{JID: bob, Watch: track.Off}))
			must(s.SaveContact(ctx, track.Contact{Owner: alice, Contact: bob, Hidden: true}))
			must(s.SaveContact(ctx, track.Contact{Owner: bob, Contact: alice, Hidden: true}))
			must(s.SaveDevices(ctx, []track.Device{{JID: alice + "/x", Features: 1}, {JID: bob + "/x", Features: 1}}, nil))
			for _, who := range []string{alice, bob} {
				must(s.SaveToken(ctx, track.Token{Hash: "link of " + who, Purpose: track.SettingsLink, Owner: who, Expires: now}))
				must(s.SaveToken(ctx, track.Token{Hash: "page of " + who, Purpose: track.PromptPage, Owner: who, Prompt: "p-" + who, Expires: now}))
			}
			before := storage.Mentions(t, s, bob)

			loaded, err := s.Load(ctx, track.Want{Of: []string{alice}}, now)
			must(err)
			if len(loaded.Messages) != 1 || loaded.Messages[0].Sender != alice || len(loaded.Prompts) != 1 {
				t.Errorf("loaded %+v", loaded)
			}
			for last, want := range map[int64][]int64{1: nil, 2: {2}, 5: {2}} { // what was written to her later belongs to the next alice
				ords, err := s.OpenTo(ctx, []track.Removal{{JID: alice, Ord: last}, {JID: "carol@example.org", Ord: 9}})
				must(err)
				if !slices.Equal(ords, want) {
					t.Errorf("open to alice, up to %d: %v, want %v", last, ords, want)
				}
			}
			// What was written under the name after the removal belongs to the next alice.
			next := message(9, alice, bob)
			next.Prompt = ""
			must(s.Commit(ctx, track.Changes{Removed: []track.Removal{{JID: alice, Ord: 5}}, Insert: []track.Message{next}}))
			list, err := s.Messages(ctx, alice, track.Filter{Newest: true})
			must(err)
			if len(list) != 1 || list[0].Ord != 9 {
				t.Errorf("messages of the next alice: %+v", list)
			}
			must(s.Commit(ctx, track.Changes{Removed: []track.Removal{{JID: alice, Ord: 9}}}))
			for _, let := range []int64{5, 9} { // the first is about an earlier alice
				gone, err := s.Removed(ctx)
				must(err)
				if !slices.Equal(gone, []track.Removal{{JID: alice, Ord: 9}}) {
					t.Errorf("removed accounts: %+v", gone)
				}
				must(s.DropRemovals(ctx, []track.Removal{{JID: alice, Ord: let}}))
			}
			others := []string{"contacts.contact", "messages.recipient", "prompts.recipient", "releases.receiver", "texts.recipient"} // bob's rows
			if left := storage.Mentions(t, s, alice); !slices.Equal(left, others) {
				t.Errorf("alice remains in %v, want %v", left, others)
			}
			// Bob's rows only lack alice's data.
			if left := storage.Mentions(t, s, bob); !slices.Equal(left, slices.DeleteFunc(before, func(c string) bool { return slices.Contains(append(others, "pairs.recipient", "pairs.sender"), c) })) {
				t.Errorf("bob remains in %v", left)
			}
			seed, err := s.Seed(ctx)
			must(err)
			if seed.LastOrd != 9 || seed.Pending[alice] != 0 || seed.Pending[bob] != 1 {
				t.Errorf("seed: %+v", seed)
			}
		})
	}
}
