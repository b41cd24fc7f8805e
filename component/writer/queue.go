package writer

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/component/queue"
	"tocsin/track"
)

const (
	// MaxQueue is how many inputs may wait while the database is slow or unavailable. Above three quarters of it,
	// unwatched messages are dropped; when it is full, every fact is. All are counted.
	MaxQueue = 1 << 17
	// maxOf is how many facts from one user's stanzas may wait when the queue is half full; further ones are dropped
	// and counted.
	maxOf = MaxQueue / 64
	// maxText is how many bytes of message text may wait, maxTextOf those of one sender. Beyond that texts are left
	// out: the sender's client has its own copy.
	maxText   = 64 << 20
	maxTextOf = 4 << 20
)

// entry is an input in the queue; done, if not nil, is called when it is durable, or will never be.
type entry struct {
	input track.Input
	done  func(error)
	at    time.Time // when it was queued
}

// weight is how many inputs an entry counts for.
func (e *entry) weight() int {
	if events, ok := e.input.(*track.Events); ok {
		return max(1, len(events.Facts)+len(events.Removed))
	}
	return 1
}

// Queue holds the inputs for the writer, in order. It is safe for concurrent use.
type Queue struct {
	entries *queue.Queue[entry]
	weight  atomic.Int64 // inputs in entries
	full    queue.Signal // there are enough for a batch
	shares  shares
	clock   clock.Clock
	metrics *metrics.Metrics

	mu      sync.Mutex
	failed  error     // why the last batch was not stored; nil if it was
	writing time.Time // when the oldest entry of the current batch was queued; zero: there is none
}

// NewQueue returns an empty queue.
func NewQueue(c clock.Clock, m *metrics.Metrics) *Queue {
	return &Queue{entries: queue.New[entry](MaxQueue), full: queue.NewSignal(), shares: shares{of: map[string]*held{}}, clock: c, metrics: m}
}

// Offer queues facts from the wire, or drops them as described at MaxQueue and reports false. It never waits. done, if
// not nil, is called when they are durable, or with track.ErrRefused if the database refuses them all.
func (q *Queue) Offer(events *track.Events, done func(error)) bool {
	before := len(events.Facts)
	if q.Len() >= MaxQueue*3/4 {
		events.Facts = slices.DeleteFunc(events.Facts, func(f track.Fact) bool { return f.Kind == track.Sent && f.Passed })
	}
	if q.Len() >= MaxQueue/2 {
		events.Facts = q.shares.fit(events.Facts)
	}
	q.metrics.Lost.Add(q.clock.Now(), before-len(events.Facts), metrics.QueueFull)
	if len(events.Facts)+len(events.Clients)+len(events.Removed) == 0 && events.Mark.Run == "" && done == nil {
		return true
	}
	if q.Len() >= MaxQueue {
		q.metrics.Lost.Add(q.clock.Now(), len(events.Facts), metrics.QueueFull)
		return false
	}
	q.push(entry{input: events, done: done, at: q.clock.Now()})
	return true
}

func (q *Queue) push(e entry) {
	if events, ok := e.input.(*track.Events); ok {
		q.shares.add(events.Facts)
	}
	q.weight.Add(int64(e.weight()))
	q.entries.Force(e)
	if q.Len() >= MaxBatch {
		q.full.Set()
	}
	q.metrics.Queued.Set(float64(q.Len()))
}

// Push queues an internal input, which is never dropped. done, if not nil, is called when it is durable, or with
// track.ErrRefused if the database refuses it.
func (q *Queue) Push(in track.Input, done func(error)) {
	q.push(entry{input: in, done: done, at: q.clock.Now()})
}

// Do queues an input and waits until it is durable. A nil input waits for everything queued before.
func (q *Queue) Do(ctx context.Context, in track.Input) error {
	done := make(chan error, 1)
	q.Push(in, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Len returns the number of waiting inputs.
func (q *Queue) Len() int { return int(q.weight.Load()) }

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

// Stuck reports whether a new input could not be written soon.
func (q *Queue) Stuck() bool { return q.Fault() != nil || q.Len() >= MaxQueue/2 }

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

// written is called when the current batch has been written.
func (q *Queue) written() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.writing = time.Time{}
}

// popBatch removes and returns the next batch.
func (q *Queue) popBatch() []entry {
	q.mu.Lock() // so that Lag finds the oldest entry in one of its two places
	defer q.mu.Unlock()
	room := MaxBatch
	batch := q.entries.PopWhile(func(e entry) bool {
		if room <= 0 {
			return false
		}
		room -= e.weight()
		return true
	})
	q.writing = time.Time{}
	if len(batch) == 0 {
		return nil
	}
	q.writing = batch[0].at
	for i := range batch {
		q.weight.Add(int64(-batch[i].weight()))
		if events, ok := batch[i].input.(*track.Events); ok {
			q.shares.remove(events.Facts)
		}
	}
	q.metrics.Queued.Set(float64(q.Len()))
	return batch
}
