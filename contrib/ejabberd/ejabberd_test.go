// Package ejabberd tests the module for ejabberd: its EUnit tests, and the events it reports on a real server.
package ejabberd

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/lab"
	"tocsin/internal/serverload"
	"tocsin/xep/escalation"
)

// The module compiles without warnings with the server's Erlang, and its EUnit tests pass.
func TestUnits(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "mod_tocsin/build.sh", t.TempDir(), "test")
	cmd.Env = os.Environ()
	if lab.Servers != "" {
		cmd.Env = append(cmd.Env, "ERL="+filepath.Join(lab.Servers, "programs", "erl"), "ERL_LIBS=")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("build.sh: %v\n%s", err, out)
	}
}

func attach(t *testing.T, server *lab.Server) *serverload.Sink {
	t.Helper()
	sink, err := serverload.Attach(server.ComponentAddr, server.Component, server.Secret, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	return sink
}

// brief strips an event of attributes that differ from run to run.
func brief(event string) string {
	name, attrs, _ := strings.Cut(event, " ")
	var kept []string
	for _, attr := range strings.Fields(strings.TrimSuffix(attrs, "/")) {
		switch key, _, _ := strings.Cut(attr, "="); key {
		case "i", "t", "ro", "ss", "sm", "hib", "how", "why", "r", "y", "s":
			kept = append(kept, attr)
		}
	}
	return name + " " + strings.Join(kept, " ")
}

// told waits until the events since from are those wanted, ignoring events whose name does not occur in want. It returns where to
// continue.
func told(t *testing.T, sink *serverload.Sink, from int, want ...string) (next int) {
	t.Helper()
	names := map[string]bool{}
	for _, event := range want {
		name, _, _ := strings.Cut(event, " ")
		names[name] = true
	}
	var got []string
	if !poll(func() bool {
		got = got[:0]
		events := sink.Told()
		for _, event := range events[from:] {
			if b := brief(event); names[strings.Fields(b)[0]] {
				got = append(got, b)
			}
		}
		next = len(events)
		return cmp.Equal(want, got)
	}) {
		t.Errorf("told (-want +got):\n%s", cmp.Diff(want, got))
	}
	return next
}

// poll checks until is returns true, or time is up.
func poll(is func() bool) bool {
	turn := time.NewTicker(10 * time.Millisecond)
	defer turn.Stop()
	for deadline := time.Now().Add(lab.Timeout); time.Now().Before(deadline); <-turn.C {
		if is() {
			return true
		}
	}
	return false
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	if !poll(is) {
		t.Fatalf("no %s", what)
	}
}

// Events of messages to a recipient without and with stream management, hibernating, unknown, who blocked the sender, or offline;
// and events of the recipient's sessions.
func TestEvents(t *testing.T) {
	t.Parallel()
	server := lab.Ejabberd(t, lab.Options{Tap: lab.Module})
	sink := attach(t, server)
	alice := server.Login("alice/phone", lab.Silent)
	bob := server.Login("bob/desk", lab.Silent)
	next := told(t, sink, 0, "opened s='alice@lab.test/phone'", "opened s='bob@lab.test/desk'")

	alice.Say(bob.Bare(), "m1", "hello")
	bob.Expect("message[@id='m1']/body")
	next = told(t, sink, next, "out ro='none' ss='1' t='bob@lab.test' i='m1'", "handed t='bob@lab.test/desk' i='m1'")

	bob.Manage()
	bob.Sync()
	alice.Say(bob.Bare(), "m2", "hello")
	bob.Expect("message[@id='m2']/body")
	next = told(t, sink, next, "managed s='bob@lab.test/desk' r='1'",
		"out ro='none' ss='1' sm='1' t='bob@lab.test' i='m2'", "acked t='bob@lab.test/desk' i='m2'")

	bob.Quiet()
	alice.Say(bob.Bare(), "m3", "hello")
	bob.Expect("message[@id='m3']/body")
	bob.Drop()
	next = told(t, sink, next, "out ro='none' ss='1' sm='1' t='bob@lab.test' i='m3'", "hibernating s='bob@lab.test/desk'")
	alice.Say(bob.Bare(), "m4", "hello")
	alice.Sync()
	bob.Resume()
	bob.Expect("message[@id='m4']/body")
	next = told(t, sink, next, "out ro='none' ss='1' sm='1' hib='1' t='bob@lab.test' i='m4'",
		"acked t='bob@lab.test/desk' i='m3'", "acked t='bob@lab.test/desk' i='m4'")

	alice.Say("nobody@lab.test", "m5", "hello")
	alice.Expect("message[@type='error'][@id='m5']")
	next = told(t, sink, next, "out ro='none' ss='0' t='nobody@lab.test' i='m5'", "bounce t='alice@lab.test/phone' i='m5'")

	bob.Block(alice.Bare())
	alice.Say(bob.Bare(), "m6", "hello")
	alice.Expect("message[@type='error'][@id='m6']")
	next = told(t, sink, next, "out ro='none' ss='1' sm='1' t='bob@lab.test' i='m6'", "bounce t='alice@lab.test/phone' i='m6'")

	carol := server.Login("carol/web", lab.Silent)
	carol.Close()
	alice.Say(carol.Bare(), "m7", "hello")
	next = told(t, sink, next, "opened s='carol@lab.test/web'", "closed s='carol@lab.test/web' why='left'",
		"out ro='none' ss='0' t='carol@lab.test' i='m7'", "offline t='carol@lab.test' i='m7' how='offline'")

	// Carol blocks Alice before she fetches the stored message, so it is dropped silently.
	carol.Connect()
	carol.Block(alice.Bare())
	carol.Available()
	carol.Sync()
	told(t, sink, next, "opened s='carol@lab.test/web'", "dropped t='carol@lab.test' i='m7' why='blocked'")
}

// Tocsin finds the module, reads its events, and notifies the sender.
func TestTocsinReadsIt(t *testing.T) {
	t.Parallel()
	server := lab.Ejabberd(t, lab.Options{Tap: lab.Module})
	tocsin := lab.Tocsin(t, server, nil)
	var out string
	if !poll(func() bool {
		out = tocsin.Must("check")
		return strings.Contains(out, "events come from mod_tocsin 1, ejabberd ")
	}) {
		t.Errorf("check:\n%s", out)
	}
	alice := server.Login("alice/phone", lab.Markers.Phone())
	alice.Greet(server.Component)
	alice.Expect("presence[@from='%s']", server.Component)
	bob := server.Login("bob/phone", lab.Markers)
	alice.Say(bob.Bare(), "m1", "hello")
	state := "message[@type='headline']/{" + escalation.NS + "}status[@id='m1'][@state='%s']"
	alice.Expect(state, "delivered")
	bob.Read()
	alice.Expect(state, "displayed")
	tocsin.Stop()
	alice.Say(bob.Bare(), "m2", "while it is away")
	bob.Expect("message[@id='m2']/body")
	bob.Read()
	bob.Sync()
	tocsin.Start()
	tocsin.Counts("tocsin_tap_stanzas_total", "", 1)
	alice.Greet(server.Component)
	alice.Expect("message[@type='headline']//{%s}status[@id='m2'][@state='displayed']", escalation.NS)
}

// A privileged component (mod_privilege) gets the same events, can acknowledge them, and can send unwrapped IQs.
func TestPrivileged(t *testing.T) {
	t.Parallel()
	server := lab.Ejabberd(t, lab.Options{Tap: lab.Module, Privilege: true})
	sink := attach(t, server)
	alice := server.Login("alice/phone", lab.Silent)
	told(t, sink, 0, "opened s='alice@lab.test/phone'")
	await(t, "an acknowledgement", sink.Acknowledged)
	sink.Close()
	alice.Must("set", "", "<vCard xmlns='vcard-temp'><FN>Alice</FN></vCard>")
	component := server.Attach()
	component.Send("<iq type='get' id='v1' from='%s' to='%s'><vCard xmlns='vcard-temp'/></iq>", server.Component, alice.Bare())
	if got := component.Expect("iq[@id='v1']"); got.Find("{vcard-temp}vCard/FN") == nil {
		t.Errorf("alice's vCard: %s", got)
	}
}

// ejabberd's module_install compiles and loads the module from this folder.
func TestModuleInstall(t *testing.T) {
	modules := t.TempDir()
	t.Setenv("CONTRIB_MODULES_PATH", modules)
	if err := os.CopyFS(filepath.Join(modules, "sources", "mod_tocsin"), os.DirFS("mod_tocsin")); err != nil {
		t.Fatal(err)
	}
	server := lab.Ejabberd(t, lab.Options{})
	address, err := url.Parse(server.Websocket)
	if err != nil {
		t.Fatal(err)
	}
	alice := server.Login("alice/phone", lab.Silent) // before the module is loaded
	resp, err := http.Post("http://"+address.Host+"/api/module_install", "application/json", strings.NewReader(`{"module": "mod_tocsin"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("module_install: %s: %s", resp.Status, answer)
	}
	sink := attach(t, server)
	bob := server.Login("bob/desk", lab.Silent)
	alice.Say(bob.Bare(), "m1", "hello")
	told(t, sink, 0, "here s='alice@lab.test/phone'", "opened s='bob@lab.test/desk'", "out ro='none' ss='1' t='bob@lab.test' i='m1'")
}

// While the component is offline, users notice nothing. Events are kept, then sent once and in order, followed by all open sessions.
func TestBacklog(t *testing.T) {
	t.Parallel()
	server := lab.Ejabberd(t, lab.Options{Tap: lab.Module})
	alice := server.Login("alice/phone", lab.Silent)
	bob := server.Login("bob/desk", lab.Silent)
	alice.Say(bob.Bare(), "m1", "hello")
	bob.Expect("message[@id='m1']/body")
	sink := attach(t, server)
	told(t, sink, 0, "out ro='none' ss='1' t='bob@lab.test' i='m1'", "handed t='bob@lab.test/desk' i='m1'",
		"here s='alice@lab.test/phone'", "here s='bob@lab.test/desk'")
	await(t, "an acknowledgement", sink.Acknowledged)
	sink.Close()

	alice.Say(bob.Bare(), "m2", "hello")
	bob.Expect("message[@id='m2']/body")
	bob.Close()
	alice.ExpectNone(0, "message[@type='error']")
	again := attach(t, server)
	told(t, again, 0, "out ro='none' ss='1' t='bob@lab.test' i='m2'", "handed t='bob@lab.test/desk' i='m2'",
		"closed s='bob@lab.test/desk' why='left'", "here s='alice@lab.test/phone'")
	if seen := again.Now(); seen.Lost > 0 {
		t.Errorf("%d events were lost", seen.Lost)
	}
}

// Events that were unacknowledged when ejabberd stopped are sent after the restart, in the same run. After a crash a new run begins.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := lab.Ejabberd(t, lab.Options{Tap: lab.Module})
	sink := attach(t, server)
	alice := server.Login("alice/phone", lab.Silent)
	next := told(t, sink, 0, "opened s='alice@lab.test/phone'")
	await(t, "an acknowledgement", sink.Acknowledged)
	sink.Close()
	alice.Say("nobody@lab.test", "m1", "hello")
	alice.Expect("message[@type='error'][@id='m1']")
	server.Restart()
	if kept, err := filepath.Glob(filepath.Join(server.Dir, "mnesia", "mod_tocsin.*")); len(kept) > 0 {
		t.Errorf("%s is still there (%v)", kept, err)
	}
	connect := func() {
		t.Helper()
		if err := sink.Connect(server.ComponentAddr, server.Secret); err != nil {
			t.Fatal(err)
		}
	}
	connect()
	server.Login("alice/phone", lab.Silent)
	next = told(t, sink, next, "out ro='none' ss='0' t='nobody@lab.test' i='m1'", "bounce t='alice@lab.test/phone' i='m1'", "opened s='alice@lab.test/phone'")
	if seen := sink.Now(); seen.Missing > 0 || seen.Lost > 0 || sink.Runs() != 1 {
		t.Errorf("%d batches are missing, %d events lost, in %d runs", seen.Missing, seen.Lost, sink.Runs())
	}
	server.Kill()
	sink.Close()
	server.Start()
	connect()
	server.Login("alice/phone", lab.Silent)
	told(t, sink, next, "opened s='alice@lab.test/phone'")
	if sink.Runs() != 2 {
		t.Errorf("%d runs after the server was killed", sink.Runs())
	}
}
