package writer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/component/queue"
	"tocsin/track"
)

const (
	// MaxQueue is how many inputs may wait, for a database that is slow or away. Past three quarters of it messages
	// that are not watched are dropped, past the whole of it every fact: each is counted.
	MaxQueue = 1 << 17
	// maxText is how many bytes of messages' texts may wait. More are left out: the sender's client knows its own words.
	maxText = 64 << 20
)

// entry is an input in the queue; done, if not nil, is called when it is durable, or will never be.
type entry struct {
	input track.Input
	done  func(error)
	at    time.Time // when it was queued
}

// Queue holds what waits for the writer, in order. Its methods may be called by several goroutines.
type Queue struct {
	entries *queue.Queue[entry]
	text    atomic.Int64 // bytes of texts in entries
	clock   clock.Clock
	metrics *metrics.Metrics

	mu      sync.Mutex
	failed  error     // why the last batch was not stored; nil if it was
	writing time.Time // when the oldest entry of the batch in work was queued; zero: there is none
}

// NewQueue returns an empty queue.
func NewQueue(c clock.Clock, m *metrics.Metrics) *Queue {
	return &Queue{entries: queue.New[entry](MaxQueue), clock: c, metrics: m}
}

// Offer queues a fact from the wire, or drops it by the policy of MaxQueue. It never waits.
func (q *Queue) Offer(f *track.Fact) {
	if f.Kind == track.Sent && f.Passed && q.entries.Len() >= MaxQueue*3/4 {
		q.metrics.Lost.Inc()
		return
	}
	n := int64(len(f.Text))
	if q.text.Add(n) > maxText {
		q.text.Add(-n)
		f.Text, n = "", 0
	}
	if !q.entries.Push(entry{input: f, at: q.clock.Now()}) {
		q.text.Add(-n)
		q.metrics.Lost.Inc()
		return
	}
	q.metrics.Queued.Set(float64(q.entries.Len()))
}

// Put queues an input from inside, which is never dropped. done, if not nil, is called when it is durable, or with
// track.ErrRefused if the database refuses it.
func (q *Queue) Put(in track.Input, done func(error)) {
	q.entries.Force(entry{input: in, done: done, at: q.clock.Now()})
	q.metrics.Queued.Set(float64(q.entries.Len()))
}

// Do queues an input and waits until it is durable. A nil input waits for all that was queued before.
func (q *Queue) Do(ctx context.Context, in track.Input) error {
	done := make(chan error, 1)
	q.Put(in, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Len returns how many inputs wait.
func (q *Queue) Len() int { return q.entries.Len() }

// Lag returns how long the oldest input has been waiting.
func (q *Queue) Lag() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	since := q.writing
	if since.IsZero() {
		first, ok := q.entries.First()
		if !ok {
			return 0
		}
		since = first.at
	}
	return q.clock.Now().Sub(since)
}

// Stuck reports whether what is put now could not be written soon.
func (q *Queue) Stuck() bool { return q.Fault() != nil || q.entries.Len() >= MaxQueue/2 }

// Fault returns why the last batch could not be stored, nil if it could.
func (q *Queue) Fault() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failed
}

func (q *Queue) setFault(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failed = err
}

// take takes the next batch out of the queue.
func (q *Queue) take() []entry {
	q.mu.Lock() // so that Lag finds the oldest entry in one of its two places
	defer q.mu.Unlock()
	batch := q.entries.Take(MaxBatch)
	q.writing = time.Time{}
	if len(batch) == 0 {
		return nil
	}
	q.writing = batch[0].at
	text := 0
	for _, e := range batch {
		if f, ok := e.input.(*track.Fact); ok {
			text += len(f.Text)
		}
	}
	q.text.Add(int64(-text))
	q.metrics.Queued.Set(float64(q.entries.Len()))
	return batch
}
