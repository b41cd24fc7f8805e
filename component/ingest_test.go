package component

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/track"
)

// ledger is a store that keeps the names of the entries that have left the outbox, in order.
type ledger struct {
	*blank
	refuse string // a batch with this name in it

	mu   sync.Mutex
	left []string
}

func (l *ledger) Commit(ctx context.Context, c track.Changes) error {
	if err := l.err(); err != nil {
		return err
	}
	if slices.Contains(c.Done, l.refuse) {
		return fmt.Errorf("bad value: %w", track.ErrRefused)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = append(l.left, c.Done...)
	return nil
}

// writing runs a queue in a bubble of testing/synctest.
type writing struct {
	*ingest
	store *ledger
	ended error
	stop  func() // and wait for the end
}

func write(t *testing.T, tell func(*writing)) {
	synctest.Test(t, func(t *testing.T) {
		w := &writing{store: &ledger{blank: &blank{}}}
		w.ingest = &ingest{
			store: w.store, flush: 5 * time.Millisecond, clock: clock.System{}, log: slog.New(slog.NewTextHandler(t.Output(), nil)),
			metrics: metrics.New(prometheus.NewRegistry()), after: func(*track.Result) {}, wake: make(chan struct{}, 1),
			ledger: track.NewLedger(track.Seed{Secret: make([]byte, 32)}, &track.Policy{}, &people{book: newBook()}),
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.ended = w.run(ctx) })
		w.stop = func() { cancel(); running.Wait() }
		tell(w)
		w.stop()
	})
}

// names queues so many inputs, each with its number for a name.
func (w *writing) names(from, to int) (all []string) {
	for i := from; i < to; i++ {
		name := fmt.Sprint(i)
		w.put(&track.OutboxDone{name}, nil)
		all = append(all, name)
	}
	return all
}

func (w *writing) left() []string {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	return slices.Clone(w.store.left)
}

// lost is how many facts were counted as lost.
func (w *writing) lost() float64 {
	var m dto.Metric
	if err := w.metrics.Lost.Write(&m); err != nil {
		return -1
	}
	return m.Counter.GetValue()
}

// A database that is away for a while costs nothing but time: all is written when it is back, once and in order.
func TestDatabaseIsAway(t *testing.T) {
	write(t, func(w *writing) {
		w.store.fails(func() error { return errors.New("connection refused") })
		all := w.names(0, 2000)
		time.Sleep(time.Minute)
		expect(t, "meanwhile", w.left(), []string(nil))
		if w.fault() == nil || w.lag() < time.Minute {
			t.Errorf("nobody is told: fault %v, lag %s", w.fault(), w.lag())
		}
		all = append(all, w.names(2000, 2100)...)
		w.store.fails(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		expect(t, "written", w.left(), all)
		expect(t, "fault", w.fault(), error(nil))
		expect(t, "lag", w.lag(), time.Duration(0))
	})
}

// What the database refuses is dropped alone, and whoever waits for it is told.
func TestRefusedInput(t *testing.T) {
	write(t, func(w *writing) {
		w.store.refuse = "bad"
		all := w.names(0, 200)
		refused := make(chan error, 1)
		w.put(&track.OutboxDone{"bad"}, func(err error) { refused <- err })
		all = append(all, w.names(200, 400)...)
		expect(t, "answer", errors.Is(<-refused, errDropped), true)
		time.Sleep(time.Second)
		synctest.Wait()
		expect(t, "written", w.left(), all)
		expect(t, "counted", w.lost(), 1.0)
	})
}

// A queue that is nearly full loses what is not watched first, and evidence last; what comes from inside is never lost.
func TestFullQueue(t *testing.T) {
	write(t, func(w *writing) {
		away := make(chan struct{})
		w.store.fails(func() error { <-away; return nil })
		fact := func(kind track.FactKind, passed bool) bool {
			before := w.lost()
			w.offer(&track.Fact{Kind: kind, Passed: passed, Key: track.Key{Sender: "a@example.org", Recipient: "b@example.org", ID: "x"}})
			return w.lost() == before
		}
		w.names(0, batchMax)
		synctest.Wait()
		time.Sleep(time.Second) // the first batch hangs
		for w.waiting() < queueMax*3/4 {
			fact(track.Stored, false)
		}
		expect(t, "not watched", fact(track.Sent, true), false)
		expect(t, "watched", fact(track.Sent, false), true)
		for w.waiting() < queueMax {
			fact(track.Stored, false)
		}
		expect(t, "evidence", fact(track.Read, false), false)
		w.names(batchMax, batchMax+1)
		expect(t, "from inside", w.waiting(), queueMax+1)
		close(away)
		time.Sleep(time.Second)
		synctest.Wait()
		expect(t, "written", len(w.left()), batchMax+1)
	})
}

// Long texts do not fill the memory while the database is away.
func TestTextsThatWait(t *testing.T) {
	write(t, func(w *writing) {
		w.store.fails(func() error { return errors.New("connection refused") })
		w.names(0, 1)
		time.Sleep(time.Second)
		send := func() *track.Fact {
			f := &track.Fact{Kind: track.Sent, Key: track.Key{Sender: "a@example.org", Recipient: "b@example.org", ID: "x"}, Text: strings.Repeat("x", 16<<10)}
			w.offer(f)
			return f
		}
		for range textMax / (16 << 10) {
			send()
		}
		expect(t, "one too many", send().Text, "")
		w.store.fails(nil)
		time.Sleep(time.Minute)
		expect(t, "when they are written", len(send().Text), 16<<10)
	})
}

// What was queued before the end is written before the end.
func TestStop(t *testing.T) {
	for range 20 {
		write(t, func(w *writing) {
			synctest.Wait()
			all := w.names(0, 10)
			w.stop()
			expect(t, "written", w.left(), all)
			expect(t, "ended", w.ended, error(nil))
		})
	}
}

// A database that is away at the end is not waited for for ever, and what is lost is counted.
func TestStopWithoutADatabase(t *testing.T) {
	write(t, func(w *writing) {
		w.store.fails(func() error { return errors.New("connection refused") })
		w.offer(&track.Fact{Kind: track.Sent, Key: track.Key{Sender: "a@example.org", Recipient: "b@example.org", ID: "x"}})
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > stopWithin {
			t.Errorf("it took %s", took)
		}
		expect(t, "lost", w.lost(), 1.0)
	})
}

// An instance that another one has replaced stops at once, and writes nothing more.
func TestFenced(t *testing.T) {
	write(t, func(w *writing) {
		w.store.fails(func() error { return fmt.Errorf("commit: %w", track.ErrFenced) })
		w.names(0, 10)
		time.Sleep(time.Second)
		w.stop()
		if !errors.Is(w.ended, track.ErrFenced) {
			t.Errorf("ended with %v", w.ended)
		}
		expect(t, "written", strings.Join(w.left(), " "), "")
	})
}
