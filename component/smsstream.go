package component

import (
	"context"
	"errors"

	"tocsin/component/gateway/xmpp"
	"tocsin/component/session"
	"tocsin/xep/caps"
	"tocsin/xep/receipts"
)

// smsStream implements xmpp.Stream with the component's session.
type smsStream struct {
	session *session.Session
	contact string
}

// Up implements xmpp.Stream.
func (s smsStream) Up() bool { return s.session.Up() }

// Text implements xmpp.Stream.
func (s smsStream) Text(ctx context.Context, to, id, body string) error {
	stream := s.session.Stream()
	if stream == 0 {
		return xmpp.ErrDown
	}
	err := s.session.Send(ctx, session.Message{From: s.contact, To: to, Type: "chat", ID: id, Body: body, Payload: []any{receipts.Request{}}})
	if errors.Is(err, session.ErrTooBig) {
		return xmpp.ErrDown
	}
	if err != nil {
		return err
	}
	return s.session.Confirm(ctx, stream)
}

// Exists implements xmpp.Stream.
func (s smsStream) Exists(ctx context.Context, domain string) error {
	return s.session.Query(ctx, domain, "get", &caps.Info{}, nil)
}
