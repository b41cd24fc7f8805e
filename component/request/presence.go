package request

import (
	"context"
	"slices"

	"tocsin/component/presence"
	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/caps"
	"tocsin/xep/privilege"
)

// available handles available presence: directed, privileged (XEP-0356 §8) or from a subscription, which look alike.
func (r *Router) available(p *session.Stanza, _ *session.Payload) {
	from, full := p.From.Bare().String(), p.From.String()
	if full == from {
		return
	}
	source := presence.FromDirected
	granted := r.Server.Grants(track.Domain(from)).Presence
	if granted {
		source = presence.FromPresence
	}
	var c caps.Caps
	if child := p.Child(caps.NS, "c"); child != nil {
		child.Decode(&c) //nolint:errcheck // without it the resource is queried
	}
	known := r.Registry.Online(full)
	r.Registry.Observe(full, source, c)
	if !granted || !known {
		r.replyPresence(p, "", r.about(p)...)
	}
}

func (r *Router) unavailable(p *session.Stanza, _ *session.Payload) {
	if p.From.Resourcepart() != "" {
		r.Registry.Left(p.From.String())
	}
}

func (r *Router) probed(p *session.Stanza, _ *session.Payload) {
	r.replyPresence(p, "", r.about(p)...)
}

// subscribed accepts subscriptions to the contact, and requests one back: on some servers nothing else reports a lost
// connection.
func (r *Router) subscribed(p *session.Stanza, _ *session.Payload) {
	r.replyPresence(p, "subscribed")
	r.replyPresence(p, "subscribe")
	r.replyPresence(p, "", r.about(p)...)
}

func (r *Router) unsubscribed(p *session.Stanza, _ *session.Payload) {
	r.replyPresence(p, "unsubscribed")
}

func (r *Router) replyPresence(p *session.Stanza, kind string, payload ...any) {
	from := p.From.Bare().String()
	answer := session.Presence{From: p.To.Bare().String(), To: p.From.String(), Type: kind, Payload: payload}
	if kind != "" {
		answer.To = from
	}
	r.later(from, func(ctx context.Context) { r.send(ctx, answer) }, nil)
}

// bounced handles an error, which is never answered. One from a resource may mean that it is gone.
func (r *Router) bounced(m *session.Stanza, _ *session.Payload) {
	if m.From.Resourcepart() != "" && slices.Contains(absent, m.Err().Condition) {
		r.Registry.Left(m.From.String())
	}
}

// Up sends the contact's presence to its users: a server does not request it again when the stream is re-established.
func (r *Router) Up() {
	for _, owner := range r.People.OptedIn() {
		r.sendPresence(owner)
	}
}

// sendPresence sends a user the contact's presence.
func (r *Router) sendPresence(owner string) {
	r.later(owner, func(ctx context.Context) {
		r.send(ctx, session.Presence{From: r.Contact, To: owner, Payload: []any{r.capsOf(contact), photoUpdate{Photo: avatarID}}})
	}, nil)
}

// about returns the payload of presence from an address: its capabilities, and the contact's avatar.
func (r *Router) about(p *session.Stanza) []any {
	payload := []any{r.caps(p)}
	if p.To.Localpart() != "" {
		payload = append(payload, photoUpdate{Photo: avatarID})
	}
	return payload
}

// absent are the error conditions of servers for an offline resource (RFC 6121 §8.5.3.2).
var absent = []string{"service-unavailable", "recipient-unavailable", "item-not-found", "gone"}

// privilege handles a vhost's grants to the component (XEP-0356 §4.2).
func (r *Router) privilege(m *session.Stanza, p *session.Payload) {
	domain := m.From.String()
	if !slices.Contains(r.Settings.Get().Tap.Domains, domain) {
		return
	}
	var ad privilege.Advertisement
	if err := p.Decode(&ad); err != nil {
		return
	}
	r.Server.Grant(domain, ad.Grants())
	r.Log.Info("the server granted privileges", "domain", domain)
}
