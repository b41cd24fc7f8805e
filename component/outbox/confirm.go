package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"tocsin/component/clock"
	"tocsin/component/queue"
	"tocsin/component/session"
)

const (
	// confirmEvery is how long sent stanzas are collected for one ping.
	confirmEvery = 10 * time.Millisecond
	// confirmWithin is how long the answer may take before another ping.
	confirmWithin = 10 * time.Second
	// confirmWait is how long a caller waits for it.
	confirmWait = time.Second
)

// confirmer keeps track of what was sent until the server is known to have received it. A successful write proves nothing:
// buffered bytes are lost if the process is killed or the connection reset. An entry leaves the outbox, and a notice counts
// as delivered, once the server has answered a ping sent after it.
type confirmer struct {
	stream Stream
	clock  clock.Clock

	mu     sync.Mutex
	open   []sent
	asking bool // an answer is awaited
	wake   queue.Signal
	hurry  queue.Signal // somebody is waiting
}

func newConfirmer(s Stream, c clock.Clock) *confirmer {
	return &confirmer{stream: s, clock: c, wake: queue.NewSignal(), hurry: queue.NewSignal()}
}

// sent is something written to the stream.
type sent struct {
	stream uint64 // the stream's number before it was written
	then   func(lost bool)
}

// after calls then once it is known whether the server has what was sent on the stream.
func (c *confirmer) after(stream uint64, then func(lost bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, sent{stream, then})
	c.wake.Set()
}

// wait returns when it is known whether everything sent before was received, or after confirmWait.
func (c *confirmer) wait(ctx context.Context) {
	c.mu.Lock()
	none := len(c.open) == 0 && !c.asking
	c.mu.Unlock()
	if none {
		return
	}
	known := make(chan struct{})
	c.after(c.stream.Stream(), func(bool) { close(known) })
	c.hurry.Set()
	late, stop := c.clock.After(confirmWait)
	defer stop()
	select {
	case <-known:
	case <-late:
	case <-ctx.Done():
	}
}

// run sends pings until ctx is done.
func (c *confirmer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		c.confirm(ctx)
		pause, stop := c.clock.After(confirmEvery)
		select {
		case <-ctx.Done():
			stop()
			return
		case <-c.hurry:
			stop()
		case <-pause:
		}
	}
}

// confirm sends one ping, for everything sent before.
func (c *confirmer) confirm(ctx context.Context) {
	c.mu.Lock()
	list := c.open
	c.open, c.asking = nil, true
	c.mu.Unlock()
	answers := map[uint64]error{}
	var unknown []sent
	for _, s := range list {
		err, asked := answers[s.stream]
		if !asked {
			err = c.ping(ctx, s.stream)
			answers[s.stream] = err
		}
		lost := errors.Is(err, session.ErrDown)
		if err != nil && (!lost || ctx.Err() != nil) { // the session ends with ctx, too: it may still be closed cleanly
			unknown = append(unknown, s)
			continue
		}
		s.then(lost)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asking = false
	if c.open = append(unknown, c.open...); len(c.open) > 0 {
		c.wake.Set()
	}
}

func (c *confirmer) ping(ctx context.Context, stream uint64) error {
	ctx, cancel := context.WithTimeout(ctx, confirmWithin)
	defer cancel()
	return c.stream.Confirm(ctx, stream)
}
