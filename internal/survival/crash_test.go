package survival

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// run is one run of the harness: so many kills, or for so long.
type run struct {
	dsn       string
	instances int
	kills     int           // 0: until the time is up
	lasts     time.Duration // 0: until the kills are done
	rate      int
	shared    int
}

// TestCrash kills the program at random points under load, on each database.
func TestCrash(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		crash(t, run{dsn: "sqlite:" + filepath.Join(t.TempDir(), "tocsin.db"), instances: 1, kills: 14, rate: 200})
	})
	// Of two instances the one that serves is killed each time: the other one takes over.
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		crash(t, run{dsn: lab.Postgres(t), instances: 2, kills: 6, rate: 100})
	})
}

// TestCrashSoak is TestCrash for as long as TOCSIN_SOAK says ("10m").
func TestCrashSoak(t *testing.T) {
	lasts := soak(t)
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		crash(t, run{dsn: "sqlite:" + filepath.Join(t.TempDir(), "tocsin.db"), instances: 1, lasts: lasts, rate: 300, shared: 10})
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		crash(t, run{dsn: lab.Postgres(t), instances: 2, lasts: lasts, rate: 200, shared: 10})
	})
}

// soak is how long tests may take that show what only time shows.
func soak(t *testing.T) time.Duration {
	t.Helper()
	lasts := os.Getenv("TOCSIN_SOAK")
	if lasts == "" {
		t.Skip("for make soak: TOCSIN_SOAK says for how long")
	}
	d, err := time.ParseDuration(lasts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// seed is what the random points come from: that of TOCSIN_SEED, or always the same.
func seed(t *testing.T) *rand.Rand {
	n, err := strconv.ParseUint(os.Getenv("TOCSIN_SEED"), 10, 64)
	if err != nil {
		n = 1
	}
	t.Logf("TOCSIN_SEED=%d", n)
	return rand.New(rand.NewPCG(n, uint64(len(t.Name()))))
}

// crowd is how many users write; after a minute of a soak others do, so that none has more of a history than a user has.
const crowd = 60

func names(generation int) (users, bare []string) {
	for i := range crowd {
		user := fmt.Sprintf("u%d-%d", generation, i)
		users, bare = append(users, user), append(bare, user+"@"+domain)
	}
	return users, bare
}

func crash(t *testing.T, r run) {
	random := seed(t)
	s := newServer(t, newAudit())
	all := newFleet(t, s, r)
	began, told := time.Now(), time.Now()
	over := func(n int) bool {
		if r.lasts > 0 {
			return time.Since(began) >= r.lasts
		}
		return n >= r.kills
	}
	for generation := 0; ; generation++ {
		users, bare := names(generation)
		s.arrive(users...)
		flow := &traffic{server: s, rand: random, senders: bare, rate: r.rate, shared: r.shared}
		ctx, stop := context.WithCancel(t.Context())
		var acting sync.WaitGroup
		acting.Go(func() { flow.run(ctx) })
		acting.Go(func() { s.answering(ctx) })
		all.start(t)
		for n, since := 1, time.Now(); ; n++ {
			all.kill(t, random)
			if n%4 == 0 {
				s.look(t.Context(), t, r.dsn, bare, false)
			}
			if time.Since(told) >= time.Minute {
				told = time.Now()
				say(t, r, s, began)
			}
			if over(n) || r.lasts > 0 && time.Since(since) >= time.Minute {
				break
			}
		}
		stop()
		acting.Wait()
		all.drain(t, flow, r)
		all.stop(t)
		s.look(t.Context(), t, r.dsn, bare, true)
		if over(r.kills) || s.faulty() {
			break
		}
		s.forget()
		s.leave(users...)
	}
	say(t, r, s, began)
	s.report(t)
	all.secrets(t)
}

// say prints the tally; that of a soak at once, because somebody watches.
func say(t *testing.T, r run, s *server, began time.Time) {
	line := fmt.Sprintf("%s %s: %s", t.Name(), time.Since(began).Round(time.Second), s.audit)
	if r.lasts > 0 {
		fmt.Println(line)
	} else {
		t.Log(line)
	}
}

// fleet is the instances of one component.
type fleet struct {
	server  *server
	members []*lab.Daemon
}

func newFleet(t *testing.T, s *server, r run) *fleet {
	f := &fleet{server: s}
	for range r.instances {
		f.members = append(f.members, lab.NewTocsin(t, s.lab(), s.settings(lab.Settings{"storage.dsn": r.dsn})))
	}
	return f
}

// start starts all, and waits until one serves.
func (f *fleet) start(t *testing.T) *lab.Daemon {
	t.Helper()
	for _, m := range f.members {
		m.Launch()
	}
	return f.await(t)
}

func serves(d *lab.Daemon) bool {
	status, _ := d.Readiness()
	return status == http.StatusOK
}

// kill lets the one that serves work for a while, and kills it. One that is alone is also killed on its way up; where
// there are others, one of them takes over.
func (f *fleet) kill(t *testing.T, random *rand.Rand) {
	victim := f.members[0]
	if len(f.members) > 1 || random.IntN(3) > 0 {
		victim = f.await(t)
	}
	time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond) // the random point
	victim.Kill9()
	if len(f.members) > 1 {
		killed := time.Now()
		f.await(t)
		f.server.tookOver(time.Since(killed))
	}
	victim.Launch()
	f.server.audit.mu.Lock()
	f.server.audit.kills++
	f.server.audit.mu.Unlock()
}

// await waits until one serves.
func (f *fleet) await(t *testing.T) (serving *lab.Daemon) {
	t.Helper()
	patiently(t, 30*time.Second, "an instance serves", func() bool {
		for _, m := range f.members {
			if serves(m) {
				serving = m
			}
		}
		return serving != nil
	})
	return serving
}

// drain waits until all is told that the plan leads to.
func (f *fleet) drain(t *testing.T, flow *traffic, r run) {
	serving := f.await(t)
	flow.finish(t.Context())
	within := unreadAfter + 4*time.Second
	if r.shared > 0 {
		within += 35 * time.Second // what joins a prompt is gathered
	}
	time.Sleep(unreadAfter)
	f.server.look(t.Context(), t, r.dsn, flow.senders, false)
	for deadline := time.Now().Add(within); time.Now().Before(deadline) && f.server.missing() > 0; {
		time.Sleep(100 * time.Millisecond)
	}
	patiently(t, within, "the outbox is empty", func() bool { return serving.Metric("tocsin_outbox_messages", "") == 0 })
}

// stop ends all in good order.
func (f *fleet) stop(t *testing.T) {
	t.Helper()
	for _, m := range f.members {
		m.Stop()
	}
}

// secrets makes sure that no log holds what must not be in it.
func (f *fleet) secrets(t *testing.T) {
	t.Helper()
	for _, m := range f.members {
		log := m.Stderr()
		for _, word := range []string{text, secret, number, number[1:]} {
			if strings.Contains(log, word) {
				t.Errorf("the log holds %q", word)
			}
		}
		if strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
			t.Errorf("the log tells of a fault of the program:\n%s", log)
		}
	}
}

func (a *audit) faulty() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.faults) > 0
}
