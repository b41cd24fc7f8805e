package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/fakeserver"
)

const domain, secret = "tocsin.example.org", "hunter2"

// tocsin runs a command line in this process, and returns its exit code and output.
func tocsin(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	return tocsinAt(t, time.Now, args...)
}

// tocsinAt is tocsin with a given clock.
func tocsinAt(t *testing.T, now func() time.Time, args ...string) (code int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code = execute(ctx, args, &environment{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
		getenv: func(string) string { return "" }, now: now, lookup: unlisted,
	})
	if strings.Contains(stdout.String()+stderr.String(), secret) {
		t.Errorf("the secret is shown: %s%s", stdout.String(), stderr.String())
	}
	return code, stdout.String() + stderr.String()
}

// noon is a clock that always shows noon.
func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

// unlisted is a DNS without records.
func unlisted(context.Context, string) ([]string, error) { return nil, errors.New("no such host") }

// configured writes a configuration with more lines at its end.
func configured(t *testing.T, server, listen, more string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.toml")
	text := fmt.Sprintf("[component]\njid = %q\nserver = %q\nsecret = %q\n[metrics]\nlisten = %q\n[tap]\ndomains = [\"example.org\"]\n%s", domain, server, secret, listen, more)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// replace replaces text in a file.
func replace(t *testing.T, file string, oldnew ...string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.NewReplacer(oldnew...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// serverFor starts a server that calls a function for each component that connects.
func serverFor(t *testing.T, connected func(*fakeserver.Peer), answer func(*fakeserver.Peer, *fakeserver.Element) bool) *fakeserver.Server {
	t.Helper()
	s, err := fakeserver.Listen(domain, secret)
	if err != nil {
		t.Fatal(err)
	}
	s.Answer = answer
	s.Start()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			peer, err := s.Accept(ctx)
			if err != nil {
				return
			}
			connected(peer)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		s.Close()
	})
	return s
}

// lines asserts that the output has exactly these lines, each a regular expression.
func lines(t *testing.T, out string, want ...string) {
	t.Helper()
	got := strings.Split(strings.TrimRight(out, "\n"), "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !regexp.MustCompile("^"+want[i]+"$").MatchString(got[i]) {
			t.Errorf("line %d of\n%s\nwant\n%s", i+1, out, strings.Join(want, "\n"))
			return
		}
	}
}

const (
	configOK   = `ok    config    .*/config.toml`
	databaseOK = `ok    database  sqlite:.*/tocsin.db, 0 messages pending`
	invitation = `Write a message to another user now: waiting .* for its copy`
	streamOK   = `ok    stream    connected to 127.0.0.1:\d+ as tocsin.example.org`
)

func copyFrom(vhost, inner string) string {
	return "<message from='" + vhost + "' to='tocsin.example.org'><forwarded xmlns='urn:xmpp:forward:0'>" + inner + "</forwarded></message>"
}

func TestCheckSeesCopies(t *testing.T) {
	s := serverFor(t, func(p *fakeserver.Peer) {
		p.Send(copyFrom("example.org", "<presence xmlns='jabber:client' from='alice@example.org/phone'/>"))
	}, func(p *fakeserver.Peer, e *fakeserver.Element) bool { return refuseIQ(p, e) })
	code, out := tocsin(t, "check", "-config", configured(t, s.Addr(), "", ""))
	lines(t, out, configOK, databaseOK, streamOK, `ok    tap       copies come from example.org`, `ok    presence  provided by the tap`, invitation)
	if code != done {
		t.Errorf("exit code %d", code)
	}
}

func TestCheckSeesForeignCopies(t *testing.T) {
	s := serverFor(t, func(p *fakeserver.Peer) {
		p.Send(copyFrom("example.com", "<message xmlns='jabber:client' from='a@example.com/x' to='b@example.com'/>"))
		p.Send("<message from='example.org' to='tocsin.example.org'><privilege xmlns='urn:xmpp:privilege:2'><perm access='presence' type='managed_entity'/></privilege></message>")
	}, refuseIQ)
	code, out := tocsin(t, "check", "-config", configured(t, s.Addr(), "", ""))
	lines(t, out, configOK, databaseOK, streamOK,
		`FAIL  tap       .*config.toml:8: tap.domains: ignoring copies from example.com: add it to tap.domains`, `ok    presence  .*`, invitation)
	if code != failed {
		t.Errorf("exit code %d", code)
	}
}

func TestCheckWaitsForACopy(t *testing.T) {
	s := serverFor(t, func(*fakeserver.Peer) {}, refuseIQ)
	code, out := tocsin(t, "check", "-wait", "20ms", "-config", configured(t, s.Addr(), "", ""))
	lines(t, out, configOK, databaseOK, streamOK, `unknown  tap       nothing received in 20ms: write a message .*`, `ok    presence  none yet.*`, invitation)
	if code != done {
		t.Errorf("exit code %d", code)
	}
}

func TestCheckFindsTheModule(t *testing.T) {
	s := serverFor(t, func(p *fakeserver.Peer) {
		p.Send("<message from='example.org' to='tocsin.example.org'><tap xmlns='urn:tocsin:tap:0' event='out'/><forwarded xmlns='urn:xmpp:forward:0'>" +
			"<message xmlns='jabber:client' from='a@example.org/x' to='b@example.org' id='1'><body>Hello</body></message></forwarded></message>")
	}, moduleOn("example.org"))
	code, out := tocsin(t, "check", "-config", configured(t, s.Addr(), "", ""))
	lines(t, out, configOK, databaseOK, streamOK, `ok    tap       mod_tocsin is loaded on example.org`,
		`note  tap       this check consumed 1 message that the server had kept: they won't be watched`, `ok    presence  provided by the tap`)
	if code != done {
		t.Errorf("exit code %d", code)
	}

	file := configured(t, s.Addr(), "", "")
	replace(t, file, `["example.org"]`, `["example.com", "example.org"]`)
	code, out = tocsin(t, "check", "-config", file)
	if code != failed || !strings.Contains(out, "FAIL  tap       mod_tocsin is loaded on example.org, but not on example.com") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func refuseIQ(p *fakeserver.Peer, e *fakeserver.Element) bool { return moduleOn()(p, e) }

// moduleOn answers disco#info for VirtualHosts with and without mod_tocsin, answers pings, and refuses everything else.
func moduleOn(hosts ...string) func(*fakeserver.Peer, *fakeserver.Element) bool {
	return func(p *fakeserver.Peer, e *fakeserver.Element) bool {
		kind, answer := "error", "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
		switch {
		case e.Name.Local != "iq" || e.Child("urn:xmpp:ping", "ping") != nil:
			return fakeserver.AnswerPings(p, e)
		case e.Child("http://jabber.org/protocol/disco#info", "query") != nil:
			info := ""
			if slices.Contains(hosts, e.Attr["to"]) {
				info = fmt.Sprintf("<feature var='urn:tocsin:tap:0'/><x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:tocsin:tap</value></field>"+
					"<field var='component'><value>%s</value></field><field var='module'><value>mod_tocsin %d</value></field></x>", domain, moduleVersion)
			}
			kind, answer = "result", "<query xmlns='http://jabber.org/protocol/disco#info'>"+info+"</query>"
		}
		p.Send(fmt.Sprintf("<iq type='%s' id='%s' from='%s' to='%s'>%s</iq>", kind, e.Attr["id"], e.Attr["to"], domain, answer))
		return true
	}
}

func TestCheckIsRefused(t *testing.T) {
	s := serverFor(t, func(*fakeserver.Peer) {}, refuseIQ)
	s.Refuse("not-authorized")
	code, out := tocsin(t, "check", "-config", configured(t, s.Addr(), "", ""))
	lines(t, out, configOK, databaseOK, `FAIL  stream    .*config.toml:4: component.secret: the server does not accept the component's secret .*`)
	if code != failed {
		t.Errorf("exit code %d", code)
	}

	s.Refuse("")
	s = serverFor(t, func(p *fakeserver.Peer) { p.EndStream("conflict") }, refuseIQ)
	_, out = tocsin(t, "check", "-config", configured(t, s.Addr(), "", ""))
	out = regexp.MustCompile("(?m)^"+invitation+"\n").ReplaceAllString(out, "") // may be missing
	lines(t, out, configOK, databaseOK, streamOK, `FAIL  stream    .*config.toml:3: component.server: the server has another connection .*`)

	s.Close()
	_, out = tocsin(t, "check", "-config", configured(t, s.Addr(), "", ""))
	lines(t, out, configOK, databaseOK, `FAIL  stream    .*config.toml:3: component.server: nothing listens on 127.0.0.1:\d+ .*connection refused.*`)
}

func TestCheckOffline(t *testing.T) {
	file := configured(t, "127.0.0.1:1", "", "")
	code, out := tocsin(t, "check", "-offline", "-config", file)
	lines(t, out, configOK, databaseOK)
	if code != done {
		t.Errorf("exit code %d", code)
	}

	code, out = tocsin(t, "check", "-offline", "-config", configured(t, "127.0.0.1:1", "", "[storage]\ndsn = 'sqlite:/nonexistent/tocsin.db'"))
	lines(t, out, configOK, `FAIL  database  .*config.toml:10: storage.dsn: .*no such file or directory.*`)
	if code != failed {
		t.Errorf("exit code %d", code)
	}
}

// An unreadable place for the configuration does not hide the next one.
func TestConfigurationInTheNextPlace(t *testing.T) {
	defer func(places []string) { configPlaces = places }(configPlaces)
	good := configured(t, "127.0.0.1:1", "", "")
	closed := filepath.Join(good, "config.toml") // below a file: not even root can look there
	configPlaces = []string{closed, good}
	if code, out := tocsin(t, "check", "-offline"); code != done {
		t.Errorf("exit code %d: %s", code, out)
	}
	configPlaces = []string{closed, filepath.Join(t.TempDir(), "config.toml")}
	code, out := tocsin(t, "check", "-offline")
	if lines(t, out, `FAIL  config    .*config.toml/config.toml: not a directory`); code != failed {
		t.Errorf("exit code %d", code)
	}
}

func TestCheckNextToAnInstance(t *testing.T) {
	now := noon()
	h := &fixed{state: State{Component: domain, Since: now.Add(-time.Hour), LastCopy: now.Add(-90 * time.Second), Presence: presenceByTap}}
	file := configured(t, "127.0.0.1:1", serve(t, h), "")
	beside := `note  stream    an instance is running: asking http://127.0.0.1:\d+/readyz instead of opening a second stream`
	code, out := tocsinAt(t, noon, "check", "-config", file)
	lines(t, out, configOK, databaseOK, beside, `ok    stream    up for 1h 0m`, `ok    tap       last copy 1m 30s ago`, `ok    presence  provided by the tap`)
	if code != done {
		t.Errorf("exit code %d", code)
	}

	h.state.LastCopy = time.Time{}
	code, out = tocsinAt(t, noon, "check", "-config", file)
	lines(t, out, configOK, databaseOK, beside, `ok    stream    up for 1h 0m`, `FAIL  tap       .*config.toml:8: tap.domains: nothing received since the stream came up: .*`, `ok    presence  provided by the tap`)
	if code != failed {
		t.Errorf("exit code %d", code)
	}
	h.state.Since = now
	code, out = tocsinAt(t, noon, "check", "-config", file)
	lines(t, out, configOK, databaseOK, beside, `ok    stream    up for .*`, `unknown  tap       nothing received yet, .*`, `ok    presence  provided by the tap`)
	if code != done {
		t.Errorf("exit code %d", code)
	}

	h.state.Since, h.ready = time.Time{}, []string{"no connection to the server"}
	code, out = tocsinAt(t, noon, "check", "-config", file)
	lines(t, out, configOK, databaseOK, beside, `FAIL  stream    .*config.toml:3: component.server: no connection to the server`)
	if code != failed {
		t.Errorf("exit code %d", code)
	}
}

// check reports the tap of a running instance.
func TestCheckTapOfAnInstance(t *testing.T) {
	now := time.Now()
	h := &fixed{state: State{
		Component: domain, Since: now.Add(-time.Hour), LastCopy: now, Presence: presenceByTap, Tap: []string{"mod_tocsin 0, Prosody 13.0.1"}, Gaps: 1, Lost: 30, Ahead: -90 * time.Second,
	}}
	file := configured(t, "127.0.0.1:1", serve(t, h), "")
	code, out := tocsin(t, "check", "-config", file)
	lines(t, out, configOK, databaseOK, `note  stream .*`, `ok    stream .*`, `ok    tap       last copy .*`, `ok    tap       events come from mod_tocsin 0, Prosody 13.0.1`,
		`warn  tap       mod_tocsin 0 is older than this program: .*`, `warn  clock     the server's clock is 1m 30s behind this machine's: synchronise both`,
		`note  tap       since startup: 1 gap, 30 events dropped by the server's module`, `ok    presence .*`)
	if code != done {
		t.Errorf("exit code %d", code)
	}
	h.state = State{Component: domain, Since: now, LastCopy: now, Copies: true}
	_, out = tocsin(t, "check", "-config", file)
	if !strings.Contains(out, "warn  tap       messages arrive as copies, which can get lost unnoticed: ") {
		t.Errorf("no warning about copies:\n%s", out)
	}
}

func TestStatus(t *testing.T) {
	now := noon()
	h := &fixed{state: State{Component: domain, Version: "1.0", Since: now.Add(-time.Hour), LastCopy: now, Lag: 3 * time.Millisecond}}
	file := configured(t, "127.0.0.1:1", serve(t, h), "")
	code, out := tocsinAt(t, noon, "status", "-config", file)
	lines(t, out, `component     tocsin.example.org`, `pending       0 messages`, `overdue       0 alarms`, `open prompts  0`, `outbox        0`,
		`instance      ready, version 1.0`, `stream        up for 1h 0m`, `last copy     .*`, `lag           0ms, queue 3ms`)
	if code != done {
		t.Errorf("exit code %d", code)
	}

	code, out = tocsinAt(t, noon, "status", "-json", "-config", file)
	for _, want := range []string{`"component": "tocsin.example.org"`, `"pending": 0`, `"overdue": 0`, `"open_prompts": 0`, `"last_copy": "`, `"lag_seconds": 0`, `"queue_seconds": 0.003`} {
		if code != done || !strings.Contains(out, want) {
			t.Errorf("exit code %d, no %s in\n%s", code, want, out)
		}
	}

	_, out = tocsinAt(t, noon, "status", "-config", configured(t, "127.0.0.1:1", "127.0.0.1:1", ""))
	if !strings.Contains(out, "instance      no instance answers at http://127.0.0.1:1/readyz\nlast copy     unknown\n") {
		t.Errorf("without an instance:\n%s", out)
	}
}
