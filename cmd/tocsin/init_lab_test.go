package main

import (
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/lab"
)

// hostOfTheirs is an existing VirtualHost in Debian's conf.d, with its own lists of modules.
const hostOfTheirs = `
VirtualHost "example.org"
	modules_enabled = { "mam", "bosh", "websocket" }
	disco_items = { { "proxy.example.net", "Proxy" } }
VirtualHost "example.com"
	disco_items = { { "rooms.example.net", "Rooms" } }
Component "gateway.example.org"
	component_secret = "of another component"
`

// The output of init, pasted unchanged into Debian's own configuration, works and takes nothing away from the existing
// VirtualHosts.
func TestInitOnDebiansProsody(t *testing.T) {
	config := t.TempDir()
	out := must(t, "init", "-domain", "example.org,example.com", "-dir", config)
	_, block, _ := strings.Cut(out, "----8<----\n")
	block, _, _ = strings.Cut(block, "---->8----")
	options := lab.Options{Hosts: []string{"example.org", "example.com"}}
	before := lab.DebianProsody(t, options, map[string]string{"conf.d/example.org.cfg.lua": hostOfTheirs}, "")
	for name, at := range map[string]struct {
		files map[string]string
		end   string
	}{
		"in a file of its own":    {map[string]string{"conf.d/example.org.cfg.lua": hostOfTheirs, "conf.d/tocsin.cfg.lua": block}, ""},
		"before the other hosts":  {map[string]string{"conf.d/example.org.cfg.lua": hostOfTheirs, "conf.d/a.cfg.lua": block}, ""},
		"at the end of all files": {map[string]string{"conf.d/example.org.cfg.lua": hostOfTheirs}, block},
	} {
		t.Run(name, func(t *testing.T) {
			server := lab.DebianProsody(t, options, at.files, at.end)
			for _, host := range options.Hosts {
				was, is := modules(before, host), modules(server, host)
				for module := range was {
					if !is[module] {
						t.Errorf("%s lost %s", host, module)
					}
				}
				if len(is) != len(was)+1 || !is["tocsin"] {
					t.Errorf("%s has %v, had %v", host, is, was)
				}
			}
			if out, err := server.Control("check", "config"); err != nil || strings.Contains(out, "Problems found") {
				t.Errorf("prosodyctl check config: %v\n%s", err, out)
			}

			file := filepath.Join(t.TempDir(), "config.toml")
			place(t, filepath.Join(config, "config.toml"), file)
			replace(t, file, "127.0.0.1:5347", server.ComponentAddr)
			lines(t, must(t, "check", "-config", file), configOK, databaseOK, strings.Replace(streamOK, domain, "tocsin.example.org", 1),
				`ok    tap       mod_tocsin is loaded on example.org, example.com`, `ok    presence  provided by the tap`)

			alice := server.Login("alice@example.com/phone", lab.Silent)
			items := alice.Must("get", "example.com", "<query xmlns='http://jabber.org/protocol/disco#items'/>")
			for _, item := range []string{"rooms.example.net", "tocsin.example.org"} {
				if !items.Has("query/item[@jid='" + item + "']") {
					t.Errorf("no %s in %s", item, items)
				}
			}
		})
	}
}

// modules are the modules that a Prosody has loaded on a host.
func modules(server *lab.Server, host string) map[string]bool {
	loaded := map[string]bool{}
	_, list, _ := strings.Cut(server.Shell("module", "list", host), "\n"+host+":\n")
	for line := range strings.Lines(list) {
		if name, indented := strings.CutPrefix(line, "    "); indented {
			loaded[strings.TrimSpace(name)] = true
		}
	}
	return loaded
}
