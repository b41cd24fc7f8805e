package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
)

// Replicated is a PostgreSQL of two servers, the second one a replica of the first, until a test swaps them: what Patroni
// and the like do is done manually.
type Replicated struct {
	Primary, Replica *Cluster
	Promoted         time.Time // when the replica was promoted
	sync             bool
	schemas          int
}

// replicaName is the primary's name for its replica.
const replicaName = "replica"

// Replicate starts a replica of a server. With sync, the primary acknowledges a commit when the replica has it.
func Replicate(t testing.TB, primary *Cluster, sync bool) *Replicated {
	t.Helper()
	r := &Replicated{Primary: primary, sync: sync}
	var err error
	if r.Replica, err = newReplica(t, r.Primary); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Replica.remove)
	r.Replica.Start(t)
	r.Follow(t)
	return r
}

// newReplica creates a server from another one's data, without starting it.
func newReplica(t testing.TB, primary *Cluster) (*Cluster, error) {
	c, err := emptyCluster(t)
	if err != nil {
		return nil, err
	}
	return c, c.copyFrom(primary)
}

// copyFrom makes the server a replica of another one.
func (c *Cluster) copyFrom(primary *Cluster) error {
	backup := c.command(filepath.Join(c.bin, "pg_basebackup"), "-D", c.data(), "-R", "-c", "fast", "-X", "stream", "-T", primary.disk()+"="+c.disk(),
		"-d", fmt.Sprintf("host=127.0.0.1 port=%d user=tocsin application_name=%s", primary.Port, replicaName))
	if out, err := backup.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	return nil
}

// Follow waits until the replica has everything of the primary, and makes commits wait for it if they should.
func (r *Replicated) Follow(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for r.Primary.ask(t, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn = pg_current_wal_lsn()") != "1" {
		if time.Now().After(deadline) {
			t.Fatalf("the replica does not follow:\n%s", tail(filepath.Join(r.Replica.dir, "log"), 20))
		}
		time.Sleep(50 * time.Millisecond)
	}
	if r.sync {
		r.Primary.Exec(t, "ALTER SYSTEM SET synchronous_standby_names = '"+replicaName+"'")
		r.Primary.Exec(t, "SELECT pg_reload_conf()")
	}
}

// Promote makes the replica the primary. The test decides what happens to the old one.
func (r *Replicated) Promote(t testing.TB) {
	t.Helper()
	r.Replica.Exec(t, "SELECT pg_promote()")
	r.Promoted = time.Now()
	r.Replica.Exec(t, "ALTER SYSTEM RESET synchronous_standby_names")
	r.Replica.Exec(t, "SELECT pg_reload_conf()")
	r.Primary, r.Replica = r.Replica, r.Primary
}

// Lag stops the replica from receiving anything.
func (r *Replicated) Lag(t testing.TB) {
	t.Helper()
	r.Replica.Exec(t, "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1 connect_timeout=1'")
	r.Replica.Exec(t, "SELECT pg_reload_conf()")
}

// URL names both servers, and a schema created on the primary.
func (r *Replicated) URL(t testing.TB) string {
	t.Helper()
	r.schemas++
	name := "r" + strconv.Itoa(r.schemas)
	r.Primary.Exec(t, "CREATE SCHEMA "+name)
	return fmt.Sprintf("postgres://tocsin@%s,%s/postgres?sslmode=disable&search_path=%s&application_name=%s",
		loopback(r.Primary.Port), loopback(r.Replica.Port), name, name)
}

// ask returns the single value of a query.
func (c *Cluster) ask(t testing.TB, query string) (value string) {
	t.Helper()
	db, err := sqlx.Open("postgres", c.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Get(&value, query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// Hang stops all of the server's processes: connections stay, but nothing answers.
func (c *Cluster) Hang(t testing.TB) { t.Helper(); c.mustSignal(t, syscall.SIGSTOP) }

// Resume continues a hanging server.
func (c *Cluster) Resume(t testing.TB) { t.Helper(); c.mustSignal(t, syscall.SIGCONT) }

func (c *Cluster) mustSignal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := c.signal(s); err != nil {
		t.Fatal(err)
	}
}

// signal sends a signal to the server and all of its children.
func (c *Cluster) signal(s syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	server, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	// The server first, so that it starts no more children.
	for _, pid := range append([]int{server}, children(server)...) {
		syscall.Kill(pid, s) //nolint:errcheck // it may have ended
	}
	return nil
}

// children are the child processes of a process.
func children(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			pids = append(pids, pid)
		}
	}
	return pids
}
