// Package xmpp sends SMS through an XMPP gateway such as sms4you or an SGX, as chat messages to NUMBER@gateway. An error means that
// the SMS was not sent, a receipt (XEP-0184) that it was delivered; a message from NUMBER@gateway is a reply. It is independent of
// the stream and of stanzas. Tests use a scripted stream; internal/acceptance runs a gateway on real servers.
package xmpp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"tocsin/component/gateway"
)

// Route is the configuration of a route.
type Route struct {
	Name    string `toml:"name"`
	Gateway string `toml:"gateway"` // a domain
}

// Stream is the component's stream. Its methods are safe for concurrent use.
type Stream interface {
	Up() bool
	// Text sends a chat message to a JID, with a request for a receipt. It returns nil once the server has accepted it and all
	// earlier stanzas from the server have been handled.
	Text(ctx context.Context, to, id, body string) error
	// Exists returns an error if there is no entity at a domain.
	Exists(ctx context.Context, domain string) error
}

// ErrDown is returned by Text if certainly nothing was written.
var ErrDown = errors.New("no stream")

// Gateway sends SMS through one XMPP gateway. It implements gateway.Gateway and gateway.Inbox.
type Gateway struct {
	route  Route
	stream func() Stream
	sink   gateway.Sink

	mu      sync.Mutex
	pending map[string]string // error conditions of messages being sent, by id; "" for none so far
}

var (
	_ gateway.Gateway = (*Gateway)(nil)
	_ gateway.Inbox   = (*Gateway)(nil)
)

var (
	routeName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	domainName = regexp.MustCompile(`^[^@/\s]+\.[^@/\s]+$|^localhost$`)
)

// New returns a route's gateway. stream returns the current stream, or nil. The error is a gateway.Faults.
func New(r Route, stream func() Stream, sink gateway.Sink) (*Gateway, error) {
	var faults gateway.Faults
	if !routeName.MatchString(r.Name) {
		faults = append(faults, gateway.Fault{Key: "name", Text: fmt.Sprintf("invalid name %q (a-z, 0-9 and hyphens, at most 32)", r.Name)})
	}
	if !domainName.MatchString(r.Gateway) {
		faults = append(faults, gateway.Fault{Key: "gateway", Text: fmt.Sprintf("invalid domain %q (example: sms.example.org)", r.Gateway)})
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return &Gateway{route: r, stream: stream, sink: sink, pending: map[string]string{}}, nil
}

// Address implements gateway.Inbox.
func (g *Gateway) Address() string { return g.route.Gateway }

// Up implements gateway.Gateway.
func (g *Gateway) Up() (bool, string) {
	if s := g.stream(); s == nil || !s.Up() {
		return false, "not connected to the server"
	}
	return true, ""
}

// Check implements gateway.Gateway.
func (g *Gateway) Check(ctx context.Context) error {
	s := g.stream()
	if s == nil || !s.Up() {
		return errors.New("not connected to the server")
	}
	return s.Exists(ctx, g.route.Gateway)
}

// Submit implements gateway.Gateway.
func (g *Gateway) Submit(ctx context.Context, m gateway.Submission) gateway.Answer {
	s := g.stream()
	if s == nil {
		return gateway.Answer{Outcome: gateway.NotSent, Class: "unconnected"}
	}
	g.mu.Lock()
	g.pending[m.Ref] = ""
	g.mu.Unlock()
	err := s.Text(ctx, m.To+"@"+g.route.Gateway, m.Ref, m.Text)
	g.mu.Lock()
	condition := g.pending[m.Ref]
	delete(g.pending, m.Ref)
	g.mu.Unlock()
	switch {
	case condition != "":
		return gateway.Answer{Outcome: outcome(condition), Class: condition}
	case errors.Is(err, ErrDown):
		return gateway.Answer{Outcome: gateway.NotSent, Class: "unconnected"}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return gateway.Answer{Outcome: gateway.Unsure, Class: "timeout"}
	case err != nil:
		return gateway.Answer{Outcome: gateway.Unsure, Class: "lost"}
	}
	return gateway.Answer{Outcome: gateway.Sent, Class: "sent"}
}

// conditions are the outcomes of error conditions (RFC 6120 §8.3.3). Any other condition leaves the outcome unsure.
var conditions = map[string]gateway.Outcome{
	// This number or text will never be accepted.
	"bad-request": gateway.Refused, "gone": gateway.Refused, "item-not-found": gateway.Refused, "jid-malformed": gateway.Refused,
	"not-acceptable": gateway.Refused,
	// The gateway does not send for us, or not now.
	"feature-not-implemented": gateway.NotSent, "forbidden": gateway.NotSent, "not-allowed": gateway.NotSent, "not-authorized": gateway.NotSent,
	"policy-violation": gateway.NotSent, "recipient-unavailable": gateway.NotSent, "redirect": gateway.NotSent,
	"registration-required": gateway.NotSent, "remote-server-not-found": gateway.NotSent, "remote-server-timeout": gateway.NotSent,
	"resource-constraint": gateway.NotSent, "service-unavailable": gateway.NotSent, "subscription-required": gateway.NotSent,
}

func outcome(condition string) gateway.Outcome {
	if o, ok := conditions[condition]; ok {
		return o
	}
	return gateway.Unsure
}

// class returns a known condition, or "error".
func class(condition string) string {
	if _, ok := conditions[condition]; ok {
		return condition
	}
	return "error"
}

// Receive implements gateway.Inbox.
func (g *Gateway) Receive(in gateway.Incoming) func(context.Context) error {
	report := func(state gateway.State, ref string) func(context.Context) error {
		r := gateway.Report{Route: g.route.Name, Ref: gateway.ID(ref), State: state}
		if r.Ref == "" {
			return nil
		}
		return func(ctx context.Context) error { return g.sink.Reported(ctx, r) }
	}
	switch {
	case in.Error != "":
		if g.setCondition(in.ID, class(in.Error)) {
			return nil
		}
		return report(gateway.Failed, in.ID)
	case in.Receipt != "":
		return report(gateway.Delivered, in.Receipt)
	case in.Text == "" || !strings.HasPrefix(in.Local, "+"):
		return nil
	}
	r := gateway.Reply{Route: g.route.Name, ID: gateway.ID(in.ID), From: gateway.ID(in.Local), Text: gateway.Text(in.Text)}
	if r.ID == "" {
		r.ID = rand.Text() // servers don't repeat messages
	}
	return func(ctx context.Context) error { return g.sink.Replied(ctx, r) }
}

// setCondition records an error about a message that is still being sent; it reports false if the message is not.
func (g *Gateway) setCondition(id, condition string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, sending := g.pending[id]; !sending {
		return false
	}
	g.pending[id] = condition
	return true
}
