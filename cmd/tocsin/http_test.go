package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"tocsin/config"
)

// fixed is a Health with fixed values.
type fixed struct {
	ready, alive []string
	state        State
}

func (f *fixed) Ready() []string { return f.ready }
func (f *fixed) Alive() []string { return f.alive }
func (f *fixed) State() State    { return f.state }

// serve starts a server for h, and returns its address.
func serve(t *testing.T, h Health) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	up := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tocsin_stream_up"})
	registry.MustRegister(up)
	up.Set(1)
	s := httpServer{Handler: handler(registry, h, &tester{secret: secret, now: time.Now, run: unanswered})}
	if err := s.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Addr()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestEndpoints(t *testing.T) {
	h := &fixed{state: State{Component: "tocsin.example.org", LastCopy: time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC), Lag: time.Second}}
	url := "http://" + serve(t, h)

	for path, want := range map[string]string{"/readyz": `{"ok":true,"component":`, "/healthz": `{"ok":true,"component":`, "/metrics": "tocsin_stream_up 1\n"} {
		if code, body := get(t, url+path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %q, want %q", path, code, body, want)
		}
	}
	if code, _ := get(t, url+"/"); code != http.StatusNotFound {
		t.Errorf("/: %d", code)
	}

	h.ready = []string{"no connection to the server", "the database does not answer"}
	code, body := get(t, url+"/readyz")
	var got answer
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(answer{Wrong: h.ready, State: h.state}, got); code != http.StatusServiceUnavailable || diff != "" {
		t.Errorf("/readyz: %d (-want +got):\n%s", code, diff)
	}
	if code, _ := get(t, url+"/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d while the process works", code)
	}
	h.alive = []string{"the writer is stuck"}
	if code, body := get(t, url+"/healthz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "the writer is stuck") {
		t.Errorf("/healthz: %d %s", code, body)
	}
}

func TestListenElsewhere(t *testing.T) {
	s := httpServer{Handler: http.NotFoundHandler()}
	defer s.Close()
	if err := s.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	first := s.Addr()

	if err := s.Listen(t.Context(), first); err == nil {
		t.Error("listened twice on one address")
	}
	if s.Addr() != first {
		t.Error("the server left its address although the new one failed")
	}
	if code, _ := get(t, "http://"+first); code != http.StatusNotFound {
		t.Errorf("got %d at the old address", code)
	}

	if err := s.Listen(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get("http://" + first); err == nil {
		t.Error("the server still answers after it was turned off")
	}
}

func TestFindInstance(t *testing.T) {
	h := &fixed{ready: []string{"no connection to the server"}, state: State{Component: "tocsin.example.org"}}
	c := config.Default()
	c.Metrics.Listen = serve(t, h)

	c.Component.JID = "tocsin.example.org"
	found, why := findInstance(t.Context(), c)
	if found == nil || found.OK || !cmp.Equal(found.Wrong, h.ready) {
		t.Errorf("got %v (%s)", found, why)
	}

	c.Component.JID = "tocsin.example.com"
	if found, why := findInstance(t.Context(), c); found != nil || !strings.HasSuffix(why, "/readyz belongs to another component") {
		t.Errorf("an instance of another component: %v (%s)", found, why)
	}

	c.Metrics.Listen = ""
	if found, why := findInstance(t.Context(), c); found != nil || why != "metrics.listen is off" {
		t.Errorf("no server: %v (%s)", found, why)
	}
}

func TestReachable(t *testing.T) {
	for listen, want := range map[string]string{":9476": "localhost:9476", "0.0.0.0:1": "localhost:1", "[::]:2": "localhost:2", "127.0.0.1:3": "127.0.0.1:3", "[::1]:4": "[::1]:4"} {
		if got := reachable(listen); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ms", 1500 * time.Microsecond: "1ms", 59 * time.Second: "59s", 90 * time.Second: "1m 30s", 125 * time.Minute: "2h 5m", 50 * time.Hour: "2d 2h",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
