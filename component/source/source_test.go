package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/component/presence"
	"tocsin/component/tap"
	"tocsin/internal/expect"
	"tocsin/track"
	"tocsin/xep/caps"
)

// world is a Source's environment: it records calls, and stores what it gets. What is passed on and what is sent to the taps
// is recorded apart, as acknowledgements come whenever something has become durable.
type world struct {
	mu     sync.Mutex
	passed []string
	sent   []string
	stored map[string]string
	down   bool // nothing can be sent
	slow   bool // what is offered is not durable
	done   []func(error)
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passed = append(w.passed, fmt.Sprintf(format, args...))
}

// told returns what was passed on since the last call.
func (w *world) told() string { return w.take(&w.passed) }

// last returns what was sent to the taps last since the last call.
func (w *world) last() string {
	all := strings.Split(w.take(&w.sent), ", ")
	return all[len(all)-1]
}

func (w *world) take(record *[]string) string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	text := strings.Join(*record, ", ")
	*record = nil
	return text
}

func (w *world) Offer(e *track.Events, done func(error)) bool {
	for _, f := range e.Facts {
		w.note("%s", f.ID)
	}
	for _, c := range e.Clients {
		w.note("%s", clientLine(c))
	}
	stored := func(err error) {
		w.mu.Lock()
		if err == nil && e.Mark.Run != "" {
			w.stored[track.MarkKey(e.Mark.Run)] = fmt.Sprint(e.Mark.N)
		}
		w.mu.Unlock()
		if done != nil {
			done(err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slow {
		w.done = append(w.done, stored)
	} else {
		go stored(nil) // as the writer does
	}
	return true
}

func clientLine(c track.Client) string {
	what := "manages"
	switch {
	case c.Came:
		what = "comes"
	case c.Left:
		what = "goes"
	}
	return c.JID + " " + what + map[track.Ternary]string{track.No: ", unmanaged", track.Yes: ", managed"}[c.Managed]
}

func (w *world) Observe(full string, _ presence.Source, _ caps.Caps) { w.note("saw %s", full) }
func (w *world) Left(full string)                                    { w.note("left %s", full) }
func (w *world) Online(string) bool                                  { return false }
func (w *world) Acknowledged(string)                                 {}

func (w *world) Get(_ context.Context, key string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stored[key], nil
}

func (w *world) Changed(owner string) { w.note("roster of %s", owner) }

func (w *world) Put(_ context.Context, key, value string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stored[key] = value
	return nil
}

func (w *world) send(_ context.Context, to string, payload any) error {
	if w.down {
		return errors.New("down")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch p := payload.(type) {
	case ackPayload:
		w.sent = append(w.sent, fmt.Sprintf("ack %s/%d to %s", p.Run, p.N, to))
	case refreshPayload:
		w.sent = append(w.sent, "refresh to "+to)
	}
	return nil
}

// start runs a Source on what the world has stored.
func (w *world) start(t *testing.T) (s *Source, stop func()) {
	t.Helper()
	config := &tap.Config{Domains: []string{"here.test"}, Component: "tocsin.here.test"}
	s, err := New(t.Context(), Options{
		Config: func() *tap.Config { return config }, Queue: w, Presence: w, Rosters: w, Store: w, Send: w.send, Clock: clock.System{},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: metrics.New(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	return s, func() { cancel(); running.Wait() }
}

func batch(run string, n int, events string) []byte {
	return fmt.Appendf(nil, "<message from='here.test' to='tocsin.here.test'><tap xmlns='urn:tocsin:tap:1' run='%s' n='%d'>%s</tap></message>", run, n, events)
}

func acked(id string) string {
	return fmt.Sprintf("<acked f='alice@here.test/x' t='bob@here.test/y' i='%s'/>", id)
}

// Events are passed on once, also across a restart, and acknowledged when they are durable.
func TestSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{stored: map[string]string{}}
		s, stop := w.start(t)
		s.Up()
		s.Receive(batch("runrunrun", 1, "<hello v='1' module='m' server='s' hosts='here.test' tells='acked'/>"+acked("m1")))
		s.Receive(batch("runrunrun", 2, acked("m2")+acked("m3")))
		time.Sleep(ackEvery)
		expect.Equal(t, "told", w.told(), "m1, m2, m3")
		expect.Equal(t, "acknowledged", w.last(), "ack runrunrun/2 to here.test")

		s.Receive(batch("runrunrun", 2, acked("m2")))
		time.Sleep(2 * ackEvery)
		expect.Equal(t, "told twice", w.told(), "")
		expect.Equal(t, "acknowledged twice", w.last(), "")

		w.down = true
		s.Receive(batch("runrunrun", 3, acked("m4")))
		time.Sleep(ackEvery)
		expect.Equal(t, "told while nothing can be sent", w.told(), "m4")
		expect.Equal(t, "acknowledged then", w.last(), "")
		stop()
		s, stop = w.start(t)
		w.down = false
		s.Up()
		s.Receive(batch("runrunrun", 3, acked("m4")))
		s.Receive(batch("runrunrun", 4, acked("m5")))
		time.Sleep(ackEvery)
		expect.Equal(t, "told after a restart", w.told(), "m5")
		expect.Equal(t, "acknowledged after a restart", w.last(), "ack runrunrun/4 to here.test")
		expect.Equal(t, "gaps", s.State().Gaps, 0)
		expect.Equal(t, "sources", strings.Join(s.State().Sources, "; "), "m, s")

		s.Receive(batch("runrunrun", 6, acked("m7")))
		expect.Equal(t, "gaps when a batch is missing", s.State().Gaps, 1)
		s.Refresh()
		time.Sleep(2 * ackEvery)
		expect.Equal(t, "when the configuration changes", strings.Contains(w.take(&w.sent), "refresh to here.test"), true)
		stop()
	})
}

// An instance that dies before it has stored its account leaves the number of the newest stored batch, which is enough.
func TestAccountLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{stored: map[string]string{track.MarkKey("runrunrun"): "2"}}
		s, stop := w.start(t)
		defer stop()
		s.Up()
		s.Receive(batch("runrunrun", 1, "<hello v='1' module='m' server='s' hosts='here.test' tells='acked'/>"+acked("m1")))
		s.Receive(batch("runrunrun", 2, acked("m2")))
		s.Receive(batch("runrunrun", 3, "<hello v='1' module='m' server='s' hosts='here.test' tells='acked'/>"+acked("m3")))
		time.Sleep(ackEvery)
		expect.Equal(t, "told", w.told(), "m3")
		expect.Equal(t, "acknowledged", w.last(), "ack runrunrun/3 to here.test")
		expect.Equal(t, "gaps", s.State().Gaps, 0)
		expect.Equal(t, "sources", strings.Join(s.State().Sources, "; "), "m, s")
	})
}

// Batches without facts need no transaction of their own, but are acknowledged.
func TestIdleBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{stored: map[string]string{}}
		s, stop := w.start(t)
		defer stop()
		s.Receive(batch("runrunrun", 1, "<presence s='bob@here.test/y' k='1'/>"))
		s.Receive(batch("runrunrun", 2, "<presence s='bob@here.test/y' k='1' y='unavailable'/>"))
		expect.Equal(t, "told", w.told(), "saw bob@here.test/y, left bob@here.test/y")
		time.Sleep(tidyEvery + ackEvery)
		expect.Equal(t, "after a while", w.last(), "ack runrunrun/2 to here.test")
		for n := 3; n < 3+maxIdle; n++ {
			s.Receive(batch("runrunrun", n, ""))
		}
		time.Sleep(2 * ackEvery)
		expect.Equal(t, "when they are many", w.last(), fmt.Sprintf("ack runrunrun/%d to here.test", 2+maxIdle))
	})
}

// Roster changes are passed on.
func TestRosterChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{stored: map[string]string{}}
		s, stop := w.start(t)
		defer stop()
		s.Receive(batch("runrunrun", 1, "<roster o='bob@here.test' j='alice@here.test' ro='none'/>"))
		expect.Equal(t, "told", w.told(), "roster of bob@here.test, ")
	})
}

// The server's clock is known by the times of batches; one without a time says nothing about it.
func TestServerIsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{stored: map[string]string{}}
		s, stop := w.start(t)
		defer stop()
		sent := time.Now().Add(-90 * time.Second).UnixMilli()
		s.Receive(fmt.Appendf(nil, "<message from='here.test' to='tocsin.here.test'><tap xmlns='urn:tocsin:tap:1' run='runrunrun' n='1' t='%d'/></message>", sent))
		s.Receive(batch("runrunrun", 2, acked("m1")))
		expect.Equal(t, "ahead", s.State().Ahead, -90*time.Second)
	})
}

// The ledger learns who comes and goes, and whether sessions acknowledge, if the source reports that.
func TestClients(t *testing.T) {
	const s, k = " s='bob@here.test/y'", " k='1'"
	for _, tt := range []struct{ name, tells, events, want string }{
		{"a session with stream management", "acked session", "<opened" + s + k + "/><managed" + s + k + "/><closed" + s + k + " why='left'/>",
			"bob@here.test/y comes, bob@here.test/y manages, managed, bob@here.test/y goes, managed"},
		{"one without", "acked session", "<opened" + s + k + "/><closed" + s + k + " why='lost'/>", "bob@here.test/y comes, bob@here.test/y goes, unmanaged"},
		{"of a source that tells of no acks", "session", "<opened" + s + k + "/><managed" + s + k + "/><closed" + s + k + "/>", "bob@here.test/y comes, bob@here.test/y goes"},
		{"one that sleeps, and is resumed under another key", "acked session", "<here" + s + k + " sm='1'/><hibernating" + s + k + "/><resumed" + s + " k='2' o='1'/><closed" + s + k + " why='moved'/>", ""},
		{"one that is there already", "acked session", "<here" + s + k + " sm='1' p='1'/>", "saw bob@here.test/y"},
		{"read on another device", "mds", "<mds o='bob@here.test' with='alice@here.test' id='s1' by='bob@here.test'/>", "s1"},
		{"by somebody else's archive", "mds", "<mds o='bob@here.test' with='alice@here.test' id='s1' by='room@here.test'/>", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{stored: map[string]string{}}
				s, stop := w.start(t)
				defer stop()
				s.Receive(batch("runrunrun", 1, "<hello v='1' module='m' server='s' hosts='here.test' tells='"+tt.tells+"'/>"))
				s.Receive(batch("runrunrun", 2, tt.events))
				expect.Equal(t, "told", w.told(), tt.want)
			})
		})
	}
}

// A node of a cluster goes down: another one reports its run, and nobody is held to be online there any more.
func TestEndedWithItsNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{stored: map[string]string{}}
		s, stop := w.start(t)
		defer stop()
		hello := func(node string) string {
			return "<hello v='1' module='m' server='s' hosts='here.test' node='" + node + "' tells='acked session'/>"
		}
		s.Receive(batch("onerunone", 1, hello("n1")+"<here s='bob@here.test/y' k='1' sm='1' p='1'/><here s='carol@here.test/z' k='2'/>"))
		s.Receive(batch("otherruns", 1, hello("n2")+"<here s='bob@here.test/x' k='1' p='1'/>"))
		time.Sleep(tidyEvery + ackEvery)
		w.told()
		s.Receive(batch("otherruns", 2, "<ended run='onerunone'/>"))
		time.Sleep(ackEvery)
		told := w.told()
		for _, want := range []string{"left bob@here.test/y", "bob@here.test/y goes, managed", "carol@here.test/z goes, unmanaged"} {
			if !strings.Contains(told, want) {
				t.Errorf("told %q, want %q in it", told, want)
			}
		}
		sessions, _ := s.SessionTable().Of("bob@here.test")
		expect.Equal(t, "Bob's sessions", len(sessions), 1)
		expect.Equal(t, "the one that is left", sessions[0].JID, "bob@here.test/x")
		sessions, _ = s.SessionTable().Of("carol@here.test")
		expect.Equal(t, "Carol's sessions", len(sessions), 0)
		expect.Equal(t, "gaps", s.State().Gaps, 1)
		expect.Equal(t, "sources", len(s.State().Sources), 1)

		s.Receive(batch("otherruns", 3, "<ended run='onerunone'/>"))
		time.Sleep(tidyEvery + ackEvery)
		expect.Equal(t, "told again", w.told(), "")
		expect.Equal(t, "acknowledged", w.last(), "ack otherruns/3 to here.test")
		expect.Equal(t, "gaps when it is told again", s.State().Gaps, 1)
	})
}

// Nothing is acknowledged before it is durable, except what the database refuses permanently.
func TestNotDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{stored: map[string]string{}, slow: true}
		s, stop := w.start(t)
		defer stop()
		s.Receive(batch("runrunrun", 1, acked("m1")))
		s.Receive(batch("runrunrun", 2, acked("m2")))
		time.Sleep(time.Minute)
		expect.Equal(t, "before", w.last(), "")
		w.done[0](nil)
		time.Sleep(2 * ackEvery)
		expect.Equal(t, "the first", w.last(), "ack runrunrun/1 to here.test")
		w.done[1](track.ErrRefused)
		time.Sleep(2 * ackEvery)
		expect.Equal(t, "the second", w.last(), "ack runrunrun/2 to here.test")
	})
}
