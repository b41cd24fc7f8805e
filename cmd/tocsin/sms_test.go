package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"tocsin/component/gateway"
	"tocsin/component/gateway/httpapi"
	"tocsin/config"
)

// smsConfig is a configuration with routes, each "name: lines".
func smsConfig(t *testing.T, routes ...string) *config.Config {
	t.Helper()
	doc := "[component]\njid = 'tocsin.example.org'\nsecret = 'secret'\n[tap]\ndomains = ['example.org']\n" +
		"[sms]\ncountries = ['CN']\npublic = 'https://xmpp.example.org/sms'\n"
	for _, r := range routes {
		name, lines, _ := strings.Cut(r, ": ")
		doc += "[[sms.route]]\nname = '" + name + "'\n" + strings.ReplaceAll(lines, "; ", "\n") + "\n"
	}
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sink records what it receives.
type sink struct{ told []string }

func (s *sink) Reported(_ context.Context, r gateway.Report) error {
	s.told = append(s.told, r.Route+" "+r.Ref)
	return nil
}

func (s *sink) Replied(context.Context, gateway.Reply) error { return nil }

// A reload replaces only the routes that changed: other connections stay up.
func TestRoutesAreReloaded(t *testing.T) {
	const (
		kannel  = "kind = 'http'; provider = 'kannel'; url = 'http://127.0.0.1:13013/cgi-bin/sendsms'; user = 'tocsin'; secret = 'x'"
		carrier = "kind = 'smpp'; address = '127.0.0.1:2775'; user = 'tocsin'; secret = 'x'"
	)
	g, err := newGateways(smsConfig(t, "one: "+kannel, "two: "+carrier, "three: "+carrier), []byte("secret"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	told := &sink{}
	var s gateway.Sink = told
	g.sink.service.Store(&s)
	before := g.lines
	lines, err := g.make(smsConfig(t, "two: "+carrier+"; rate = 5", "three: "+strings.Replace(carrier, "2775", "2776", 1)))
	if err != nil {
		t.Fatal(err)
	}
	g.use(lines)
	for name, want := range map[string]bool{"two": true, "three": false} {
		if same := g.lines[name] == before[name]; same != want {
			t.Errorf("%s is the same after the reload: %v", name, same)
		}
	}
	for name, want := range map[string]bool{"one": true, "two": false, "three": true} {
		retired := false
		select {
		case <-before[name].retired:
			retired = true
		default:
		}
		if retired != want {
			t.Errorf("%s is retired: %v", name, retired)
		}
	}

	// Reports for a removed route still arrive.
	hook := before["one"].Gateway.(*httpapi.Gateway).ReportURL()
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, hook+"?ref=0123&state=1", nil))
	if w.Code != http.StatusOK || len(told.told) != 1 || told.told[0] != "one 0123" {
		t.Errorf("a report of a route that was removed: %d, told %q", w.Code, told.told)
	}

	if lines, err = g.make(smsConfig(t, "one: "+kannel)); err != nil {
		t.Fatal(err)
	}
	g.use(lines)
	if again := g.lines["one"].Gateway.(*httpapi.Gateway).ReportURL(); again != hook {
		t.Errorf("the hook is %s, then %s", hook, again)
	}
}

// slow is a gateway whose submissions take long.
type slow struct {
	answer chan gateway.Answer
	ended  chan struct{}
}

func (s *slow) Submit(ctx context.Context, _ gateway.Submission) gateway.Answer {
	select {
	case a := <-s.answer:
		return a
	case <-s.ended:
		return gateway.Answer{Outcome: gateway.Unsure}
	}
}

func (s *slow) Check(context.Context) error { return nil }

func (s *slow) Up() (bool, string) { return true, "" }

func (s *slow) Run(ctx context.Context) {
	<-ctx.Done()
	close(s.ended)
}

// A replaced route keeps its connection until the submissions in progress have been answered.
func TestARetiredRouteFinishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{answer: make(chan gateway.Answer), ended: make(chan struct{})}
		l := &line{Gateway: s, retired: make(chan struct{})}
		done := make(chan struct{})
		go func() {
			l.run(t.Context(), s)
			close(done)
		}()
		got := make(chan gateway.Answer, 1)
		go func() { got <- l.Submit(t.Context(), gateway.Submission{}) }()
		synctest.Wait()
		close(l.retired)
		synctest.Wait()
		s.answer <- gateway.Answer{Outcome: gateway.Sent}
		if a := <-got; a.Outcome != gateway.Sent {
			t.Errorf("the submission in progress became %v", a.Outcome)
		}
		<-done
	})
}
