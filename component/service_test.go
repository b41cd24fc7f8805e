package component

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/component/request"
	"tocsin/component/session"
	"tocsin/component/settings"
	"tocsin/component/tap"
	"tocsin/internal/expect"
	"tocsin/internal/fakeserver"
	"tocsin/track"
)

// emptyStore is an empty store, which can be filled or made to fail.
type emptyStore struct {
	Store
	fail     atomic.Pointer[func() error] // of reads for requests, and of batches
	messages []track.Message
	inserted []track.Message
	updated  []track.Message
	removed  []track.Removal
}

// fails makes the store fail from now on; nil ends that.
func (b *emptyStore) fails(by func() error) {
	if by == nil {
		by = func() error { return nil }
	}
	b.fail.Store(&by)
}

func (b *emptyStore) err() error {
	if fail := b.fail.Load(); fail != nil {
		return (*fail)()
	}
	return nil
}

func (b *emptyStore) Seed(context.Context) (track.Seed, error) {
	return track.Seed{Secret: make([]byte, 32)}, nil
}
func (b *emptyStore) Load(_ context.Context, w track.Want, _ track.Time) (l track.Loaded, err error) {
	for _, m := range b.messages {
		if slices.Contains(w.Ords, m.Ord) {
			l.Messages = append(l.Messages, m)
		}
	}
	return l, b.err()
}
func (b *emptyStore) Commit(_ context.Context, c track.Changes) error {
	b.inserted = append(b.inserted, c.Insert...)
	if err := b.err(); err != nil {
		return err
	}
	b.updated = append(b.updated, c.Update...)
	return nil
}
func (b *emptyStore) Removed(context.Context) ([]track.Removal, error) { return b.removed, b.err() }
func (b *emptyStore) OpenTo(_ context.Context, gone []track.Removal) (ords []int64, err error) {
	for _, m := range b.messages {
		if slices.ContainsFunc(gone, func(r track.Removal) bool { return m.Recipient == r.JID && m.Ord <= r.Ord }) {
			ords = append(ords, m.Ord)
		}
	}
	return ords, b.err()
}
func (b *emptyStore) DropRemovals(_ context.Context, gone []track.Removal) error {
	for _, m := range b.messages {
		if !slices.ContainsFunc(b.updated, func(u track.Message) bool { return u.Ord == m.Ord && u.Status == track.Cancelled }) {
			return fmt.Errorf("%s is still watched", m.ID)
		}
	}
	b.removed = nil
	return nil
}
func (b *emptyStore) CommitStored(context.Context) (bool, error)                  { return false, nil }
func (b *emptyStore) HandedOver(context.Context, int) ([]track.HandedOver, error) { return nil, nil }
func (b *emptyStore) Alarms(context.Context, func(track.Alarm)) error             { return nil }
func (b *emptyStore) Pending(context.Context) ([]track.Outgoing, error)           { return nil, nil }
func (b *emptyStore) Prompts(context.Context, string) ([]track.Prompt, error)     { return nil, b.err() }
func (b *emptyStore) Prefs(context.Context, func(track.Prefs)) error              { return nil }
func (b *emptyStore) Contacts(context.Context, func(track.Contact)) error         { return nil }
func (b *emptyStore) Devices(context.Context, func(track.Device)) error           { return nil }
func (b *emptyStore) SaveDevices(context.Context, []track.Device, []string) error { return nil }
func (b *emptyStore) Put(context.Context, string, string) error                   { return nil }
func (b *emptyStore) Ping(context.Context) error                                  { return nil }
func (b *emptyStore) Prune(context.Context, track.Time, track.Time, int) (track.Pruned, error) {
	return track.Pruned{}, nil
}
func (b *emptyStore) Summary(context.Context, track.Time) (track.Summary, error) {
	return track.Summary{}, nil
}
func (b *emptyStore) Get(context.Context, string) (string, error) { return "", nil }
func (b *emptyStore) Messages(_ context.Context, sender string, f track.Filter) (list []track.Message, err error) {
	for _, m := range b.messages {
		if m.Sender == sender && m.Notice.Rev > f.AfterRev && (f.Limit == 0 || len(list) < f.Limit) {
			list = append(list, m)
		}
	}
	return list, b.err()
}

// served is a service that is connected, and the server's side of its connection.
type served struct {
	*testing.T
	*Service
	server *fakeserver.Server
	peer   *fakeserver.Peer
	store  *emptyStore
	log    *strings.Builder
}

// serve runs a service in a bubble of testing/synctest until tell returns.
func serve(t *testing.T, tell func(*served)) {
	synctest.Test(t, func(t *testing.T) {
		server := fakeserver.New("tocsin.example.org", "secret")
		server.Answer = fakeserver.AnswerPings
		s := &served{T: t, server: server, store: &emptyStore{}, log: &strings.Builder{}}
		var err error
		s.Service, err = New(t.Context(), Options{
			JID: server.Domain, Contact: "sms@" + server.Domain, Secret: server.Secret, Store: s.store, Clock: clock.System{},
			Log: slog.New(slog.NewTextHandler(s.log, nil)), Metrics: metrics.New(prometheus.NewRegistry()),
			Settings: settings.Settings{Name: "SMS", Language: "en", Tap: tap.Config{Domains: []string{"example.org"}, Component: server.Domain}, FireRate: 1000},
			Session:  func(o *session.Options) { o.Dial = server.Dial },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := s.Service.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		s.connected()
		tell(s)
		stop()
		running.Wait()
		server.Close()
	})
}

// connected waits for the service's connection.
func (s *served) connected() {
	s.Helper()
	var err error
	if s.peer, err = s.server.Accept(s.Context()); err != nil {
		s.Fatal(err)
	}
	synctest.Wait()
}

func (s *served) send(format string, args ...any) {
	s.Helper()
	if err := s.peer.Send(fmt.Sprintf(format, args...)); err != nil {
		s.Fatal(err)
	}
}

// answers returns the responses within a second, by id: the type of the IQ, or the condition of its error.
func (s *served) answers() map[string][]string {
	s.later(time.Second)
	all := map[string][]string{}
	for _, e := range s.peer.Take() {
		answer := e.Attr["type"]
		if e := e.Child("jabber:component:accept", "error"); e != nil {
			answer = e.Children[0].Name.Local
		}
		all[e.Attr["id"]] = append(all[e.Attr["id"]], answer)
	}
	return all
}

const ping = "<iq type='get' from='%s' to='%s' id='%s'><ping xmlns='urn:xmpp:ping'/></iq>"

// Every request gets one answer, and a flood of one user's does not delay those of others. A server elsewhere may make up as
// many addresses as it likes: all of them have one share.
func TestRequestsInAFlood(t *testing.T) {
	for name, sender := range map[string]func(i int) string{
		"of a user":   func(int) string { return "mallory@example.org/x" },
		"of a server": func(i int) string { return fmt.Sprintf("m%d@sub%d.elsewhere.example/x", i, i%7) },
	} {
		t.Run(name, func(t *testing.T) {
			serve(t, func(s *served) {
				const n = 5 * request.WorkBurst
				for i := range n {
					s.send(ping, sender(i), "tocsin.example.org", fmt.Sprint("m", i))
				}
				s.send(ping, "alice@example.org/phone", "tocsin.example.org", "a1")
				answers := s.answers()
				expect.Equal(t, "hers", answers["a1"], []string{"result"})
				expect.Equal(t, "the first", answers["m0"], []string{"result"})
				if last := answers[fmt.Sprint("m", n-1)]; slices.Contains(last, "result") {
					t.Errorf("the last: %s", last)
				}
			})
		})
	}
}

func TestRequestsToNobody(t *testing.T) {
	serve(t, func(s *served) {
		for _, to := range []string{"tocsin.example.org", "sms@tocsin.example.org", "nobody@tocsin.example.org", "tocsin.example.org/x"} {
			s.send(ping, "alice@example.org/phone", to, to)
		}
		s.send("<iq type='get' from='eve@elsewhere.example/x' to='nobody@tocsin.example.org' id='info'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
		s.send("<iq type='get' from='eve@elsewhere.example/x' to='tocsin.example.org' id='node'><query xmlns='http://jabber.org/protocol/disco#info' node='x'/></iq>")
		expect.Equal(t, "answers", s.answers(), map[string][]string{
			"tocsin.example.org": {"result"}, "sms@tocsin.example.org": {"result"},
			"nobody@tocsin.example.org": {"service-unavailable"}, "tocsin.example.org/x": {"service-unavailable"},
			"info": {"item-not-found"}, "node": {"item-not-found"},
		})
	})
}

// Requests of strangers do not search the database: they have no messages and no prompts.
func TestRequestsOfStrangers(t *testing.T) {
	serve(t, func(s *served) {
		s.store.fails(func() error { t.Error("the database was asked"); return nil })
		for i, from := range []string{"eve@elsewhere.example/x", "example.org", "eve@sub.example.org/x"} {
			s.send("<iq type='get' from='%s' to='tocsin.example.org' id='s%d'><sync xmlns='urn:tocsin:escalation:0'/></iq>", from, i)
			s.send("<iq type='set' from='%s' to='tocsin.example.org' id='a%d'><answer xmlns='urn:tocsin:escalation:0' prompt='p-x' action='claim'/></iq>", from, i)
		}
		answers := s.answers()
		for i := range 3 {
			expect.Equal(t, "sync", answers[fmt.Sprint("s", i)], []string{"forbidden"})
			expect.Equal(t, "answer", answers[fmt.Sprint("a", i)], []string{"item-not-found"})
		}
	})
}

const syncRequest = "<iq type='get' from='alice@example.org/phone' to='tocsin.example.org' id='%s'><sync xmlns='urn:tocsin:escalation:0'/></iq>"

// Without its database the component reports that at once, and still does what needs none.
func TestRequestsWithoutADatabase(t *testing.T) {
	serve(t, func(s *served) {
		s.store.fails(func() error { return errors.New("away") })
		s.queue.Push(&track.Snapshot{Ord: 1}, nil)
		synctest.Wait()
		for i := range 100 {
			s.send(syncRequest, fmt.Sprint("s", i))
		}
		s.send(ping, "alice@example.org/phone", "tocsin.example.org", "p")
		answers := s.answers()
		expect.Equal(t, "ping", answers["p"], []string{"result"})
		expect.Equal(t, "sync", answers["s99"], []string{"internal-server-error"})
	})
}

// A panic in a request does not end the component, and the log does not contain the request.
func TestRequestThatPanics(t *testing.T) {
	serve(t, func(s *served) {
		s.store.fails(func() error { panic("secret words") })
		s.send(syncRequest, "s")
		expect.Equal(t, "sync", s.answers()["s"], []string{"internal-server-error"})
		s.store.fails(nil)
		s.send(syncRequest, "t")
		expect.Equal(t, "the next one", s.answers()["t"], []string{"result"})
		if strings.Contains(s.log.String(), "secret words") || !strings.Contains(s.log.String(), "request failed") {
			t.Error(s.log)
		}
	})
}

// later lets time pass.
func (s *served) later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// What was sent to an account that was removed is no longer watched, even if the instance that removed it has ended since: the
// store knows of it until then.
func TestRemovedBefore(t *testing.T) {
	serve(t, func(s *served) {
		s.store.messages = []track.Message{{Ord: 7, Key: track.Key{Sender: "alice@example.org", Recipient: "bob@example.org", ID: "m1"}, SentAt: track.At(time.Now())}}
		s.store.removed = []track.Removal{{JID: "bob@example.org", Ord: 9}}
		s.store.fails(func() error { return errors.New("the disk is full") })
		s.later(2 * pruneEvery)
		expect.Equal(t, "removed accounts while nothing can be stored", len(s.store.removed), 1)
		s.store.fails(nil)
		s.later(2 * pruneEvery)
		expect.Equal(t, "removed accounts", len(s.store.removed), 0)
		expect.Equal(t, "messages cancelled", len(s.store.updated), 1)
	})
}
