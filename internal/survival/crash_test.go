package survival

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// run is the plan of one run: a number of kills, or a duration.
type run struct {
	dsn       string
	instances int
	kills     int           // 0: until the time is over
	lasts     time.Duration // 0: until the kills are done
	rate      int
	crowd     int
	shared    int
	harm      func(*testing.T, *fleet, *rand.Rand) // nil: kills
}

// TestCrash kills the program at random points under load, on each database.
func TestCrash(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		crash(t, run{dsn: "sqlite:" + filepath.Join(t.TempDir(), "tocsin.db"), instances: 1, kills: 14, rate: 200, crowd: 60, shared: 10})
	})
	// Of two instances, the live one is killed each time, and the other one takes over.
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		crash(t, run{dsn: lab.Postgres(t), instances: 2, kills: 6, rate: 100, crowd: 60})
	})
}

// TestCrashSoak is TestCrash for as long as TOCSIN_SOAK says ("10m").
func TestCrashSoak(t *testing.T) {
	lasts := soak(t)
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		crash(t, run{dsn: "sqlite:" + filepath.Join(t.TempDir(), "tocsin.db"), instances: 1, lasts: lasts, rate: 120, crowd: 500, shared: 10})
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		crash(t, run{dsn: lab.Postgres(t), instances: 2, lasts: lasts, rate: 80, crowd: 500, shared: 10, harm: anything})
	})
}

// soak returns how long soak tests may take.
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

// seed returns the source of randomness: seeded by TOCSIN_SEED, or fixed.
func seed(t *testing.T) *rand.Rand {
	n, err := strconv.ParseUint(os.Getenv("TOCSIN_SEED"), 10, 64)
	if err != nil {
		n = 1
	}
	t.Logf("TOCSIN_SEED=%d", n)
	return rand.New(rand.NewPCG(n, uint64(len(t.Name()))))
}

// another returns one for another goroutine.
func another(random *rand.Rand) *rand.Rand { return rand.New(rand.NewPCG(random.Uint64(), 0)) }

// names are the senders, so many that the caps rarely matter; after a minute of a soak they are replaced, so that none has a
// longer history than real users.
func names(generation, crowd int) (users, bare []string) {
	for i := range crowd {
		user := fmt.Sprintf("u%d-%d", generation, i)
		users, bare = append(users, user), append(bare, user+"@"+domain)
	}
	return users, bare
}

func crash(t *testing.T, r run) {
	random := seed(t)
	if r.harm == nil {
		r.harm = func(t *testing.T, f *fleet, random *rand.Rand) { f.kill(t, random) }
	}
	s := newServer(t, newAudit())
	s.alone = r.instances == 1
	all := newFleet(t, s, r)
	began, told := time.Now(), time.Now()
	over := func(n int) bool {
		if r.lasts > 0 {
			return time.Since(began) >= r.lasts
		}
		return n >= r.kills
	}
	for generation := 0; ; generation++ {
		users, bare := names(generation, r.crowd)
		s.arrive(users...)
		flow := &traffic{server: s, rand: another(random), senders: bare, rate: r.rate, shared: r.shared}
		ctx, stop := context.WithCancel(t.Context())
		var acting sync.WaitGroup
		acting.Go(func() { flow.run(ctx) })
		acting.Go(func() { s.answering(ctx) })
		all.start(t)
		for n, since := 1, time.Now(); ; n++ {
			r.harm(t, all, random)
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

// say prints the tally; that of a soak immediately, because somebody is watching.
func say(t *testing.T, r run, s *server, began time.Time) {
	line := fmt.Sprintf("%s %s: %s", t.Name(), time.Since(began).Round(time.Second), s.audit)
	if r.lasts > 0 {
		fmt.Println(line)
	} else {
		t.Log(line)
	}
}
