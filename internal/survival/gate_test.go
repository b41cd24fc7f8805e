package survival

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// gate is a proxy between an instance and its database. When shut, it passes nothing on and closes nothing, like a network
// without a route.
type gate struct {
	dsn       string
	listeners []net.Listener // one per host
	wg        sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond
	isShut  bool
	age     int // of connections; nothing passes on older ones
	over    bool
	conns   []net.Conn
}

func newGate(t *testing.T, dsn string) *gate {
	t.Helper()
	g := &gate{}
	g.changed = sync.NewCond(&g.mu)
	u := host(t, dsn)
	var through []string
	for _, target := range strings.Split(u.Host, ",") {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		g.listeners = append(g.listeners, l)
		through = append(through, l.Addr().String())
		g.wg.Go(func() { g.accept(l, target) })
	}
	u.Host = strings.Join(through, ",")
	g.dsn = u.String()
	t.Cleanup(func() {
		for _, l := range g.listeners {
			l.Close()
		}
		g.change(func() { g.over = true })
		g.mu.Lock()
		for _, c := range g.conns {
			c.Close()
		}
		g.mu.Unlock()
		g.wg.Wait()
	})
	return g
}

func (g *gate) accept(l net.Listener, target string) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", target)
		if err != nil {
			from.Close()
			continue
		}
		g.mu.Lock()
		g.conns = append(g.conns, from, to)
		born := g.age
		g.mu.Unlock()
		g.wg.Go(func() { g.carry(from, to, born) })
		g.wg.Go(func() { g.carry(to, from, born) })
	}
}

// carry copies bytes to the other side while the gate is open.
func (g *gate) carry(from, to net.Conn, born int) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		g.mu.Lock()
		for (g.isShut || born < g.age) && !g.over {
			g.changed.Wait()
		}
		g.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (g *gate) change(how func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	how()
	g.changed.Broadcast()
}

func (g *gate) shut() { g.change(func() { g.isShut = true }) }
func (g *gate) open() { g.change(func() { g.isShut = false }) }

// silence stops passing bytes on existing connections; new ones work.
func (g *gate) silence() { g.change(func() { g.age++ }) }
