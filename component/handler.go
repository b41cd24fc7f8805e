package component

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"mellium.im/xmpp/stanza"

	"tocsin/component/fair"
	"tocsin/component/presence"
	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/caps"
	"tocsin/xep/privilege"
)

// handler takes in what comes beside the tap. What may have to wait for the database or for other entities is done by
// workers; of one sender everything in order, and what one floods us with delays nobody else.
type handler struct {
	svc  *Service
	work *fair.Queue
}

const (
	// One user's requests are dealt with at so many a second in the long run, and so many at once; more have to wait,
	// and are refused when there are as many more.
	workRate  = 50
	workBurst = 500
	workers   = 16
	// workWithin is how long a request may take, on a database that does not answer say.
	workWithin = 15 * time.Second
)

func newHandler(s *Service) *handler {
	return &handler{svc: s, work: fair.New(fair.Options{
		Rate: workRate, Burst: workBurst, PerOwner: workBurst, Workers: workers, Clock: s.clock,
	})}
}

// later queues work for a user. It reports false if too much waits already.
func (h *handler) later(owner string, job func(context.Context)) bool {
	err := h.work.Put(owner, func(ctx context.Context) error {
		defer h.outlive(func() {})
		job(ctx)
		return nil
	})
	return err == nil
}

// outlive, deferred, makes of a panic a line of the log and what instead does: whatever somebody sends, the component
// lives.
func (h *handler) outlive(instead func()) {
	if r := recover(); r != nil {
		h.svc.log.Error("a request failed", "panic", session.Harmless(r), "stack", string(debug.Stack()))
		instead()
	}
}

// local reports whether the address belongs to a user of the configured vhosts.
func (h *handler) local(bare string) bool {
	return h.svc.settings.Get().IsUser(bare)
}

// IQ implements session.Handler: exactly one answer to every request (RFC 6120 §8.2.3).
func (h *handler) IQ(iq *session.Stanza) {
	from := iq.From.Bare().String()
	if !h.later(from, func(ctx context.Context) { h.send(ctx, h.reply(ctx, iq)) }) {
		h.later("refused "+from, func(ctx context.Context) {
			h.send(ctx, session.Error(iq, stanza.ResourceConstraint, stanza.Wait, nil))
		})
	}
}

func (h *handler) reply(ctx context.Context, iq *session.Stanza) (reply any) {
	ctx, cancel := context.WithTimeout(ctx, workWithin)
	defer cancel()
	defer h.outlive(func() { reply = session.Error(iq, stanza.InternalServerError, stanza.Cancel, nil) })
	return h.answer(ctx, iq)
}

func (h *handler) send(ctx context.Context, v any) {
	if err := h.svc.session.Send(ctx, v); err != nil && !errors.Is(err, session.ErrDown) && ctx.Err() == nil {
		h.svc.log.Warn("could not answer", "err", err)
	}
}

// Message implements session.Handler.
func (h *handler) Message(m *session.Stanza) {
	from := m.From.Bare().String()
	if p := m.Child(privilege.NS, "privilege"); p != nil {
		h.privilege(m, p)
		return
	}
	if p := m.Child(privilege.NS1, "privilege"); p != nil {
		h.privilege(m, p)
		return
	}
	if m.Type == "error" {
		// Never answered. One from a resource may say that it is not there any more.
		if m.From.Resourcepart() != "" && h.local(from) && slices.Contains(absent, m.Err().Condition) {
			h.svc.presence.Left(m.From.String())
		}
		return
	}
	toContact := m.To.Bare().String() == h.svc.opts.Contact
	if toContact && (m.Type == "chat" || m.Type == "normal" || m.Type == "") && m.Body() != "" && h.local(from) {
		h.later(from, func(ctx context.Context) { h.svc.contact.hear(ctx, m) })
	}
}

// absent are the conditions by which servers answer for a resource that is not there (RFC 6121 §8.5.3.2).
var absent = []string{"service-unavailable", "recipient-unavailable", "item-not-found", "gone"}

// privilege takes in what a vhost lets the component do (XEP-0356 §4.2).
func (h *handler) privilege(m *session.Stanza, p *session.Payload) {
	domain := m.From.String()
	if !slices.Contains(h.svc.settings.Get().Tap.Domains, domain) {
		return
	}
	var ad privilege.Advertisement
	if err := p.Decode(&ad); err != nil {
		return
	}
	h.svc.roster.granted(domain, ad.Grants())
	h.svc.log.Info("the server grants rights", "domain", domain)
}

// Presence implements session.Handler: directed presence, privileged presence (XEP-0356 §8) and that of subscriptions
// look alike.
func (h *handler) Presence(p *session.Stanza) {
	from, full := p.From.Bare().String(), p.From.String()
	if !h.local(from) {
		return
	}
	back := func(kind string, payload ...any) {
		answer := session.Presence{From: p.To.Bare().String(), To: full, Type: kind, Payload: payload}
		if kind != "" {
			answer.To = from
		}
		h.later(from, func(ctx context.Context) { h.send(ctx, answer) })
	}
	switch p.Type {
	case "":
		if full == from {
			return
		}
		source := presence.FromDirected
		granted := h.svc.roster.of(track.Domain(from)).Presence
		if granted {
			source = presence.FromPresence
		}
		var c caps.Caps
		if child := p.Child(caps.NS, "c"); child != nil {
			child.Decode(&c) //nolint:errcheck // without it the resource is asked
		}
		known := h.svc.presence.Online(full)
		h.svc.presence.Saw(full, source, c)
		if !granted || !known {
			back("", h.svc.caps(p.To.Localpart() != ""))
		}
	case "unavailable":
		if full != from {
			h.svc.presence.Left(full)
		}
	case "probe":
		back("", h.svc.caps(p.To.Localpart() != ""))
	case "subscribe":
		// Whoever wants to see the contact is asked to be seen, too: on some servers nothing else tells of a lost
		// connection.
		back("subscribed")
		back("subscribe")
		back("", h.svc.caps(p.To.Localpart() != ""))
	case "unsubscribe":
		back("unsubscribed")
	}
}
