// Package lab starts real servers for tests: Prosody, ejabberd and PostgreSQL with throw-away data on free loopback ports,
// the built tocsin beside them, and XMPP clients that behave like those people use. Whatever a test starts ends with it; if
// it fails, the servers' logs and the clients' transcripts are shown.
//
//	server := lab.Prosody(t, lab.Options{Tap: lab.Module})
//	alice := server.Login("alice/phone", lab.Markers.Phone())
//	bob := server.Login("bob/desk", lab.Silent)
//	alice.Say(bob.Bare(), "m1", "Are you there?")
//	bob.Expect("message[@id='m1']/body")
//	alice.Expect("message/status[@id='m1'][@state='timeout']")
package lab

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Tap is the way that copies reach the component.
type Tap int

// The taps. Firewall is Prosody's, ServiceLog ejabberd's.
const (
	NoTap      Tap = iota
	Module         // our own: contrib/prosody/mod_tocsin, contrib/ejabberd/mod_tocsin
	Firewall       // Prosody with its stock mod_firewall and contrib/prosody/tocsin.pfw
	ServiceLog     // ejabberd with its stock mod_service_log and contrib/ejabberd/tocsin.yml
)

// Options configure a server; the zero value is a server without a tap, with stream management.
type Options struct {
	Tap       Tap
	Hosts     []string // virtual hosts; default lab.test
	Component string   // default tocsin. and the first host
	Target    string   // tocsin_component of Module; default is Component
	Contrib   string   // folder of mod_tocsin; default is contrib/prosody
	Untapped  []string // those of Hosts that do not load Module
	Secret    string   // default is made up
	Others    []string // domains of further components, with the same secret

	SMTimeout    time.Duration // XEP-0198 hibernation, whole seconds; default 5 minutes
	NoSM         bool          // no XEP-0198
	Backlog      int           // tocsin_backlog of Module; default is the module's
	NoAcks       bool          // tocsin_sm_acks = false
	NoPresence   bool          // tocsin_presence = false
	NoMAM        bool          // no XEP-0313
	Registration bool          // XEP-0077 on the hosts
	Contacts     []string      // users of the first host who are contacts of each other, local parts
	Privilege    bool          // XEP-0356 for the component: presence and rosters
	Measured     bool          // for measurements of the server: it logs warnings only
	Modules      []string      // Prosody: further modules
	Extra        string        // more lines of the server's configuration (Prosody: global section; ejabberd: top level)
}

func (o Options) withDefaults() Options {
	if len(o.Hosts) == 0 {
		o.Hosts = []string{"lab.test"}
	}
	if o.Component == "" {
		o.Component = "tocsin." + o.Hosts[0]
	}
	if o.Target == "" {
		o.Target = o.Component
	}
	if o.Secret == "" {
		o.Secret = "lab-secret-7Xq"
	}
	if o.SMTimeout == 0 {
		o.SMTimeout = 5 * time.Minute
	}
	return o
}

// Server is a running XMPP server.
type Server struct {
	Options
	Domain        string // the first host
	C2S           string // host:port for clients, without TLS
	ComponentAddr string // host:port for the component
	Websocket     string // URL (RFC 7395)
	Dir           string // configuration, data and logs

	t        testing.TB
	software software
	script   *transcript
	proc     *process
	users    map[string]bool
	streams  []*stream // clients' and components'
	touched  bool      // stopped or killed by the test
}

// software is what differs between the servers.
type software interface {
	name() string
	launch(s *Server) (*process, error)
	ready(s *Server) bool
	register(s *Server, user, host, password string) error
	logs(s *Server) []string
}

// run starts the server configured in s.Dir and ends it with the test.
func (s *Server) run() *Server {
	s.t.Helper()
	s.prepare(s.t)
	s.t.Cleanup(func() {
		if s.proc != nil {
			s.proc.kill()
		}
		s.report()
	})
	s.Start()
	return s
}

// prepare assigns the server to a test.
func (s *Server) prepare(t testing.TB) {
	s.t, s.script, s.users, s.streams, s.touched = t, &transcript{}, map[string]bool{}, nil, false
}

// report shows transcript and logs if the test has failed.
func (s *Server) report() {
	if !s.t.Failed() {
		return
	}
	s.t.Logf("transcript:\n%s", s.script)
	for _, log := range s.software.logs(s) {
		if text := tail(log, 400); text != "" {
			s.t.Logf("end of %s:\n%s", log, text)
		}
	}
}

// Start starts a stopped server and returns when clients and components can connect.
func (s *Server) Start() {
	s.t.Helper()
	proc, err := s.software.launch(s)
	if err != nil {
		s.t.Fatal(err)
	}
	s.proc = proc
	if err := proc.await(time.Minute, func() bool { return s.software.ready(s) }); err != nil {
		s.t.Fatal(err)
	}
}

// Stop ends the server like its administrator would.
func (s *Server) Stop() {
	s.touched = true
	s.script.add(s.software.name(), "--", "stops")
	s.proc.stop(15 * time.Second)
}

// Kill ends the server at once.
func (s *Server) Kill() {
	s.touched = true
	s.script.add(s.software.name(), "--", "is killed")
	s.proc.kill()
}

// Restart is Stop and Start. Clients and components have to connect again.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.Start()
}

// CPU is the CPU time that the server has used since it was started.
func (s *Server) CPU() time.Duration {
	s.t.Helper()
	used, err := s.proc.cpu()
	if err != nil {
		s.t.Fatal(err)
	}
	return used
}

// Shell runs a command of Prosody's admin shell and returns its output; the configuration must enable admin_socket.
func (s *Server) Shell(args ...string) string {
	s.t.Helper()
	var out string
	var err error
	opened := s.proc.await(Timeout, func() bool { // the shell's socket is opened later than the ports
		out, err = s.Control(append([]string{"shell"}, args...)...)
		return !strings.Contains(out, "Unable to connect to server")
	})
	if err = errors.Join(opened, err); err != nil {
		s.t.Fatalf("prosodyctl shell %v: %v\n%s", args, err, out)
	}
	return out
}

// Control runs prosodyctl and returns its output.
func (s *Server) Control(args ...string) (string, error) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), program(s.t, "prosodyctl"), append([]string{"--config", filepath.Join(s.Dir, "prosody.cfg.lua")}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Log returns everything that the server has logged.
func (s *Server) Log() string {
	var b strings.Builder
	for _, log := range s.software.logs(s) {
		b.WriteString(tail(log, 1<<30))
	}
	return b.String()
}

// AddUser registers a user of the first host, or of the host in user@host.
func (s *Server) AddUser(user, password string) {
	s.t.Helper()
	name, host := s.split(user)
	if err := s.software.register(s, name, host, password); err != nil {
		s.t.Fatalf("register %s: %v", user, err)
	}
	s.users[name+"@"+host] = true
}

func (s *Server) split(user string) (name, host string) {
	name, host, found := strings.Cut(user, "@")
	if !found {
		host = s.Domain
	}
	return name, host
}

// Client returns a client that is not connected yet. Its user, "alice/phone" or "alice@other.test/phone", is registered if
// necessary.
func (s *Server) Client(jid string, p Profile) *Client {
	s.t.Helper()
	user, resource, found := strings.Cut(jid, "/")
	if !found {
		s.t.Fatalf("no resource in %q", jid)
	}
	name, host := s.split(user)
	password := name + "'s password"
	if !s.users[name+"@"+host] {
		s.AddUser(name+"@"+host, password)
	}
	c := newClient(s.t, s.script, s.C2S, fmt.Sprintf("%s@%s/%s", name, host, resource), password, p)
	s.streams = append(s.streams, &c.stream)
	return c
}

// Login returns a client that is connected and available.
func (s *Server) Login(jid string, p Profile) *Client {
	s.t.Helper()
	c := s.Client(jid, p)
	c.Connect()
	c.Must("get", "", "<query xmlns='jabber:iq:roster'/>")
	c.Available()
	c.Sync()
	return c
}

// NewComponent returns a bare component for the server's component domain, not connected yet.
func (s *Server) NewComponent() *Component {
	c := newComponent(s.t, s.script, s.ComponentAddr, s.Component, s.Secret, s.Tap == Module && (s.Target == "" || s.Target == s.Component))
	s.streams = append(s.streams, &c.stream)
	return c
}

// AttachOther returns a bare component for one of the further domains, connected.
func (s *Server) AttachOther(domain string) *Component {
	s.t.Helper()
	c := newComponent(s.t, s.script, s.ComponentAddr, domain, s.Secret, false)
	s.streams = append(s.streams, &c.stream)
	c.Connect()
	return c
}

// Attach returns a bare component that is connected.
func (s *Server) Attach() *Component {
	s.t.Helper()
	c := s.NewComponent()
	c.Connect()
	return c
}
