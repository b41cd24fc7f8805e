package component

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/track"
)

const (
	// batchMax is how many inputs one transaction takes. So many wait only when the disk is slow: then fewer, larger
	// transactions are what helps.
	batchMax = 2048
	// queueMax is how many inputs may wait, for a database that is slow or away. Past three quarters of it messages
	// that are not watched are dropped, past the whole of it every fact: each is counted.
	queueMax = 1 << 17
	// textMax is how many bytes of messages' texts may wait. More are left out: the sender's client knows its own words.
	textMax = 64 << 20
	// retryAfter is how long a batch that could not be stored waits for its next try; every so many tries the log is told.
	retryAfter    = 500 * time.Millisecond
	complainEvery = 20
	// stopWithin is how long the queue may take to be written when the component stops.
	stopWithin = 5 * time.Second
)

// errDropped answers an input that was given up.
var errDropped = errors.New("component: the database refuses this")

// entry is an input in the queue; done, if not nil, is called when it is durable, or will never be.
type entry struct {
	input track.Input
	done  func(error)
	at    time.Time           // when it was queued
	order func(*track.Ledger) // in place of an input: holds for the batch that it is taken with
}

// ingest is the one queue of everything that changes the ledger, and the one writer behind it: order in a
// conversation comes free.
type ingest struct {
	store   LedgerStore
	flush   time.Duration
	clock   clock.Clock
	log     *slog.Logger
	metrics *metrics.Metrics

	after func(*track.Result) // what follows from a batch that is stored

	mu     sync.Mutex
	queue  []entry
	text   int // bytes of texts in queue
	wake   chan struct{}
	failed error   // why the last batch was not stored; nil if it was
	batch  []entry // that is being written

	// Owned by run:
	ledger *track.Ledger
	doubt  *track.Result // of a commit that may have been stored although it failed
}

// offer queues a fact from the wire, or drops it by the policy above. It never waits.
func (q *ingest) offer(f *track.Fact) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.queue)
	if n >= queueMax || n >= queueMax*3/4 && f.Kind == track.Sent && f.Passed {
		q.metrics.Lost.Inc()
		return
	}
	if q.text+len(f.Text) > textMax {
		f.Text = ""
	}
	q.text += len(f.Text)
	q.push(entry{input: f, at: q.clock.Now()})
}

// put queues an input from inside. It is never dropped.
func (q *ingest) put(in track.Input, done func(error)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.push(entry{input: in, done: done, at: q.clock.Now()})
}

func (q *ingest) push(e entry) {
	q.queue = append(q.queue, e)
	q.metrics.Queued.Set(float64(len(q.queue)))
	signal(q.wake)
}

// do queues an input and waits until it is durable.
func (q *ingest) do(ctx context.Context, in track.Input) error {
	done := make(chan error, 1)
	q.put(in, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// order has fn done to the ledger, which belongs to the writer. It holds for all that is queued after it.
func (q *ingest) order(fn func(*track.Ledger)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.push(entry{order: fn, at: q.clock.Now()})
}

// run writes batches until ctx is done and the queue is empty; for that it has stopWithin.
func (q *ingest) run(ctx context.Context) error {
	defer q.giveUp()
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopWithin, stop) })()
	for {
		if batch := q.take(); len(batch) > 0 {
			if err := q.write(writing, batch); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			if q.waiting() == 0 {
				return nil
			}
		case <-q.wake:
			q.gather(ctx)
		}
	}
}

// giveUp counts what could not be written any more.
func (q *ingest) giveUp() {
	q.mu.Lock()
	defer q.mu.Unlock()
	lost := 0
	for _, e := range append(q.batch, q.queue...) {
		if f, ok := e.input.(*track.Fact); ok && f.Kind != track.AlarmFired {
			lost++
		}
	}
	if lost > 0 {
		q.metrics.Lost.Add(float64(lost))
		q.log.Error("what was not written is lost", "facts", lost)
	}
}

// gather waits for the flush window to pass, or for a full batch.
func (q *ingest) gather(ctx context.Context) {
	if q.flush <= 0 {
		return
	}
	window, stop := q.clock.After(q.flush)
	defer stop()
	for q.waiting() < batchMax {
		select {
		case <-window:
			return
		case <-ctx.Done():
			return
		case <-q.wake:
		}
	}
}

func (q *ingest) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue)
}

// lag is how long the oldest input has been waiting.
func (q *ingest) lag() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, part := range [][]entry{q.batch, q.queue} {
		if len(part) > 0 {
			return q.clock.Now().Sub(part[0].at)
		}
	}
	return 0
}

func (q *ingest) take() []entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.queue), batchMax)
	batch := q.queue[:n:n]
	if q.queue = q.queue[n:]; len(q.queue) == 0 {
		q.queue = nil
	}
	for _, e := range batch {
		if f, ok := e.input.(*track.Fact); ok {
			q.text -= len(f.Text)
		}
	}
	q.batch = batch
	q.metrics.Queued.Set(float64(len(q.queue)))
	return batch
}

// write stores a batch, however often that has to be tried. It fails only when ctx is done. A batch that the database
// refuses is written in halves, down to the one input that is at fault, which is dropped: it must not hold up all the
// others.
func (q *ingest) write(ctx context.Context, batch []entry) error {
	for try := 1; ; try++ {
		err := q.commit(ctx, batch)
		switch {
		case err == nil:
			q.setFault(nil)
			return nil
		case ctx.Err() != nil || errors.Is(err, track.ErrFenced):
			return err
		case errors.Is(err, track.ErrRefused) && len(batch) > 1:
			half := len(batch) / 2
			if err := q.write(ctx, batch[:half]); err != nil {
				return err
			}
			return q.write(ctx, batch[half:])
		case errors.Is(err, track.ErrRefused):
			q.log.Error("dropped what the database refuses", "err", err, "input", fmt.Sprintf("%T", batch[0].input))
			q.metrics.Lost.Inc()
			q.finish(batch, errDropped)
			return nil
		}
		q.setFault(err)
		if try == 1 || try%complainEvery == 0 {
			q.log.Error("could not store a batch, trying again", "err", err, "inputs", len(batch), "waiting", q.waiting())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryAfter):
		}
	}
}

// commit makes one transaction of a batch, and lets happen what follows from it.
func (q *ingest) commit(ctx context.Context, batch []entry) error {
	started := time.Now()
	now := track.At(q.clock.Now())
	inputs := make([]track.Input, 0, len(batch))
	for _, e := range batch {
		if e.order != nil {
			e.order(q.ledger)
		}
		if e.input != nil {
			inputs = append(inputs, e.input)
		}
	}
	if len(inputs) > 0 {
		result, err := q.settle(ctx, now)
		if err != nil {
			return err
		}
		if result == nil {
			if result, err = q.apply(ctx, inputs, now); err != nil {
				return err
			}
		}
		limited := q.ledger.Limited
		result.Commit()
		q.metrics.Limited.Add(float64(q.ledger.Limited - limited))
		q.metrics.Pending.Set(float64(q.ledger.Pending()))
		q.metrics.Committed.Add(float64(len(inputs)))
		q.metrics.Commit.Observe(time.Since(started).Seconds())
		q.after(result)
	}
	q.finish(batch, nil)
	return nil
}

// apply makes of inputs what follows from them, and stores it.
func (q *ingest) apply(ctx context.Context, inputs []track.Input, now track.Time) (*track.Result, error) {
	loaded, err := q.store.Load(ctx, q.ledger.Want(inputs), now)
	if err != nil {
		return nil, fmt.Errorf("load a batch: %w", err)
	}
	result := q.ledger.Apply(loaded, inputs, now)
	if result.Empty() {
		return result, nil
	}
	if err := q.store.Commit(ctx, result.Changes); err != nil {
		if !errors.Is(err, track.ErrRefused) {
			q.doubt = result
		}
		return nil, fmt.Errorf("commit a batch: %w", err)
	}
	return result, nil
}

// settle finds out what became of a commit whose end was not heard of: the connection broke, say. It returns its result
// if it was stored: then what follows from it must happen, and only once.
func (q *ingest) settle(ctx context.Context, now track.Time) (*track.Result, error) {
	result := q.doubt
	if result == nil {
		return nil, nil
	}
	loaded, err := q.store.Load(ctx, result.Probe(), now)
	if err != nil {
		return nil, fmt.Errorf("look for a batch: %w", err)
	}
	q.doubt = nil
	if !result.Matches(loaded) {
		return nil, nil
	}
	q.log.Info("a batch was stored although its commit failed")
	return result, nil
}

func (q *ingest) finish(batch []entry, err error) {
	for _, e := range batch {
		if e.done != nil {
			e.done(err)
		}
	}
}

// stuck reports whether what is put now could not be written soon.
func (q *ingest) stuck() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failed != nil || len(q.queue) >= queueMax/2
}

// fault returns why the last batch could not be stored, nil if it could.
func (q *ingest) fault() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failed
}

func (q *ingest) setFault(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failed = err
}
