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

// available takes in that a resource is there: by directed presence, privileged presence (XEP-0356 §8) or that of a
// subscription, which look alike.
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
		child.Decode(&c) //nolint:errcheck // without it the resource is asked
	}
	known := r.Registry.Online(full)
	r.Registry.Saw(full, source, c)
	if !granted || !known {
		r.answerPresence(p, "", r.about(p)...)
	}
}

func (r *Router) unavailable(p *session.Stanza, _ *session.Payload) {
	if p.From.Resourcepart() != "" {
		r.Registry.Left(p.From.String())
	}
}

func (r *Router) probed(p *session.Stanza, _ *session.Payload) {
	r.answerPresence(p, "", r.about(p)...)
}

// subscribed lets whoever wants see the contact, and asks to see them, too: on some servers nothing else tells of a lost
// connection.
func (r *Router) subscribed(p *session.Stanza, _ *session.Payload) {
	r.answerPresence(p, "subscribed")
	r.answerPresence(p, "subscribe")
	r.answerPresence(p, "", r.about(p)...)
}

func (r *Router) unsubscribed(p *session.Stanza, _ *session.Payload) {
	r.answerPresence(p, "unsubscribed")
}

func (r *Router) answerPresence(p *session.Stanza, kind string, payload ...any) {
	from := p.From.Bare().String()
	answer := session.Presence{From: p.To.Bare().String(), To: p.From.String(), Type: kind, Payload: payload}
	if kind != "" {
		answer.To = from
	}
	r.later(from, func(ctx context.Context) { r.send(ctx, answer) }, nil)
}

// bounced takes in an error, which is never answered. One from a resource may say that it is not there any more.
func (r *Router) bounced(m *session.Stanza, _ *session.Payload) {
	if m.From.Resourcepart() != "" && slices.Contains(absent, m.Err().Condition) {
		r.Registry.Left(m.From.String())
	}
}

// Up shows the contact to those who talk to it: a server does not ask for it again when the stream is made anew.
func (r *Router) Up() {
	for _, owner := range r.People.OptedIn() {
		r.greet(owner)
	}
}

// greet sends a user the contact's presence.
func (r *Router) greet(owner string) {
	r.later(owner, func(ctx context.Context) {
		r.send(ctx, session.Presence{From: r.Contact, To: owner, Payload: []any{r.capsOf(contact), photoUpdate{Photo: avatarID}}})
	}, nil)
}

// about is what presence says of the address that it comes from: its capabilities, and the contact's avatar.
func (r *Router) about(p *session.Stanza) []any {
	payload := []any{r.caps(p)}
	if p.To.Localpart() != "" {
		payload = append(payload, photoUpdate{Photo: avatarID})
	}
	return payload
}

// absent are the conditions by which servers answer for a resource that is not there (RFC 6121 §8.5.3.2).
var absent = []string{"service-unavailable", "recipient-unavailable", "item-not-found", "gone"}

// privilege takes in what a vhost lets the component do (XEP-0356 §4.2).
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
