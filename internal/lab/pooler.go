package lab

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Haproxy forwards to the current primary by Patroni's REST check, and returns dsn through it.
func (p *Patroni) Haproxy(t testing.TB, dsn string) string {
	t.Helper()
	port, config := Port(t), filepath.Join(p.dir, "haproxy.cfg")
	text := fmt.Sprintf(haproxyConfig, loopback(port))
	for _, n := range p.nodes {
		text += fmt.Sprintf("  server %s %s check port %d\n", n.name, loopback(n.cluster.Port), n.rest)
	}
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	proxy := p.run(t, "haproxy", program(t, "haproxy", "/usr/sbin/haproxy"), "-f", config, "-db")
	// Until the first check haproxy takes the replica for a primary.
	p.await(t, "haproxy has looked", func() bool { return strings.Contains(tail(proxy.log, 20), " is DOWN") })
	return through(t, dsn, port)
}

const haproxyConfig = `defaults
  mode tcp
  timeout connect 4s
  timeout client 30m
  timeout server 30m
  timeout check 1s
listen primary
  bind %s
  option httpchk OPTIONS /primary
  default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
`

// Pgbouncer pools connections to the server by "session", "transaction" or "statement", and returns dsn through it. It has
// the default settings otherwise, but retries sooner after the server was down.
func (c *Cluster) Pgbouncer(t testing.TB, dsn, mode string) string {
	t.Helper()
	port := Port(t)
	config := filepath.Join(c.dir, fmt.Sprintf("pgbouncer-%d.ini", port))
	text := fmt.Sprintf(pgbouncerConfig, c.Port, port, config, mode)
	for name, text := range map[string]string{config: text, config + ".users": `"tocsin" ""`} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.own(name); err != nil {
			t.Fatal(err)
		}
	}
	proc, err := c.spawn("pgbouncer", config+".log", nil, program(t, "pgbouncer", "/usr/sbin/pgbouncer"), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proc.kill)
	if err := proc.await(10*time.Second, func() bool { return listening(loopback(port)) }); err != nil {
		t.Fatalf("%v\n%s", err, tail(proc.log, 20))
	}
	return through(t, dsn, port)
}

const pgbouncerConfig = `[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s.users
pool_mode = %s
server_login_retry = 1
`

// through is a DSN for a port of this machine.
func through(t testing.TB, dsn string, port int) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = loopback(port)
	return u.String()
}
