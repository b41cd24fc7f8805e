// Package alarm sleeps until the next message or prompt is due, and then queues an input for the ledger, which decides on the
// state at that moment. It holds at most one alarm per message or prompt; the database has the same
// alarms, and they are loaded from it at startup.
//
// It knows nothing about messages or prompts. Its tests use testing/synctest (alarm_test.go), and compare the heap with a
// plain map (heap_test.go).
package alarm

import (
	"context"
	"sync"
	"time"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/component/queue"
	"tocsin/component/settings"
	"tocsin/track"
)

const (
	// maxSleep is the longest sleep: alarms are set for instants, and these come nearer when the clock is set forward or the
	// machine was suspended.
	maxSleep = time.Minute
	// retryAfter is the delay of an alarm whose input was refused by the database.
	retryAfter = time.Minute
	// stuckWait is the delay of all alarms while nothing can be written.
	stuckWait = time.Second
	// pauseMax is how much longer than planned a sleep may have taken. If it took longer, the machine was suspended, the
	// process was stopped, or the clock was set forward.
	pauseMax = 10 * time.Second
)

// Inputs receives the inputs that alarms queue.
type Inputs interface {
	Push(in track.Input, done func(error))
	Stuck() bool // nothing can be written at the moment
}

// Scheduler fires alarms.
//
// After a suspension, nothing fires before the stream has proved alive, and a grace period after that: everything may be
// overdue at once, and the stream may be dead without our knowing yet.
//
// While the stream is down, and for the grace period after it came up, nothing fires: evidence from the gap comes first. Nor
// does anything fire while the database is unreachable, since the consequences have to be written.
type Scheduler struct {
	inputs   Inputs
	settings *settings.Live // Grace, FireRate
	clock    clock.Clock
	metrics  *metrics.Metrics
	stream   Stream

	// Owned by Run: the wall clock at the last look, and the planned time of the next one; zero: none.
	last, planned time.Time

	mu   sync.Mutex
	heap heap
	from time.Time // nothing fires before this: the end of the grace period, or of the pause due to FireRate; zero while the stream is down
	wake queue.Signal
}

// Stream is notified of time that passed while the process did not run.
type Stream interface {
	// Confirm returns once the server has answered, and everything it sent before is queued; an error if it does not answer.
	Confirm(context.Context) error
	// TurnedBack says that the clock was set back: recorded times may lie in the future.
	TurnedBack()
}

// New returns a scheduler without alarms.
func New(in Inputs, st Stream, s *settings.Live, c clock.Clock, m *metrics.Metrics) *Scheduler {
	return &Scheduler{inputs: in, stream: st, settings: s, clock: c, metrics: m, wake: queue.NewSignal()}
}

// Set sets alarms, each replacing the previous one of its message or prompt; one without Due removes it.
func (s *Scheduler) Set(list ...track.Alarm) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, alarm := range list {
		s.heap.set(alarm)
	}
	if len(list) > 0 {
		s.wake.Set()
	}
}

// Up says that the stream is up: the grace period begins.
func (s *Scheduler) Up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = s.clock.Now().Add(s.settings.Get().Grace)
	s.wake.Set()
}

// Down says that the stream is down.
func (s *Scheduler) Down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = time.Time{}
}

// Run fires alarms until ctx is done.
func (s *Scheduler) Run(ctx context.Context) error {
	var proving sync.WaitGroup
	defer proving.Wait()
	for {
		if s.passedUnseen() {
			s.Down()
			proving.Go(func() {
				if s.stream.Confirm(ctx) == nil {
					s.Up()
				}
			})
		}
		wait, ok := s.fireDue()
		if ok && wait <= 0 {
			continue
		}
		var timer <-chan time.Time
		stop := func() {}
		s.planned = time.Time{}
		if ok {
			timer, stop = s.clock.After(wait)
			s.planned = s.last.Add(wait)
		}
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-s.wake:
		case <-timer:
		}
		stop()
	}
}

// passedUnseen reads the wall clock, and reports whether more time has passed than Run slept.
func (s *Scheduler) passedUnseen() bool {
	now := s.clock.Now().Round(0) // the monotonic clock stops while a machine is suspended
	if now.Before(s.last) {
		s.stream.TurnedBack()
	}
	s.last = now
	return !s.planned.IsZero() && now.Sub(s.planned) > pauseMax
}

// fireDue fires what is due, at most the share of a tenth of a second, and returns how long to wait; ok is false if no alarm
// is set.
func (s *Scheduler) fireDue() (wait time.Duration, ok bool) {
	now := s.clock.Now()
	due, wait, ok := s.popDue(now, s.inputs.Stuck())
	for _, alarm := range due {
		s.metrics.Lateness.Observe(now.Sub(alarm.Due.Std()).Seconds())
		s.fire(alarm)
	}
	return wait, ok
}

// fire queues the input of an alarm.
func (s *Scheduler) fire(a track.Alarm) {
	var in track.Input = &track.Fact{Kind: track.AlarmFired, Ord: a.Ref, At: a.Due}
	if a.Ref < 0 {
		in = &track.PromptAlarm{Row: -a.Ref, Due: a.Due}
	}
	s.inputs.Push(in, func(err error) {
		if err != nil { // an alarm is never lost
			s.Set(track.Alarm{Due: track.At(s.clock.Now().Add(retryAfter)), Ref: a.Ref})
		}
	})
}

func (s *Scheduler) popDue(now time.Time, stuck bool) (due []track.Alarm, wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.heap.len() == 0 || s.from.IsZero():
		return nil, 0, false
	case now.Before(s.from):
		return nil, s.from.Sub(now), true
	case stuck:
		return nil, stuckWait, true
	}
	rate := max(1, s.settings.Get().FireRate)
	burst := max(1, rate/10)
	for s.heap.len() > 0 && s.heap.next().Due <= track.At(now) && len(due) < burst {
		due = append(due, s.heap.pop())
	}
	s.from = now.Add(time.Second * time.Duration(len(due)) / time.Duration(rate))
	if s.heap.len() == 0 {
		return due, 0, false
	}
	return due, min(max(s.heap.next().Due.Std().Sub(now), s.from.Sub(now)), maxSleep), true
}
