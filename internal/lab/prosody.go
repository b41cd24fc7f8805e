package lab

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/address"
)

// Prosody starts a Prosody.
func Prosody(t testing.TB, o Options) *Server {
	t.Helper()
	o = o.withDefaults()
	web := Port(t)
	s := &Server{
		Options: o, Domain: o.Hosts[0], Dir: t.TempDir(), t: t,
		C2S: loopback(Port(t)), ComponentAddr: loopback(Port(t)), Websocket: "ws://" + loopback(web) + "/xmpp-websocket",
		software: prosody{program: program(t, "prosody"), contrib: filepath.Join(root(t), "contrib", "prosody"), web: web},
	}
	if err := s.software.(prosody).configure(s); err != nil {
		t.Fatal(err)
	}
	return s.run()
}

type prosody struct {
	program, contrib string
	web              int
}

func (prosody) name() string { return "prosody" }

func (p prosody) logs(s *Server) []string {
	return []string{filepath.Join(s.Dir, "prosody.log"), filepath.Join(s.Dir, "prosody.out")}
}

func (p prosody) configure(s *Server) error {
	for _, dir := range []string{"data", "certs"} {
		if err := os.Mkdir(filepath.Join(s.Dir, dir), 0o700); err != nil {
			return err
		}
	}
	if s.Tap == Firewall {
		if err := p.firewall(s); err != nil {
			return err
		}
	}
	if len(s.Contacts) > 0 {
		group := "[everybody]\n"
		for _, user := range s.Contacts {
			group += user + "@" + s.Hosts[0] + "\n"
		}
		if err := os.WriteFile(filepath.Join(s.Dir, "groups.txt"), []byte(group), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.Dir, "prosody.cfg.lua"), []byte(p.config(s)), 0o600)
}

func (p prosody) config(s *Server) string {
	modules := []string{"roster", "saslauth", "disco", "ping", "carbons", "blocklist", "websocket", "http", "pep", "vcard", "time"}
	if !s.NoSM {
		modules = append(modules, "smacks")
	}
	if !s.NoMAM {
		modules = append(modules, "mam")
	}
	if s.Registration {
		modules = append(modules, "register")
	}
	if len(s.Contacts) > 0 {
		modules = append(modules, "groups")
	}
	modules = append(modules, s.Modules...)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("run_as_root = true; daemonize = false; pidfile = %q", filepath.Join(s.Dir, "prosody.pid"))
	line("data_path = %q; certificates = %q", filepath.Join(s.Dir, "data"), filepath.Join(s.Dir, "certs"))
	line("plugin_paths = { %q }", cmp.Or(s.Contrib, p.contrib))
	line("log = { %s = %q }", map[bool]string{false: "debug", true: "warn"}[s.Measured], filepath.Join(s.Dir, "prosody.log"))
	line("interfaces = { '127.0.0.1' }; local_interfaces = { '127.0.0.1' }")
	line("c2s_ports = { %s }; component_ports = { %s }; component_interfaces = { '127.0.0.1' }", portOf(s.C2S), portOf(s.ComponentAddr))
	line("http_ports = { %d }; http_interfaces = { '127.0.0.1' }; https_ports = {}", p.web)
	line("modules_disabled = { 's2s', 'tls' }; modules_enabled = { '%s' }", strings.Join(modules, "', '"))
	line("authentication = 'internal_plain'; storage = 'internal'; c2s_require_encryption = false; consider_websocket_secure = true; cross_domain_websocket = true")
	line("allow_registration = %t; smacks_hibernation_time = %d", s.Registration, int(s.SMTimeout.Seconds()))
	line("archive_expires_after = 'never'; limits = {}")
	if len(s.Contacts) > 0 {
		line("groups_file = %q", filepath.Join(s.Dir, "groups.txt"))
	}
	line("%s", s.Extra)
	for _, host := range s.Hosts {
		line("VirtualHost %q", host)
		line("	disco_items = { { %q, 'SMS escalation' } }", s.Component)
		tap := s.Tap
		if slices.Contains(s.Untapped, host) {
			tap = NoTap
		}
		switch tap {
		case Module:
			line("	modules_enabled = { 'tocsin'%s }", privilege(s))
			line("	tocsin_component = %q; tocsin_sm_acks = %t; tocsin_presence = %t", s.Target, !s.NoAcks, !s.NoPresence)
			if s.Backlog > 0 {
				line("	tocsin_backlog = %d", s.Backlog)
			}
		case Firewall:
			line("	modules_enabled = { 'firewall'%s }; firewall_scripts = { %q }", privilege(s), p.script(s, host))
		default:
			line("	modules_enabled = { 'ping'%s }", privilege(s))
		}
		if s.Privilege {
			line("	privileged_entities = { [%q] = { roster = 'both', presence = 'managed_entity', message = 'outgoing' } }", s.Component)
		}
	}
	for _, domain := range s.Others {
		line("Component %q", domain)
		line("	component_secret = %q", s.Secret)
	}
	line("Component %q", s.Component)
	line("	component_secret = %q", s.Secret)
	if s.Privilege {
		line("	modules_enabled = { 'privilege' }")
	}
	return b.String()
}

func privilege(s *Server) string {
	if s.Privilege {
		return ", 'privilege'"
	}
	return ""
}

// firewall writes the script of contrib for each host, with the domains of this server instead of the examples and the
// required lines for further domains.
func (p prosody) firewall(s *Server) error {
	script, err := os.ReadFile(filepath.Join(p.contrib, "tocsin.pfw"))
	if err != nil {
		return err
	}
	for _, host := range s.Hosts {
		local := "NOT FROM: <*>@" + strings.Join(s.Hosts, "\nNOT FROM: <*>@") + "\n"
		text := strings.NewReplacer("NOT FROM: <*>@example.org\n", local, "tocsin.example.org", s.Component, "example.org", host).Replace(string(script))
		if err := os.WriteFile(p.script(s, host), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (prosody) script(s *Server, host string) string { return filepath.Join(s.Dir, host+".pfw") }

func (p prosody) launch(s *Server) (*process, error) {
	return start("prosody", filepath.Join(s.Dir, "prosody.out"), nil, p.program, "--config", filepath.Join(s.Dir, "prosody.cfg.lua"), "-F")
}

func (prosody) ready(s *Server) bool { return listening(s.C2S) && listening(s.ComponentAddr) }

// register writes the account in the format of mod_storage_internal.
func (prosody) register(s *Server, user, host, password string) error {
	user, err := address.Local(user)
	if err != nil {
		return err
	}
	dir := filepath.Join(s.Dir, "data", encode(host), "accounts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, encode(user)+".dat"), fmt.Appendf(nil, "return { [\"password\"] = %q; };\n", password), 0o600)
}

// Lua returns a command for the Lua that Prosody uses, which finds Prosody's own libraries.
func Lua(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	if Servers != "" {
		return exec.CommandContext(t.Context(), program(t, "lua"), args...)
	}
	script, err := os.ReadFile(program(t, "prosody"))
	if err != nil {
		t.Fatal(err)
	}
	interpreter, _, _ := strings.Cut(strings.TrimPrefix(string(script), "#!/usr/bin/env "), "\n")
	cmd := exec.CommandContext(t.Context(), program(t, interpreter), args...)
	cmd.Env = append(os.Environ(), "LUA_CPATH=/usr/lib/prosody/?.so;;", "PROSODY_LIBRARIES=/usr/lib/prosody")
	return cmd
}

// encode encodes a file name like Prosody: everything except letters and digits as %xx.
func encode(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

func portOf(addr string) string {
	_, port, _ := strings.Cut(addr, ":")
	return port
}
