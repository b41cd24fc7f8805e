// Package clock abstracts the clock: the system's, or one that tests step. It is tested
// through its users.
package clock

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Clock tells the time and wakes waiters.
type Clock interface {
	Now() time.Time
	// After returns a channel that receives one value after d, and a function that releases the timer.
	After(d time.Duration) (<-chan time.Time, func())
}

// System is the system's clock.
type System struct{}

// Now implements Clock.
func (System) Now() time.Time { return time.Now() }

// After implements Clock.
func (System) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// ExtendContext returns a context that ends d after ctx, and a function that ends it at once. That function must be called.
func ExtendContext(ctx context.Context, c Clock, d time.Duration) (context.Context, func()) {
	longer, end := context.WithCancel(context.WithoutCancel(ctx))
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-ctx.Done():
		case <-longer.Done():
			return
		}
		over, stop := c.After(d)
		defer stop()
		select {
		case <-over:
			end()
		case <-longer.Done():
		}
	})
	return longer, func() {
		end()
		waiting.Wait()
	}
}

// Stepped is a clock that stands still until it is stepped.
type Stepped struct {
	mu      sync.Mutex
	now     time.Time
	waiters waiters
	waits   chan time.Duration // nil until Waits is called
}

// NewStepped returns a clock set to now.
func NewStepped(now time.Time) *Stepped { return &Stepped{now: now} }

// Now implements Clock.
func (c *Stepped) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// After implements Clock.
func (c *Stepped) After(d time.Duration) (<-chan time.Time, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case c.waits <- d:
	default: // nobody asks
	}
	w := &waiter{at: c.now.Add(d), ch: make(chan time.Time, 1)}
	if d <= 0 {
		w.ch <- c.now
		return w.ch, func() {}
	}
	heap.Push(&c.waiters, w)
	return w.ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if w.index >= 0 {
			heap.Remove(&c.waiters, w.index)
		}
	}
}

// Waits returns a channel that receives how long each wait from now on is to be; at most a thousand that nobody has received.
func (c *Stepped) Waits() <-chan time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waits == nil {
		c.waits = make(chan time.Duration, 1000)
	}
	return c.waits
}

// Step advances the clock by d and wakes, in order, waiters whose time has come.
func (c *Stepped) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for len(c.waiters) > 0 && !c.waiters[0].at.After(c.now) {
		w := heap.Pop(&c.waiters).(*waiter)
		w.ch <- c.now
	}
}

// Next returns when the first waiter is due; ok is false if there is none.
func (c *Stepped) Next() (at time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiters) == 0 {
		return time.Time{}, false
	}
	return c.waiters[0].at, true
}

type waiter struct {
	at    time.Time
	ch    chan time.Time
	index int
}

// waiters is a heap ordered by time.
type waiters []*waiter

func (w waiters) Len() int           { return len(w) }
func (w waiters) Less(i, j int) bool { return w[i].at.Before(w[j].at) }
func (w waiters) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

func (w *waiters) Push(x any) {
	item := x.(*waiter)
	item.index = len(*w)
	*w = append(*w, item)
}

func (w *waiters) Pop() any {
	old := *w
	item := old[len(old)-1]
	*w = old[:len(old)-1]
	item.index = -1
	return item
}
