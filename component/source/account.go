package source

import (
	"slices"
	"strings"

	"tocsin/component/tap"
	"tocsin/track"
)

// maxRuns is how many runs are remembered: current ones, one for each host and node that numbers independently, and
// ended ones that may still resend.
const maxRuns = 64

// account records how far each run was processed, and what was lost. It is pure: times are parameters.
type account struct {
	runs   []*run // the newest last
	copies bool   // copies arrive, which have no numbers
	gap    track.Time
	gaps   int
	lost   uint64 // events that the sources reported as dropped
}

// run is one run of one source.
type run struct {
	Name  string
	Place string // where it runs: another run in the same place replaces it
	Ended bool
	Lost  uint64
	Hello *tap.Hello `json:",omitempty"`

	taken  uint64 // newest batch processed
	stored uint64 // everything up to here is durable
	// On the present stream:
	host  string // the sender of the newest batch; "": none yet
	seen  uint64 // the newest batch, repetitions included
	acked uint64 // acknowledged to the source up to here
}

func (a *account) find(name string) *run {
	for _, r := range a.runs {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// batch handles a batch's numbering. fresh is false if it was processed before; replaced is the run that this one
// replaces, if it says so.
func (a *account) batch(b tap.Batch, hello *tap.Hello, bye bool, now track.Time) (fresh bool, replaced string) {
	r := a.find(b.Run)
	if r == nil {
		r = a.begin(b, now)
	}
	r.host, r.seen = b.Host, max(r.seen, b.N)
	if b.N <= r.taken {
		return false, ""
	}
	if b.N > r.taken+1 {
		a.missed(now)
	}
	r.taken = b.N
	if b.Lost > r.Lost {
		a.lost += b.Lost - r.Lost
		a.missed(now)
	}
	r.Lost = b.Lost
	if hello != nil {
		replaced = a.hello(r, hello, now)
	}
	r.Ended = bye
	a.copies = false
	return true, replaced
}

// begin records a new run. Its first batches may have gone to an instance that no longer exists.
func (a *account) begin(b tap.Batch, now track.Time) *run {
	if b.N > 1 || a.copies {
		a.missed(now)
	}
	r := &run{Name: b.Run, taken: b.N - 1, stored: b.N - 1, Lost: b.Lost}
	if b.Lost > 0 {
		a.lost += b.Lost
		a.missed(now)
	}
	a.add(r)
	return r
}

// resume records a run of which batches up to n are stored.
func (a *account) resume(name string, n uint64) { a.add(&run{Name: name, taken: n, stored: n}) }

func (a *account) add(r *run) {
	if len(a.runs) >= maxRuns {
		a.runs = slices.Delete(a.runs, 0, 1)
	}
	a.runs = append(a.runs, r)
}

// hello handles a run's hello: it replaces an earlier run.
func (a *account) hello(r *run, hello *tap.Hello, now track.Time) (replaced string) {
	hosts := slices.Sorted(slices.Values(hello.Hosts))
	place := hello.Node + " " + strings.Join(hosts[:min(1, len(hosts))], "")
	for i, old := range a.runs {
		if old != r && old.Place == place {
			if !old.Ended {
				a.missed(now) // it was cut short, or its last batches have not arrived
			}
			replaced = old.Name
			a.runs = slices.Delete(a.runs, i, i+1)
			break
		}
	}
	r.Place, r.Hello = place, hello
	return replaced
}

// ended records that a run has ended with the node it was on: its last events are lost.
func (a *account) ended(name string, now track.Time) {
	if r := a.find(name); r != nil && !r.Ended {
		r.Ended = true
		a.missed(now)
	}
}

// missed records that something may have been missed up to now.
func (a *account) missed(now track.Time) {
	if a.gap != now {
		a.gaps++
	}
	a.gap = max(a.gap, now)
}

// connected records that a stream has begun. What a source without numbers sent in the meantime, or just before, is lost.
func (a *account) connected(now track.Time) {
	if a.copies {
		a.missed(now)
	}
}

// durable records that a run's batches are stored up to n.
func (a *account) durable(name string, n uint64) {
	if r := a.find(name); r != nil {
		r.stored = max(r.stored, n)
	}
}

// ack is an acknowledgement due to a host: everything of a run up to N is stored.
type ack struct {
	host, run string
	n         uint64
}

func (a *account) acks() (all []ack) {
	for _, r := range a.runs {
		if n := min(r.stored, r.seen); n > r.acked && r.host != "" {
			all = append(all, ack{r.host, r.Name, n})
		}
	}
	return all
}

func (a *account) acknowledged(done ack) {
	if r := a.find(done.run); r != nil {
		r.acked = max(r.acked, done.n)
	}
}

// disconnected forgets the state of the ended stream: sources resend what was not acknowledged.
func (a *account) disconnected() {
	for _, r := range a.runs {
		r.host, r.seen, r.acked = "", 0, 0
	}
}
