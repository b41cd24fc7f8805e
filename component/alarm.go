package component

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"tocsin/component/clock"
	"tocsin/track"
)

// lookAgain is how long alarms sleep at most: they are set for instants, and a clock that is put forward, or a machine that
// was suspended, brings these nearer.
const lookAgain = time.Minute

// alarms sleeps to the next due and rings: what then happens is decided by the ledger, from the state at that moment.
// An entry is 16 bytes; one that is out of date rings in vain.
//
// While the stream is down, and for the grace after it came up, nothing rings: the evidence of the gap comes first.
type alarms struct {
	clock clock.Clock
	meter *meter
	ring  func(track.Alarm)

	mu    sync.Mutex
	heap  due
	from  time.Time // nothing rings before: the end of the grace, or of the pause that the rate asks for; zero while the stream is down
	grace time.Duration
	rate  int // a second
	wake  chan struct{}
}

func newAlarms(c clock.Clock, m *meter, ring func(track.Alarm)) *alarms {
	return &alarms{clock: c, meter: m, ring: ring, wake: make(chan struct{}, 1)}
}

// set adds an alarm.
func (a *alarms) set(list ...track.Alarm) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, alarm := range list {
		heap.Push(&a.heap, alarm)
	}
	if len(list) > 0 {
		a.poke()
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
	a.poke()
}

func (a *alarms) down() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.from = time.Time{}
}

func (a *alarms) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
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
	a.mu.Lock()
	now := a.clock.Now()
	if len(a.heap) == 0 || a.from.IsZero() {
		a.mu.Unlock()
		return 0, false
	}
	if now.Before(a.from) {
		a.mu.Unlock()
		return a.from.Sub(now), true
	}
	burst := max(1, a.rate/10)
	ringing := make([]track.Alarm, 0, min(burst, 64))
	for len(a.heap) > 0 && a.heap[0].Due <= track.At(now) && len(ringing) < burst {
		ringing = append(ringing, heap.Pop(&a.heap).(track.Alarm))
	}
	a.from = now.Add(time.Second * time.Duration(len(ringing)) / time.Duration(max(1, a.rate)))
	if ok = len(a.heap) > 0; ok {
		wait = min(max(a.heap[0].Due.Std().Sub(now), a.from.Sub(now)), lookAgain)
	}
	a.mu.Unlock()
	for _, alarm := range ringing {
		a.meter.lateness.Observe(now.Sub(alarm.Due.Std()).Seconds())
		a.ring(alarm)
	}
	return wait, ok
}

// due is a heap of alarms, the next one first.
type due []track.Alarm

func (d due) Len() int           { return len(d) }
func (d due) Less(i, j int) bool { return d[i].Due < d[j].Due }
func (d due) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *due) Push(x any)        { *d = append(*d, x.(track.Alarm)) }

func (d *due) Pop() any {
	old := *d
	last := old[len(old)-1]
	*d = old[:len(old)-1]
	return last
}
