package source

import (
	"slices"
	"strings"

	"tocsin/component/tap"
	"tocsin/track"
)

// maxRuns is how many runs are remembered: those that go on, one for each host and node that numbers by itself, and ended
// ones that may still send again.
const maxRuns = 64

// account knows how far each run was taken in, and what was lost. It is pure: times come in.
type account struct {
	runs   []*run // the newest last
	copies bool   // copies come, which have no numbers
	gap    track.Time
	gaps   int
	lost   uint64 // events that the sources say they have given up
}

// run is one run of one source.
type run struct {
	Name  string
	Place string // where it runs: another run there takes its place
	Ended bool
	Lost  uint64
	Hello *tap.Hello `json:",omitempty"`

	taken  uint64 // newest batch that was taken in
	stored uint64 // up to here all is durable
	// On the present stream:
	host  string // that sent the newest batch; "": the run has said nothing yet
	seen  uint64 // the newest batch, repetitions included
	acked uint64 // up to here the source was told that all is durable
}

func (a *account) find(name string) *run {
	for _, r := range a.runs {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// batch takes in what a batch says of itself. fresh is false if it was taken in before; replaced is the run in whose place
// this one has come, if it says so.
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

// begin notes a run that was not known. Its first batches may have gone to an instance of which nothing is left.
func (a *account) begin(b tap.Batch, now track.Time) *run {
	if b.N > 1 || a.copies {
		a.missed(now)
	}
	r := &run{Name: b.Run, taken: b.N - 1, stored: b.N - 1, Lost: b.Lost}
	if b.Lost > 0 {
		a.lost += b.Lost
		a.missed(now)
	}
	if len(a.runs) >= maxRuns {
		a.runs = slices.Delete(a.runs, 0, 1)
	}
	a.runs = append(a.runs, r)
	return r
}

// hello takes in what a run says of itself: it takes the place of an earlier one.
func (a *account) hello(r *run, hello *tap.Hello, now track.Time) (replaced string) {
	hosts := slices.Sorted(slices.Values(hello.Hosts))
	place := hello.Node + " " + strings.Join(hosts[:min(1, len(hosts))], "")
	for i, old := range a.runs {
		if old != r && old.Place == place {
			if !old.Ended {
				a.missed(now) // it did not come to its end, or what it said last has not arrived
			}
			replaced = old.Name
			a.runs = slices.Delete(a.runs, i, i+1)
			break
		}
	}
	r.Place, r.Hello = place, hello
	return replaced
}

// missed notes that something may have been missed up to now.
func (a *account) missed(now track.Time) {
	if a.gap != now {
		a.gaps++
	}
	a.gap = max(a.gap, now)
}

// connected notes that a stream has begun. What a source without numbers told meanwhile, or had told just before, is gone.
func (a *account) connected(now track.Time) {
	if a.copies {
		a.missed(now)
	}
}

// durable notes that a run's batches are stored up to n.
func (a *account) durable(name string, n uint64) {
	if r := a.find(name); r != nil {
		r.stored = max(r.stored, n)
	}
}

// ack is what is to be acknowledged to a host: that all of a run is stored up to N.
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

// disconnected forgets what was said on a stream that is over: a source that has not got an acknowledgement sends again.
func (a *account) disconnected() {
	for _, r := range a.runs {
		r.host, r.seen, r.acked = "", 0, 0
	}
}
