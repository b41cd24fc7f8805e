// Package acceptance runs Tocsin's main use cases on real servers with a real "tocsin run", as a person at a client sees
// them. Each runs on both servers with our module, and on Prosody with its stock firewall and ejabberd with its stock
// service log; on SQLite, and with our modules also on PostgreSQL.
package acceptance

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/lab"
	"tocsin/xep/escalation"
)

const (
	ns     = escalation.NS
	number = "+8613800138000"
	// settle is how long to wait before concluding that nothing happens.
	settle = 4 * time.Second
)

// kind is a server with a tap.
type kind struct {
	name   string
	tap    lab.Tap
	server func(testing.TB, lab.Options) *lab.Server
}

var (
	prosody    = kind{"prosody", lab.Module, lab.Prosody}
	firewall   = kind{"firewall", lab.Firewall, lab.Prosody}
	ejabberd   = kind{"ejabberd", lab.Module, lab.SharedEjabberd}
	serviceLog = kind{"service log", lab.ServiceLog, lab.SharedEjabberd}
	kinds      = []kind{prosody, firewall, ejabberd, serviceLog}
)

// host is a server with Tocsin on it.
type host struct {
	*lab.Server
	tocsin *lab.Daemon
	tap    lab.Tap
}

// everywhere runs a story on every kind of server.
func everywhere(t *testing.T, settings lab.Settings, story func(*testing.T, *host)) {
	on(t, kinds, settings, story)
}

// anyTap runs a story that does not depend on the kind of tap: on both servers with our modules.
func anyTap(t *testing.T, settings lab.Settings, story func(*testing.T, *host)) {
	on(t, slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool { return k.tap != lab.Module }), settings, story)
}

func on(t *testing.T, kinds []kind, settings lab.Settings, story func(*testing.T, *host)) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			story(t, open(t, kind, friends(kind.tap), settings))
		})
		if kind.tap != lab.Module {
			continue // others cover this server and database
		}
		t.Run(kind.name+" and PostgreSQL", func(t *testing.T) {
			t.Parallel()
			on := lab.Settings{"storage.dsn": lab.Postgres(t)}
			maps.Copy(on, settings)
			story(t, open(t, kind, friends(kind.tap), on))
		})
	}
}

// friends makes the people of the stories contacts of one another, where the tap reports rosters: strangers have their own
// story.
func friends(tap lab.Tap) (o lab.Options) {
	if tap == lab.Module {
		o.Contacts = []string{"alice", "bob", "carol", "gajim", "converse", "profanity", "poezio"}
	}
	return o
}

// The stories mostly wait, so more of them run at a time than there are processors.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "8")
	os.Exit(lab.Main(m))
}

func open(t *testing.T, k kind, o lab.Options, settings lab.Settings) *host {
	t.Helper()
	o.Tap = k.tap
	server := k.server(t, o)
	return &host{server, lab.Tocsin(t, server, settings), k.tap}
}

// capable logs in a client that shows states and prompts, and announces that to the component.
func (h *host) capable(jid string, p lab.Profile) *lab.Client {
	c := h.Login(jid, p.Phone())
	c.Greet(h.Component)
	c.Expect("presence[@from='%s']", h.Component)
	return c
}

// reachable sets a user's number, as an admin.
func (h *host) reachable(bare string) { h.tocsin.Number(bare, number) }

func (h *host) contact() string { return "sms@" + h.Component }

// status waits for a state of a message.
func status(c *lab.Client, id, state string) *lab.Element {
	return c.Expect("message[@type='headline']/{%s}status[@id='%s'][@state='%s']", ns, id, state).Find("status")
}

// prompt waits for a prompt about a message.
func (h *host) prompt(c *lab.Client, id string) *lab.Element {
	return c.Expect("message[@from='%s']/{%s}escalate[@id='%s']", h.contact(), ns, id).Find("escalate")
}

// noPrompt checks that none comes.
func (h *host) noPrompt(c *lab.Client, within time.Duration) {
	c.ExpectNone(within, "message/{%s}escalate", ns)
}

func (h *host) withdrawal(c *lab.Client, prompt *lab.Element, reason string) {
	c.Expect("message[@from='%s']/{%s}withdraw[@prompt='%s'][@reason='%s']", h.contact(), ns, prompt.Attr("prompt"), reason)
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func wants(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %q, want %q", what, got, want)
	}
}

func contains(t *testing.T, what, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("%s lacks %q: %q", what, part, got)
		}
	}
}
