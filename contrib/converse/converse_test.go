// Package converse tests the plugin for Converse: its pure parts by Node.js, and all of it in a browser, on a real server.
package converse

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// The plugin in a headless Chromium, driven by playwright-core: test/*.test.js tell the stories. With TOCSIN_PICTURES set to
// a folder the screenshots of docs/img are taken; with TOCSIN_STORY only the stories of matching names are told.

// The pure parts, without a browser.
func TestPure(t *testing.T) {
	install(t)
	tell(t, need(t, "node"), "test/unit.test.js", "null")
}

// The plugin against a service that a script plays: what the real one does rarely, and what nobody may do.
func TestPlugin(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Hosts: []string{"example.org"}, NoMAM: true})
	befriend(t, server, "alice", "bob")
	befriend(t, server, "alice", "eve")
	story(t, server, nil, "plugin.test.js", "sessions.test.js")
}

// The story with the real service.
func TestStory(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, Hosts: []string{"example.org"}})
	story(t, server, serve(t, server), "story.test.js", "details.test.js", "encrypted.test.js", "forms.test.js")
}

// The same plugin by ejabberd's websocket.
func TestStoryOnEjabberd(t *testing.T) {
	t.Parallel()
	server := lab.Ejabberd(t, lab.Options{Tap: lab.ServiceLog, Hosts: []string{"example.org"}})
	story(t, server, serve(t, server), "story.test.js")
}

// The component's pages, for clients without the plugin.
func TestPages(t *testing.T) {
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, Hosts: []string{"example.org"}})
	listen := fmt.Sprintf("127.0.0.1:%d", lab.Port(t))
	pages = "http://" + listen + "/tocsin"
	story(t, server, serve(t, server, lab.Settings{"web.listen": listen, "web.public": pages}), "pages.test.js")
}

// The component sends SMS itself, in the words that were typed: in the plugin, and on a page.
func TestTexts(t *testing.T) {
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, Hosts: []string{"example.org"}})
	var mu sync.Mutex
	texts := []string{}
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/sent" {
			json.NewEncoder(w).Encode(texts)
			return
		}
		texts = append(texts, r.URL.Query().Get("text"))
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, "0: Accepted for delivery") // as Kannel does
	}))
	t.Cleanup(gateway.Close)
	provider = gateway.URL
	listen := fmt.Sprintf("127.0.0.1:%d", lab.Port(t))
	pages = "http://" + listen + "/tocsin"
	story(t, server, serve(t, server, lab.Settings{
		"web.listen": listen, "web.public": pages, "sms.countries": []string{"CN"}, "sms.who": "all", "sms.per_number_per_day": 100, "sms.per_sender_per_day": 100,
		"sms.route": lab.TOML(`[{ name = "kannel", kind = "http", provider = "kannel", url = "` + provider + `/cgi-bin/sendsms", user = "tocsin", secret = "hunter3" }]`),
	}), "texts.test.js")
}

// pages is where the component's pages are, if it has some, and provider what it sends SMS by.
var pages, provider string

// serve starts the service with short times.
func serve(t *testing.T, server *lab.Server, more ...lab.Settings) (metrics *string) {
	t.Helper()
	befriend(t, server, "alice", "bob")
	befriend(t, server, "alice", "eve")
	settings := lab.Settings{
		"track.undelivered_after": "4s", "track.unread_after": "4s",
		"track.priority":                    lab.TOML(`[{name = "urgent", undelivered_after = "2s", unread_after = "2s"}]`),
		"escalate.per_conversation_per_day": 1000, "escalate.per_recipient_per_day": 1000, "escalate.per_sender_per_hour": 1000,
		"numbers.region": "CN",
	}
	for _, m := range more {
		maps.Copy(settings, m)
	}
	tocsin := lab.Tocsin(t, server, settings)
	tocsin.Must("numbers", "set", "bob@"+server.Domain, "+8613800138000")
	config, err := os.ReadFile(tocsin.Config)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(config), "metrics.listen = \"")
	listen, _, _ := strings.Cut(after, "\"")
	url := "http://" + listen + "/metrics"
	return &url
}

// befriend lets two users see each other's presence.
func befriend(t *testing.T, server *lab.Server, one, other string) {
	t.Helper()
	a, b := server.Login(one+"/setup", lab.Silent), server.Login(other+"/setup", lab.Silent)
	for _, pair := range [][2]*lab.Client{{a, b}, {b, a}} {
		from, to := pair[0], pair[1]
		name := strings.ToUpper(to.Bare()[:1]) + strings.Split(to.Bare(), "@")[0][1:]
		from.Must("set", "", "<query xmlns='jabber:iq:roster'><item jid='"+to.Bare()+"' name='"+name+"'/></query>")
	}
	lab.Befriend(a, b)
	a.Sync()
	b.Sync()
	a.Close()
	b.Close()
}

// story runs files of tests in Node.js against the server, one after the other.
func story(t *testing.T, server *lab.Server, metrics *string, files ...string) {
	t.Helper()
	node := need(t, "node")
	need(t, "chromium-headless-shell")
	install(t)
	site := httptest.NewServer(http.FileServer(http.Dir(".")))
	t.Cleanup(site.Close)

	host, port, _ := strings.Cut(server.ComponentAddr, ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	users := map[string]string{}
	for _, user := range []string{"alice", "bob", "eve"} {
		users[user] = user + "'s password"
	}
	stage, err := json.Marshal(map[string]any{
		"page": site.URL, "websocket": server.Websocket, "domain": server.Domain, "users": users,
		"component": map[string]any{"host": host, "port": number, "jid": server.Component, "secret": server.Secret},
		"metrics":   metrics,
		"pages":     pages,
		"provider":  provider,
		"pictures":  os.Getenv("TOCSIN_PICTURES"),
	})
	if err != nil {
		t.Fatal(err)
	}

	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".test.js"), func(t *testing.T) { tell(t, node, filepath.Join("test", file), string(stage)) })
	}
}

// tell runs one file.
func tell(t *testing.T, node, file, stage string) {
	t.Helper()
	args := []string{"--test", "--test-reporter=spec", file}
	if only := os.Getenv("TOCSIN_STORY"); only != "" {
		args = append([]string{"--test-name-pattern=" + only}, args...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, args...)
	cmd.Env = append(os.Environ(), "TOCSIN_STAGE="+stage)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // Chromium with it
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing: run .ci/install", program)
	}
	return path
}

// install brings what package-lock.json says into node_modules, unless it is there.
func install(t *testing.T) {
	t.Helper()
	if err := installed(need(t, "npm")); err != nil {
		t.Fatal(err)
	}
}

var once struct {
	sync.Once
	err error
}

func installed(npm string) error {
	once.Do(func() {
		lock, err := os.Stat("package-lock.json")
		if err != nil {
			once.err = err
			return
		}
		if done, err := os.Stat("node_modules/.package-lock.json"); err == nil && !done.ModTime().Before(lock.ModTime()) {
			return
		}
		if out, err := exec.Command(npm, "ci", "--no-audit", "--no-fund").CombinedOutput(); err != nil {
			once.err = fmt.Errorf("npm ci: %w\n%s", err, out)
		}
	})
	return once.err
}
