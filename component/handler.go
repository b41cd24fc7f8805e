package component

import (
	"context"
	"slices"
	"sync"

	"mellium.im/xmpp/stanza"

	"tocsin/component/session"
	"tocsin/xep/caps"
	"tocsin/xep/privilege"
)

// handler takes in what comes beside the tap. What may have to wait for the database or for other entities is done by
// workers; of one sender everything in order.
type handler struct {
	svc  *Service
	work [workers]chan func(context.Context)
}

const (
	workers    = 16
	workQueued = 256
)

func newHandler(s *Service) *handler {
	h := &handler{svc: s}
	for i := range h.work {
		h.work[i] = make(chan func(context.Context), workQueued)
	}
	return h
}

// run works until ctx is done.
func (h *handler) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range h.work {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case job := <-h.work[i]:
					job(ctx)
				}
			}
		})
	}
	return nil
}

// later queues work for a user. It reports false if too much waits already.
func (h *handler) later(owner string, job func(context.Context)) bool {
	select {
	case h.work[hash32(owner)%workers] <- job:
		return true
	default:
		return false
	}
}

// local reports whether the address belongs to a user of the configured vhosts.
func (h *handler) local(bare string) bool {
	domain := domainOf(bare)
	return domain != bare && slices.Contains(h.svc.settings.Load().Tap.Domains, domain)
}

// IQ implements session.Handler: exactly one answer to every request (RFC 6120 §8.2.3).
func (h *handler) IQ(iq *session.Stanza) {
	from := iq.From.Bare().String()
	if !h.later(from, func(ctx context.Context) { h.send(ctx, h.answer(ctx, iq)) }) {
		h.later("", func(ctx context.Context) {
			h.send(ctx, session.Error(iq, stanza.ResourceConstraint, stanza.Wait, nil))
		})
	}
}

func (h *handler) send(ctx context.Context, v any) {
	if err := h.svc.session.Send(ctx, v); err != nil && ctx.Err() == nil {
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
		// Never answered. One from a resource says that what was sent to it did not arrive.
		if m.From.Resourcepart() != "" && h.local(from) {
			h.svc.book.gone(m.From.String(), h.svc.clock.Now())
		}
		return
	}
	toContact := m.To.Bare().String() == h.svc.opts.Contact
	if toContact && (m.Type == "chat" || m.Type == "normal" || m.Type == "") && m.Body() != "" && h.local(from) {
		h.later(from, func(ctx context.Context) { h.svc.contact.hear(ctx, m) })
	}
}

// privilege takes in what a vhost lets the component do (XEP-0356 §4.2).
func (h *handler) privilege(m *session.Stanza, p *session.Payload) {
	domain := m.From.String()
	if !slices.Contains(h.svc.settings.Load().Tap.Domains, domain) {
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
		source := fromDirected
		granted := h.svc.roster.of(domainOf(from)).Presence
		if granted {
			source = fromPresence
		}
		var c caps.Caps
		if child := p.Child(caps.NS, "c"); child != nil {
			child.Decode(&c) //nolint:errcheck // without it the resource is asked
		}
		known := h.svc.book.here(full)
		h.svc.book.saw(full, source, c, h.svc.clock.Now())
		if !granted || !known {
			back("", h.svc.caps(p.To.Localpart() != ""))
		}
	case "unavailable":
		if full != from {
			h.svc.book.gone(full, h.svc.clock.Now())
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
