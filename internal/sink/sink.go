// Package sink has a gateway.Sink for tests of the gateways.
package sink

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"tocsin/component/gateway"
	"tocsin/component/queue"
)

// Always is how often a Keeper fails until it is told otherwise.
const Always = math.MaxInt

// errLocked is what a failing Keeper returns.
var errLocked = errors.New("database is locked")

// Keeper is a gateway.Sink that keeps what it is told.
type Keeper struct {
	changed queue.Signal

	mu      sync.Mutex
	failing int
	reports []gateway.Report
	replies []gateway.Reply
}

// New returns a keeper that has been told nothing.
func New() *Keeper { return &Keeper{changed: queue.NewSignal()} }

// Fail has the keeper fail so many times from now on, and keep nothing of that.
func (k *Keeper) Fail(times int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failing = times
}

// Hang has the keeper return nothing until resume is called.
func (k *Keeper) Hang() (resume func()) {
	k.mu.Lock()
	return k.mu.Unlock
}

// Reports returns what was reported, in order.
func (k *Keeper) Reports() []gateway.Report {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.reports)
}

// Replies returns what was replied, in order.
func (k *Keeper) Replies() []gateway.Reply {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.replies)
}

// Reported implements gateway.Sink.
func (k *Keeper) Reported(_ context.Context, r gateway.Report) error {
	return k.keep(func() { k.reports = append(k.reports, r) })
}

// Replied implements gateway.Sink.
func (k *Keeper) Replied(_ context.Context, r gateway.Reply) error {
	return k.keep(func() { k.replies = append(k.replies, r) })
}

func (k *Keeper) keep(what func()) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failing > 0 {
		k.failing--
		return errLocked
	}
	what()
	k.changed.Set()
	return nil
}

// AwaitReport returns once there is a report like this; without one in time the test fails.
func (k *Keeper) AwaitReport(t testing.TB, within time.Duration, what string, like func(gateway.Report) bool) {
	t.Helper()
	k.await(t, within, what, func() bool { return slices.ContainsFunc(k.Reports(), like) })
}

// AwaitReply is AwaitReport for a reply.
func (k *Keeper) AwaitReply(t testing.TB, within time.Duration, what string, like func(gateway.Reply) bool) {
	t.Helper()
	k.await(t, within, what, func() bool { return slices.ContainsFunc(k.Replies(), like) })
}

func (k *Keeper) await(t testing.TB, within time.Duration, what string, came func() bool) {
	t.Helper()
	for late := time.After(within); !came(); {
		select {
		case <-k.changed:
		case <-late:
			t.Fatalf("%s never came: %+v %+v", what, k.Reports(), k.Replies())
		}
	}
}
