package queue

import (
	"context"
	"sync"
)

// Shared is a bounded queue whose values have owners, who take turns: how long a value waits depends on the number of owners,
// not of values. When it is full, the newest value of the largest holder is dropped. It is safe for concurrent use.
type Shared[T any] struct {
	mu     sync.Mutex
	items  map[string][]T
	turns  []string // owners of items
	n, max int
	shares Shares
	ready  Signal
}

// NewShared returns an empty queue for at most max values.
func NewShared[T any](max int) *Shared[T] {
	return &Shared[T]{items: map[string][]T{}, max: max, ready: NewSignal()}
}

// Push appends a value to those of its owner. If there is no room, ok is false, and lost is the value dropped: v or
// another one.
func (q *Shared[T]) Push(owner string, v T) (lost T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ok = true
	if q.n >= q.max {
		largest, larger := q.shares.Larger(owner)
		if !larger {
			return v, false
		}
		items := q.items[largest]
		last := len(items) - 1
		lost, ok = items[last], false
		q.items[largest] = items[:last]
		q.count(largest, -1)
	}
	if len(q.items[owner]) == 0 {
		q.turns = append(q.turns, owner)
	}
	q.items[owner] = append(q.items[owner], v)
	q.count(owner, 1)
	q.ready.Set()
	return lost, ok
}

func (q *Shared[T]) count(owner string, n int) {
	q.n += n
	q.shares.Add(owner, n)
}

// Pop removes and returns the value whose turn it is; ok is false if there is none. It does not wait.
func (q *Shared[T]) Pop() (v T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return v, false
	}
	owner := q.turns[0]
	q.turns = q.turns[1:]
	items := q.items[owner]
	v = items[0]
	if len(items) == 1 {
		delete(q.items, owner)
	} else {
		q.items[owner] = items[1:]
		q.turns = append(q.turns, owner)
	}
	if q.count(owner, -1); q.n > 0 {
		q.ready.Set()
	}
	return v, true
}

// Len returns the number of values in the queue.
func (q *Shared[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// Work runs that many workers, each calling do for one value at a time, until ctx is done, and waits for them. Remaining
// values stay in the queue.
func (q *Shared[T]) Work(ctx context.Context, workers int, do func(context.Context, T)) {
	work(ctx, workers, q.ready, func(ctx context.Context) bool {
		v, ok := q.Pop()
		if ok {
			do(ctx, v)
		}
		return ok
	})
}
