package lab

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// SharedEjabberd is Ejabberd for tests that can share a server: it takes two seconds of CPU time to start, so tests with the
// same options use a few in turn. In between its users are removed with all their data. A server that a test has stopped,
// killed or failed on is not used again. Main ends them all.
func SharedEjabberd(t testing.TB, o Options) *Server {
	t.Helper()
	o = o.withDefaults()
	key := fmt.Sprintf("%+v", o)
	s := idle.take(key)
	fresh := s == nil
	t.Cleanup(func() {
		if s == nil || !s.clear() {
			idle.gone(key)
			return
		}
		idle.put(key, s)
	})
	if fresh {
		dir, err := os.MkdirTemp("", "tocsin-ejabberd-") // not t.TempDir: it outlives the test
		if err != nil {
			t.Fatal(err)
		}
		s = newEjabberd(t, o, dir, lastingPort)
	}
	s.prepare(t)
	if fresh {
		s.Start()
	}
	return s
}

// Main runs the tests of a binary that uses shared servers, and ends these: for TestMain.
func Main(m *testing.M) (code int) {
	defer idle.end()
	return m.Run()
}

// sharedMost is how many servers of the same options are shared at most: further tests wait for one.
const sharedMost = 2

// idle are the shared servers that no test uses at the moment, by options.
var idle = newPool()

type pool struct {
	mu      sync.Mutex
	changed *sync.Cond
	servers map[string][]*Server
	count   map[string]int // of them and those in use
}

func newPool() *pool {
	p := &pool{servers: map[string][]*Server{}, count: map[string]int{}}
	p.changed = sync.NewCond(&p.mu)
	return p
}

// take returns an idle server, or nil: then there may be one more.
func (p *pool) take(key string) *Server {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.servers[key]) == 0 {
		if p.count[key] < sharedMost {
			p.count[key]++
			return nil
		}
		p.changed.Wait()
	}
	free := p.servers[key]
	s := free[len(free)-1]
	p.servers[key] = free[:len(free)-1]
	return s
}

func (p *pool) put(key string, s *Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.servers[key] = append(p.servers[key], s)
	p.changed.Broadcast()
}

// gone says that a server is not used again.
func (p *pool) gone(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count[key]--
	p.changed.Broadcast()
}

func (p *pool) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, servers := range p.servers {
		for _, s := range servers {
			s.discard()
		}
	}
	clear(p.servers)
}

// clear prepares the server for the next test, or ends it.
func (s *Server) clear() (usable bool) {
	for _, stream := range s.streams {
		stream.hangUp()
	}
	if s.t.Failed() || s.touched {
		s.report()
		s.discard()
		return false
	}
	if err := s.clean(); err != nil {
		s.t.Logf("%s is not used again: %v", s.software.name(), err)
		s.discard()
		return false
	}
	return true
}

func (s *Server) discard() {
	if s.proc != nil {
		s.proc.kill()
	}
	_ = os.RemoveAll(s.Dir)
}

// clean removes the users of an ejabberd, and returns when nobody is connected any more: neither them, nor a component. Our module begins
// anew.
func (s *Server) clean() error {
	e := s.software.(ejabberd)
	for _, host := range s.Hosts {
		var users []string
		if err := e.ask("registered_users", map[string]string{"host": host}, &users); err != nil {
			return err
		}
		for _, user := range users {
			if err := e.call("unregister", map[string]string{"user": user, "host": host}); err != nil {
				return err
			}
		}
	}
	if err := s.proc.await(Timeout, func() bool {
		var sessions []string // those that wait for a client to resume them among them
		err := e.ask("connected_users", map[string]string{}, &sessions)
		return err == nil && len(sessions) == 0 && !connected(s.ComponentAddr) && !connected(s.C2S)
	}); err != nil || s.Tap != Module {
		return err
	}
	for _, host := range s.Hosts {
		// What it holds for the component would be kept in a file; where that can't be written it goes.
		inTheWay := filepath.Join(s.Dir, "mnesia", "mod_tocsin."+host+".kept.new")
		if err := os.Mkdir(inTheWay, 0o700); err != nil {
			return err
		}
		err := e.call("restart_module", map[string]string{"host": host, "module": "mod_tocsin"})
		if err := errors.Join(err, os.Remove(inTheWay)); err != nil {
			return err
		}
	}
	return nil
}

// ask is call for a command whose answer matters.
func (e ejabberd) ask(command string, args map[string]string, answer any) error {
	text, err := e.post(command, args)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

// connected tells whether a server on loopback still has a connection to a port of its own. A peer's end may be closed
// already: the server has not noticed yet.
func connected(addr string) bool {
	const established, closeWait = "01", "08" // net/tcp_states.h
	text, err := os.ReadFile(filepath.Join("/proc", "net", "tcp"))
	if err != nil {
		return false
	}
	var port int
	fmt.Sscan(portOf(addr), &port)
	local := ":" + strings.ToUpper(hex.EncodeToString([]byte{byte(port >> 8), byte(port)}))
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[1], local) && (f[3] == established || f[3] == closeWait) {
			return true
		}
	}
	return false
}
