package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Ejabberd starts an ejabberd.
func Ejabberd(t testing.TB, o Options) *Server {
	t.Helper()
	return newEjabberd(t, o.withDefaults(), t.TempDir(), Port).run()
}

func newEjabberd(t testing.TB, o Options, dir string, port func(testing.TB) int) *Server {
	t.Helper()
	web := port(t)
	s := &Server{
		Options: o, Domain: o.Hosts[0], Dir: dir, t: t,
		C2S: loopback(port(t)), ComponentAddr: loopback(port(t)), Websocket: "ws://" + loopback(web) + "/ws",
		software: ejabberd{program: program(t, "erl"), libs: libraries(t), web: web, contrib: filepath.Join(root(t), "contrib", "ejabberd")},
	}
	if o.Tap == Module {
		install(t, s.software.(ejabberd), filepath.Join(s.Dir, "ebin"))
	}
	if err := s.software.(ejabberd).configure(s); err != nil {
		t.Fatal(err)
	}
	return s
}

// libraries returns the folder of ejabberd's own Erlang libraries, which depends on the architecture; "" if erl finds it by
// itself.
func libraries(t testing.TB) string {
	t.Helper()
	if Servers != "" {
		return ""
	}
	found, _ := filepath.Glob("/usr/lib/*/ejabberd-*/ebin/ejabberd.app")
	if len(found) == 0 {
		t.Fatal("ejabberd is missing: run .ci/install")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(found[0])))
}

type ejabberd struct {
	program, libs, contrib string
	web                    int
	node                   node // in a cluster, if it has an address
}

var compiled struct {
	once  sync.Once
	beams map[string][]byte
	out   []byte
	err   error
}

// install puts contrib's module, compiled for this ejabberd, into a folder.
func install(t testing.TB, e ejabberd, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	compiled.once.Do(func() {
		cmd := exec.Command("sh", filepath.Join(e.contrib, "mod_tocsin", "build.sh"), dir)
		cmd.Env = append(os.Environ(), "ERL="+e.program, "ERL_LIBS="+e.libs)
		compiled.out, compiled.err = cmd.CombinedOutput()
		compiled.beams = map[string][]byte{}
		found, _ := filepath.Glob(filepath.Join(dir, "*.beam"))
		for _, path := range found {
			if beam, err := os.ReadFile(path); err == nil {
				compiled.beams[filepath.Base(path)] = beam
			}
		}
	})
	if compiled.err != nil {
		t.Fatalf("contrib/ejabberd/mod_tocsin/build.sh: %v\n%s", compiled.err, compiled.out)
	}
	for name, beam := range compiled.beams {
		if err := os.WriteFile(filepath.Join(dir, name), beam, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (ejabberd) name() string { return "ejabberd" }

func (ejabberd) logs(s *Server) []string {
	return []string{filepath.Join(s.Dir, "ejabberd.log"), filepath.Join(s.Dir, "ejabberd.out")}
}

func (e ejabberd) configure(s *Server) error {
	name := "tocsin.yml"
	if s.Tap == Module {
		name = "mod_tocsin.yml"
	}
	block, err := os.ReadFile(filepath.Join(e.contrib, name))
	if err != nil {
		return err
	}
	// The component's block is contrib's own, with this server's values instead of the examples.
	secret := fmt.Sprintf("password: %q", s.Secret)
	hosts := secret
	for _, domain := range s.Others {
		hosts += "\n      " + domain + ":\n        " + secret
	}
	text := strings.NewReplacer("port: 5347", "port: "+portOf(s.ComponentAddr), "component: tocsin.example.org", "component: "+s.Target, "tocsin.example.org", s.Component,
		"password: secret", hosts).Replace(string(block))
	if s.Tap == NoTap {
		text, _, _ = strings.Cut(text, "\nmodules:\n")
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "tocsin.yml"), []byte(text), 0o600); err != nil {
		return err
	}
	if len(s.Contacts) > 0 {
		var items []string
		for _, user := range s.Contacts {
			items = append(items, fmt.Sprintf(`{<<%q>>, <<%q>>, <<>>, <<>>}`, user, s.Domain))
		}
		if err := os.WriteFile(e.contacts(s), []byte("["+strings.Join(items, ",\n")+"].\n"), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.Dir, "ejabberd.yml"), []byte(e.config(s)), 0o600)
}

func (e ejabberd) config(s *Server) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("hosts: [%s]", strings.Join(s.Hosts, ", "))
	line("include_config_file: %s", filepath.Join(s.Dir, "tocsin.yml"))
	line("loglevel: %s", map[bool]string{false: "info", true: "warning"}[s.Measured])
	line("listen:")
	line("  - {port: %s, ip: 127.0.0.1, module: ejabberd_c2s, starttls: false, access: c2s, shaper: none}", portOf(s.C2S))
	line("  - {port: %d, ip: 127.0.0.1, module: ejabberd_http, request_handlers: {/api: mod_http_api, /ws: ejabberd_http_ws}}", e.web)
	line("access_rules: {c2s: {allow: all}}")
	line("api_permissions: {lab: {who: {ip: 127.0.0.1/8}, what: '*'}}")
	line("modules:")
	for _, m := range []string{"mod_roster", "mod_offline", "mod_ping", "mod_carboncopy", "mod_privacy", "mod_blocking", "mod_http_api", "mod_last", "mod_vcard", "mod_caps", "mod_admin_extra"} {
		line("  %s: {}", m)
	}
	line("  mod_disco: {extra_domains: [%s]}", s.Component)
	line("  mod_pubsub: {plugins: [flat, pep]}")
	if !s.NoSM {
		seconds := int(s.SMTimeout.Seconds())
		line("  mod_stream_mgmt: {resume_timeout: %d, max_resume_timeout: %d, resend_on_timeout: if_offline}", seconds, seconds)
	}
	if !s.NoMAM {
		line("  mod_mam: {default: always}")
	}
	if s.Registration {
		line("  mod_register: {ip_access: all, access: all}")
	}
	if s.Privilege {
		line("  mod_privilege: {roster: {both: all}, message: {outgoing: all}, presence: {managed_entity: all}}")
	}
	line("%s", s.Extra)
	return b.String()
}

// launch starts ejabberd without a node name, unless it is in a cluster: then there is no epmd that would keep running.
func (e ejabberd) launch(s *Server) (*process, error) {
	return start("ejabberd", filepath.Join(s.Dir, "ejabberd.out"), []string{
		"ERL_AFLAGS=+sbwt none +sbwtdcpu none +sbwtdio none", // an idle one leaves the processor to others
		"EJABBERD_CONFIG_PATH=" + filepath.Join(s.Dir, "ejabberd.yml"),
		"EJABBERD_LOG_PATH=" + filepath.Join(s.Dir, "ejabberd.log"),
		"ERL_CRASH_DUMP=" + filepath.Join(s.Dir, "erl_crash.dump"),
		"ERL_LIBS=" + e.libs,
		"HOME=" + s.Dir,
	}, slices.Concat([]string{e.program, "-noinput"}, e.node.flags(), []string{
		"-pa", filepath.Join(s.Dir, "ebin"), "-mnesia", "dir", fmt.Sprintf("%q", filepath.Join(s.Dir, "mnesia")), "-s", "ejabberd",
	}, e.node.joins())...)
}

func (e ejabberd) ready(s *Server) bool {
	return listening(s.C2S) && listening(s.ComponentAddr) && e.call("status", map[string]string{}) == nil
}

func (e ejabberd) register(s *Server, user, host, password string) error {
	if err := e.call("register", map[string]string{"user": user, "host": host, "password": password}); err != nil {
		return err
	}
	if host != s.Domain || !slices.Contains(s.Contacts, user) {
		return nil
	}
	return e.call("push_roster", map[string]string{"file": e.contacts(s), "user": user, "host": host})
}

// contacts is the file of shared rosters.
func (ejabberd) contacts(s *Server) string { return filepath.Join(s.Dir, "contacts.txt") }

// call runs a command of mod_http_api.
func (e ejabberd) call(command string, args map[string]string) error {
	_, err := e.post(command, args)
	return err
}

func (e ejabberd) post(command string, args map[string]string) (answer []byte, err error) {
	body, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	resp, err := http.Post("http://"+loopback(e.web)+"/api/"+command, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", command, resp.Status, answer)
	}
	return answer, err
}
