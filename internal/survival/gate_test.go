package survival

import (
	"net"
	"sync"
	"testing"
)

// gate stands between an instance and its database. Shut, it lets nothing through, and breaks nothing: as a network does
// that has lost its way.
type gate struct {
	dsn      string
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu     sync.Mutex
	passes *sync.Cond
	isShut bool
	conns  []net.Conn
}

func newGate(t *testing.T, dsn string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := host(t, dsn)
	g := &gate{listener: l, target: u.Host}
	g.passes = sync.NewCond(&g.mu)
	u.Host = l.Addr().String()
	g.dsn = u.String()
	g.wg.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", g.target)
			if err != nil {
				from.Close()
				continue
			}
			g.mu.Lock()
			g.conns = append(g.conns, from, to)
			g.mu.Unlock()
			g.wg.Go(func() { g.carry(from, to) })
			g.wg.Go(func() { g.carry(to, from) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		g.mu.Lock()
		g.isShut = false
		g.passes.Broadcast()
		for _, c := range g.conns {
			c.Close()
		}
		g.mu.Unlock()
		g.wg.Wait()
	})
	return g
}

// carry brings bytes to the other side while the gate is open.
func (g *gate) carry(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		g.mu.Lock()
		for g.isShut {
			g.passes.Wait()
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

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isShut = true
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isShut = false
	g.passes.Broadcast()
}
