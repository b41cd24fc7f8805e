package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/carbons"
	"tocsin/xep/hints"
)

// errUnsendable says that an outbox entry can't be sent, now or later.
var errUnsendable = errors.New("cannot be sent")

// sender sends messages to people.
type sender struct {
	contact  string
	stream   Stream
	isLeader func() bool
	wake     func()
	silenced atomic.Bool // something was held back because another instance may be live
}

func newSender(o *Options) *sender {
	return &sender{contact: o.Contact, stream: o.Stream, isLeader: o.IsLeader, wake: o.Backlog.wake.Set}
}

// send sends a message, unless another instance may be live, which then sends it. The error is errUnsendable if it can
// never be sent.
func (s *sender) send(ctx context.Context, m session.Message) error {
	err := s.stream.SendIf(ctx, m, s.isLeader)
	switch {
	case err == nil, errors.Is(err, session.ErrDown), ctx.Err() != nil:
		return err
	case errors.Is(err, session.ErrHeldBack):
		s.silenced.Store(true)
		s.wake()
		return err
	}
	return fmt.Errorf("%w: %w", errUnsendable, err)
}

// chat is a chat message from the contact.
func (s *sender) chat(to, id string, payload ...any) session.Message {
	return session.Message{From: s.contact, To: to, Type: "chat", ID: id, Payload: payload}
}

// private is a chat message from the contact for one resource: no-copy and private go together (XEP-0280 §9).
func (s *sender) private(full, id string, payload any) session.Message {
	return s.chat(full, id, payload, hints.NoStore{}, hints.NoCopy{}, carbons.Private{})
}

// stanzaID returns the id of one of several stanzas made from an outbox entry: the same one after a crash.
func stanzaID(out track.Outgoing, to string) string {
	return fmt.Sprintf("%s-%08x", out.ID, hash32(to))
}

func hash32(s string) uint32 {
	h := uint32(2166136261) // FNV-1a
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}
