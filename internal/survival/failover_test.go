package survival

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

// failover is a way in which a PostgreSQL with a replica fails, and what may come of it. The program is never killed.
type failover struct {
	name      string
	async     bool // the replica may lag
	instances int
	harm      func(*testing.T, *lab.Replicated, *house)
	vanishes  bool // what had been acknowledged is gone with the old primary: it must be counted
}

// TestFailover has a PostgreSQL with a replica fail, under load. With a synchronous replica nothing may be lost, whoever of
// the instances is live afterwards; without one, what is lost has to be counted. make failover does more of it.
func TestFailover(t *testing.T) {
	for _, f := range []failover{
		{name: "killed, promoted late, two instances", instances: 2, harm: func(t *testing.T, r *lab.Replicated, _ *house) {
			r.Primary.Kill(t)
			passes(6 * time.Second)
			r.Promote(t)
		}},
		{name: "hung, and fenced", instances: 2, harm: func(t *testing.T, r *lab.Replicated, _ *house) {
			r.Primary.Hang(t)
			passes(time.Second)
			r.Promote(t)
		}},
		{name: "hung, and back beside the new one", instances: 2, harm: func(t *testing.T, r *lab.Replicated, _ *house) {
			old := r.Primary
			old.Hang(t)
			passes(time.Second)
			r.Promote(t)
			passes(4 * time.Second)
			old.Resume(t)
			passes(4 * time.Second)
			old.Kill(t)
		}},
		{name: "the replica is away", instances: 1, harm: func(t *testing.T, r *lab.Replicated, _ *house) {
			r.Replica.Hang(t)
			passes(12 * time.Second)
			r.Replica.Resume(t)
		}},
		{name: "a replica that lagged is promoted", async: true, instances: 1, vanishes: true, harm: func(t *testing.T, r *lab.Replicated, _ *house) {
			r.Lag(t)
			passes(2 * time.Second)
			r.Primary.Kill(t)
			r.Promote(t)
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(t)
		})
	}
}

func (f failover) run(t *testing.T) {
	db := lab.PostgresReplicated(t, !f.async)
	h := open(t, run{dsn: db.URL(t), instances: f.instances, rate: 60}, nil)
	passes(2 * time.Second)
	f.harm(t, db, h)
	began := time.Now()
	h.all.await(t)
	h.committing(t)
	t.Logf("commits again %s after the harm was done", time.Since(began).Round(100*time.Millisecond))
	if !f.vanishes {
		h.unlost(t)
		return
	}
	passes(2 * time.Second)
	h.stop()
	h.flow.finish(t.Context())
	gone, lost, reasons := h.tally(t)
	if gone == 0 || float64(gone) > lost || !strings.Contains(reasons, "the database lost acknowledged writes") {
		t.Errorf("%d messages are gone, and %g facts are said to be: %s", gone, lost, reasons)
	}
	h.all.stop(t)
	t.Log(h.audit) // what was told of what is gone is a fault to it
	h.all.secrets(t)
}

// unlost makes sure that nothing was lost, and that all is told that must be, once.
func (h *house) unlost(t *testing.T) {
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

// tally is how many messages are not in the database, and what the instances say that they have lost, and why.
func (h *house) tally(t *testing.T) (gone int, lost float64, reasons string) {
	t.Helper()
	gone = h.gone(t)
	for _, m := range h.all.members {
		lost += m.Metric("tocsin_facts_lost_total", "")
		reasons += strings.Join(h.losses(t, m), ", ")
	}
	t.Logf("%d of %d messages are not in the database; facts lost: %g %s", gone, h.messages, lost, reasons)
	return gone, lost, reasons
}

// committing waits until facts are committed again.
func (h *house) committing(t *testing.T) {
	t.Helper()
	sum := func() (n float64) {
		for _, m := range h.all.members {
			n += m.Metric("tocsin_facts_committed_total", "")
		}
		return n
	}
	before := sum()
	patiently(t, 30*time.Second, "facts are committed", func() bool { return sum() > before })
}

// gone is how many of all messages are not in the database.
func (h *house) gone(t *testing.T) (n int) {
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

// losses are the reasons for which an instance says that it has lost facts.
func (h *house) losses(t *testing.T, m *lab.Daemon) (reasons []string) {
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
