package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// fault is a fault and what check prints about it.
type fault struct {
	name   string
	change func(*checked) // breaks a working setup
	line   string         // expected in the output, a regular expression
	words  string         // expected in ADMIN.md, with … for what varies
	code   int
	writes bool // messages are written meanwhile
}

// checked is a run of check on a real server.
type checked struct {
	t      *testing.T
	server *lab.Server
	config string
	env    *environment
}

func (c *checked) set(oldnew ...string) { replace(c.t, c.config, oldnew...) }

const hosts = `domains = ["lab.test"]`

// What check says about a real Prosody, working and with common faults. The words are those of docs/ADMIN.md.
func TestCheckOnProsody(t *testing.T) {
	for name, group := range map[string]struct {
		options lab.Options
		faults  []fault
	}{
		"module": {lab.Options{Tap: lab.Module, Hosts: []string{"lab.test", "bare.test"}, Untapped: []string{"bare.test"}, Extra: `Component "rooms.lab.test" "muc"`}, []fault{
			{"nothing", nil, `ok    tap       mod_tocsin is loaded on lab.test`, "mod_tocsin is loaded on …", done, false},
			{"module missing on one host", func(c *checked) { c.set(hosts, `domains = ["lab.test", "bare.test"]`) },
				`FAIL  tap       mod_tocsin is loaded on lab.test, but not on bare.test: add it to modules_enabled there, or remove the domain .*config.toml:\d+: tap.domains.`, "mod_tocsin is loaded on …, but not on …", failed, false},
			{"domain of another server", func(c *checked) { c.set(hosts, `domains = ["lab.test", "labb.test"]`) },
				`FAIL  tap       .*config.toml:\d+: tap.domains: labb.test does not answer \(.*\): does this server host it\?`, "… does not answer (…): does this server host it?", failed, false},
			{"wrong secret", func(c *checked) { c.set(secret, secret+"x") },
				`FAIL  stream    .*config.toml:4: component.secret: the server does not accept the component's secret \(Prosody: component_secret of Component "tocsin.lab.test"; .*`, "the server does not accept the component's secret", failed, false},
			{"unknown component", func(c *checked) { c.set("tocsin.lab.test", "tosin.lab.test") },
				`FAIL  stream    .*config.toml:2: component.jid: the server has no component "tosin.lab.test" at 127.0.0.1:\d+ \(host-unknown\): add it .*`, "the server has no component … (host-unknown)", failed, false},
			{"a component of the server's own", func(c *checked) { c.set("tocsin.lab.test", "rooms.lab.test") }, `FAIL  stream    .*`, "", failed, false},
			{"port where nothing listens", func(c *checked) { c.set(c.server.ComponentAddr, fmt.Sprintf("127.0.0.1:%d", lab.Port(c.t))) },
				`FAIL  stream    .*config.toml:3: component.server: nothing listens on 127.0.0.1:\d+ \(.*refused\); .*prosody \(process \d+\) listens on .*`, "nothing listens on …", failed, false},
			{"port for clients", func(c *checked) { c.set(c.server.ComponentAddr, c.server.C2S) },
				`FAIL  stream    .*config.toml:2: component.jid: the server has no component .* or correct component.server: 127.0.0.1:\d+, where prosody listens \(process \d+\), may be a port for clients`, "the server has no component … (host-unknown)", failed, false},
			{"port for browsers", func(c *checked) { c.set(c.server.ComponentAddr, web(c.server)) },
				`FAIL  stream    .*config.toml:3: component.server: 127.0.0.1:\d+, where prosody listens \(process \d+\), is not a port for components \(.*\): .*`, "… is not a port for components …", failed, false},
			{"clocks apart", func(c *checked) {
				c.env.now = func() time.Time { return time.Now().Add(-90*time.Minute - 30*time.Second) }
			}, // the speed of this machine does not matter
				`warn  clock     the server's clock is 1h 30m ahead of this machine's: synchronise both`, "the server's clock is … ahead of this machine's", done, false},
			{"a DNS record", func(c *checked) {
				c.env.lookup = func(_ context.Context, host string) ([]string, error) {
					return []string{"192.0.2." + strconv.Itoa(len(host))}, nil
				}
			}, `warn  dns       tocsin.lab.test has a DNS record \(192.0.2.15\): remove it, .*`, "… has a DNS record", done, false},
			{"secret for everybody", func(c *checked) { chmod(c.t, c.config, 0o644) },
				`FAIL  secret    .*config.toml contains a secret, but every user may read or write it \(mode 0644\): run chmod 0640 .*config.toml`, "… contains a secret, but every user may read or write it (mode …)", failed, false},
			{"secret that everybody may write", func(c *checked) { chmod(c.t, c.config, 0o602) },
				`FAIL  secret    .*config.toml contains .* \(mode 0602\): run chmod 0600 .*config.toml`, "… contains a secret, but every user may read or write it (mode …)", failed, false},
			{"secret file for everybody", func(c *checked) {
				file := filepath.Join(filepath.Dir(c.config), "secret")
				write(c.t, file, secret+"\n")
				chmod(c.t, file, 0o604)
				c.set(`secret = "`+secret+`"`, `secret_file = "secret"`)
			}, `FAIL  secret    .*/secret contains .* \(mode 0604\): run chmod 0600 .*/secret`, "… contains a secret, but every user may read or write it (mode …)", failed, false},
			{"secret for a group", func(c *checked) { chmod(c.t, c.config, 0o640) }, `ok    tap       mod_tocsin is loaded on lab.test`, "mod_tocsin is loaded on …", done, false},
		}},
		"misspelt target": {lab.Options{Tap: lab.Module, Target: "tosin.lab.test"}, []fault{
			{"", nil, `FAIL  tap       mod_tocsin on lab.test sends to "tosin.lab.test": set its tocsin_component to "tocsin.lab.test"`, "mod_tocsin on … sends to …", failed, true},
		}},
		"older module": {lab.Options{Tap: lab.Module, Contrib: olderModule(t)}, []fault{
			{"", nil, `warn  tap       mod_tocsin on lab.test is older than this program: install the one in contrib, and restart the server`, "mod_tocsin on … is older than this program", done, false},
		}},
		"firewall": {lab.Options{Tap: lab.Firewall}, []fault{
			{"", nil, `warn  tap       their source is mod_firewall, which reports no acknowledgements, bounces or presence, .*`, "their source is mod_firewall", done, true},
		}},
		"without a tap": {lab.Options{Tap: lab.NoTap}, []fault{
			{"", nil, `unknown  tap       nothing received in 1s: write a message to another user; if nothing arrives, .*`, "nothing received in …", done, true},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			group.options.Secret = secret
			checkEach(t, lab.Prosody(t, group.options), group.faults)
		})
	}
}

// The same for ejabberd.
func TestCheckOnEjabberd(t *testing.T) {
	for name, group := range map[string]struct {
		options lab.Options
		faults  []fault
	}{
		"service log": {lab.Options{Tap: lab.ServiceLog}, []fault{
			{"stock module", nil, `warn  tap       their source is mod_service_log, which loses messages under load: .*`, "their source is mod_service_log", done, true},
			{"wrong secret", func(c *checked) { c.set(secret, secret+"x") }, `FAIL  stream    .*component.secret: the server does not accept .*; ejabberd: password of the ejabberd_service listener\)`, "the server does not accept the component's secret", failed, false},
			{"port for clients", func(c *checked) { c.set(c.server.ComponentAddr, c.server.C2S) },
				`FAIL  stream    .*component.server: 127.0.0.1:\d+, where beam.smp listens \(process \d+\), is not a port for components \(.*\): .* or the port of the ejabberd_service listener`, "… is not a port for components …", failed, false},
			{"domain of another server", func(c *checked) { c.set(hosts, `domains = ["labb.test"]`) }, `FAIL  tap       .*tap.domains: labb.test does not answer .*`, "… does not answer (…): does this server host it?", failed, false},
		}},
		"module": {lab.Options{Tap: lab.Module}, []fault{
			{"nothing", nil, `ok    tap       mod_tocsin is loaded on lab.test`, "mod_tocsin is loaded on …", done, false},
		}},
		"misspelt target": {lab.Options{Tap: lab.Module, Target: "tosin.lab.test"}, []fault{
			{"", nil, `FAIL  tap       mod_tocsin on lab.test sends to "tosin.lab.test": set its component to "tocsin.lab.test"`, "mod_tocsin on … sends to …", failed, false},
		}},
		"without a tap": {lab.Options{Tap: lab.NoTap}, []fault{
			{"", nil, `unknown  tap       nothing received in 1s: .*`, "nothing received in …", done, true},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			group.options.Secret = secret
			checkEach(t, lab.Ejabberd(t, group.options), group.faults)
		})
	}
}

func checkEach(t *testing.T, server *lab.Server, faults []fault) {
	alice := server.Login("alice/phone", lab.Silent)
	bob := server.Login("bob/phone", lab.Silent)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			var out bytes.Buffer
			c := &checked{t: t, server: server, config: configured(t, server.ComponentAddr, "", ""), env: &environment{
				stdin: strings.NewReader(""), stdout: &out, stderr: &bytes.Buffer{},
				getenv: func(string) string { return "" }, now: time.Now, lookup: unlisted,
			}}
			c.set(`"`+domain+`"`, `"`+server.Component+`"`, `"example.org"`, `"lab.test"`)
			if f.change != nil {
				f.change(c)
			}
			code := make(chan int, 1)
			go func() {
				code <- execute(t.Context(), []string{"check", "-wait", "1s", "-config", c.config}, c.env)
			}()
			got := -1
			for got < 0 {
				if !f.writes {
					got = <-code
					break
				}
				alice.Say(bob.Bare(), "m", "hello")
				alice.Sync()
				select {
				case got = <-code:
				default:
				}
			}
			if got != f.code || !regexp.MustCompile("(?m)^"+f.line+"$").MatchString(out.String()) {
				t.Errorf("exit code %d:\n%s\nwant %d and\n%s", got, &out, f.code, f.line)
			}
			documented(t, out.String(), f.words)
			if strings.Contains(out.String(), secret) {
				t.Errorf("the secret is shown: %s", &out)
			}
		})
	}
}

// documented asserts that check has printed these words, and that ADMIN.md has them.
func documented(t *testing.T, out, words string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/ADMIN.md")
	if err != nil {
		t.Fatal(err)
	}
	if words != "" && !bytes.Contains(page, []byte("`"+words+"`")) {
		t.Errorf("ADMIN.md does not explain %q", words)
	}
	if said := strings.ReplaceAll(regexp.QuoteMeta(words), "…", ".*"); !regexp.MustCompile(said).MatchString(out) {
		t.Errorf("no %q in the output:\n%s", words, out)
	}
}

// web is the server's port for HTTP.
func web(server *lab.Server) string {
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(server.Websocket)
}

func chmod(t *testing.T, file string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

// olderModule creates a folder with a module that does not report its version, like early ones.
func olderModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "mod_tocsin"), os.DirFS("../../contrib/prosody/mod_tocsin")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "mod_tocsin/mod_tocsin.lua")
	module, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, regexp.MustCompile(`"mod_tocsin \d+"`).ReplaceAllString(string(module), `"mod_tocsin"`))
	return dir
}

// moduleVersion is the version of the module in contrib.
func TestModuleVersion(t *testing.T) {
	for _, file := range []string{"prosody/mod_tocsin/mod_tocsin.lua", "ejabberd/mod_tocsin/include/mod_tocsin.hrl"} {
		module, err := os.ReadFile("../../contrib/" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`"mod_tocsin (\d+)"`).FindSubmatch(module)
		if found == nil || string(found[1]) != strconv.Itoa(moduleVersion) {
			t.Errorf("%s: the module is %q, moduleVersion is %d", file, found, moduleVersion)
		}
	}
}

// What check prints about unusable databases.
func TestCheckDatabases(t *testing.T) {
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}}
	if os.Geteuid() != 0 {
		nobody = nil // we are not root anyway
	}
	for name, test := range map[string]struct {
		spoil func(t *testing.T, dir string)
		line  string
	}{
		"unreadable":       {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "tocsin.db"), 0) }, `permission denied \(owner \w+, mode 0000; this process is \w+\)`},
		"read-only":        {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "tocsin.db"), 0o400) }, `permission denied \(owner \w+, mode 0400; this process is \w+\)`},
		"folder read-only": {func(t *testing.T, dir string) { chmod(t, dir, 0o500) }, `permission denied \(owner \w+, mode 0500; this process is \w+\)`},
		"of another schema": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "tocsin.db"), strings.Repeat("no database ", 1000))
		}, `file is not a database \(26\)`},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, "data")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			config := filepath.Join(root, "config.toml")
			write(t, config, "[component]\njid = 'tocsin.example.org'\nsecret = 'x'\n[tap]\ndomains = ['example.org']\n[storage]\ndsn = 'sqlite:data/tocsin.db'\n")
			must(t, "migrate", "-config", config)
			test.spoil(t, dir)
			defer chmod(t, dir, 0o700)
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			program := filepath.Join(root, "tocsin")
			place(t, self, program)
			chmod(t, program, 0o755)
			if nobody != nil {
				in, _ := filepath.Glob(dir + "/*")
				for _, file := range append(in, filepath.Dir(root), root, dir, config) {
					if err := os.Chown(file, 65534, 65534); err != nil {
						t.Fatal(err)
					}
				}
			}
			check := exec.CommandContext(t.Context(), program, "check", "-offline", "-config", config)
			check.SysProcAttr = nobody
			out, err := check.CombinedOutput()
			if err == nil || !regexp.MustCompile(`(?m)^FAIL  database  .*config.toml:7: storage.dsn: .*`+test.line+`$`).Match(out) {
				t.Errorf("%v\n%s\nwant %s", err, out, test.line)
			}
			if name == "of another schema" {
				documented(t, string(out), "file is not a database")
			} else {
				documented(t, string(out), "permission denied (owner …, mode …; this process is …)")
			}
		})
	}
	dsn := strings.Replace(lab.Postgres(t), "sslmode=disable", "sslmode=require", 1)
	for want, dsn := range map[string]string{
		`SSL is not enabled on the server \(if the connection needs no encryption, add sslmode=disable to the DSN\)`: dsn,
		`database "nowhere" does not exist .*\(create it with: createdb -E UTF8 -T template0\)`:                      regexp.MustCompile(`/\w+\?`).ReplaceAllString(lab.Postgres(t), "/nowhere?"),
	} {
		config := configured(t, "127.0.0.1:1", "", "[storage]\ndsn = '"+dsn+"'")
		if _, out := tocsin(t, "check", "-offline", "-config", config); !regexp.MustCompile(`(?m)^FAIL  database  .*: storage.dsn: .*` + want + `$`).MatchString(out) {
			t.Errorf("%s\nwant %s", out, want)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
