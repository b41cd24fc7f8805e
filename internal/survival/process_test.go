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
	"tocsin/component/session"
	"tocsin/component/tap"
	"tocsin/storage"
	"tocsin/track"
)

// inProcess runs the component here, where the time is that of the test, and returns when it is connected.
func inProcess(t *testing.T, s *server, dsn string, grace time.Duration, rate int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	store, err := storage.Open(ctx, dsn, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	service, err := tocsin.New(ctx, tocsin.Options{
		JID: component, Contact: "sms@" + component, Secret: secret, Flush: 5 * time.Millisecond, Store: store, Clock: clock.System{},
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Settings: tocsin.Settings{
			Language: "en", Grace: grace, FireRate: rate, Retention: time.Hour, TextLimit: 480,
			Tap: tap.Config{Domains: []string{domain}, Component: component, ReplyReads: true, KeepText: true, TextLimit: 480},
			Policy: track.Policy{
				Senders: track.SendersAll, UndeliveredAfter: 2 * time.Minute, UnreadAfter: 5 * time.Minute, Mode: track.Ask, Expires: time.Hour,
				Steps: []track.Step{{Do: track.DoPrompt}},
			},
		},
		Session: func(o *session.Options) { o.Dial, o.RetryMax = s.Dial, time.Second },
	})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := service.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		store.Close()
	})
	t.Cleanup(stop)
	for s.made() == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	return stop
}
