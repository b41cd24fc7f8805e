package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"tocsin/component/clock"
	"tocsin/component/gateway"
	"tocsin/component/gateway/httpapi"
	"tocsin/component/gateway/smpp"
	"tocsin/component/settings"
	"tocsin/config"
)

// gateways are the routes of [sms] for as long as this instance is live.
type gateways struct {
	byName map[string]gateway.Gateway
	hooks  http.Handler // nil: no route is called back
	sink   sinkOf
}

// sinkOf is the sink of a service that is made after its gateways.
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

// newGateways makes the gateways of a configuration, nil without [sms]. secret is the database's: the paths of hooks are derived
// from it, so that they stay what they are and can't be guessed.
func newGateways(c *config.Config, secret []byte, log *slog.Logger) (*gateways, error) {
	if c.SMS == nil {
		return nil, nil
	}
	g := &gateways{byName: map[string]gateway.Gateway{}}
	var called []*httpapi.Gateway
	for i := range c.SMS.Routes {
		route := &c.SMS.Routes[i]
		switch route.Kind {
		case "http":
			own := route.HTTP
			if own.Public != "" {
				key, err := hkdf.Key(sha256.New, secret, nil, "hook of "+route.Name, 32)
				if err != nil {
					return nil, fmt.Errorf("sms.route %s: %w", route.Name, err)
				}
				own.HookSecret = base64.RawURLEncoding.EncodeToString(key)
			}
			made, err := httpapi.New(own, clock.System{})
			if err != nil {
				return nil, fmt.Errorf("sms.route %s: %w", route.Name, err)
			}
			g.byName[route.Name] = made
			called = append(called, made)
		case "smpp":
			made, err := smpp.New(route.SMPP, &g.sink, log, (&net.Dialer{}).DialContext)
			if err != nil {
				return nil, fmt.Errorf("sms.route %s: %w", route.Name, err)
			}
			g.byName[route.Name] = made
		}
	}
	g.hooks = httpapi.NewHooks(called, &g.sink, log)
	return g, nil
}

// into gives settings their gateways.
func (g *gateways) into(s settings.Settings) settings.Settings {
	if g != nil && s.SMS != nil {
		s.SMS.Gateways = g.byName
	}
	return s
}

// run keeps the routes that hold a connection up, until ctx ends.
func (g *gateways) run(ctx context.Context) {
	if g == nil {
		return
	}
	var wg sync.WaitGroup
	for _, route := range g.byName {
		if runner, ok := route.(gateway.Runner); ok {
			wg.Go(func() { runner.Run(ctx) })
		}
	}
	wg.Wait()
}

// serveHooks serves what providers tell; a standby takes nothing, so that they tell it again.
func (r *runner) serveHooks(w http.ResponseWriter, req *http.Request) {
	if g := r.gateways.Load(); g != nil && r.service.Load() != nil {
		g.hooks.ServeHTTP(w, req)
		return
	}
	w.Header().Set("Retry-After", "5")
	http.Error(w, "standby: another instance serves", http.StatusServiceUnavailable)
}
