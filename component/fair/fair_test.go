package fair_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tocsin/component/clock"
	"tocsin/component/fair"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a queue whose jobs record when they ran.
type rig struct {
	*testing.T
	queue *fair.Queue
	clock *clock.Stepped
	began time.Time
	ran   []string // only while the queue waits

	refused []string
}

func newRig(t *testing.T, o fair.Options) *rig {
	r := &rig{T: t, clock: clock.NewStepped(time.Unix(1e9, 0))}
	r.clock.Waits()
	r.began = r.clock.Now()
	o.Clock = r.clock
	r.queue = fair.New(o)
	return r
}

func (r *rig) put(owner string, n int) {
	r.Helper()
	for range n {
		r.queue.Push(owner, func(context.Context) error {
			r.ran = append(r.ran, fmt.Sprintf("%s@%g", owner, r.clock.Now().Sub(r.began).Seconds()))
			return nil
		}, func() { r.refused = append(r.refused, owner) })
	}
}

// run starts the queue; the returned function stops it.
func (r *rig) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.queue.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.Error(err)
		}
	}
}

// An owner with many jobs takes turns like everybody else.
func TestFloodDelaysNobody(t *testing.T) {
	r := newRig(t, fair.Options{Rate: 1, Burst: 4, TotalRate: 1000})
	r.put("flood", 100)
	r.put("alice", 2)
	r.put("bob", 1)
	stop := r.run()
	for range 3 {
		r.clock.Step(<-r.clock.Waits())
	}
	<-r.clock.Waits()
	stop()
	want := "flood@0 alice@0 bob@0 flood@0 alice@0 flood@0 flood@0 flood@1 flood@2 flood@3"
	if got := strings.Join(r.ran, " "); got != want {
		t.Errorf("ran  %s\nwant %s", got, want)
	}
	if r.queue.Len() != 93 {
		t.Errorf("%d wait", r.queue.Len())
	}
}

// A new owner is served at once, however many jobs of another one wait.
func TestNewcomerWithinAFlood(t *testing.T) {
	r := newRig(t, fair.Options{Rate: 1, Burst: 1})
	r.put("flood", 100)
	stop := r.run()
	<-r.clock.Waits()
	r.put("alice", 1)
	<-r.clock.Waits()
	stop()
	if want := []string{"flood@0", "alice@0"}; !slices.Equal(r.ran, want) {
		t.Errorf("ran %v", r.ran)
	}
}

// Owners share the total rate by taking turns.
func TestTotalRate(t *testing.T) {
	r := newRig(t, fair.Options{Rate: 100, Burst: 100, TotalRate: 2})
	r.put("flood", 10)
	r.put("alice", 2)
	stop := r.run()
	for range 4 {
		r.clock.Step(<-r.clock.Waits())
	}
	<-r.clock.Waits()
	stop()
	want := "flood@0 alice@0.5 flood@1 alice@1.5 flood@2"
	if got := strings.Join(r.ran, " "); got != want {
		t.Errorf("ran  %s\nwant %s", got, want)
	}
}

// An owner has a new burst only after a rest, not whenever its jobs have run out.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := fair.New(fair.Options{Rate: 1, Burst: 2, Clock: clock.System{}})
		began, ran := time.Now(), []string{}
		put := func() {
			for range 2 {
				queue.Push("alice", func(context.Context) error {
					ran = append(ran, time.Since(began).String())
					return nil
				}, func() { t.Error("refused") })
			}
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = queue.Run(ctx) }()
		put()
		put()
		time.Sleep(4 * time.Second)
		put()
		if got := strings.Join(ran, " "); got != "0s 0s 1s 2s 4s 4s" {
			t.Errorf("ran after %s", got)
		}
	})
}

// When there is no room, the newest job of the owner with the most waiting jobs is refused, which may be the one just put.
func TestBounds(t *testing.T) {
	r := newRig(t, fair.Options{PerOwner: 4, Total: 6})
	put := func(owner string, n int, refused ...string) {
		t.Helper()
		r.refused = nil
		r.put(owner, n)
		if !slices.Equal(r.refused, refused) {
			t.Errorf("%d of %s: refused %v, want %v", n, owner, r.refused, refused)
		}
	}
	put("alice", 5, "alice")
	put("bob", 2)
	put("carol", 3, "alice", "alice", "carol")
	put("bob", 1, "bob")
	r.put("dave", 2) // the others have two each: one of them loses a job for the first of Dave's
	if len(r.refused) != 3 || r.refused[1] == "dave" || r.refused[2] != "dave" {
		t.Errorf("refused %v", r.refused)
	}
	if n := r.queue.Len(); n != 6 {
		t.Errorf("%d wait", n)
	}
}

// However many owners put as much as they can, an owner with fewer waiting jobs finds room, and every job runs or is
// refused.
func TestFloodTakesNoRoom(t *testing.T) {
	const total = 1000
	q := fair.New(fair.Options{Rate: 1e9, Burst: 1e9, TotalRate: 1e9, PerOwner: 100, Total: total})
	ran, refused, put := 0, 0, 0
	ctx, stop := context.WithCancel(context.Background())
	job := func(context.Context) error {
		if ran++; ran == total {
			stop()
		}
		return nil
	}
	for i := range 50 {
		for range 200 {
			put++
			q.Push(fmt.Sprintf("hog%d", i), job, func() { refused++ })
		}
	}
	for range 10 {
		put++
		q.Push("alice", job, func() { t.Error("alice was refused") })
	}
	q.Run(ctx) //nolint:errcheck // nil
	if ran+refused != put {
		t.Errorf("of %d jobs %d ran and %d were refused", put, ran, refused)
	}
}

func TestFailures(t *testing.T) {
	failed := make(chan string, 1)
	q := fair.New(fair.Options{Failed: func(owner string, err error) { failed <- owner + ": " + err.Error() }})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- q.Run(ctx) }()
	q.Push("alice", func(context.Context) error { return errors.New("no") }, nil)
	if got := <-failed; got != "alice: no" {
		t.Error(got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func BenchmarkQueue(b *testing.B) {
	q := fair.New(fair.Options{Rate: 1e9, Burst: 1e9, TotalRate: 1e9, PerOwner: 1e9, Total: 1e9})
	owners := make([]string, 1000)
	for i := range owners {
		owners[i] = fmt.Sprintf("user%d@example.org", i)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var ran int
	for i := range b.N {
		q.Push(owners[i%len(owners)], func(context.Context) error {
			if ran++; ran == b.N {
				cancel()
			}
			return nil
		}, nil)
	}
	b.ResetTimer()
	q.Run(ctx) //nolint:errcheck
}

// A slow job delays only its own owner.
func TestSlowJobDelaysItsOwnerOnly(t *testing.T) {
	q := fair.New(fair.Options{Workers: 2})
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- q.Run(ctx) }()
	slow, ran := make(chan struct{}), make(chan string, 10)
	put := func(owner, name string, before <-chan struct{}) {
		q.Push(owner, func(context.Context) error {
			if before != nil {
				<-before
			}
			ran <- name
			return nil
		}, func() { t.Errorf("%s was refused", name) })
	}
	put("alice", "alice 1", slow)
	put("alice", "alice 2", nil)
	for i := range 5 {
		put("bob", fmt.Sprintf("bob %d", i+1), nil)
	}
	for i := range 5 {
		if got, want := <-ran, fmt.Sprintf("bob %d", i+1); got != want {
			t.Errorf("%s ran, want %s", got, want)
		}
	}
	close(slow)
	for _, want := range []string{"alice 1", "alice 2"} {
		if got := <-ran; got != want {
			t.Errorf("%s ran, want %s", got, want)
		}
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
