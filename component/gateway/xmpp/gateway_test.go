package xmpp

import (
	"context"
	"errors"
	"testing"

	"tocsin/component/gateway"
	"tocsin/internal/expect"
	"tocsin/internal/sink"
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

const ref = "0123456789abcdef0123456789abcdef"

func made(t *testing.T, s *stream) (*Gateway, *sink.Keeper) {
	t.Helper()
	told := sink.New()
	g, err := New(Route{Name: "gw", Gateway: "sms.example.org"}, func() Stream { return s }, told)
	if err != nil {
		t.Fatal(err)
	}
	return g, told
}

// receive handles a message, including the returned function.
func receive(t *testing.T, g *Gateway, in gateway.Incoming) {
	t.Helper()
	if job := g.Receive(in); job != nil {
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
			g, told := made(t, s)
			s.before = func() {
				if test.error != "" {
					receive(t, g, gateway.Incoming{Local: "+8613800138000", ID: ref, Error: test.error})
				}
			}
			got := g.Submit(t.Context(), gateway.Submission{Ref: ref, To: "+8613800138000", Text: "Hello"})
			if got.Outcome != test.want.Outcome || got.Class != test.want.Class || got.IDs != nil {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if want := "+8613800138000@sms.example.org " + ref + " Hello"; len(s.sent) != 1 || s.sent[0] != want {
				t.Errorf("sent %q, want %q", s.sent, want)
			}
			if reports := told.Reports(); len(reports) > 0 {
				t.Errorf("told %+v beside the answer", reports)
			}
		})
	}
}

func TestReceive(t *testing.T) {
	g, told := made(t, &stream{})
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
		receive(t, g, in)
	}
	expect.Equal(t, "reports", told.Reports(), []gateway.Report{{Route: "gw", Ref: ref, State: gateway.Delivered}, {Route: "gw", Ref: ref, State: gateway.Failed}})
	expect.Equal(t, "replies", told.Replies(), []gateway.Reply{{Route: "gw", ID: "m1", From: "+8613800138000", Text: "On my way"}})
	receive(t, g, gateway.Incoming{Local: "+1", Text: "ok"})
	receive(t, g, gateway.Incoming{Local: "+1", Text: "ok"})
	if r := told.Replies(); len(r) != 3 || r[1].ID == r[2].ID {
		t.Errorf("the same words twice, without an id: %+v", r)
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
