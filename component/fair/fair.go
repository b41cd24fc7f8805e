// Package fair is a rate-limited job queue in which owners take turns: a flood of jobs for one owner delays no other owner.
//
// It owns the waiting jobs and decides when they may run, and knows nothing about what they do. Its tests step the clock.
package fair

import (
	"cmp"
	"container/heap"
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tocsin/component/clock"
	"tocsin/component/queue"
)

// Job is one unit of work. It is called with the context of Run.
type Job func(context.Context) error

// Options are the limits of a Queue. Zero fields have the defaults given.
type Options struct {
	Rate     float64 // jobs per second of one owner, on average: 5
	Burst    int     // jobs of one owner in a burst: 50
	PerOwner int     // waiting jobs of one owner: 1000

	Workers   int     // jobs run at the same time, of different owners: 1
	TotalRate float64 // jobs per second of all owners: 2000
	Total     int     // waiting jobs of all owners: 100 000; beyond that, the newest job of the owner with the most is dropped

	Failed func(owner string, err error) // called with the error of a failed job; nil: errors are ignored
	Clock  clock.Clock                   // nil: the system's
}

// Queue runs jobs. Owners take turns, each within its rate; the jobs of one owner run one at a time, in order.
type Queue struct {
	opts  Options
	wake  queue.Signal
	total *rate.Limiter

	mu      sync.Mutex
	owners  map[string]*owner
	ready   []*owner    // may run a job now, in the order of their turns
	resting restingHeap // may run their next job later or, without a job, can be forgotten then
	waiting int
	shares  queue.Shares // of waiting
}

// waiter is a waiting job.
type waiter struct {
	job    Job
	refuse func()
}

type owner struct {
	name  string
	jobs  []waiter
	limit *rate.Limiter
	until time.Time // end of the rest
	index int       // index in resting; -1: ready or running
	runs  bool      // one of its jobs is running
}

// New returns an empty queue. Put may be called before Run.
func New(o Options) *Queue {
	o.Rate = cmp.Or(o.Rate, 5)
	o.Burst = cmp.Or(o.Burst, 50)
	o.PerOwner = cmp.Or(o.PerOwner, 1000)
	o.Workers = cmp.Or(o.Workers, 1)
	o.TotalRate = cmp.Or(o.TotalRate, 2000)
	o.Total = cmp.Or(o.Total, 100_000)
	if o.Failed == nil {
		o.Failed = func(string, error) {}
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	return &Queue{
		opts:   o,
		wake:   queue.NewSignal(),
		total:  rate.NewLimiter(rate.Limit(o.TotalRate), max(1, int(o.TotalRate/20))),
		owners: make(map[string]*owner),
	}
}

// Len returns the number of waiting jobs.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// Push queues a job for an owner. It does not block. If there is no room for the job, or it is displaced later by jobs of
// owners with fewer waiting, refuse is called instead, unless it is nil.
func (q *Queue) Push(name string, job Job, refuse func()) {
	if refuse == nil {
		refuse = func() {}
	}
	if given := q.push(name, waiter{job, refuse}); given != nil {
		given()
	}
}

// push returns the refusal of the job for which there is no room: this one or another.
func (q *Queue) push(name string, w waiter) (refuse func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	o := q.owners[name]
	var own int
	if o != nil {
		own = len(o.jobs)
	}
	if own >= q.opts.PerOwner {
		return w.refuse
	}
	if q.waiting >= q.opts.Total {
		name, larger := q.shares.Larger(name)
		if !larger {
			return w.refuse
		}
		most := q.owners[name]
		last := len(most.jobs) - 1
		refuse = most.jobs[last].refuse
		most.jobs[last] = waiter{}
		q.resize(most, most.jobs[:last])
	}
	switch {
	case o == nil:
		o = &owner{name: name, index: -1, limit: rate.NewLimiter(rate.Limit(q.opts.Rate), q.opts.Burst)}
		q.owners[name] = o
		q.ready = append(q.ready, o)
	case own == 0 && !o.runs: // it was resting before removal
		heap.Remove(&q.resting, o.index)
		q.place(o, q.opts.Clock.Now(), 1)
	}
	q.resize(o, append(o.jobs, w))
	q.wake.Set()
	return refuse
}

// resize changes the number of an owner's waiting jobs by one.
func (q *Queue) resize(o *owner, jobs []waiter) {
	change := len(jobs) - len(o.jobs)
	o.jobs = jobs
	q.waiting += change
	q.shares.Add(o.name, change)
}

// Run runs jobs until ctx is done, and then returns nil; jobs still waiting are not run. Run may be called once.
func (q *Queue) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range q.opts.Workers {
		wg.Go(func() { q.work(ctx) })
	}
	wg.Wait()
	return nil
}

func (q *Queue) work(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-q.wake: // next will see the job
		default:
		}
		o, job, pause := q.next()
		if job != nil {
			if err := job(ctx); err != nil {
				q.opts.Failed(o.name, err)
			}
			q.ran(o)
			continue
		}
		var due <-chan time.Time
		stop := func() {}
		if pause > 0 {
			due, stop = q.opts.Clock.After(pause)
		}
		select {
		case <-due:
		case <-q.wake:
		case <-ctx.Done():
		}
		stop()
	}
}

// next returns the next job and its owner, or how long to wait for one; 0: until the next Push.
func (q *Queue) next() (*owner, Job, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.opts.Clock.Now()
	for len(q.resting) > 0 && !q.resting[0].until.After(now) {
		o := heap.Pop(&q.resting).(*owner)
		if len(o.jobs) == 0 {
			delete(q.owners, o.name)
			continue
		}
		q.ready = append(q.ready, o)
	}
	if len(q.ready) == 0 {
		if len(q.resting) == 0 {
			return nil, nil, 0
		}
		return nil, nil, q.resting[0].until.Sub(now)
	}
	if pause := until(q.total, now, 1); pause > 0 {
		return nil, nil, pause
	}
	q.total.ReserveN(now, 1)

	o := q.ready[0]
	q.ready = q.ready[1:]
	job := o.jobs[0].job
	o.jobs[0] = waiter{}
	q.resize(o, o.jobs[1:])
	o.limit.ReserveN(now, 1)
	o.runs = true
	if len(q.ready) > 0 && q.opts.Workers > 1 {
		q.wake.Set() // for another worker
	}
	return o, job, 0
}

// ran schedules the next turn of an owner whose job has ended; an owner without jobs is forgotten after a rest.
func (q *Queue) ran(o *owner) {
	q.mu.Lock()
	defer q.mu.Unlock()
	o.runs = false
	now := q.opts.Clock.Now()
	switch rested := float64(q.opts.Burst); {
	case len(o.jobs) > 0:
		q.place(o, now, 1)
	case until(o.limit, now, rested) > 0:
		q.place(o, now, rested)
	default:
		delete(q.owners, o.name)
	}
	if q.opts.Workers > 1 {
		q.wake.Set()
	}
}

// place schedules the next turn of an owner for when its limiter has n tokens.
func (q *Queue) place(o *owner, now time.Time, tokens float64) {
	pause := until(o.limit, now, tokens)
	if pause <= 0 {
		q.ready = append(q.ready, o)
		return
	}
	o.until = now.Add(pause)
	heap.Push(&q.resting, o)
}

// until returns how long it takes until a limiter has n tokens.
func until(l *rate.Limiter, now time.Time, tokens float64) time.Duration {
	missing := tokens - l.TokensAt(now)
	const rounding = 1e-6
	if missing < rounding {
		return 0
	}
	return time.Duration(missing / float64(l.Limit()) * float64(time.Second))
}

// restingHeap is a heap of owners that rest, by the end of it.
type restingHeap []*owner

func (r restingHeap) Len() int           { return len(r) }
func (r restingHeap) Less(i, j int) bool { return r[i].until.Before(r[j].until) }
func (r restingHeap) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].index, r[j].index = i, j
}

func (r *restingHeap) Push(x any) {
	o := x.(*owner)
	o.index = len(*r)
	*r = append(*r, o)
}

func (r *restingHeap) Pop() any {
	old := *r
	o := old[len(old)-1]
	old[len(old)-1] = nil
	*r = old[:len(old)-1]
	o.index = -1
	return o
}
