package request

import (
	"context"

	"tocsin/component/gateway"
	"tocsin/component/session"
	"tocsin/xep/receipts"
)

// texted handles messages from an SMS gateway, and reports whether m is one. The gateway is an owner of its own in the fair
// queue; nothing it sends is read as a command, or answered.
func (r *Router) texted(m *session.Stanza) bool {
	s := r.Settings.Get().SMS
	if s == nil {
		return false
	}
	inbox := s.Inboxes[m.From.Domainpart()]
	if inbox == nil || m.To.Bare().String() != r.Contact {
		return false
	}
	in := gateway.Incoming{Local: m.From.Localpart(), ID: m.ID}
	switch m.Type {
	case "error":
		in.Error = m.Err().Condition
	case "chat", "normal", "":
		in.Text = m.Body()
		var received receipts.Received
		if p := m.Child(receipts.NS, "received"); p != nil && p.Decode(&received) == nil {
			in.Receipt = received.ID
		}
	default:
		return true
	}
	job := inbox.Receive(in)
	if job == nil {
		return true
	}
	r.inTurn(inbox.Address(), func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, workWithin)
		defer cancel()
		if err := job(ctx); err != nil {
			r.Log.Error("could not store a report of an SMS gateway", "gateway", inbox.Address(), "err", err)
		}
	}, nil)
	return true
}
