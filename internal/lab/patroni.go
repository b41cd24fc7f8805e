package lab

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Patroni is a PostgreSQL of two servers managed by Patroni, with an etcd of one member. Its replica is synchronous.
// Debian's packages are installed by .ci/install patroni etcd-server haproxy.
type Patroni struct {
	nodes    [2]*patroniNode
	*Cluster // for its folder and owner; it is not a server
}

type patroniNode struct {
	name    string
	rest    int      // port
	cluster *Cluster // for its signals
	proc    *process
}

// PatroniCluster starts it, and waits until the replica follows.
func PatroniCluster(t testing.TB) *Patroni {
	t.Helper()
	home, err := emptyCluster(t)
	if err != nil {
		t.Fatal(err)
	}
	p := &Patroni{Cluster: home}
	p.guard(t)
	etcd, peer := loopback(Port(t)), loopback(Port(t))
	p.run(t, "etcd", program(t, "etcd"), "--data-dir", filepath.Join(p.dir, "etcd"), "--listen-client-urls", "http://"+etcd,
		"--advertise-client-urls", "http://"+etcd, "--listen-peer-urls", "http://"+peer, "--initial-advertise-peer-urls", "http://"+peer,
		"--initial-cluster", "default=http://"+peer)
	for i := range p.nodes {
		p.nodes[i] = p.node(t, fmt.Sprint("node", i+1), etcd)
		if i == 0 { // it is settled which one initialises the data
			p.await(t, "a primary", func() bool { return p.nodes[0].is("/primary") })
		}
	}
	p.await(t, "a synchronous replica", func() bool { return p.nodes[1].is("/synchronous") })
	return p
}

const patroniConfig = `scope: tocsin
name: %s
restapi: {listen: '%[2]s', connect_address: '%[2]s'}
etcd3: {host: '%s'}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 5
    retry_timeout: 5
    synchronous_mode: true
    postgresql: {use_pg_rewind: true, parameters: {wal_log_hints: 'on', max_connections: 100}}
  initdb: [{encoding: UTF8}, no-locale, {auth: trust}]
  pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust']
postgresql:
  listen: '%[4]s'
  connect_address: '%[4]s'
  data_dir: '%s'
  bin_dir: '%s'
  pgpass: '%s'
  use_unix_socket: false
  parameters: {unix_socket_directories: '', shared_buffers: 64MB}
  authentication: {superuser: {username: tocsin, password: x}, replication: {username: replicator, password: x}}
`

// node starts one of the two.
func (p *Patroni) node(t testing.TB, name, etcd string) *patroniNode {
	t.Helper()
	c := &Cluster{Port: Port(t), bin: p.bin, owner: p.owner, dir: filepath.Join(p.dir, name)}
	n := &patroniNode{name: name, rest: Port(t), cluster: c}
	config := filepath.Join(p.dir, name+".yml")
	text := fmt.Sprintf(patroniConfig, name, loopback(n.rest), etcd, loopback(c.Port), c.data(), c.bin, filepath.Join(c.dir, "pgpass"))
	for _, err := range []error{os.Mkdir(c.dir, 0o700), c.own(c.dir), os.WriteFile(config, []byte(text), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	n.proc = p.run(t, name, program(t, "patroni"), config)
	return n
}

// Processes started by Patroni have no parent that ends with the test binary: this waits until its input ends, and then
// kills everything running in the folder.
const patroniGuard = `read -r _ || true
for data in "$1"/*/data; do
	server=$(head -n 1 "$data"/postmaster.pid) || continue
	[ "$(readlink /proc/"$server"/cwd)" = "$data" ] || continue
	kill -KILL "$server" $(cat /proc/"$server"/task/"$server"/children)
done 2>/dev/null
rm -rf "$1"`

func (p *Patroni) guard(t testing.TB) {
	t.Helper()
	cmd := p.command("/bin/sh", "-c", patroniGuard, "guard", p.dir)
	leash, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		leash.Close()
		cmd.Wait() //nolint:errcheck // the folder is gone, or the next line tells
		if err := os.RemoveAll(p.dir); err != nil {
			t.Error(err)
		}
	})
}

// run starts a program as the servers' owner, and shows its output if the test fails.
func (p *Patroni) run(t testing.TB, name string, argv ...string) *process {
	t.Helper()
	proc, err := p.spawn(name, filepath.Join(p.dir, name+".log"), []string{"HOME=" + p.dir, "LC_ALL=C"}, argv...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		proc.kill()
		if t.Failed() {
			t.Logf("%s:\n%s", name, tail(proc.log, 40))
		}
	})
	return proc
}

func (p *Patroni) await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Patroni: %s: not within two minutes", what)
		}
	}
}

// is queries a node's REST check.
func (n *patroniNode) is(path string) bool {
	return answers("http://"+loopback(n.rest)+path, http.StatusOK)
}

func (p *Patroni) primary(t testing.TB) (primary *patroniNode) {
	t.Helper()
	p.await(t, "a primary", func() bool {
		for _, n := range p.nodes {
			if n.is("/primary") {
				primary = n
			}
		}
		return primary != nil
	})
	return primary
}

// moves waits until another one than old is the primary, and accepts commits: Patroni announces it before PostgreSQL is
// ready, which may wait for an absent replica.
func (p *Patroni) moves(t testing.TB, old *patroniNode) {
	t.Helper()
	var primary *patroniNode
	p.await(t, "another primary", func() bool {
		for _, n := range p.nodes {
			if n != old && n.is("/primary") {
				primary = n
			}
		}
		return primary != nil
	})
	began := time.Now()
	p.await(t, "a primary that takes commits", func() bool { return primary.cluster.try("SELECT pg_logical_emit_message(true, 'lab', '')") == nil })
	t.Logf("the new primary accepts commits %.1f s after its promotion", time.Since(began).Seconds())
}

// URL names both servers, and an empty schema.
func (p *Patroni) URL(t testing.TB) string {
	t.Helper()
	p.primary(t).cluster.Exec(t, "CREATE SCHEMA tocsin")
	return "postgres://tocsin@" + loopback(p.nodes[0].cluster.Port) + "," + loopback(p.nodes[1].cluster.Port) + "/postgres?sslmode=disable&search_path=tocsin"
}

// Switchover makes the two swap roles cleanly. Like all faults it returns when the other one is the primary.
func (p *Patroni) Switchover(t testing.TB) {
	t.Helper()
	old := p.primary(t)
	resp, err := http.Post("http://"+loopback(old.rest)+"/switchover", "application/json", strings.NewReader(`{"leader": "`+old.name+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(resp.Body)
		t.Fatalf("Patroni: switchover: %s: %s", resp.Status, said)
	}
	p.moves(t, old)
}

// KillNode kills the primary's machine, including Patroni.
func (p *Patroni) KillNode(t testing.TB) {
	t.Helper()
	old := p.primary(t)
	old.proc.kill()
	old.cluster.mustSignal(t, syscall.SIGKILL)
	p.moves(t, old)
}

// HangNode stops the primary's server, while its Patroni keeps running.
func (p *Patroni) HangNode(t testing.TB) {
	t.Helper()
	old := p.primary(t)
	old.cluster.Hang(t)
	p.moves(t, old)
}
