package survival

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/component/metrics"
	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

// failover is a way in which a PostgreSQL with a replica fails, and the permitted consequences. The program is never killed.
type failover struct {
	name      string
	async     bool // the replica may lag
	instances int
	long      bool // only run by make failover
	small     bool // the primary has a small disk
	gated     bool // there is a gate between the instances and the database
	harm      func(*testing.T, *lab.Replicated, *harness)
	vanishes  bool // acknowledged commits are lost with the old primary
}

// thorough reports whether this is make failover, which runs all rows, with outages as long as in docs/design/survival.md.
func thorough() bool { return os.Getenv("TOCSIN_FAILOVER") != "" }

// lasts returns a duration: one for make test, one for make failover.
func lasts(short, long time.Duration) {
	if thorough() {
		short = long
	}
	passes(short)
}

func promoteAfter(short, long time.Duration) func(*testing.T, *lab.Replicated, *harness) {
	return func(t *testing.T, r *lab.Replicated, _ *harness) {
		r.Primary.Kill(t)
		lasts(short, long)
		r.Promote(t)
	}
}

func switchOver(t *testing.T, r *lab.Replicated, _ *harness) {
	r.Primary.Stop(t)
	r.Promote(t)
}

// splitBrain lets the old primary come back next to the new one, and end some seconds later.
func splitBrain(t *testing.T, r *lab.Replicated, _ *harness) {
	old := r.Primary
	old.Hang(t)
	passes(time.Second)
	r.Promote(t)
	lasts(4*time.Second, 8*time.Second)
	old.Resume(t)
	lasts(4*time.Second, 6*time.Second)
	old.Kill(t)
}

// TestFailover makes a PostgreSQL with a replica fail under load. With a synchronous replica nothing may be lost, whichever
// instance is live afterwards; with an asynchronous one, losses must be counted.
func TestFailover(t *testing.T) {
	t.Parallel()
	for _, f := range []failover{
		{name: "killed, promoted soon", instances: 2, long: true, harm: promoteAfter(time.Second, time.Second)},
		{name: "killed, promoted soon, asynchronous", async: true, instances: 2, long: true, harm: promoteAfter(time.Second, time.Second)},
		{name: "killed, promoted late, one instance", instances: 1, long: true, harm: promoteAfter(6*time.Second, 8*time.Second)},
		{name: "killed, promoted late, two instances", instances: 2, harm: promoteAfter(6*time.Second, 8*time.Second)},
		{name: "switchover", instances: 2, harm: switchOver},
		{name: "switchover, asynchronous", async: true, instances: 2, long: true, harm: switchOver},
		{name: "hung, and fenced", instances: 2, harm: func(t *testing.T, r *lab.Replicated, _ *harness) {
			r.Primary.Hang(t)
			passes(time.Second)
			r.Promote(t)
		}},
		{name: "hung, and back beside the new one", instances: 2, harm: splitBrain},
		{name: "hung, and back beside the new one, asynchronous", async: true, instances: 2, harm: splitBrain}, // commits on the old one are lost
		{name: "the replica is away", instances: 1, harm: func(t *testing.T, r *lab.Replicated, _ *harness) {
			r.Replica.Hang(t)
			lasts(12*time.Second, 45*time.Second)
			r.Replica.Resume(t)
		}},
		{name: "a replica that lagged is promoted", async: true, instances: 1, vanishes: true, harm: lag},
		{name: "a replica that lagged is promoted, two instances", async: true, instances: 2, long: true, vanishes: true, harm: lag},
		{name: "the disk is full", instances: 2, small: true, harm: func(t *testing.T, r *lab.Replicated, h *harness) {
			makeRoom := r.Primary.FillDisk(t)
			h.refused(t, "53100")
			lasts(3*time.Second, 10*time.Second)
			makeRoom()
		}},
		{name: "all connections are taken", instances: 2, harm: func(t *testing.T, r *lab.Replicated, _ *harness) {
			release := r.Primary.Exhaust(t)
			lasts(5*time.Second, 8*time.Second)
			release()
		}},
		{name: "connections fall silent", instances: 1, gated: true, harm: func(_ *testing.T, _ *lab.Replicated, h *harness) { h.gate.silence() }},
	} {
		if f.long && !thorough() {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(t)
		})
	}
}

func lag(t *testing.T, r *lab.Replicated, _ *harness) {
	r.Lag(t)
	lasts(2*time.Second, 3*time.Second)
	r.Primary.Kill(t)
	r.Promote(t)
}

func (f failover) run(t *testing.T) {
	primary := lab.PostgresCluster(t)
	if f.small {
		primary.SmallDisk(t, 48)
	}
	db := lab.Replicate(t, primary, !f.async)
	dsn := db.URL(t)
	if f.small {
		dsn += "&default_tablespace=disk"
	}
	by := lab.Settings{}
	var gate *gate
	if f.gated {
		gate = newGate(t, dsn)
		by["storage.dsn"] = gate.dsn
	}
	h := open(t, run{dsn: dsn, instances: f.instances, rate: 60}, by)
	h.gate = gate
	pulse := h.feel(t)
	passes(2 * time.Second)
	began := time.Now()
	f.harm(t, db, h)
	primaryThere := db.Promoted
	if primaryThere.IsZero() {
		primaryThere = time.Now()
	}
	h.all.await(t)
	pulse.told(t, began, primaryThere)
	if !f.async {
		h.unlost(t)
		return
	}
	passes(2 * time.Second)
	h.stop()
	h.flow.finish(t.Context())
	gone, lost, reasons := h.tally(t)
	switch {
	case gone == 0 && lost == 0 && !f.vanishes:
		h.unlost(t)
		return
	case gone == 0 && f.vanishes, float64(gone) > lost, !strings.Contains(reasons, metrics.RolledBack):
		t.Errorf("%d messages are lost, but %g facts are counted as lost: %s", gone, lost, reasons)
	}
	h.all.stop(t)
	t.Log(h.audit) // to the audit, states of lost messages are faults
	h.all.secrets(t)
}

// unlost checks that nothing was lost, and that everything due was sent once.
func (h *harness) unlost(t *testing.T) {
	t.Helper()
	passes(2 * time.Second)
	h.stop()
	h.all.drain(t, h.flow, h.r)
	if gone, lost, reasons := h.tally(t); gone > 0 || lost > 0 {
		t.Errorf("lost: %d messages, %g facts: %s", gone, lost, reasons)
	}
	h.all.stop(t)
	h.look(t.Context(), t, h.r.dsn, h.flow.senders, true)
	t.Log(h.audit)
	h.report(t)
	h.all.secrets(t)
}

// tally returns how many messages are not in the database, and how many losses the instances report, with the reasons.
func (h *harness) tally(t *testing.T) (gone int, lost float64, reasons string) {
	t.Helper()
	gone = h.gone(t)
	for _, m := range h.all.members {
		lost += m.Metric("tocsin_facts_lost_total", "")
		reasons += strings.Join(h.losses(t, m), ", ")
	}
	t.Logf("%d of %d messages are not in the database; facts lost: %g %s", gone, h.messages, lost, reasons)
	return gone, lost, reasons
}

// refused waits until an instance has logged that its commits are refused with a code.
func (h *harness) refused(t *testing.T, code string) {
	t.Helper()
	patiently(t, 30*time.Second, "commits are refused with "+code, func() bool {
		for _, m := range h.all.members {
			if strings.Contains(m.Stderr(), code) {
				return true
			}
		}
		return false
	})
}

// pulse records when the instances have committed something.
type pulse struct {
	mu    sync.Mutex
	beats []time.Time
}

// feel records until the test ends.
func (h *harness) feel(t *testing.T) *pulse {
	p := &pulse{}
	ctx, stop := context.WithCancel(t.Context())
	var feeling sync.WaitGroup
	feeling.Go(func() {
		for last := 0.0; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
			sum := 0.0
			for _, m := range h.all.members {
				n, _ := m.TryMetric("tocsin_facts_committed_total", "") // it counts again once it answers again
				sum += n
			}
			if sum > last {
				last = sum
				p.mu.Lock()
				p.beats = append(p.beats, time.Now())
				p.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		stop()
		feeling.Wait()
	})
	return p
}

// told waits for a commit after the promotion, and logs how long that took, and the longest time without a commit.
func (p *pulse) told(t *testing.T, harm, primary time.Time) {
	t.Helper()
	var after, pause time.Duration
	patiently(t, 30*time.Second, "facts are committed", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		last := harm
		for _, beat := range p.beats {
			if beat.After(last) {
				pause, last = max(pause, beat.Sub(last)), beat
			}
			if after == 0 && beat.After(primary) {
				after = beat.Sub(primary)
			}
		}
		return after > 0
	})
	t.Logf("commits again %.1f s after there was a primary, %.1f s after the harm; the longest time without one was %.1f s",
		after.Seconds(), primary.Add(after).Sub(harm).Seconds(), pause.Seconds())
}

// gone is how many of all messages are not in the database.
func (h *harness) gone(t *testing.T) (n int) {
	t.Helper()
	store, err := storage.Open(t.Context(), h.r.dsn, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	there := map[track.Key]bool{}
	for _, sender := range h.flow.senders {
		list, err := store.Messages(context.Background(), sender, track.Filter{Newest: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			there[m.Key] = true
		}
	}
	h.audit.mu.Lock()
	defer h.audit.mu.Unlock()
	for key := range h.fates {
		if !there[key] {
			n++
		}
	}
	return n
}

// losses are the reasons that an instance gives for lost facts.
func (h *harness) losses(t *testing.T, m *lab.Daemon) (reasons []string) {
	t.Helper()
	_, body := m.Readiness()
	var state struct {
		Losses []struct {
			Reason string `json:"reason"`
		} `json:"losses"`
	}
	if err := json.Unmarshal([]byte(body), &state); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, l := range state.Losses {
		reasons = append(reasons, l.Reason)
	}
	return reasons
}
