// Package writer has the one queue for everything that changes the ledger, and the one goroutine that writes: it owns the
// track.Ledger, which keeps conversations in order. It collects inputs for a few milliseconds, under load for longer, and
// makes one transaction of them. The effects of a batch happen when it is durable, in the function given to New.
//
// It knows nothing about the wire. Its tests (writer_test.go) run it on a database that is slow, unavailable, or rejects
// inputs.
package writer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/track"
)

const (
	// MaxBatch is how many inputs one transaction takes. That many wait only when the disk is slow, and then fewer,
	// larger transactions help.
	MaxBatch = 8192
	// If busy inputs wait after the flush window, there is load: more are collected, for up to busyWindow in all. A
	// transaction costs as much as dozens of inputs, and what is opened and settled in the same one is written once.
	busy       = 16
	busyWindow = 250 * time.Millisecond
	// A batch that could not be stored is retried after retryAfter; every logEvery attempts that is logged.
	retryAfter = 500 * time.Millisecond
	logEvery   = 20
	// stopWithin is how long writing the queue may take when the component stops.
	stopWithin = 5 * time.Second
)

// Store is the database as the writer needs it.
type Store interface {
	Load(context.Context, track.Want, track.Time) (track.Loaded, error)
	Commit(context.Context, track.Changes) error // one transaction
	// CommitStored reports whether the last Commit was stored, if its error left that open. It fails while that is unknown.
	CommitStored(context.Context) (bool, error)
}

// Options are the dependencies of a writer. All are required except Flush.
type Options struct {
	Queue  *Queue
	Store  Store
	Ledger *track.Ledger        // owned by the writer from now on
	Policy func() *track.Policy // the current policy; called before every batch
	// Committed is called with the effects of a durable batch. The next batch waits for it to return.
	Committed func(*track.Result)

	Flush   time.Duration // how long inputs are collected
	Clock   clock.Clock
	Log     *slog.Logger
	Metrics *metrics.Metrics
}

// Writer writes queued inputs, in batches.
type Writer struct {
	Options
	batch      []entry       // being written
	unresolved *track.Result // a commit that may have been stored although it failed
	sizes      [1024]int     // number of inputs of the last commits
	n          int           // number of commits
}

// New returns a writer. Only Run touches the ledger.
func New(o Options) *Writer {
	w := &Writer{Options: o}
	w.gauge()
	return w
}

func (w *Writer) gauge() {
	w.Metrics.Pending.Set(float64(w.Ledger.Pending()))
	w.Metrics.Prompts.Set(float64(w.Ledger.OpenPrompts()))
}

// Run writes batches until ctx is done and the queue is empty, which may take up to stopWithin. It returns why the queue can
// no longer be written: track.ErrFenced, a track.BehindError, or the error of ctx. What could not be written is then in
// Unwritten.
func (w *Writer) Run(ctx context.Context) error {
	writing, stop := clock.ExtendContext(ctx, w.Clock, stopWithin)
	defer stop()
	for {
		if w.Queue.Len() > 0 {
			w.collect(ctx)
		}
		if w.batch = w.Queue.popBatch(); len(w.batch) > 0 {
			if err := w.write(writing, w.batch); err != nil {
				return err
			}
			w.Queue.written()
			continue
		}
		select {
		case <-ctx.Done():
			if w.Queue.Len() == 0 {
				return nil
			}
		case <-w.Queue.entries.Ready():
		}
	}
}

// Unwritten removes and returns the facts from the wire that could not be written. It is called once no more arrive: some may
// come after Run has ended, while the stream is being closed. Some may be stored nevertheless. Everything else is in the
// database, or will be repeated: numbered batches are kept by their source until acknowledged, and requests without an answer
// are sent again.
func (w *Writer) Unwritten() (left []track.Events) {
	for _, e := range append(w.batch, w.Queue.entries.PopWhile(func(entry) bool { return true })...) {
		events, ok := e.input.(*track.Events)
		if ok && events.Mark.Run == "" && len(events.Facts)+len(events.Removed) > 0 {
			left = append(left, *events)
		}
	}
	w.batch = nil
	return left
}

// Sum returns how many inputs the most recent commits had.
func (w *Writer) Sum(commits int64) (inputs int) {
	for i := range min(int(min(commits, int64(len(w.sizes)))), w.n) {
		inputs += w.sizes[(w.n-1-i)%len(w.sizes)]
	}
	return inputs
}

// collect waits for the flush window to pass, under load for the longer one, or for a full batch.
func (w *Writer) collect(ctx context.Context) {
	if w.Flush <= 0 {
		return
	}
	w.wait(ctx, w.Flush)
	if w.Queue.Len() >= busy {
		w.wait(ctx, busyWindow-w.Flush)
	}
}

// wait waits for a while, or until a batch is full.
func (w *Writer) wait(ctx context.Context, atMost time.Duration) {
	if atMost <= 0 {
		return
	}
	window, stop := w.Clock.After(atMost)
	defer stop()
	for w.Queue.Len() < MaxBatch {
		select {
		case <-window:
			return
		case <-ctx.Done():
			return
		case <-w.Queue.full:
		}
	}
}

// write stores a batch, retrying as often as necessary. It fails only when ctx is done. A batch that the database rejects is
// halved until the faulty input is found, which is dropped so that it does not block the others.
func (w *Writer) write(ctx context.Context, batch []entry) error {
	for try := 1; ; try++ {
		err := w.commit(ctx, batch)
		switch {
		case err == nil:
			w.Queue.setFault(nil)
			return nil
		case ctx.Err() != nil || errors.Is(err, track.ErrFenced) || isBehind(err):
			return err
		case errors.Is(err, track.ErrRefused) && len(batch) > 1:
			half := len(batch) / 2
			if err := w.write(ctx, batch[:half]); err != nil {
				return err
			}
			return w.write(ctx, batch[half:])
		case errors.Is(err, track.ErrRefused) && divisible(batch[0]):
			return w.write(ctx, divide(batch[0]))
		case errors.Is(err, track.ErrRefused):
			w.Log.Error("dropping an input rejected by the database", "err", err, "input", fmt.Sprintf("%T", batch[0].input))
			w.Metrics.Lost.Add(w.Clock.Now(), 1, metrics.Refused)
			finish(batch, track.ErrRefused)
			return nil
		}
		w.Queue.setFault(err)
		if try == 1 || try%logEvery == 0 {
			w.Log.Error("could not store a batch, retrying", "err", err, "inputs", len(batch), "waiting", w.Queue.Len())
		}
		retry, stop := w.Clock.After(retryAfter)
		select {
		case <-ctx.Done():
			stop()
			return ctx.Err()
		case <-retry:
		}
	}
}

// divisible reports whether an entry has several facts, some of which may be acceptable.
func divisible(e entry) bool {
	events, ok := e.input.(*track.Events)
	return ok && len(events.Facts) > 1
}

// divide splits an entry in two. done belongs to the second, which is written after the first.
func divide(e entry) []entry {
	first, second, _ := e.input.(*track.Events).Halves()
	return []entry{{input: first, at: e.at}, {input: second, done: e.done, at: e.at}}
}

// commit stores a batch in one transaction, and passes on its effects.
func (w *Writer) commit(ctx context.Context, batch []entry) error {
	started := w.Clock.Now()
	now := track.At(started)
	inputs := make([]track.Input, 0, len(batch))
	weight := 0
	for _, e := range batch {
		if e.input != nil {
			inputs = append(inputs, e.input)
			weight += e.weight()
		}
	}
	if policy := w.Policy(); policy != w.Ledger.Policy() {
		w.Ledger.SetPolicy(policy)
	}
	if len(inputs) > 0 {
		result, err := w.resolve(ctx, len(inputs))
		if err != nil {
			return err
		}
		if result == nil {
			if result, err = w.apply(ctx, inputs, now); err != nil {
				return err
			}
		}
		limited := w.Ledger.Limited
		result.Commit()
		w.Metrics.Limited.Add(float64(w.Ledger.Limited - limited))
		w.gauge()
		w.Metrics.Committed.Add(float64(weight))
		w.Metrics.Commit.Observe(w.Clock.Now().Sub(started).Seconds())
		w.Committed(result)
	}
	finish(batch, nil)
	return nil
}

// apply applies inputs, and stores the result.
func (w *Writer) apply(ctx context.Context, inputs []track.Input, now track.Time) (*track.Result, error) {
	loaded, err := w.Store.Load(ctx, w.Ledger.Want(inputs), now)
	if err != nil {
		return nil, fmt.Errorf("load a batch: %w", err)
	}
	result := w.Ledger.Apply(loaded, inputs, now)
	if result.Empty() {
		return result, nil
	}
	if err := w.Store.Commit(ctx, result.Changes); err != nil {
		if !errors.Is(err, track.ErrRefused) {
			w.unresolved = result
			w.Ledger.ResetThreads()
		}
		return nil, fmt.Errorf("commit a batch: %w", err)
	}
	w.recordSize(len(inputs))
	return result, nil
}

// recordSize records how many inputs a commit had.
func (w *Writer) recordSize(inputs int) {
	w.sizes[w.n%len(w.sizes)] = inputs
	w.n++
}

func isBehind(err error) bool {
	behind := (*track.BehindError)(nil)
	return errors.As(err, &behind)
}

// resolve determines the outcome of a commit whose error left it open, for instance because the connection broke. It returns
// the result if it was stored: then its effects must happen, and only once.
func (w *Writer) resolve(ctx context.Context, inputs int) (*track.Result, error) {
	result := w.unresolved
	if result == nil {
		return nil, nil
	}
	stored, err := w.Store.CommitStored(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for a batch: %w", err)
	}
	w.unresolved = nil
	if !stored {
		return nil, nil
	}
	w.recordSize(inputs)
	w.Log.Info("a batch was stored even though its commit returned an error")
	return result, nil
}

func finish(batch []entry, err error) {
	for _, e := range batch {
		if e.done != nil {
			e.done(err)
		}
	}
}
