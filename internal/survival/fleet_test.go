package survival

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/lab"
	"tocsin/storage"
)

// fleet is the instances of one component.
type fleet struct {
	server  *server
	dsn     string
	members []*lab.Daemon
}

func newFleet(t *testing.T, s *server, r run) *fleet {
	f := &fleet{server: s, dsn: r.dsn}
	for range r.instances {
		f.members = append(f.members, lab.NewTocsin(t, s.lab(), s.settings(lab.Settings{"storage.dsn": r.dsn})))
	}
	return f
}

// start starts all, and waits until one is live.
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

// kill lets the live instance work for a while, and kills it. A single one is also killed during startup; otherwise another
// one takes over.
func (f *fleet) kill(t *testing.T, random *rand.Rand) {
	t.Helper()
	victim := f.members[0]
	if len(f.members) > 1 || random.IntN(3) > 0 {
		victim = f.await(t)
	}
	f.work(random)
	f.server.ends()
	victim.Kill9()
	if len(f.members) > 1 {
		killed := time.Now()
		f.await(t)
		f.server.tookOver(time.Since(killed))
	}
	victim.Launch()
	f.server.count(&f.server.kills)
}

// work waits for a random time.
func (f *fleet) work(random *rand.Rand) {
	time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
}

// replace stops the live instance cleanly; another one takes over.
func (f *fleet) replace(t *testing.T, random *rand.Rand) {
	t.Helper()
	old := f.await(t)
	f.work(random)
	f.server.ends()
	old.Stop()
	f.await(t)
	old.Launch()
}

// pause stops the live instance with SIGSTOP until another one has taken over, and continues it.
func (f *fleet) pause(t *testing.T, random *rand.Rand) {
	t.Helper()
	old := f.await(t)
	f.work(random)
	made := f.server.made()
	old.Signal(syscall.SIGSTOP)
	patiently(t, 30*time.Second, "another one takes over", func() bool { return f.server.made() > made })
	f.work(random)
	old.Signal(syscall.SIGCONT)
	patiently(t, 30*time.Second, "the paused instance is on standby", func() bool {
		_, body := old.Readiness()
		return strings.Contains(body, "standby")
	})
	f.server.count(&f.server.pauses)
}

// cut cuts all connections to PostgreSQL: the live instance goes on, or another one takes over.
func (f *fleet) cut(t *testing.T, random *rand.Rand) {
	t.Helper()
	f.await(t)
	for range 3 {
		f.work(random)
		lab.Cut(t, f.dsn)
		f.server.count(&f.server.cuts)
	}
}

// anything is everything that may happen to instances on PostgreSQL.
func anything(t *testing.T, f *fleet, random *rand.Rand) {
	t.Helper()
	switch random.IntN(8) {
	case 0:
		f.pause(t, random)
	case 1:
		f.cut(t, random)
	case 2:
		f.replace(t, random)
	default:
		f.kill(t, random)
	}
}

// await waits until one is live.
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

// drain waits until everything due by the plan has been sent.
func (f *fleet) drain(t *testing.T, flow *traffic, r run) {
	f.await(t)
	flow.finish(t.Context())
	const within = 90 * time.Second // a busy machine may take that long, and messages that join a prompt are gathered
	time.Sleep(unreadAfter)
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(time.Second) {
		f.server.look(t.Context(), t, r.dsn, flow.senders, false)
		if f.server.missing() == 0 {
			break
		}
	}
	store, err := storage.Open(t.Context(), r.dsn, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for deadline := time.Now().Add(within); time.Now().Before(deadline) && len(owed(t.Context(), t, store, flow.senders)) > 0; {
		time.Sleep(100 * time.Millisecond)
	}
}

// stop stops all cleanly.
func (f *fleet) stop(t *testing.T) {
	t.Helper()
	for _, m := range f.members {
		m.Stop()
	}
}

// secrets checks that no log has secrets, texts or numbers.
func (f *fleet) secrets(t *testing.T) {
	t.Helper()
	for _, m := range f.members {
		log := m.Stderr()
		for _, word := range []string{text, secret, number, number[1:]} {
			if strings.Contains(log, word) {
				t.Errorf("the log has %q", word)
			}
		}
		if strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
			t.Errorf("the log has a panic or data race:\n%s", log)
		}
	}
}
