package survival

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// harness is a component under light load, with an audit that end evaluates.
type harness struct {
	*server
	all  *fleet
	flow *traffic
	r    run
	gate *gate // to the database; may be nil
	stop func()
}

// open starts instances and traffic.
func open(t *testing.T, r run, more lab.Settings) *harness {
	t.Helper()
	users, bare := names(0, 60)
	s := newServer(t, newAudit(), users...)
	h := &harness{server: s, r: r, all: newFleet(t, s, r), flow: &traffic{server: s, rand: seed(t), senders: bare, rate: r.rate}}
	for _, m := range h.all.members {
		m.Set(more)
	}
	h.all.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() { h.flow.run(ctx) })
	h.stop = func() {
		cancel()
		writing.Wait()
	}
	t.Cleanup(h.stop)
	return h
}

// end finishes the traffic and compares everything.
func (h *harness) end(t *testing.T) {
	t.Helper()
	h.stop()
	h.all.drain(t, h.flow, h.r)
	h.all.stop(t)
	h.look(t.Context(), t, h.r.dsn, h.flow.senders, true)
	t.Log(h.audit)
	h.report(t)
	h.all.secrets(t)
}

// passes waits under load.
func passes(d time.Duration) { time.Sleep(d) }

// Of three instances one is live. The next one takes over within seconds when it is killed, and at once when it is stopped.
func TestTakeover(t *testing.T) {
	t.Parallel()
	h := open(t, run{dsn: lab.Postgres(t), instances: 3, rate: 20}, nil)
	for _, tc := range []struct {
		name string
		end  func(*lab.Daemon)
	}{
		{"killed", (*lab.Daemon).Kill9},
		{"told to stop", (*lab.Daemon).Stop},
		{"killed", (*lab.Daemon).Kill9},
	} {
		old, made := h.all.await(t), h.made()
		passes(time.Second)
		began := time.Now()
		tc.end(old)
		patiently(t, 30*time.Second, "another one takes over", func() bool { return h.made() > made })
		t.Logf("%s: another one has the stream after %s", tc.name, time.Since(began).Round(time.Millisecond))
		old.Launch()
	}
	h.end(t)
}

// An instance that was paused until another one had taken over sends nothing when it continues, and becomes a standby.
func TestPaused(t *testing.T) {
	t.Parallel()
	h := open(t, run{dsn: lab.Postgres(t), instances: 2, rate: 50}, nil)
	for range 2 {
		old, made := h.all.await(t), h.made()
		passes(1500 * time.Millisecond)
		began := time.Now()
		old.Signal(syscall.SIGSTOP)
		patiently(t, 30*time.Second, "another one takes over", func() bool { return h.made() > made })
		t.Logf("another one has the stream after %s", time.Since(began).Round(time.Millisecond))
		passes(time.Second)
		old.Signal(syscall.SIGCONT)
		patiently(t, 30*time.Second, "it is on standby", func() bool {
			_, body := old.Readiness()
			return strings.Contains(body, "standby")
		})
		h.count(&h.pauses)
	}
	h.end(t)
}

// A single instance that can't reach the database keeps the stream, sends nothing that depends on being the leader, and
// recovers by itself. If there is a standby, it leaves the stream to it.
func TestUnreachableDatabase(t *testing.T) {
	t.Parallel()
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		dsn := lab.Postgres(t)
		gate := newGate(t, dsn)
		h := open(t, run{dsn: dsn, instances: 1, rate: 50}, lab.Settings{"storage.dsn": gate.dsn})
		passes(2 * time.Second)
		gate.shut()
		h.unready(t, "another instance may be live")
		passes(8 * time.Second)
		gate.open()
		h.all.await(t)
		h.unharmed(t)
		h.end(t)
	})
	t.Run("with a standby", func(t *testing.T) {
		t.Parallel()
		dsn := lab.Postgres(t)
		gate := newGate(t, dsn)
		h := open(t, run{dsn: dsn, instances: 1, rate: 50}, lab.Settings{"storage.dsn": gate.dsn})
		other := lab.NewTocsin(t, h.lab(), h.settings(lab.Settings{"storage.dsn": dsn}))
		other.Launch()
		passes(2 * time.Second)
		first, began := h.all.members[0], time.Now()
		gate.shut()
		patiently(t, 30*time.Second, "the other one takes over", func() bool { return serves(other) })
		t.Logf("the standby is live after %s", time.Since(began).Round(time.Millisecond))
		gate.open()
		patiently(t, 30*time.Second, "it is on standby", func() bool {
			_, body := first.Readiness()
			return strings.Contains(body, "standby")
		})
		patiently(t, 30*time.Second, "it says so", func() bool { return strings.Contains(first.Stderr(), "standby: another instance") })
		h.all.members = append(h.all.members, other)
		h.end(t)
	})
}

// A second instance on an SQLite file reports which process uses it.
func TestSecondOnSQLite(t *testing.T) {
	t.Parallel()
	s := newServer(t, newAudit())
	settings := s.settings(lab.Settings{"storage.dsn": "sqlite:" + filepath.Join(t.TempDir(), "tocsin.db")})
	first := lab.NewTocsin(t, s.lab(), settings)
	first.Start()
	refused := func(how, line string) {
		second := lab.NewTocsin(t, s.lab(), settings)
		second.Launch()
		if code := second.Exit(); code != 1 {
			t.Errorf("%s: exit %d, want 1", how, code)
		}
		var said []string
		for _, line := range strings.Split(strings.TrimSpace(second.Stderr()), "\n") {
			if strings.HasPrefix(line, "tocsin: ") {
				said = append(said, line)
			}
		}
		if len(said) != 1 || !strings.Contains(said[0], line) {
			t.Errorf("%s: stderr:\n%s", how, second.Stderr())
		}
	}
	refused("another address for metrics", "the database is in use by process ")
	settings["metrics.listen"] = first.Metrics()
	refused("the same configuration", "the database is in use: is Tocsin already running?")
	if !serves(first) {
		t.Error("the first one is no longer live")
	}
	first.Stop()
}

// host returns the host of a DSN.
func host(t *testing.T, dsn string) *url.URL {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
