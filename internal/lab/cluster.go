package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// node makes an ejabberd a node of a cluster.
type node struct {
	address string // its own, for the port on which all nodes listen
	port    int
	join    string // name of a node to join
}

func (n node) name() string { return "ejabberd@" + n.address }

// flags are flags of erl: the nodes find each other without epmd, which would keep running.
func (n node) flags() []string {
	if n.address == "" {
		return nil
	}
	return []string{
		"-name", n.name(), "-setcookie", "lab", "-start_epmd", "false", "-erl_epmd_port", fmt.Sprint(n.port),
		"-kernel", "inet_dist_use_interface", "{" + strings.ReplaceAll(n.address, ".", ",") + "}",
	}
}

// joins are the flags with which a new node joins the cluster. Its own mod_http_api can't do that, because it is stopped
// meanwhile.
func (n node) joins() []string {
	if n.join == "" {
		return nil
	}
	return []string{"-eval", fmt.Sprintf("length(ejabberd_cluster:get_nodes()) > 1 orelse ejabberd_cluster:join('%s')", n.join)}
}

// EjabberdCluster starts an ejabberd of two nodes.
func EjabberdCluster(t testing.TB, o Options) (first, second *Server) {
	t.Helper()
	port := Port(t)
	start := func(n node) *Server {
		s := newEjabberd(t, o.withDefaults(), t.TempDir(), Port)
		e := s.software.(ejabberd)
		e.node = n
		s.software = e
		return s.run()
	}
	one := node{address: "127.0.0.1", port: port}
	two := node{address: "127.0.0.2", port: port, join: one.name()}
	first, second = start(one), start(two)
	var nodes []string
	if err := second.proc.await(time.Minute, func() bool {
		err := second.software.(ejabberd).ask("list_cluster", map[string]string{}, &nodes)
		return err == nil && len(nodes) == 2 && second.software.ready(second)
	}); err != nil {
		t.Fatalf("%s is not a node of the cluster %q: %v", two.name(), nodes, err)
	}
	return first, second
}
