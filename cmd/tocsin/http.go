package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tocsin/component/metrics"
	"tocsin/component/texts"
)

// Health is the health of the running instance.
type Health interface {
	Ready() []string // why it is not ready; empty: it is
	Alive() []string // why the process is stuck; empty: it is not
	State() State
}

// State is what "tocsin check" and "tocsin status" show of a running instance, besides its health.
type State struct {
	Component string        `json:"component"`          // its JID
	Version   string        `json:"version,omitempty"`  // of the program
	Since     time.Time     `json:"since,omitzero"`     // when the stream came up; zero: it is down
	LastCopy  time.Time     `json:"last_copy,omitzero"` // the newest copy received; zero: none since the start
	Tap       []string      `json:"tap,omitempty"`      // the modules that report events: "mod_tocsin 1, Prosody 13.0.1"; none: copies are used, or nothing has arrived yet
	Copies    bool          `json:"copies,omitempty"`   // copies are used, which can be lost unnoticed
	Gaps      int           `json:"gaps,omitempty"`     // number of gaps since the start in which something may have been missed
	Lost      uint64        `json:"lost,omitempty"`     // events that the modules have dropped since the start
	Ahead     time.Duration `json:"ahead_ns,omitempty"` // how far the server's clock is ahead of ours
	Lag       time.Duration `json:"lag_ns"`             // how long the oldest fact has been waiting to be written
	Presence  string        `json:"presence,omitempty"` // source of presence: "tap", "privilege"; "": none yet
	Standby   bool          `json:"standby,omitempty"`  // another instance has the stream

	SMS []texts.RouteState `json:"sms,omitempty"` // the routes of [sms]

	Losses []metrics.Loss `json:"losses,omitempty"` // the latest losses of facts since the process started
}

// answer is the body of /readyz and /healthz.
type answer struct {
	OK    bool     `json:"ok"`
	Wrong []string `json:"wrong,omitempty"`
	State
}

// handler serves /metrics, /readyz and /healthz, and the tests of t.
func handler(gatherer prometheus.Gatherer, h Health, t *tester) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { writeState(w, h.Ready(), h.State()) })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeState(w, h.Alive(), h.State()) })
	mux.Handle("POST "+testPath, t)
	return mux
}

func writeState(w http.ResponseWriter, wrong []string, s State) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if len(wrong) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.Encode(answer{OK: len(wrong) == 0, Wrong: wrong, State: s})
}

// httpServer serves on an address that can change. Its zero value, with Handler set, serves nowhere.
type httpServer struct {
	Handler http.Handler

	address  string // as requested
	listener net.Listener
	server   *http.Server
	served   chan error
}

// Addr is the address that is served, or "".
func (s *httpServer) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Listen replaces the address; "" stops serving. On an error the previous one stays.
func (s *httpServer) Listen(ctx context.Context, address string) error {
	if address == s.address {
		return nil
	}
	var listener net.Listener
	if address != "" {
		var err error
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err != nil {
			return fmt.Errorf("listen on %s: %w", address, lastError(err))
		}
	}
	if err := s.Close(); err != nil {
		return err
	}
	s.address = address
	if listener == nil {
		return nil
	}
	server := &http.Server{Handler: s.Handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	s.listener, s.server, s.served = listener, server, make(chan error, 1)
	served := s.served
	go func() { served <- server.Serve(listener) }()
	return nil
}

// Close stops serving and waits for the end.
func (s *httpServer) Close() error {
	if s.server == nil {
		return nil
	}
	err := s.server.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	s.address, s.listener, s.server, s.served = "", nil, nil, nil
	return err
}

// lastError returns the innermost error: "address already in use", without repeating the address.
func lastError(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
