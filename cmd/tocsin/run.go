package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tocsin/component"
	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/component/selftest"
	"tocsin/component/settings"
	"tocsin/config"
	"tocsin/storage"
	"tocsin/track"
)

type runCommand struct{ configFlag }

// Run serves until ctx ends. With PostgreSQL, several instances may run: one is live, the others are standbys.
func (c *runCommand) Run(ctx context.Context, e *environment) error {
	signal.Ignore(syscall.SIGPIPE) // a closed log must not end the service
	hup := make(chan os.Signal, 1) // nor must an early SIGHUP
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	file, err := c.file(e)
	if err != nil {
		return err
	}
	cfg, err := config.Load(file, e.getenv)
	if err != nil {
		return err
	}
	log, setLog := logger(e.stderr, cfg.Log)
	for _, note := range cfg.Notes() {
		log.Warn(note)
	}
	store, err := storage.Open(ctx, string(cfg.Storage.DSN), storage.Options{Migrate: true})
	if err != nil {
		return fmt.Errorf("%s: %w", cfg.Where("storage.dsn"), err)
	}
	defer store.Close()

	spareCollections(e.getenv)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r := &runner{getenv: e.getenv, clock: clock.System{}, log: log, setLog: setLog, store: store, metrics: metrics.New(registry), config: cfg}
	r.metrics.Lost.LogTo(log)
	r.web = &httpServer{Handler: handler(registry, r, &tester{string(cfg.Component.Secret), r.clock.Now, r.Test, r.TestSMS})}
	if err := r.web.Listen(ctx, cfg.Metrics.Listen); err != nil {
		err = fmt.Errorf("%s: %w", cfg.Where("metrics.listen"), err)
		if held, _ := store.HasLeader(ctx); held {
			err = fmt.Errorf("%w (and the database is in use: is Tocsin already running?)", err)
		}
		return err
	}
	defer r.web.Close()
	r.pages = &httpServer{Handler: http.HandlerFunc(r.servePages)}
	if err := r.pages.Listen(ctx, cfg.PagesListen()); err != nil {
		return fmt.Errorf("%s: %w", cfg.Where("web.listen"), err)
	}
	defer r.pages.Close()
	r.hooks = &httpServer{Handler: http.HandlerFunc(r.serveHooks)}
	if err := r.hooks.Listen(ctx, cfg.HooksListen()); err != nil {
		return fmt.Errorf("%s: %w", cfg.Where("sms.listen"), err)
	}
	defer r.hooks.Close()
	log.Info("tocsin "+programVersion(), "config", cfg, "metrics", r.web.Addr())

	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	wg.Go(func() { watchdog(ctx, r.clock, r.Alive) })
	wg.Go(func() { r.reloadOnSignal(ctx, hup) })
	notifyReady() // a standby is ready, too
	defer notifyStopping()
	return r.lead(ctx)
}

// Most of what is in memory lives for one batch, and little for longer: a collection at five times the size instead of twice
// saves a tenth of the processor time or more, and costs 40 to 130 MB under load. From maxHeap on it is collected as often as necessary.
const (
	heapGrowth = 400 // percent
	maxHeap    = 512 << 20
)

// spareCollections sets when garbage is collected, except for what the environment sets (https://pkg.go.dev/runtime).
func spareCollections(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(maxHeap)
	}
}

// runner is the running instance: a standby until it leads, then the service, and a standby again if it loses the
// leadership.
type runner struct {
	getenv func(string) string
	clock  clock.Clock
	log    *slog.Logger
	setLog func(config.Log)
	store  *storage.Store
	web    *httpServer // metrics and health
	pages  *httpServer
	hooks  *httpServer // for requests of SMS providers

	metrics  *metrics.Metrics
	service  atomic.Pointer[component.Service] // nil: a standby
	gateways atomic.Pointer[gateways]
	waiting  atomic.Int64 // number of facts in left

	// Owned by lead:
	left []track.Events // what previous services received but could not write
	last component.Last // the greatest numbers they assigned

	mu     sync.Mutex // held during a reload
	config *config.Config
}

// reloadOnSignal reloads the configuration on each SIGHUP until ctx ends.
func (r *runner) reloadOnSignal(ctx context.Context, hup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			notifyReloading()
			if settings, err := r.reload(); err != nil {
				r.log.Error("invalid configuration, keeping the current one", "err", err)
			} else if service := r.service.Load(); service != nil {
				service.Apply(settings)
			}
			notifyReady()
		}
	}
}

// reload reads the file again. The result is for Service.Apply; the log, the listeners and the routes change immediately.
func (r *runner) reload() (settings.Settings, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, notes, err := r.config.Reload(r.getenv)
	if err != nil {
		return settings.Settings{}, err
	}
	g, lines := r.gateways.Load(), map[string]*line(nil) // a standby creates its gateways when it becomes the leader
	if g != nil {
		if lines, err = g.make(next); err != nil {
			return settings.Settings{}, err
		}
	}
	if err := r.web.Listen(context.Background(), next.Metrics.Listen); err != nil {
		return settings.Settings{}, fmt.Errorf("%s: %w", next.Where("metrics.listen"), err)
	}
	if err := r.pages.Listen(context.Background(), next.PagesListen()); err != nil {
		return settings.Settings{}, fmt.Errorf("%s: %w", next.Where("web.listen"), err)
	}
	if err := r.hooks.Listen(context.Background(), next.HooksListen()); err != nil {
		return settings.Settings{}, fmt.Errorf("%s: %w", next.Where("sms.listen"), err)
	}
	r.setLog(next.Log)
	r.config = next
	for _, note := range notes {
		r.log.Warn(note)
	}
	r.log.Info("configuration reloaded")
	if g == nil {
		return next.Settings(), nil
	}
	g.use(lines)
	return g.into(next.Settings()), nil
}

// servePages serves the pages, unless this is a standby.
func (r *runner) servePages(w http.ResponseWriter, req *http.Request) {
	if service := r.service.Load(); service != nil {
		service.Pages().ServeHTTP(w, req)
		return
	}
	w.Header().Set("Retry-After", "5")
	http.Error(w, errStandby.Error(), http.StatusServiceUnavailable)
}

// jid returns the component's JID, which a reload does not change.
func (r *runner) jid() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config.Component.JID
}

// Test sends a test prompt to a user, and reports its steps.
func (r *runner) Test(ctx context.Context, user string, report func(selftest.Step)) error {
	if service := r.service.Load(); service != nil {
		return service.Test(ctx, user, report)
	}
	return errStandby
}

// TestSMS sends a test SMS, and reports its steps.
func (r *runner) TestSMS(ctx context.Context, request selftest.SMSRequest, report func(selftest.Step)) error {
	if service := r.service.Load(); service != nil {
		return service.TestSMS(ctx, request, report)
	}
	return errStandby
}

// Ready implements Health.
func (r *runner) Ready() []string {
	if service := r.service.Load(); service != nil {
		return service.Ready()
	}
	wrong := []string{"standby: another instance is live"}
	if n := r.waiting.Load(); n > 0 {
		wrong = append(wrong, fmt.Sprintf("storage: %d facts waiting to be handed over", n))
	}
	return wrong
}

// Alive implements Health.
func (r *runner) Alive() []string {
	if service := r.service.Load(); service != nil {
		return service.Alive()
	}
	return nil
}

// State implements Health.
func (r *runner) State() State {
	s := State{Component: r.jid(), Version: programVersion(), Losses: r.metrics.Lost.Recent()}
	service := r.service.Load()
	if service == nil {
		s.Standby = true
		return s
	}
	tap := service.Tap()
	s.Tap, s.Copies, s.Gaps, s.Lost, s.Ahead = tap.Sources, tap.Lossy, tap.Gaps, tap.Lost, tap.Ahead
	s.SMS = service.SMSRoutes()
	s.Since, s.LastCopy, s.Lag, s.Presence = service.Since(), service.LastTap(), service.Lag().Round(time.Millisecond), service.Presence()
	return s
}
