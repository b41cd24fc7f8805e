package component

import (
	"context"
	"sync"
	"time"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/track"
)

// lookAgain is how long alarms sleep at most: they are set for instants, and a clock that is put forward, or a machine that
// was suspended, brings these nearer.
const lookAgain = time.Minute

// alarms sleeps to the next due and rings: what then happens is decided by the ledger, from the state at that moment.
//
// While the stream is down, and for the grace after it came up, nothing rings: the evidence of the gap comes first. Nor
// does anything ring while the database is away: what rings must be written.
type alarms struct {
	clock   clock.Clock
	metrics *metrics.Metrics
	ring    func(track.Alarm)
	hold    func() bool // nothing can be written now

	mu    sync.Mutex
	dues  dues
	from  time.Time // nothing rings before: the end of the grace, or of the pause that the rate asks for; zero while the stream is down
	grace time.Duration
	rate  int // a second
	wake  chan struct{}
}

func newAlarms(c clock.Clock, m *metrics.Metrics, ring func(track.Alarm), hold func() bool) *alarms {
	return &alarms{clock: c, metrics: m, ring: ring, hold: hold, wake: make(chan struct{}, 1)}
}

// set sets alarms, each in place of the one its message or prompt had; one without a due ends it.
func (a *alarms) set(list ...track.Alarm) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, alarm := range list {
		a.dues.set(alarm)
	}
	if len(list) > 0 {
		signal(a.wake)
	}
}

// limits sets the grace and the most alarms a second.
func (a *alarms) limits(grace time.Duration, rate int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grace, a.rate = grace, rate
}

// up and down tell of the stream.
func (a *alarms) up() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.from = a.clock.Now().Add(a.grace)
	signal(a.wake)
}

func (a *alarms) down() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.from = time.Time{}
}

// run rings until ctx is done.
func (a *alarms) run(ctx context.Context) error {
	for {
		wait, ok := a.next()
		if ok && wait <= 0 {
			continue
		}
		var timer <-chan time.Time
		stop := func() {}
		if ok {
			timer, stop = a.clock.After(wait)
		}
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-a.wake:
		case <-timer:
		}
		stop()
	}
}

// next rings what is due, a tenth of a second's worth at most, and says how long to wait; ok is false if there is
// nothing to wait for.
func (a *alarms) next() (wait time.Duration, ok bool) {
	now, held := a.clock.Now(), a.hold()
	ringing, wait, ok := a.take(now, held)
	for _, alarm := range ringing {
		a.metrics.Lateness.Observe(now.Sub(alarm.Due.Std()).Seconds())
		a.ring(alarm)
	}
	return wait, ok
}

func (a *alarms) take(now time.Time, held bool) (ringing []track.Alarm, wait time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.dues.len() == 0 || a.from.IsZero():
		return nil, 0, false
	case now.Before(a.from):
		return nil, a.from.Sub(now), true
	case held:
		return nil, time.Second, true
	}
	burst := max(1, a.rate/10)
	for a.dues.len() > 0 && a.dues.next().Due <= track.At(now) && len(ringing) < burst {
		ringing = append(ringing, a.dues.pop())
	}
	a.from = now.Add(time.Second * time.Duration(len(ringing)) / time.Duration(max(1, a.rate)))
	if a.dues.len() == 0 {
		return ringing, 0, false
	}
	return ringing, min(max(a.dues.next().Due.Std().Sub(now), a.from.Sub(now)), lookAgain), true
}
