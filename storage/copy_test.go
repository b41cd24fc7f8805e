package storage_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

const (
	alice = "alice@example.org"
	bob   = "bob@example.org"
)

func open(t testing.TB, dsn string) *storage.Store {
	t.Helper()
	s, err := storage.Open(t.Context(), dsn, storage.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// inhabited makes a database with something in every table.
func inhabited(t *testing.T, s *storage.Store, messages int) {
	t.Helper()
	ctx := t.Context()
	var ms []track.Message
	for i := range messages {
		m := track.Message{Ord: int64(i+1) << 20, Key: track.Key{Sender: alice, Recipient: bob, ID: fmt.Sprint("m", i)}, SentAt: 5, Text: "Hello?", Prompt: "p-1"}
		m.Notice = track.Notice{Seq: 1, Rev: int64(i + 1), State: track.StateDelivered}
		ms = append(ms, m)
	}
	p := track.Prompt{ID: "p-1", Row: 1<<50 + 1, Conv: ms[0].Conv(), Messages: []int64{ms[0].Ord}, Due: 7}
	must(t, s.Commit(ctx, track.Changes{
		Insert: ms, Prompts: []track.Prompt{p}, Peers: []track.Peer{{JID: bob, Acks: 4}},
		Outbox: []track.Outgoing{{ID: "b"}, {ID: "a"}, {ID: "c"}}, Releases: []track.Release{{Owner: bob, To: alice, ID: "1"}},
		Texts: []track.Text{{ID: "t", Row: 1<<50 + 2, Conv: ms[0].Conv(), Number: "+2", QueuedAt: 5}}, Parts: []track.Part{{PartKey: track.PartKey{Route: "r", ID: "1"}, Text: "t", Row: 1<<50 + 2}},
		Replies: []track.ReplySeen{{ReplyKey: track.ReplyKey{Route: "r", ID: "1"}, At: 5}}, Stops: []track.Stop{{Number: "+2", At: 5}},
		Codes: []track.Code{{Row: 99, JID: bob, Number: "+3", Country: "CN", Language: "zh", Salt: "s", MadeAt: 5, SentAt: 6, Expires: 7, Sends: 2, Tries: 1}}, Alerts: []track.Alerted{{Alert: track.Alert{Kind: track.AlertCodes, Country: "CN"}, At: 4}},
	}))
	must(t, s.Commit(ctx, track.Changes{Done: []string{"b"}}))
	must(t, s.SetNumbers(ctx, track.Number{JID: alice, E164: "+1"}, track.Number{JID: bob, E164: "+2"}))
	must(t, s.SavePrefs(ctx, track.Prefs{JID: alice, Mode: track.Auto}))
	must(t, s.SaveContact(ctx, track.Contact{Owner: alice, Contact: bob, Muted: true}))
	must(t, s.SaveDevices(ctx, []track.Device{{JID: alice + "/phone", At: 4}}, nil))
	must(t, s.Put(ctx, "paused", "yes"))
	must(t, s.SaveToken(ctx, track.Token{Hash: "h", Purpose: track.PromptPage, Owner: alice, Prompt: "p-1", Expires: 9}))
}

// contents is everything that can be read from a store.
func contents(t *testing.T, s *storage.Store) map[string]any {
	t.Helper()
	ctx := t.Context()
	all := map[string]any{}
	keep := func(name string, value any, err error) {
		t.Helper()
		must(t, err)
		all[name] = value
	}
	seed, err := s.Seed(ctx)
	keep("seed", seed, err)
	ms, err := s.Messages(ctx, alice, track.Filter{Newest: true})
	keep("messages", ms, err)
	byKey, err := s.Load(ctx, track.Want{Keys: []track.Key{ms[0].Key}, Open: []track.Conv{ms[0].Conv()}, Peers: []string{bob}, Texts: []string{"t"}, Parts: []track.PartKey{{Route: "r", ID: "1"}}, Replies: []track.ReplyKey{{Route: "r", ID: "1"}}, SMS: true,
		Codes: []track.CodeKey{{User: bob, Number: "+3", Country: "CN"}}, Alerts: []track.Alert{{Kind: track.AlertCodes, Country: "CN"}}}, 10)
	keep("loaded", byKey, err)
	queue, err := s.Pending(ctx)
	keep("outbox", queue, err)
	given, err := s.Releases(ctx, bob, 10)
	keep("releases", given, err)
	var people []any
	err = errors.Join(
		s.Numbers(ctx, func(n track.Number) error { people = append(people, n); return nil }), s.Prefs(ctx, func(p track.Prefs) { people = append(people, p) }),
		s.Contacts(ctx, func(c track.Contact) { people = append(people, c) }), s.Devices(ctx, func(d track.Device) { people = append(people, d) }))
	keep("people", people, err)
	paused, err := s.Get(ctx, "paused")
	keep("paused", paused, err)
	token, _, err := s.Token(ctx, "h")
	keep("token", token, err)
	return all
}

func sqliteDSN(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "tocsin.db") }

func TestCopy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		from, to func(testing.TB) string
	}{
		{"up", sqliteDSN, lab.Postgres},
		{"down", lab.Postgres, sqliteDSN},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			fromDSN, toDSN := tc.from(t), tc.to(t)
			from := open(t, fromDSN)
			const messages = 5000 // 2000 at a time
			inhabited(t, from, messages)
			want := contents(t, from)

			// It is interrupted in the middle of the messages.
			ctx, cancel := context.WithCancel(t.Context())
			err := storage.Copy(ctx, from, open(t, toDSN), func(table string, done, total int64) {
				if table == "messages" && done > total/2 {
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("interrupted copy: %v", err)
			}
			// It continues from there.
			first := true
			last := map[string]int64{}
			to := open(t, toDSN)
			must(t, storage.Copy(t.Context(), open(t, fromDSN), to, func(table string, done, total int64) {
				if first && done < total/4 {
					t.Errorf("it started over: at %d of %d", done, total)
				}
				first = false
				if last[table] = done; done > total {
					t.Errorf("%s: %d of %d", table, done, total)
				}
			}))
			if last["messages"] != messages || last["contacts"] != 1 {
				t.Errorf("progress: %v", last)
			}
			if diff := cmp.Diff(want, contents(t, to)); diff != "" {
				t.Errorf("-source +copy:\n%s", diff)
			}
			reopened := open(t, toDSN)
			if diff := cmp.Diff(want, contents(t, reopened)); diff != "" {
				t.Errorf("-source +copy, opened again:\n%s", diff)
			}
			// It is complete: another copy is refused.
			err = storage.Copy(t.Context(), open(t, fromDSN), reopened, nil)
			if err == nil || !strings.Contains(err.Error(), "not empty") {
				t.Errorf("copied over a database: %v", err)
			}
		})
	}
}

// A copy includes every table, except for the holder and the schema's version.
func TestCopyIsWhole(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, dsn string) {
		for _, table := range storage.Tables(t, open(t, dsn)) {
			if !slices.Contains(storage.Copied(), table) && table != "holder" && table != "goose_db_version" {
				t.Errorf("%s is not copied", table)
			}
		}
	})
}

// If the source was used after an interrupted copy, the next one starts over.
func TestCopyAfterChange(t *testing.T) {
	t.Parallel()
	from, to := open(t, sqliteDSN(t)), open(t, sqliteDSN(t))
	inhabited(t, from, 2500)
	ctx, cancel := context.WithCancel(t.Context())
	err := storage.Copy(ctx, from, to, func(_ string, done, _ int64) {
		if done > 0 {
			cancel()
		}
	})
	if err == nil {
		t.Fatal("it was not interrupted")
	}
	leadership, err := from.Lead(t.Context(), "tocsin.example.org")
	must(t, err)
	ms, err := from.Messages(t.Context(), alice, track.Filter{Limit: 1})
	must(t, err)
	ms[0].Status = track.Displayed
	must(t, from.Commit(t.Context(), track.Changes{Update: ms}))
	must(t, leadership.Release())
	must(t, storage.Copy(t.Context(), from, to, nil))
	if diff := cmp.Diff(contents(t, from), contents(t, to)); diff != "" {
		t.Errorf("-source +copy:\n%s", diff)
	}
}

// A database in use is not copied.
func TestCopyOfDatabaseInUse(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{sqliteDSN(t), lab.Postgres(t)} {
		from := open(t, dsn)
		leadership, err := from.Lead(t.Context(), "tocsin.example.org")
		must(t, err)
		if err := storage.Copy(t.Context(), open(t, dsn), open(t, sqliteDSN(t)), nil); !errors.Is(err, storage.ErrInUse) {
			t.Errorf("%v", err)
		}
		must(t, from.Commit(t.Context(), track.Changes{Insert: []track.Message{{Ord: 1}}}))
		must(t, leadership.Release())
	}
}
