// Package queue is the component's bounded queue: a FIFO that any number of goroutines fill without blocking, and a signal
// for its consumers. What to do with a value that does not fit is up to the caller. Its tests compare it with a
// slice.
package queue

import "sync"

// Queue is a bounded FIFO. It is safe for concurrent use.
type Queue[T any] struct {
	mu    sync.Mutex
	items []T
	max   int
	ready Signal
}

// New returns an empty queue that Push fills with at most max values.
func New[T any](max int) *Queue[T] { return &Queue[T]{max: max, ready: NewSignal()} }

// Push appends a value. It reports false if there is no room for it.
func (q *Queue[T]) Push(v T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) >= q.max {
		return false
	}
	q.push(v)
	return true
}

// Force appends a value that must not be lost, even beyond the bound.
func (q *Queue[T]) Force(v T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.push(v)
}

func (q *Queue[T]) push(v T) {
	q.items = append(q.items, v)
	q.ready.Set()
}

// Ready is received from to wait for values. One receive stands for any number of them: after it, Pop until nothing is
// left. With several receivers, each that leaves something behind wakes the next.
func (q *Queue[T]) Ready() <-chan struct{} { return q.ready }

// Pop removes and returns the oldest values, at most n of them; nil if there is none. It does not wait.
func (q *Queue[T]) Pop(n int) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pop(min(n, len(q.items)))
}

func (q *Queue[T]) pop(n int) []T {
	if n == 0 {
		return nil
	}
	taken := q.items[:n:n]
	if q.items = q.items[n:]; len(q.items) == 0 {
		q.items = nil
	} else {
		q.ready.Set()
	}
	return taken
}

// PopWhile removes and returns the oldest values for which more reports true, one after the other.
func (q *Queue[T]) PopWhile(more func(T) bool) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.items) && more(q.items[n]) {
		n++
	}
	return q.pop(n)
}

// First returns the oldest value; ok is false if there is none.
func (q *Queue[T]) First() (v T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return v, false
	}
	return q.items[0], true
}

// Len returns the number of values in the queue.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// Signal wakes one goroutine that receives from it. Signals not yet received are merged into one.
type Signal chan struct{}

// NewSignal returns a signal that is not set.
func NewSignal() Signal { return make(Signal, 1) }

// Set wakes a receiver. It does not block.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default:
	}
}
