package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"tocsin/component/clock"
	"tocsin/component/gateway"
	"tocsin/component/gateway/httpapi"
	"tocsin/component/gateway/smpp"
	"tocsin/component/gateway/xmpp"
	"tocsin/component/queue"
	"tocsin/component/settings"
	"tocsin/config"
)

// gateways holds the gateways of the routes of [sms] while this instance is live.
type gateways struct {
	secret  []byte // the database's: hook paths are derived from it, so that they are stable and can't be guessed
	log     *slog.Logger
	sink    sinkOf
	stream  atomic.Pointer[xmpp.Stream]
	changed queue.Signal

	mu    sync.Mutex
	lines map[string]*line            // by route name
	past  map[string]*httpapi.Gateway // of removed routes: reports on what they sent still arrive
	hooks *httpapi.Hooks
}

// line is the gateway of a route until a reload replaces it.
type line struct {
	gateway.Gateway
	route   config.SMSRoute
	running bool          // of gateways
	retired chan struct{} // closed when it has been replaced

	mu     sync.Mutex
	closed bool
	under  sync.WaitGroup // submissions in progress; closed rejects new ones
}

// Submit implements gateway.Gateway.
func (l *line) Submit(ctx context.Context, m gateway.Submission) gateway.Answer {
	if !l.enter() {
		return gateway.Answer{Outcome: gateway.NotSent, Class: "reloaded"}
	}
	defer l.under.Done()
	return l.Gateway.Submit(ctx, m)
}

func (l *line) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.under.Add(1)
	}
	return !l.closed
}

// finish rejects new submissions and waits for those in progress.
func (l *line) finish() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.under.Wait()
}

// run keeps the line connected until ctx ends, or until it is retired and idle.
func (l *line) run(ctx context.Context, runner gateway.Runner) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var retiring sync.WaitGroup
	defer retiring.Wait()
	retiring.Go(func() {
		select {
		case <-ctx.Done():
		case <-l.retired:
			l.finish()
			cancel()
		}
	})
	runner.Run(ctx)
}

// sinkOf is the sink of a service that is created after its gateways.
type sinkOf struct{ service atomic.Pointer[gateway.Sink] }

// Reported implements gateway.Sink.
func (s *sinkOf) Reported(ctx context.Context, r gateway.Report) error {
	if sink := s.service.Load(); sink != nil {
		return (*sink).Reported(ctx, r)
	}
	return errStandby
}

// Replied implements gateway.Sink.
func (s *sinkOf) Replied(ctx context.Context, r gateway.Reply) error {
	if sink := s.service.Load(); sink != nil {
		return (*sink).Replied(ctx, r)
	}
	return errStandby
}

// newGateways creates the gateways of a configuration: none without [sms].
func newGateways(c *config.Config, secret []byte, log *slog.Logger) (*gateways, error) {
	g := &gateways{secret: secret, log: log, changed: queue.NewSignal(), lines: map[string]*line{}, past: map[string]*httpapi.Gateway{}}
	lines, err := g.make(c)
	if err != nil {
		return nil, err
	}
	g.use(lines)
	return g, nil
}

// make creates the lines of a configuration. An unchanged route keeps its line.
func (g *gateways) make(c *config.Config) (map[string]*line, error) {
	lines := map[string]*line{}
	if c.SMS == nil {
		return lines, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, route := range c.SMS.Routes {
		if old := g.lines[route.Name]; old != nil && old.route.Kind == route.Kind && reflect.DeepEqual(old.route.HTTP, route.HTTP) && reflect.DeepEqual(old.route.SMPP, route.SMPP) && old.route.XMPP == route.XMPP {
			lines[route.Name] = old
			continue
		}
		made, err := g.gateway(&route)
		if err != nil {
			return nil, fmt.Errorf("sms.route %s: %w", route.Name, err)
		}
		lines[route.Name] = &line{Gateway: made, route: route, retired: make(chan struct{})}
	}
	return lines, nil
}

// gateway creates the gateway of a route.
func (g *gateways) gateway(route *config.SMSRoute) (gateway.Gateway, error) {
	switch route.Kind {
	case "smpp":
		return smpp.New(route.SMPP, &g.sink, g.log, (&net.Dialer{}).DialContext)
	case "xmpp":
		return xmpp.New(route.XMPP, g.streamOf, &g.sink)
	}
	own := route.HTTP
	if own.Public != "" {
		own.HookSecret = derived(g.secret, "hook of "+route.Name)
	}
	return httpapi.New(own, clock.System{})
}

// derived derives a secret from the database's secret.
func derived(secret []byte, info string) string {
	key, err := hkdf.Key(sha256.New, secret, nil, info, 32)
	if err != nil {
		panic(err) // impossible with these parameters
	}
	return base64.RawURLEncoding.EncodeToString(key)
}

// streamOf returns the stream of the service, which is created after its gateways; nil if there is none.
func (g *gateways) streamOf() xmpp.Stream {
	if s := g.stream.Load(); s != nil {
		return *s
	}
	return nil
}

// use replaces the lines. The previous ones end when they are idle.
func (g *gateways) use(lines map[string]*line) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, old := range g.lines {
		if lines[name] == old {
			continue
		}
		close(old.retired)
		if called, ok := old.Gateway.(*httpapi.Gateway); ok {
			g.past[name] = called
		}
	}
	g.lines = lines
	called := maps.Clone(g.past)
	for name, l := range lines {
		if one, ok := l.Gateway.(*httpapi.Gateway); ok {
			called[name] = one
		}
	}
	g.hooks = httpapi.NewHooks(slices.Collect(maps.Values(called)), &g.sink, g.log)
	g.changed.Set()
}

// into adds the gateways to settings.
func (g *gateways) into(s settings.Settings) settings.Settings {
	if s.SMS == nil {
		return s
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s.SMS.Gateways, s.SMS.Inboxes = map[string]gateway.Gateway{}, map[string]gateway.Inbox{}
	for name, l := range g.lines {
		s.SMS.Gateways[name] = l
		if in, ok := l.Gateway.(gateway.Inbox); ok {
			s.SMS.Inboxes[in.Address()] = in
		}
	}
	return s
}

// run keeps the routes with permanent connections up until ctx ends.
func (g *gateways) run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		for _, l := range g.idle() {
			if runner, ok := l.Gateway.(gateway.Runner); ok {
				running.Go(func() { l.run(ctx, runner) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-g.changed:
		}
	}
}

// idle returns the lines that are not running yet, and marks them as running.
func (g *gateways) idle() (idle []*line) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.lines {
		if !l.running {
			l.running = true
			idle = append(idle, l)
		}
	}
	return idle
}

// ServeHTTP serves the providers' callbacks.
func (g *gateways) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if g.probed(w, req) {
		return
	}
	g.mu.Lock()
	hooks := g.hooks
	g.mu.Unlock()
	hooks.ServeHTTP(w, req)
}

// serveHooks serves the providers' callbacks. A standby rejects them, so that providers retry.
func (r *runner) serveHooks(w http.ResponseWriter, req *http.Request) {
	if g := r.gateways.Load(); g != nil && r.service.Load() != nil {
		g.ServeHTTP(w, req)
		return
	}
	w.Header().Set("Retry-After", "5")
	http.Error(w, errStandby.Error(), http.StatusServiceUnavailable)
}
