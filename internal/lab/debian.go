package lab

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// DebianProsody starts a Prosody with the configuration of Debian's package: prosody.cfg.lua, which includes conf.d at its
// end. files are further files, by their names below /etc/prosody; end is appended to prosody.cfg.lua. Only ports and
// folders differ.
func DebianProsody(t testing.TB, o Options, files map[string]string, end string) *Server {
	t.Helper()
	o = o.withDefaults()
	p := prosody{program: program(t, "prosody"), contrib: filepath.Join(root(t), "contrib", "prosody")}
	s := &Server{
		Options: o, Domain: o.Hosts[0], Dir: t.TempDir(), t: t,
		C2S: loopback(Port(t)), ComponentAddr: loopback(Port(t)), software: p,
	}
	stock := os.DirFS("/etc/prosody")
	for _, name := range []string{"prosody.cfg.lua", "conf.avail/localhost.cfg.lua"} {
		text, err := fs.ReadFile(stock, name)
		if err != nil {
			t.Fatalf("Debian's Prosody is missing: run .ci/install (%v)", err)
		}
		s.write(name, string(text))
	}
	s.write("data/.none", "")
	s.write("certs/.none", "")
	s.write("conf.d/00-lab.cfg.lua", fmt.Sprintf(`
run_as_root = true; pidfile = %q; data_path = %q; log = { debug = %q }
plugin_paths = { %q }
interfaces = { "127.0.0.1" }; local_interfaces = { "127.0.0.1" }; c2s_ports = { %s }; c2s_direct_tls_ports = {}; component_ports = { %s }
http_ports = {}; https_ports = {}; s2s_ports = {}; c2s_require_encryption = false; authentication = "internal_plain"
`, filepath.Join(s.Dir, "prosody.pid"), filepath.Join(s.Dir, "data"), filepath.Join(s.Dir, "prosody.log"), p.contrib, portOf(s.C2S), portOf(s.ComponentAddr)))
	for name, text := range files {
		s.write(name, text)
	}
	main := filepath.Join(s.Dir, "prosody.cfg.lua")
	text, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	s.write("prosody.cfg.lua", string(text)+end)
	return s.run()
}

// write creates a file of the server's configuration.
func (s *Server) write(name, text string) {
	s.t.Helper()
	file := filepath.Join(s.Dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}
