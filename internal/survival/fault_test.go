package survival

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// unready waits until the only instance reports that it is not ready, and why.
func (h *harness) unready(t *testing.T, why ...string) {
	t.Helper()
	var body string
	is := func() bool {
		var status int
		status, body = h.all.members[0].Readiness()
		for _, reason := range why {
			if strings.Contains(body, reason) {
				return status == 503
			}
		}
		return false
	}
	defer func() { t.Logf("/readyz: %s", strings.TrimSpace(body)) }()
	patiently(t, 30*time.Second, "it is not ready, and says why: "+strings.Join(why, " or "), is)
}

// unharmed checks that the stream was never down, and that nothing was lost.
func (h *harness) unharmed(t *testing.T) {
	t.Helper()
	if made := h.made(); made != 1 {
		t.Errorf("%d streams", made)
	}
	d := h.all.members[0]
	if lost := d.Metric("tocsin_facts_lost_total", ""); lost != 0 {
		t.Errorf("%g facts were lost", lost)
	}
	h.mu.Lock()
	lost := h.lost
	h.mu.Unlock()
	if lost > 0 {
		t.Errorf("%d copies could not be sent", lost)
	}
}

// A full disk: facts wait, readiness gives the reason, and the component recovers by itself once there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lab.SmallDisk(t, dir, 96)
	h := open(t, run{dsn: "sqlite:" + filepath.Join(dir, "tocsin.db"), instances: 1, rate: 100}, nil)
	passes(time.Second)
	makeRoom := lab.Fill(t, dir)
	h.unready(t, "disk is full", "disk I/O error")
	passes(3 * time.Second)
	makeRoom()
	h.all.await(t)
	h.unharmed(t)
	h.end(t)
}

// A database file that is read-only for a while.
func TestReadOnlyFile(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file immutable")
	}
	path := filepath.Join(t.TempDir(), "tocsin.db")
	h := open(t, run{dsn: "sqlite:" + path, instances: 1, rate: 50}, nil)
	passes(time.Second)
	immutable := func(flag string) error {
		return exec.Command("chattr", flag, path, path+"-wal").Run()
	}
	t.Cleanup(func() { immutable("-i") }) //nolint:errcheck // it may be so already
	if err := immutable("+i"); err != nil {
		t.Skipf("no file can be made immutable here: %v", err)
	}
	h.unready(t, "storage: ")
	passes(3 * time.Second)
	if err := immutable("-i"); err != nil {
		t.Fatal(err)
	}
	h.all.await(t)
	h.unharmed(t)
	h.end(t)
}

// PostgreSQL is stopped, and killed, while the component keeps its stream.
func TestRestartedPostgres(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		end  func(*lab.Cluster, testing.TB)
	}{{"stopped", (*lab.Cluster).Stop}, {"killed", (*lab.Cluster).Kill}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cluster := lab.PostgresCluster(t)
			h := open(t, run{dsn: cluster.Schema(t), instances: 1, rate: 50}, nil)
			passes(2 * time.Second)
			tc.end(cluster, t)
			h.unready(t, "storage: ")
			passes(4 * time.Second)
			cluster.Start(t)
			began := time.Now()
			h.all.await(t)
			t.Logf("ready %s after the database", time.Since(began).Round(time.Millisecond))
			h.unharmed(t)
			h.end(t)
		})
	}
}

// Connections to PostgreSQL are cut again and again, also in the middle of transactions: nothing is lost, and nothing
// happens twice.
func TestCutConnections(t *testing.T) {
	t.Parallel()
	h := open(t, run{dsn: lab.Postgres(t), instances: 1, rate: 200}, nil)
	random := seed(t)
	for range 25 {
		passes(time.Duration(50+random.IntN(400)) * time.Millisecond)
		lab.Cut(t, h.r.dsn)
		h.count(&h.cuts)
	}
	h.all.await(t)
	h.unharmed(t)
	h.end(t)
}
