package alarm

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/component/settings"
	"tocsin/internal/expect"
	"tocsin/track"
)

// wall is the clock of a synctest bubble, and can be set.
type wall struct {
	clock.System
	moved atomic.Int64 // nanoseconds
}

func (w *wall) Now() time.Time { return time.Now().Add(time.Duration(w.moved.Load())).Round(0) }

// story runs a Scheduler in a synctest bubble. It implements Inputs and Stream, and records what fired.
type story struct {
	*Scheduler
	wall  *wall
	stuck atomic.Bool // nothing can be written
	mute  atomic.Bool // the server does not answer
	back  atomic.Int64
	start time.Time

	mu   sync.Mutex
	refs []int64
}

// Push implements Inputs.
func (r *story) Push(in track.Input, _ func(error)) {
	ref := int64(0)
	switch in := in.(type) {
	case *track.Fact:
		ref = in.Ord
	case *track.PromptAlarm:
		ref = -in.Row
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refs = append(r.refs, ref)
}

// Stuck implements Inputs.
func (r *story) Stuck() bool { return r.stuck.Load() }

// Confirm implements Stream: the server answers after a second, or not at all.
func (r *story) Confirm(ctx context.Context) error {
	if r.mute.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	time.Sleep(time.Second)
	return nil
}

// TurnedBack implements Stream.
func (r *story) TurnedBack() { r.back.Add(1) }

func alarmStory(t *testing.T, grace time.Duration, rate int, tell func(*testing.T, *story)) {
	synctest.Test(t, func(t *testing.T) {
		r := &story{wall: &wall{}, start: time.Now()}
		live := settings.NewLive(settings.Settings{Grace: grace, FireRate: rate}, false)
		r.Scheduler = New(r, r, live, r.wall, metrics.New(prometheus.NewRegistry()))
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		tell(t, r)
		stop()
		running.Wait()
	})
}

// due sets an alarm for a time after the start.
func (r *story) due(ref int64, after time.Duration) {
	r.Set(track.Alarm{Due: track.At(r.start.Add(after)), Ref: ref})
}

// after sleeps, and returns what fired meanwhile.
func (r *story) after(d time.Duration) []int64 {
	time.Sleep(d)
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	refs := r.refs
	r.refs = nil
	return refs
}

func TestAlarmsFireInOrderAndOnTime(t *testing.T) {
	alarmStory(t, 0, 1000, func(t *testing.T, r *story) {
		r.Up()
		r.due(3, 3*time.Second)
		r.due(1, time.Second)
		r.due(2, 2*time.Second)
		expect.Equal(t, "a millisecond before", r.after(time.Second-time.Millisecond), []int64(nil))
		expect.Equal(t, "the first", r.after(time.Millisecond), []int64{1})
		r.due(4, 1500*time.Millisecond)
		expect.Equal(t, "sooner than all others", r.after(500*time.Millisecond), []int64{4})
		expect.Equal(t, "the others", r.after(time.Hour), []int64{2, 3})
	})
}

func TestNothingFiresWithoutAStreamOrInTheGracePeriod(t *testing.T) {
	alarmStory(t, 10*time.Second, 1000, func(t *testing.T, r *story) {
		r.due(1, time.Second)
		expect.Equal(t, "before the first stream", r.after(time.Minute), []int64(nil))
		r.Up()
		r.due(2, 65*time.Second)
		expect.Equal(t, "in the grace", r.after(10*time.Second-time.Millisecond), []int64(nil))
		r.Down()
		expect.Equal(t, "down again", r.after(time.Minute), []int64(nil))
		r.Up()
		expect.Equal(t, "in the second grace", r.after(9*time.Second), []int64(nil))
		expect.Equal(t, "at its end, what was due before it", r.after(time.Second), []int64{1, 2})
	})
}

// After an outage, alarms fire at FireRate, however often new ones are set, and the new ones wait their turn.
func TestRate(t *testing.T) {
	alarmStory(t, 0, 100, func(t *testing.T, r *story) {
		for ref := range int64(1000) {
			r.due(ref, 0)
		}
		r.Up()
		n := 0
		for range 200 {
			r.due(-1, time.Hour)
			n += len(r.after(5 * time.Millisecond))
		}
		if n < 90 || n > 110 {
			t.Errorf("%d fired in a second, want 100", n)
		}
		expect.Equal(t, "all in all", n+len(r.after(9*time.Second)), 1000)
	})
}

// A clock that is set forward, as after a suspension, is noticed within a minute. Whatever is overdue then waits for the
// server's answer, and for the grace period.
func TestClockSetForward(t *testing.T) {
	alarmStory(t, 30*time.Second, 1000, func(t *testing.T, r *story) {
		r.Up()
		r.due(1, 2*time.Hour)
		expect.Equal(t, "not yet", r.after(time.Hour), []int64(nil))
		r.wall.moved.Store(int64(time.Hour))
		expect.Equal(t, "overdue, in the grace", r.after(30*time.Second), []int64(nil))
		expect.Equal(t, "after it", r.after(time.Minute+time.Second), []int64{1})
	})
}

// After a suspension the stream may be dead: nothing fires before that is known, and a new one is up.
func TestDeadStreamAfterSuspension(t *testing.T) {
	alarmStory(t, 10*time.Second, 1000, func(t *testing.T, r *story) {
		r.Up()
		r.due(1, 2*time.Hour)
		r.after(time.Hour)
		r.mute.Store(true)
		r.wall.moved.Store(int64(3 * time.Hour))
		expect.Equal(t, "nobody answers", r.after(5*time.Minute), []int64(nil))
		r.Down() // the session has noticed
		expect.Equal(t, "no stream", r.after(5*time.Minute), []int64(nil))
		r.Up()
		expect.Equal(t, "in the grace", r.after(9*time.Second), []int64(nil))
		expect.Equal(t, "after it", r.after(time.Second), []int64{1})
	})
}

// When the clock is set back, alarms that were set wait for their time to come again.
func TestClockSetBack(t *testing.T) {
	alarmStory(t, 0, 1000, func(t *testing.T, r *story) {
		r.Up()
		r.due(1, 2*time.Hour)
		r.after(time.Hour)
		r.wall.moved.Store(-int64(30 * time.Minute))
		expect.Equal(t, "not yet", r.after(90*time.Minute-time.Millisecond), []int64(nil))
		expect.Equal(t, "noticed", r.back.Load(), int64(1))
		expect.Equal(t, "in time", r.after(time.Minute), []int64{1})
	})
}

// While the database is unreachable nothing fires; once it is back, everything does.
func TestNothingFiresWhileNothingCanBeWritten(t *testing.T) {
	alarmStory(t, 0, 1000, func(t *testing.T, r *story) {
		r.Up()
		r.stuck.Store(true)
		r.due(1, time.Second)
		r.due(2, time.Minute)
		expect.Equal(t, "it is away", r.after(time.Hour), []int64(nil))
		r.stuck.Store(false)
		expect.Equal(t, "it is back", r.after(time.Second), []int64{1, 2})
	})
}

// A message settled in time does not fire, and does not count towards the rate.
func TestSettledAlarmsAreRemoved(t *testing.T) {
	alarmStory(t, 0, 10, func(t *testing.T, r *story) {
		r.Up()
		for ref := range int64(1000) {
			r.due(ref, time.Minute)
		}
		for ref := range int64(999) {
			r.Set(track.Alarm{Ref: ref})
		}
		expect.Equal(t, "the one that is left, in time", r.after(time.Minute), []int64{999})
	})
}
