package survival

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	tocsin "tocsin/component"
	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/component/session"
	"tocsin/component/settings"
	"tocsin/component/tap"
	"tocsin/storage"
	"tocsin/track"
)

// inProcess runs the component in this process, on the test's clock, and returns when it is connected.
func inProcess(t *testing.T, s *server, dsn string, grace time.Duration, rate int) (stop func()) {
	t.Helper()
	store, err := storage.Open(context.Background(), dsn, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	shut := sync.OnceFunc(func() { store.Close() })
	t.Cleanup(shut)
	end := startService(t, s, store, "", grace, rate)
	return func() {
		end()
		shut()
	}
}

// startService runs the component in this process, on a server that listens, or is connected in memory.
func startService(t testing.TB, s *server, store tocsin.Store, addr string, grace time.Duration, rate int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	service, err := tocsin.New(ctx, tocsin.Options{
		JID: component, Contact: "sms@" + component, Server: addr, Secret: secret, Flush: 5 * time.Millisecond, Store: store,
		Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics.New(prometheus.NewRegistry()),
		Settings: settings.Settings{
			Language: "en", Grace: grace, FireRate: rate, Retention: 24 * time.Hour, TextLimit: 480,
			Tap: tap.Config{Domains: []string{domain}, Component: component, ReplyReads: true, KeepText: true, TextLimit: 480},
			Policy: track.Policy{
				Senders: track.SendersAll, UndeliveredAfter: 2 * time.Minute, UnreadAfter: 5 * time.Minute, Mode: track.Ask, Expires: time.Hour,
				PerConversationDay: 4, PerRecipientDay: 20, PerSenderHour: 1000, Steps: []track.Step{{Do: track.DoPrompt}},
			},
		},
		Session: func(o *session.Options) {
			if addr == "" {
				o.Dial = s.Dial
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.lag = service.Lag
	made := s.made()
	var running sync.WaitGroup
	running.Go(func() {
		if err := service.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(stop)
	for s.made() == made {
		time.Sleep(10 * time.Millisecond)
	}
	return stop
}
