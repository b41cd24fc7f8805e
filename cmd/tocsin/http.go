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

// Health is how the running instance does.
type Health interface {
	Ready() []string // what keeps it from serving; empty: it serves
	Alive() []string // what keeps the process from working; empty: it works
	State() State
}

// State is what "tocsin check" and "tocsin status" ask of a running instance, beside its health.
type State struct {
	Component string        `json:"component"`          // its JID
	Version   string        `json:"version,omitempty"`  // of the program
	Since     time.Time     `json:"since,omitzero"`     // of the stream; zero: it is down
	LastCopy  time.Time     `json:"last_copy,omitzero"` // the newest copy that the tap brought; zero: none since the start
	Tap       []string      `json:"tap,omitempty"`      // the modules that tell events: "mod_tocsin 1, Prosody 13.0.1"; none: copies come, or nothing yet
	Copies    bool          `json:"copies,omitempty"`   // copies come, which can be lost unnoticed
	Gaps      int           `json:"gaps,omitempty"`     // times since the start in which something may have been missed
	Lost      uint64        `json:"lost,omitempty"`     // events since the start that the modules have given up
	Ahead     time.Duration `json:"ahead_ns,omitempty"` // the server's clock is ahead of ours by it
	Lag       time.Duration `json:"lag_ns"`             // how long the oldest fact waits to be written
	Presence  string        `json:"presence,omitempty"` // where presence comes from: "tap", "privilege"; "": nowhere yet
	Standby   bool          `json:"standby,omitempty"`  // another instance holds the stream

	SMS []texts.RouteState `json:"sms,omitempty"` // the routes of [sms]

	Losses []metrics.Loss `json:"losses,omitempty"` // facts that were lost since the process was started: the last times
}

// answer is the body of /readyz and /healthz.
type answer struct {
	OK    bool     `json:"ok"`
	Wrong []string `json:"wrong,omitempty"`
	State
}

// handler serves /metrics, /readyz and /healthz, and lets t test.
func handler(gatherer prometheus.Gatherer, h Health, t *tester) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { tell(w, h.Ready(), h.State()) })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { tell(w, h.Alive(), h.State()) })
	mux.Handle("POST "+testPath, t)
	return mux
}

func tell(w http.ResponseWriter, wrong []string, s State) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if len(wrong) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.Encode(answer{OK: len(wrong) == 0, Wrong: wrong, State: s})
}

// httpServer serves on an address that can be changed. Its zero value, with Handler set, serves nowhere.
type httpServer struct {
	Handler http.Handler

	address  string // as it was asked for
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

// Listen serves on an address, "" for none, in place of the one before. On an error the one before stays.
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

// Close ends serving and waits for it.
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

// lastError is the innermost error: "address already in use", without the address a second time.
func lastError(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
