// Package scenarios tests Tocsin with stories (testdata/*.txtar), each played with every kind of tap that supports it, on
// both databases. internal/fakeserver documents their commands.
package scenarios

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/component"
	"tocsin/component/clock"
	"tocsin/component/gateway"
	"tocsin/component/metrics"
	"tocsin/component/session"
	"tocsin/config"
	"tocsin/internal/fakeserver"
	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

// With the race detector, which makes them slow, the stories use one kind of tap and one database: the others differ in data,
// not in concurrency. "make test" runs all without it.
func TestSQLite(t *testing.T) {
	var shapes []fakeserver.Shape // all
	if lab.RaceDetector {
		shapes = append(shapes, fakeserver.Module)
	}
	empty := emptyDatabase(t)
	fakeserver.Run(t, "testdata", func(t *testing.T) fakeserver.Subject {
		file := filepath.Join(t.TempDir(), "tocsin.db")
		if err := os.WriteFile(file, empty, 0o600); err != nil {
			t.Fatal(err)
		}
		return &subject{t: t, dsn: "sqlite:" + file}
	}, shapes...)
}

// emptyDatabase returns a database with just the schema: stories begin with a copy, since creating the schema takes longer
// than most of them.
func emptyDatabase(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "empty.db")
	store, err := storage.Open(t.Context(), "sqlite:"+file, storage.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// subject is the service in this process.
type subject struct {
	t     *testing.T
	dsn   string
	store *storage.Store
	dead  *atomic.Bool // nothing more is written to it
	phone gateway.Sink
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// Start implements fakeserver.Subject.
func (s *subject) Start(text string, dial func(context.Context) (net.Conn, error), sms func(to, from, text string)) error {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	file := filepath.Join(s.t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	c, err := config.Load(file, func(string) string { return "" })
	if err != nil {
		return err
	}
	store, err := storage.Open(ctx, s.dsn, storage.Options{Migrate: true})
	if err != nil {
		return err
	}
	s.store, s.dead = store, &atomic.Bool{}
	settings := c.Settings()
	if settings.SMS != nil {
		settings.SMS.Gateways = map[string]gateway.Gateway{}
		for _, r := range settings.SMS.Routes.Routes {
			settings.SMS.Gateways[r.Name] = network(sms)
		}
	}
	service, err := component.New(ctx, component.Options{
		JID: c.Component.JID, Contact: c.Component.ContactJID(), Secret: string(c.Component.Secret), MaxStanza: int(c.Tap.MaxStanza),
		Settings: settings, Store: &crashable{Store: store, dead: s.dead}, Clock: clock.System{}, Log: slog.New(slog.NewTextHandler(s.t.Output(), nil)), Metrics: metrics.New(prometheus.NewRegistry()),
		Session: func(o *session.Options) { o.Dial, o.RetryMax = dial, time.Second },
	})
	if err != nil {
		return err
	}
	s.phone = service.SMS()
	s.ended.Go(func() {
		if err := service.Run(ctx); err != nil {
			s.t.Errorf("run: %v", err)
		}
	})
	return nil
}

// network accepts every SMS.
type network func(to, from, text string)

func (n network) Submit(_ context.Context, m gateway.Submission) gateway.Answer {
	n(m.To, m.From, m.Text)
	return gateway.Answer{Outcome: gateway.Sent, Class: "scripted"}
}

func (network) Check(context.Context) error { return nil }
func (network) Up() (bool, string)          { return true, "" }

// Phone implements fakeserver.Subject.
func (s *subject) Phone(id, from, to, text string) error {
	return s.phone.Replied(context.Background(), gateway.Reply{Route: "network", ID: id, From: from, To: to, Text: text})
}

// Crash implements fakeserver.Subject.
func (s *subject) Crash() {
	s.dead.Store(true)
	s.stop()
	s.ended.Wait()
	s.store.Close()
}

// Number implements fakeserver.Subject.
func (s *subject) Number(jid, number string, consented bool) error {
	return s.store.SetNumbers(context.Background(), track.Number{
		JID: jid, E164: number, Source: track.FromAdmin, Consent: consented, Verified: true, At: track.At(time.Now()),
	})
}

// Prefer implements fakeserver.Subject.
func (s *subject) Prefer(jid, quiet, zone string) error {
	return s.store.SavePrefs(context.Background(), track.Prefs{JID: jid, Quiet: quiet, Zone: zone})
}

// crashable is a store that takes nothing more once it is dead. It embeds an interface, since the methods promoted from a pointer
// end in jumps: the race detector does not see these return, and takes longer with each call of one (Go 1.26).
type crashable struct {
	component.Store
	dead  *atomic.Bool
	alone atomic.Bool // nothing is handed over any more
}

// HandedOver looks until nothing is left: no other instance hands anything over, and the component looks every second of a story,
// which would take longer than all else in it.
func (m *crashable) HandedOver(ctx context.Context, limit int) ([]track.HandedOver, error) {
	if m.alone.Load() {
		return nil, nil
	}
	all, err := m.Store.HandedOver(ctx, limit)
	m.alone.Store(err == nil && len(all) == 0)
	return all, err
}

func (m *crashable) Commit(ctx context.Context, c track.Changes) error {
	if m.dead.Load() {
		return fmt.Errorf("commit: %w", track.ErrFenced)
	}
	return m.Store.Commit(ctx, c)
}
