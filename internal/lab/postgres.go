package lab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq"
)

// Postgres returns the URL of a new schema on a real PostgreSQL, which is started once per test binary and ends with it. The
// schema is dropped when the test ends. It only uses fsync for benchmarks: no test cuts the power.
func Postgres(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() {
		shared.cluster, shared.err = newCluster(t)
		if shared.err == nil {
			shared.cluster.careless = flag.Lookup("test.bench").Value.String() == ""
			shared.err = shared.cluster.start()
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster.Schema(t)
}

var shared struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// Cluster is a PostgreSQL server with throw-away data, durable as in production (fsync), on a free loopback port.
type Cluster struct {
	Port int
	dir  string
	bin  string
	owner
	schemas  atomic.Int64
	careless bool // no fsync

	watch *exec.Cmd
	leash io.Closer // the guard lives as long as this is open
	ended chan struct{}
}

// PostgresCluster starts a server for this test alone, which can be stopped and killed.
func PostgresCluster(t testing.TB) *Cluster {
	t.Helper()
	c, err := newCluster(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.remove)
	c.Start(t)
	return c
}

// owner is the user for servers that refuse to run as root.
type owner struct {
	uid, gid uint32
	other    bool // another user than ours
}

func (o owner) credential() *syscall.Credential {
	if !o.other {
		return nil
	}
	return &syscall.Credential{Uid: o.uid, Gid: o.gid, NoSetGroups: true}
}

func (o owner) own(path string) error {
	if !o.other {
		return nil
	}
	return os.Chown(path, int(o.uid), int(o.gid))
}

// newCluster creates the data of a server without starting it.
func newCluster(t testing.TB) (*Cluster, error) {
	c, err := emptyCluster(t)
	if err != nil {
		return nil, err
	}
	init := c.command(filepath.Join(c.bin, "initdb"), "-D", c.data(), "-U", "tocsin", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
	if out, err := init.CombinedOutput(); err != nil {
		os.RemoveAll(c.dir)
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return c, nil
}

// emptyCluster finds the programs, and creates a folder that belongs to the owner.
func emptyCluster(t testing.TB) (*Cluster, error) {
	c := &Cluster{Port: Port(t)}
	for _, dir := range postgresDirs() {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			c.bin = dir
			break
		}
	}
	if c.bin == "" {
		return nil, errors.New("PostgreSQL is missing: run .ci/install")
	}
	if os.Geteuid() == 0 {
		who, err := user.Lookup("postgres")
		if err != nil {
			who, err = user.Lookup("nobody")
		}
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.ParseUint(who.Uid, 10, 32)
		gid, _ := strconv.ParseUint(who.Gid, 10, 32)
		c.owner = owner{uint32(uid), uint32(gid), true}
	}
	var err error
	if c.dir, err = os.MkdirTemp("", "tocsin-postgres-"); err != nil { // not t.TempDir: it outlives the test
		return nil, err
	}
	return c, c.own(c.dir)
}

// postgresDirs are the folders that may contain the server's programs, newest version first.
func postgresDirs() []string {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for i := len(installed) - 1; i >= 0; i-- {
		dirs = append(dirs, installed[i])
	}
	return dirs
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.credential()}
	return cmd
}

// guard runs the server until its input ends, which also happens if the test binary is killed: then it stops the server, and
// removes the data unless told "keep".
const guard = `"$1"/postgres -D "$2"/data -p "$3" -c fsync="$4" -c full_page_writes="$4" -h 127.0.0.1 -k '' -c max_connections=200 -c shared_buffers=128MB -c max_wal_size=2GB \
	-c wal_sender_timeout=5s -c wal_receiver_timeout=5s -c wal_retrieve_retry_interval=500ms \
	</dev/null >>"$2"/log 2>&1 &
server=$!
read -r word || word=
case "$word" in kill) kill -QUIT $server;; *) kill -INT $server;; esac
wait $server
[ -n "$word" ] || rm -rf "$2"`

func (c *Cluster) start() error {
	fsync := "on"
	if c.careless {
		fsync = "off"
	}
	cmd := c.command("/bin/sh", "-c", guard, "guard", c.bin, c.dir, strconv.Itoa(c.Port), fsync)
	leash, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	c.watch, c.leash, c.ended = cmd, leash, make(chan struct{})
	go func() {
		cmd.Wait()
		close(c.ended)
	}()
	db, err := sqlx.Open("postgres", c.URL())
	if err != nil {
		return err
	}
	defer db.Close()
	deadline := time.After(time.Minute)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		err = db.PingContext(ctx)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-c.ended:
			return fmt.Errorf("PostgreSQL ended:\n%s", tail(filepath.Join(c.dir, "log"), 20))
		case <-deadline:
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, tail(filepath.Join(c.dir, "log"), 20))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL is the URL of the cluster's database.
func (c *Cluster) URL() string {
	return fmt.Sprintf("postgres://tocsin@%s/postgres?sslmode=disable", loopback(c.Port))
}

// Schema creates a schema, which is dropped when the test ends, and returns its URL.
func (c *Cluster) Schema(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("s%d", c.schemas.Add(1))
	c.Exec(t, "CREATE SCHEMA "+name)
	t.Cleanup(func() {
		if c.running() {
			c.Exec(t, "DROP SCHEMA "+name+" CASCADE")
		}
	})
	return c.URL() + "&search_path=" + name + "&application_name=" + name
}

// Cut closes all connections of a URL made by Schema, like a network failure.
func Cut(t testing.TB, schema string) {
	t.Helper()
	u, err := url.Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	name := u.Query().Get("application_name")
	u.RawQuery = "sslmode=disable"
	execute(t, u.String(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", name)
}

// Exec runs a statement on the cluster.
func (c *Cluster) Exec(t testing.TB, query string, args ...any) {
	t.Helper()
	execute(t, c.URL(), query, args...)
}

func execute(t testing.TB, dsn, query string, args ...any) {
	t.Helper()
	if err := tryExecute(dsn, query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// try is Exec for a server that may be down.
func (c *Cluster) try(query string) error { return tryExecute(c.URL(), query) }

func tryExecute(dsn, query string, args ...any) error {
	db, err := sqlx.Open("postgres", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // also in a cleanup
	defer cancel()
	_, err = db.ExecContext(ctx, query, args...)
	return err
}

func (c *Cluster) running() bool {
	if c.watch == nil {
		return false
	}
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// Start starts a stopped server.
func (c *Cluster) Start(t testing.TB) {
	t.Helper()
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
}

// Stop stops the server cleanly and closes its connections; the data is kept for Start.
func (c *Cluster) Stop(t testing.TB) { t.Helper(); c.end(t, "stop\n") }

// Kill ends the server like a crash: without notice, so that Start has to recover.
func (c *Cluster) Kill(t testing.TB) { t.Helper(); c.end(t, "kill\n") }

func (c *Cluster) end(t testing.TB, word string) {
	t.Helper()
	if _, err := io.WriteString(c.leash.(io.Writer), word); err != nil {
		t.Fatal(err)
	}
	<-c.ended
}

func (c *Cluster) remove() {
	if c.running() {
		c.signal(syscall.SIGCONT) //nolint:errcheck // it may not be stopped
		c.leash.Close()
		<-c.ended
	}
	os.RemoveAll(c.dir)
}
