package writer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/internal/expect"
	"tocsin/track"
)

// store records the names of the entries that have left the outbox, in order, and can be made to fail.
type store struct {
	fail   atomic.Pointer[func() error]
	refuse string // a batch with this name in it
	takes  func(track.Changes) error

	// The error of a failed commit, and whether it is stored nevertheless.
	settled atomic.Pointer[func() (bool, error)]

	mu   sync.Mutex
	left []string
}

// fails makes the store fail from now on; nil ends that.
func (s *store) fails(by func() error) {
	if by == nil {
		by = func() error { return nil }
	}
	s.fail.Store(&by)
}

func (s *store) err() error {
	if fail := s.fail.Load(); fail != nil {
		return (*fail)()
	}
	return nil
}

func (s *store) Load(context.Context, track.Want, track.Time) (track.Loaded, error) {
	return track.Loaded{}, s.err()
}

func (s *store) Commit(ctx context.Context, c track.Changes) error {
	if err := s.err(); err != nil {
		return err
	}
	if slices.Contains(c.Done, s.refuse) {
		return fmt.Errorf("bad value: %w", track.ErrRefused)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.takes != nil {
		return s.takes(c)
	}
	s.left = append(s.left, c.Done...)
	return nil
}

// CommitStored implements Store.
func (s *store) CommitStored(context.Context) (bool, error) {
	if settled := s.settled.Load(); settled != nil {
		return (*settled)()
	}
	return false, nil
}

// nobody is a People without settings.
type nobody struct{}

func (nobody) Parties(track.Conv) track.Parties { return track.Parties{} }
func (nobody) Clients(string) track.Clients     { return track.Clients{} }
func (nobody) Present(string, string) bool      { return true }

// writing runs a writer in a bubble of testing/synctest.
type writing struct {
	*Queue
	store     *store
	writer    *Writer
	committed atomic.Int32 // batches with effects
	ended     error
	stop      func() // and wait for the end
}

func write(t *testing.T, tell func(*writing)) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(prometheus.NewRegistry())
		w := &writing{store: &store{}, Queue: NewQueue(clock.System{}, m)}
		policy := &track.Policy{}
		w.writer = New(Options{
			Queue: w.Queue, Store: w.store, Ledger: track.NewLedger(track.Seed{Secret: make([]byte, 32)}, policy, nobody{}),
			Policy: func() *track.Policy { return policy }, Committed: func(*track.Result) { w.committed.Add(1) },
			Flush: 5 * time.Millisecond, Clock: clock.System{}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: m,
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.ended = w.writer.Run(ctx) })
		w.stop = func() { cancel(); running.Wait() }
		tell(w)
		w.stop()
	})
}

// names queues n inputs, named by their numbers.
func (w *writing) names(from, to int) (all []string) {
	for i := from; i < to; i++ {
		name := fmt.Sprint(i)
		w.Push(&track.OutboxDone{name}, nil)
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
func (w *writing) lost() (n int) {
	for _, loss := range w.metrics.Lost.Recent() {
		n += loss.Facts
	}
	return n
}

// If the database is unavailable for a while, everything is written when it is back, once and in order.
func TestDatabaseIsAway(t *testing.T) {
	write(t, func(w *writing) {
		w.store.fails(func() error { return errors.New("connection refused") })
		all := w.names(0, 2000)
		time.Sleep(time.Minute)
		expect.Equal(t, "meanwhile", w.left(), []string(nil))
		if w.Fault() == nil || w.Lag() < time.Minute {
			t.Errorf("nobody is told: fault %v, lag %s", w.Fault(), w.Lag())
		}
		all = append(all, w.names(2000, 2100)...)
		w.store.fails(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		expect.Equal(t, "written", w.left(), all)
		expect.Equal(t, "fault", w.Fault(), error(nil))
		expect.Equal(t, "lag", w.Lag(), time.Duration(0))
	})
}

// Only refused input is dropped, and its caller gets the error.
func TestRefusedInput(t *testing.T) {
	write(t, func(w *writing) {
		w.store.refuse = "bad"
		all := w.names(0, 200)
		refused := make(chan error, 1)
		w.Push(&track.OutboxDone{"bad"}, func(err error) { refused <- err })
		all = append(all, w.names(200, 400)...)
		expect.Equal(t, "answer", errors.Is(<-refused, track.ErrRefused), true)
		time.Sleep(time.Second)
		synctest.Wait()
		expect.Equal(t, "written", w.left(), all)
		expect.Equal(t, "counted", w.lost(), 1)
	})
}

// offer offers a fact, and returns it as it was queued.
func (w *writing) offer(f track.Fact) track.Fact {
	facts := []track.Fact{f}
	w.Offer(&track.Events{Facts: facts}, nil)
	return facts[0]
}

// If the database refuses a batch of events, everything but the fault is written, with the mark, and nothing twice.
func TestRefusedEvents(t *testing.T) {
	write(t, func(w *writing) {
		var stored []string
		w.store.takes = func(c track.Changes) error {
			for _, m := range c.Insert {
				if m.ID == "bad" {
					return fmt.Errorf("commit: %w", track.ErrRefused)
				}
			}
			for _, m := range c.Insert {
				stored = append(stored, m.ID)
			}
			for _, m := range c.Marks {
				stored = append(stored, fmt.Sprintf("%s/%d", m.Run, m.N))
			}
			return nil
		}
		events := &track.Events{Mark: track.Mark{Run: "run", N: 7}}
		for _, id := range []string{"1", "2", "bad", "4", "5"} {
			events.Facts = append(events.Facts, track.Fact{Kind: track.Sent, Key: track.Key{Sender: "a@example.org", Recipient: "b@example.org", ID: id}})
		}
		done := make(chan error, 1)
		w.Offer(events, func(err error) { done <- err })
		time.Sleep(time.Second)
		synctest.Wait()
		expect.Equal(t, "answer", <-done, error(nil))
		expect.Equal(t, "stored", strings.Join(stored, " "), "1 2 4 5 run/7")
		expect.Equal(t, "counted", w.lost(), 1)
	})
}

// Inputs are written after the flush window; under load, more are collected for one transaction.
func TestLoad(t *testing.T) {
	write(t, func(w *writing) {
		after := func(d time.Duration) int {
			time.Sleep(d)
			synctest.Wait()
			return int(w.committed.Load())
		}
		w.names(0, busy-1)
		expect.Equal(t, "few, before the window has passed", after(4*time.Millisecond), 0)
		expect.Equal(t, "after it", after(time.Millisecond), 1)
		w.names(0, busy)
		expect.Equal(t, "many, after it", after(busyWindow/2), 1)
		w.names(busy, 2*busy)
		expect.Equal(t, "after the longer window", after(busyWindow/2), 2)
		expect.Equal(t, "written", len(w.left()), 3*busy-1)
		expect.Equal(t, "lag", w.Lag(), time.Duration(0))
		w.names(0, busy)
		time.Sleep(busyWindow / 2)
		expect.Equal(t, "lag", w.Lag(), busyWindow/2)
		w.names(busy, MaxBatch)
		expect.Equal(t, "a full batch", after(0), 3)
	})
}

// A queue that is nearly full drops unwatched messages first, and evidence last; internal inputs are never dropped.
func TestFullQueue(t *testing.T) {
	write(t, func(w *writing) {
		away := make(chan struct{})
		w.store.fails(func() error { <-away; return nil })
		fact := func(kind track.FactKind, passed bool) bool {
			before := w.lost()
			who := fmt.Sprint(before, w.Len()%1000, "@example.org") // many users
			w.offer(track.Fact{Kind: kind, Passed: passed, Key: track.Key{Sender: who, Recipient: who, ID: "x"}})
			return w.lost() == before
		}
		w.names(0, MaxBatch)
		synctest.Wait()
		time.Sleep(time.Second) // the first batch hangs
		for w.Len() < MaxQueue*3/4 {
			fact(track.Stored, false)
		}
		expect.Equal(t, "not watched", fact(track.Sent, true), false)
		expect.Equal(t, "watched", fact(track.Sent, false), true)
		for w.Len() < MaxQueue {
			fact(track.Stored, false)
		}
		expect.Equal(t, "evidence", fact(track.Read, false), false)
		w.names(MaxBatch, MaxBatch+1)
		expect.Equal(t, "from inside", w.Len(), MaxQueue+1)
		close(away)
		time.Sleep(time.Second)
		synctest.Wait()
		expect.Equal(t, "written", len(w.left()), MaxBatch+1)
	})
}

// When half the queue is full, each user gets only a share of the rest: a flood affects only its sender.
func TestFullShare(t *testing.T) {
	write(t, func(w *writing) {
		away := make(chan struct{})
		w.store.fails(func() error { <-away; return nil })
		says := func(who string) bool {
			before := w.lost()
			w.offer(track.Fact{Kind: track.Received, Key: track.Key{Sender: "alice@example.org", Recipient: who, ID: "x"}})
			return w.lost() == before
		}
		w.names(0, MaxBatch)
		synctest.Wait()
		time.Sleep(time.Second) // the first batch hangs
		for range MaxQueue {
			says("eve@example.org")
		}
		expect.Equal(t, "what Eve fills", w.Len(), MaxQueue/2)
		expect.Equal(t, "another one of hers", says("eve@example.org"), false)
		for range maxOf {
			expect.Equal(t, "Bob's", says("bob@example.org"), true)
		}
		expect.Equal(t, "too many of Bob's", says("bob@example.org"), false)
		expect.Equal(t, "Carol's", says("carol@example.org"), true)
		close(away)
		time.Sleep(time.Second)
		synctest.Wait()
		expect.Equal(t, "what is remembered of users", len(w.shares.of), 0)
		expect.Equal(t, "Eve's, afterwards", says("eve@example.org"), true)
	})
}

// Long texts do not fill the memory while the database is unavailable.
func TestTextsThatWait(t *testing.T) {
	write(t, func(w *writing) {
		w.store.fails(func() error { return errors.New("connection refused") })
		w.names(0, 1)
		time.Sleep(time.Second)
		who := 0
		send := func() track.Fact {
			f := track.Fact{Kind: track.Sent, Key: track.Key{Sender: fmt.Sprint(who, "@example.org"), Recipient: "b@example.org", ID: "x"}, Text: strings.Repeat("x", 16<<10)}
			return w.offer(f)
		}
		for who = range maxText / maxTextOf {
			for range maxTextOf / (16 << 10) {
				expect.Equal(t, "there is room", len(send().Text), 16<<10)
			}
			expect.Equal(t, "one too many of one sender", send().Text, "")
		}
		who++
		expect.Equal(t, "one too many", send().Text, "")
		w.store.fails(nil)
		time.Sleep(time.Minute)
		expect.Equal(t, "when they are written", len(send().Text), 16<<10)
	})
}

// What was queued before the end is written before the end.
func TestStop(t *testing.T) {
	for range 20 {
		write(t, func(w *writing) {
			synctest.Wait()
			all := w.names(0, 10)
			w.stop()
			expect.Equal(t, "written", w.left(), all)
			expect.Equal(t, "ended", w.ended, error(nil))
		})
	}
}

// At shutdown an unavailable database is not waited for forever, and unwritten facts are kept.
func TestStopWithoutADatabase(t *testing.T) {
	write(t, func(w *writing) {
		w.store.fails(func() error { return errors.New("connection refused") })
		w.offer(track.Fact{Kind: track.Sent, Key: track.Key{Sender: "a@example.org", Recipient: "b@example.org", ID: "x"}})
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > stopWithin {
			t.Errorf("it took %s", took)
		}
		expect.Equal(t, "kept", w.kept(), "x")
		expect.Equal(t, "lost", w.lost(), 0)
	})
}

// kept are the ids of the facts that were received and not written.
func (w *writing) kept() string {
	var ids []string
	for _, events := range w.writer.Unwritten() {
		for i := range events.Facts {
			ids = append(ids, events.Facts[i].ID)
		}
		for _, jid := range events.Removed {
			ids = append(ids, "removed "+jid)
		}
	}
	return strings.Join(ids, " ")
}

// A superseded instance stops at once, and writes nothing more. It keeps the facts in the batch and after it for the other
// one, and nothing that the other one has.
func TestFenced(t *testing.T) {
	write(t, func(w *writing) {
		see := func(id string) {
			w.Offer(&track.Events{Facts: []track.Fact{{Kind: track.Read, Key: track.Key{Sender: "a@example.org", Recipient: "b@example.org", ID: id}}}}, nil)
		}
		w.store.fails(func() error { return errors.New("connection refused") })
		see("m1")
		w.names(0, 10)
		w.Push(&track.Fact{Kind: track.AlarmFired, Ord: 7}, nil)
		w.Push(&track.Fact{Kind: track.Stopped, Key: track.Key{ID: "somebody waits"}}, func(error) {})
		time.Sleep(time.Second)
		see("m2")
		w.Offer(&track.Events{Removed: []string{"c@example.org"}}, nil)
		w.Offer(&track.Events{Mark: track.Mark{Run: "r1", N: 7}, Facts: []track.Fact{{Kind: track.Read, Key: track.Key{ID: "comes again"}}}}, nil)
		w.store.fails(func() error { return fmt.Errorf("commit: %w", track.ErrFenced) })
		time.Sleep(time.Second)
		w.stop()
		if !errors.Is(w.ended, track.ErrFenced) {
			t.Errorf("ended with %v", w.ended)
		}
		see("m3") // the stream is still being closed
		expect.Equal(t, "written", strings.Join(w.left(), " "), "")
		expect.Equal(t, "kept", w.kept(), "m1 m2 removed c@example.org m3")
		expect.Equal(t, "lost", w.lost(), 0)
	})
}

// An uncertain commit is looked up until it is decided: if it was stored, its effects follow, once.
func TestCommitInDoubt(t *testing.T) {
	for _, stored := range []bool{true, false} {
		t.Run(fmt.Sprint("stored ", stored), func(t *testing.T) {
			write(t, func(w *writing) {
				undecided := func() (bool, error) { return false, errors.New("it still waits for its replica") }
				w.store.settled.Store(&undecided)
				var commits atomic.Int32
				w.store.takes = func(track.Changes) error {
					if commits.Add(1) == 1 {
						return errors.New("the connection was cut")
					}
					return nil
				}
				w.names(0, 10)
				time.Sleep(time.Minute)
				synctest.Wait()
				expect.Equal(t, "undecided", int(commits.Load()), 1)
				decided := func() (bool, error) { return stored, nil }
				w.store.settled.Store(&decided)
				time.Sleep(time.Second)
				synctest.Wait()
				expect.Equal(t, "followed from", int(w.committed.Load()), 1)
				want := 1
				if !stored {
					want = 2
				}
				expect.Equal(t, "commits", int(commits.Load()), want)
			})
		})
	}
}

// A database that has lost commits ends the writer, and the lost facts are counted.
func TestBehind(t *testing.T) {
	write(t, func(w *writing) {
		for n := range 3 {
			w.names(n*10, n*10+10)
			time.Sleep(time.Second)
		}
		w.store.fails(func() error { return fmt.Errorf("commit: %w", &track.BehindError{Commits: 2}) })
		w.names(100, 101)
		time.Sleep(time.Second)
		w.stop()
		if !isBehind(w.ended) {
			t.Errorf("ended with %v", w.ended)
		}
		expect.Equal(t, "lost inputs", w.writer.Sum(2), 20)
		expect.Equal(t, "all that is known", w.writer.Sum(1<<40), 30)
	})
}
