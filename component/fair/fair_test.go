package fair_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/component/clock"
	"tocsin/component/fair"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// waits is a clock that tells of each wait that begins.
type waits struct {
	*clock.Stepped
	began chan time.Duration
}

func (w waits) After(d time.Duration) (<-chan time.Time, func()) {
	ch, stop := w.Stepped.After(d)
	w.began <- d
	return ch, stop
}

// rig is a queue whose jobs write down that they ran, and when.
type rig struct {
	*testing.T
	queue *fair.Queue
	clock waits
	began time.Time
	ran   []string // only while the queue waits
}

func newRig(t *testing.T, o fair.Options) *rig {
	r := &rig{T: t, clock: waits{clock.NewStepped(time.Unix(1e9, 0)), make(chan time.Duration, 100)}}
	r.began = r.clock.Now()
	o.Clock = r.clock
	r.queue = fair.New(o)
	return r
}

func (r *rig) put(owner string, n int) {
	r.Helper()
	for range n {
		if err := r.queue.Put(owner, func(context.Context) error {
			r.ran = append(r.ran, fmt.Sprintf("%s@%g", owner, r.clock.Now().Sub(r.began).Seconds()))
			return nil
		}); err != nil {
			r.Fatal(err)
		}
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

// A flood takes its turns like everybody else.
func TestFloodDelaysNobody(t *testing.T) {
	r := newRig(t, fair.Options{Rate: 1, Burst: 4, TotalRate: 1000})
	r.put("flood", 100)
	r.put("alice", 2)
	r.put("bob", 1)
	stop := r.run()
	for range 3 {
		r.clock.Step(<-r.clock.began)
	}
	<-r.clock.began
	stop()
	want := "flood@0 alice@0 bob@0 flood@0 alice@0 flood@0 flood@0 flood@1 flood@2 flood@3"
	if got := strings.Join(r.ran, " "); got != want {
		t.Errorf("ran  %s\nwant %s", got, want)
	}
	if r.queue.Len() != 93 {
		t.Errorf("%d wait", r.queue.Len())
	}
}

// Who comes while a flood waits is served at once.
func TestNewcomerWithinAFlood(t *testing.T) {
	r := newRig(t, fair.Options{Rate: 1, Burst: 1})
	r.put("flood", 100)
	stop := r.run()
	<-r.clock.began
	r.put("alice", 1)
	<-r.clock.began
	stop()
	if want := []string{"flood@0", "alice@0"}; !slices.Equal(r.ran, want) {
		t.Errorf("ran %v", r.ran)
	}
}

// The rate of all is shared by turns.
func TestTotalRate(t *testing.T) {
	r := newRig(t, fair.Options{Rate: 100, Burst: 100, TotalRate: 2})
	r.put("flood", 10)
	r.put("alice", 2)
	stop := r.run()
	for range 4 {
		r.clock.Step(<-r.clock.began)
	}
	<-r.clock.began
	stop()
	want := "flood@0 alice@0.5 flood@1 alice@1.5 flood@2"
	if got := strings.Join(r.ran, " "); got != want {
		t.Errorf("ran  %s\nwant %s", got, want)
	}
}

// An owner cannot have a new burst by letting the queue run empty, but after a rest.
func TestRest(t *testing.T) {
	r := newRig(t, fair.Options{Rate: 1, Burst: 2})
	r.put("alice", 2)
	stop := r.run()
	<-r.clock.began // until forgotten, in 2 s
	r.put("alice", 2)
	r.clock.Step(<-r.clock.began) // 1 s
	r.clock.Step(<-r.clock.began) // 1 s
	r.clock.Step(<-r.clock.began) // until forgotten, 2 s
	r.put("alice", 2)
	<-r.clock.began
	stop()
	want := "alice@0 alice@0 alice@1 alice@2 alice@4 alice@4"
	if got := strings.Join(r.ran, " "); got != want {
		t.Errorf("ran  %s\nwant %s", got, want)
	}
}

func TestBounds(t *testing.T) {
	r := newRig(t, fair.Options{PerOwner: 2, Total: 3})
	nop := func(context.Context) error { return nil }
	r.put("alice", 2)
	if err := r.queue.Put("alice", nop); !errors.Is(err, fair.ErrOwnerFull) {
		t.Error(err)
	}
	r.put("bob", 1)
	if err := r.queue.Put("bob", nop); !errors.Is(err, fair.ErrFull) {
		t.Error(err)
	}
	if err := r.queue.Put("carol", nop); !errors.Is(err, fair.ErrFull) {
		t.Error(err)
	}
}

func TestFailures(t *testing.T) {
	failed := make(chan string, 1)
	q := fair.New(fair.Options{Failed: func(owner string, err error) { failed <- owner + ": " + err.Error() }})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- q.Run(ctx) }()
	if err := q.Put("alice", func(context.Context) error { return errors.New("no") }); err != nil {
		t.Fatal(err)
	}
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
		q.Put(owners[i%len(owners)], func(context.Context) error { //nolint:errcheck
			if ran++; ran == b.N {
				cancel()
			}
			return nil
		})
	}
	b.ResetTimer()
	q.Run(ctx) //nolint:errcheck
}

// One owner's job that takes long holds up that owner alone.
func TestSlowJobDelaysItsOwnerOnly(t *testing.T) {
	q := fair.New(fair.Options{Workers: 2})
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- q.Run(ctx) }()
	slow, ran := make(chan struct{}), make(chan string, 10)
	put := func(owner, name string, before <-chan struct{}) {
		if err := q.Put(owner, func(context.Context) error {
			if before != nil {
				<-before
			}
			ran <- name
			return nil
		}); err != nil {
			t.Error(err)
		}
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
