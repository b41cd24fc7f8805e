package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

// A superseded leader gets an error from every write, and its successor knows everything written before.
func TestEveryWriteIsFenced(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, dsn string) {
		ctx, old, next := t.Context(), open(t, dsn), open(t, dsn)
		_, err := old.Lead(ctx, component)
		must(t, err)
		must(t, old.SavePrefs(ctx, track.Prefs{JID: bob, Mode: track.Auto}))
		must(t, old.SaveContact(ctx, track.Contact{Owner: bob, Contact: alice, Muted: true}))
		must(t, old.SetNumbers(ctx, track.Number{JID: bob, E164: "+1"}))
		must(t, old.Put(ctx, "paused", "yes"))
		must(t, old.Commit(ctx, track.Changes{Insert: []track.Message{{Ord: 1, Key: track.Key{Sender: alice}, Kind: track.Passed}}})) // for Prune
		if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
			must(t, os.Remove(path+".lock"))
		} else {
			lab.Cut(t, dsn)
		}
		leadership, err := next.Lead(ctx, component)
		must(t, err)
		defer leadership.Release()
		for name, write := range map[string]func() error{
			"Commit":       func() error { return old.Commit(ctx, track.Changes{Peers: []track.Peer{{JID: bob}}}) },
			"SavePrefs":    func() error { return old.SavePrefs(ctx, track.Prefs{JID: bob, Watch: track.Off}) },
			"SaveContact":  func() error { return old.SaveContact(ctx, track.Contact{Owner: bob, Contact: alice}) },
			"SaveDevices":  func() error { return old.SaveDevices(ctx, []track.Device{{JID: bob + "/desk"}}, nil) },
			"SetNumbers":   func() error { return old.SetNumbers(ctx, track.Number{JID: bob, E164: "+2"}) },
			"RemoveNumber": func() error { return second(old.RemoveNumber(ctx, bob)) },
			"Forget":       func() error { return old.Forget(ctx, bob) },
			"Put":          func() error { return old.Put(ctx, "paused", "") },
			"Prune":        func() error { return second(old.Prune(ctx, 1<<41, 1<<40, 10)) },
		} {
			var err error
			for range 20 { // its connections were cut
				if err = write(); errors.Is(err, track.ErrFenced) {
					break
				}
			}
			if !errors.Is(err, track.ErrFenced) {
				t.Errorf("%s: %v", name, err)
			}
		}
		var prefs []track.Prefs
		must(t, next.Prefs(ctx, func(p track.Prefs) { prefs = append(prefs, p) }))
		var contacts []track.Contact
		must(t, next.Contacts(ctx, func(c track.Contact) { contacts = append(contacts, c) }))
		number, _, err := next.Number(ctx, bob)
		must(t, err)
		paused, err := next.Get(ctx, "paused")
		must(t, err)
		if len(prefs) != 1 || prefs[0].Mode != track.Auto || prefs[0].Watch != track.Unset || len(contacts) != 1 || number.E164 != "+1" || paused != "yes" {
			t.Errorf("the next one knows %+v, %+v, %+v, paused %q", prefs, contacts, number, paused)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// A database that has lost acknowledged commits is detected before anything else is written.
func TestDatabaseBehind(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, dsn string) {
		ctx, s := t.Context(), open(t, dsn)
		leadership, err := s.Lead(ctx, component)
		must(t, err)
		for i := range 5 {
			must(t, s.Commit(ctx, track.Changes{Insert: []track.Message{{Ord: int64(i + 1), Key: track.Key{Sender: alice}}}}))
		}
		must(t, s.Put(ctx, "a", "b"))
		storage.Exec(t, s, "UPDATE holder SET commits = commits - 4")
		behind := (*track.BehindError)(nil)
		for name, err := range map[string]error{
			"Commit": s.Commit(ctx, track.Changes{Insert: []track.Message{{Ord: 9}}}), "Put": s.Put(ctx, "a", "c"),
		} {
			if !errors.As(err, &behind) || behind.Commits != 4 {
				t.Errorf("%s: %v", name, err)
			}
		}
		must(t, leadership.Release())
		_, err = s.Lead(ctx, component)
		must(t, err)
		must(t, s.Commit(ctx, track.Changes{Insert: []track.Message{{Ord: 9}}}))
	})
}

// If a leader's term is unknown to its successor, its commits are lost: they went to a primary that was not fenced, whatever
// both have counted since.
func TestDatabaseOfAnother(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		token string // in SQL
		lost  int64
	}{
		{"it found three", "'another-3 ' || token", 2},
		{"it found three, and another one came", "'third-900 another-3 ' || token", 2},
		{"it found all", "'another-5 ' || token", 0},
		{"it found nothing of this term", "'third-900 another-0 '", 5},
		{"it does not say", "'another ' || token", 0},
		{"there were many terms", "'" + strings.Repeat("another-3 ", 60) + "'", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, dsn string) {
				ctx, s := t.Context(), open(t, dsn)
				_, err := s.Lead(ctx, component)
				must(t, err)
				for i := range 5 {
					must(t, s.Commit(ctx, track.Changes{Insert: []track.Message{{Ord: int64(i + 1), Key: track.Key{Sender: alice}}}}))
				}
				storage.Exec(t, s, "UPDATE holder SET token = "+tc.token+", commits = 1000")
				err = s.Commit(ctx, track.Changes{Insert: []track.Message{{Ord: 9}}})
				behind := (*track.BehindError)(nil)
				switch isBehind := errors.As(err, &behind); {
				case isBehind != (tc.lost > 0), isBehind && behind.Commits != tc.lost, !isBehind && !errors.Is(err, track.ErrFenced):
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// Two leaders whose databases were the same before the takeover can be told apart: a token is never used twice.
func TestTokensDiffer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		seen := map[string]bool{}
		for range 3 {
			leadership, err := s.Lead(t.Context(), component)
			must(t, err)
			seen[storage.Token(t, s)] = true
			must(t, leadership.Release())
		}
		if len(seen) != 3 || seen[""] {
			t.Errorf("tokens: %v", seen)
		}
	})
}

// A commit whose answer did not arrive is looked up until its outcome is known.
func TestCommitInDoubt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		how    cut
		stored bool
	}{{"stored", afterIt, true}, {"not stored", beforeIt, false}} {
		t.Run(tc.name, func(t *testing.T) {
			dsn := lab.Postgres(t)
			cut := newCutter(t, dsn)
			ctx, s := t.Context(), open(t, cut.dsn)
			leadership, err := s.Lead(ctx, component)
			must(t, err)
			defer leadership.Release()
			insert := func(ord int64) track.Changes {
				return track.Changes{Insert: []track.Message{{Ord: ord, Key: track.Key{Sender: alice}}}}
			}
			must(t, s.Commit(ctx, insert(1)))
			cut.at("COMMIT", tc.how)
			if err := s.Commit(ctx, insert(2)); err == nil || errors.Is(err, track.ErrFenced) || errors.Is(err, track.ErrRefused) {
				t.Fatalf("the connection was cut: %v", err)
			}
			if tc.stored { // later writes do not change the outcome
				eventually(t, func() error { return s.Put(ctx, "a", "b") })
			}
			eventually(t, func() error {
				stored, err := s.CommitStored(ctx)
				if err == nil && stored != tc.stored {
					t.Errorf("stored: %t", stored)
				}
				return err
			})
			must(t, s.Commit(ctx, insert(3)))
			ms, err := s.Messages(ctx, alice, track.Filter{Newest: true})
			must(t, err)
			if want := 2; tc.stored && len(ms) != want+1 || !tc.stored && len(ms) != want {
				t.Errorf("%d rows", len(ms))
			}
		})
	}
}

// A commit that still waits, for a replica for example, is waited for, since it may still be stored.
func TestCommitStillOpen(t *testing.T) {
	t.Parallel()
	dsn := lab.Postgres(t)
	ctx, s, other := t.Context(), open(t, dsn), open(t, dsn)
	leadership, err := s.Lead(ctx, component)
	must(t, err)
	defer leadership.Release()
	must(t, s.Commit(ctx, track.Changes{Insert: []track.Message{{Ord: 1}}}))
	// As the server would complete a commit after its client has gone.
	commit := storage.InDoubt(t, s, other)
	if _, err := s.CommitStored(ctx); err == nil {
		t.Error("it is not decided yet")
	}
	must(t, commit())
	stored, err := s.CommitStored(ctx)
	must(t, err)
	if !stored {
		t.Error("it was stored")
	}
}

// cutter is a proxy to the database that cuts connections where a test wants it.
type cutter struct {
	dsn string

	mu   sync.Mutex
	word []byte
	how  cut
}

type cut int

const (
	beforeIt cut = iota // the server does not get the statement
	afterIt             // the server gets it, and its answer is lost
	silently            // nothing more gets through, without an error
)

// at cuts the connection on which a word is sent next.
func (c *cutter) at(word string, how cut) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.word, c.how = []byte(word), how
}

func newCutter(t *testing.T, dsn string) *cutter {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	target := u.Host
	u.Host = l.Addr().String()
	c := &cutter{dsn: u.String()}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			end := func() { client.Close(); server.Close() }
			context.AfterFunc(ctx, end)
			wg.Go(func() { defer end(); io.Copy(client, server) }) //nolint:errcheck // it ends with either
			wg.Go(func() { defer end(); c.carry(client, server) })
		}
	})
	t.Cleanup(func() {
		stop()
		l.Close()
		wg.Wait()
	})
	return c
}

func (c *cutter) carry(client, server net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		cuts, how := c.word != nil && bytes.Contains(buf[:n], c.word), c.how
		if cuts {
			c.word = nil
		}
		c.mu.Unlock()
		switch {
		case cuts && how == silently:
			io.Copy(io.Discard, client) //nolint:errcheck // until it is closed
			return
		case cuts && how == beforeIt:
			return
		case cuts:
			client.Close()
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
		if cuts { // the server has received it: it answers, or notices the closed connection
			io.Copy(io.Discard, io.LimitReader(server, 1)) //nolint:errcheck // either will do
			return
		}
	}
}

// A silent connection is closed, and its statement repeated on another one.
func TestSilentConnection(t *testing.T) {
	cut := newCutter(t, lab.Postgres(t))
	ctx, s := t.Context(), open(t, cut.dsn)
	storage.AnswersWithin(s, 300*time.Millisecond)
	cut.at("COMMIT", silently)
	c := track.Changes{Insert: []track.Message{{Ord: 1, Key: track.Key{Sender: alice}}}}
	if err := s.Commit(ctx, c); err == nil || errors.Is(err, track.ErrRefused) {
		t.Fatalf("no answer: %v", err)
	}
	eventually(t, func() error { return s.Commit(ctx, c) })
	eventually(t, func() error { return s.Ping(ctx) })
}

// In a database that is not UTF-8, a single character missing from its encoding would stop everything.
func TestEncoding(t *testing.T) {
	dsn := lab.Postgres(t)
	s := open(t, dsn)
	storage.Exec(t, s, "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	defer storage.Exec(t, s, "DROP DATABASE latin")
	_, err := storage.Open(t.Context(), strings.Replace(dsn, "/postgres?", "/latin?", 1), storage.Options{Migrate: true})
	if err == nil || !strings.Contains(err.Error(), "LATIN1") || !strings.Contains(err.Error(), "createdb -E UTF8") {
		t.Errorf("%v", err)
	}
}

// The hosts of a DSN are tried one after another, and one that accepts connections but stays silent delays the others only
// briefly.
func TestSeveralHosts(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer silent.Close()
	u, err := url.Parse(lab.Postgres(t))
	must(t, err)
	for _, dsn := range []string{
		fmt.Sprintf("postgres://tocsin@%s,%s/postgres?connect_timeout=1&%s", silent.Addr(), u.Host, u.RawQuery),
		fmt.Sprintf("postgres://tocsin@/postgres?host=127.0.0.1,127.0.0.1&port=1,%s&%s", u.Port(), u.RawQuery),
	} {
		s := open(t, dsn)
		leadership, err := s.Lead(t.Context(), component)
		must(t, err)
		must(t, leadership.Release())
	}
	_, err = storage.Open(t.Context(), "postgres://tocsin:hush@127.0.0.1:1,127.0.0.1:2/postgres?sslmode=disable", storage.Options{})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1: ") || !strings.Contains(err.Error(), "127.0.0.1:2: ") || strings.Contains(err.Error(), "hush") {
		t.Errorf("both hosts are down: %v", err)
	}
}
