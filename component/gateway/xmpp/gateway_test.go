package xmpp

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tocsin/component/gateway"
)

// stream is a scripted stream.
type stream struct {
	down   bool
	err    error
	before func() // called before the server accepts the message
	sent   []string
}

func (s *stream) Up() bool { return !s.down }

func (s *stream) Text(_ context.Context, to, id, body string) error {
	s.sent = append(s.sent, to+" "+id+" "+body)
	if s.before != nil {
		s.before()
	}
	return s.err
}

func (s *stream) Exists(context.Context, string) error { return s.err }

// sink records reports and replies.
type sink struct{ told []string }

func (s *sink) Reported(_ context.Context, r gateway.Report) error {
	s.told = append(s.told, r.Route+" "+r.Ref+" "+[]string{"accepted", "delivered", "failed", "expired"}[r.State])
	return nil
}

func (s *sink) Replied(_ context.Context, r gateway.Reply) error {
	s.told = append(s.told, strings.Join([]string{r.Route, r.ID, r.From, r.To, r.Text}, " "))
	return nil
}

const ref = "0123456789abcdef0123456789abcdef"

func made(t *testing.T, s *stream) (*Gateway, *sink) {
	t.Helper()
	out := &sink{}
	g, err := New(Route{Name: "gw", Gateway: "sms.example.org"}, func() Stream { return s }, out)
	if err != nil {
		t.Fatal(err)
	}
	return g, out
}

// take handles a message, including the returned function.
func take(t *testing.T, g *Gateway, in gateway.Incoming) {
	t.Helper()
	if job := g.Take(in); job != nil {
		if err := job(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestSubmit(t *testing.T) {
	for _, test := range []struct {
		name  string
		err   error
		error string // condition of an immediate error
		want  gateway.Answer
	}{
		{"taken", nil, "", gateway.Answer{Outcome: gateway.Sent, Class: "sent"}},
		{"nothing was written", ErrDown, "", gateway.Answer{Outcome: gateway.NotSent, Class: "unconnected"}},
		{"the stream ends", errors.New("ended"), "", gateway.Answer{Outcome: gateway.Unsure, Class: "lost"}},
		{"the server is silent", context.DeadlineExceeded, "", gateway.Answer{Outcome: gateway.Unsure, Class: "timeout"}},
		{"the gateway is away", nil, "service-unavailable", gateway.Answer{Outcome: gateway.NotSent, Class: "service-unavailable"}},
		{"no such gateway", nil, "remote-server-not-found", gateway.Answer{Outcome: gateway.NotSent, Class: "remote-server-not-found"}},
		{"it is away, and then the stream", errors.New("ended"), "service-unavailable", gateway.Answer{Outcome: gateway.NotSent, Class: "service-unavailable"}},
		{"no such number", nil, "item-not-found", gateway.Answer{Outcome: gateway.Refused, Class: "item-not-found"}},
		{"an account is wanted", nil, "registration-required", gateway.Answer{Outcome: gateway.NotSent, Class: "registration-required"}},
		{"who knows", nil, "internal-server-error", gateway.Answer{Outcome: gateway.Unsure, Class: "error"}},
		{"no condition of RFC 6120", nil, "call +8613800138000", gateway.Answer{Outcome: gateway.Unsure, Class: "error"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &stream{err: test.err}
			g, out := made(t, s)
			s.before = func() {
				if test.error != "" {
					take(t, g, gateway.Incoming{Local: "+8613800138000", ID: ref, Error: test.error})
				}
			}
			got := g.Submit(t.Context(), gateway.Submission{Ref: ref, To: "+8613800138000", Text: "Hello"})
			if got.Outcome != test.want.Outcome || got.Class != test.want.Class || got.IDs != nil {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if want := "+8613800138000@sms.example.org " + ref + " Hello"; len(s.sent) != 1 || s.sent[0] != want {
				t.Errorf("sent %q, want %q", s.sent, want)
			}
			if len(out.told) > 0 {
				t.Errorf("told %q beside the answer", out.told)
			}
		})
	}
}

func TestTake(t *testing.T) {
	g, out := made(t, &stream{})
	for _, in := range []gateway.Incoming{
		{Local: "+8613800138000", ID: "x", Receipt: ref},
		{Local: "+8613800138000", ID: ref, Error: "item-not-found"},
		{Local: "+8613800138000", ID: "m1", Text: "On my way"},
		{Local: "", ID: "m2", Text: "Welcome to the gateway"},
		{Local: "admin", ID: "m3", Text: "Your credit is low"},
		{Local: "+8613800138000", ID: "m4"},
		{Local: "+8613800138000", ID: "m5", Receipt: "a\nb"},
		{Error: "gone"},
	} {
		take(t, g, in)
	}
	want := []string{"gw " + ref + " delivered", "gw " + ref + " failed", "gw m1 +8613800138000  On my way"}
	if strings.Join(out.told, "\n") != strings.Join(want, "\n") {
		t.Errorf("told\n%s", strings.Join(out.told, "\n"))
	}
	take(t, g, gateway.Incoming{Local: "+1", Text: "ok"})
	take(t, g, gateway.Incoming{Local: "+1", Text: "ok"})
	if n := len(out.told); n != 5 || out.told[3] == out.told[4] {
		t.Errorf("the same words twice, without an id: %q", out.told[3:])
	}
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		route Route
		want  string
	}{
		{Route{Name: "a b", Gateway: "sms.example.org"}, `name: invalid name "a b" (a-z, 0-9 and hyphens, at most 32)`},
		{Route{Name: "gw"}, `gateway: invalid domain "" (example: sms.example.org)`},
		{Route{Name: "gw", Gateway: "me@example.org"}, `gateway: invalid domain "me@example.org" (example: sms.example.org)`},
	} {
		if _, err := New(test.route, nil, nil); err == nil || err.Error() != test.want {
			t.Errorf("%+v: %v", test.route, err)
		}
	}
}

func TestUp(t *testing.T) {
	s := &stream{down: true}
	g, _ := made(t, s)
	if up, why := g.Up(); up || why != "not connected to the server" {
		t.Errorf("up: %v, %q", up, why)
	}
	if err := g.Check(t.Context()); err == nil {
		t.Error("checked without a stream")
	}
	s.down, s.err = false, errors.New("answered with error remote-server-not-found (cancel)")
	if err := g.Check(t.Context()); !errors.Is(err, s.err) {
		t.Errorf("check: %v", err)
	}
}
