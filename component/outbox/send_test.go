package outbox

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tocsin/component/session"
	"tocsin/internal/expect"
)

const phone = "alice@example.org/phone"

// What can never be sent is dropped; what can't be sent now is retried.
func TestWhatCanNotBeSent(t *testing.T) {
	connected(t, func(t *testing.T, c *connection) {
		s := &sender{stream: c.session, isLeader: func() bool { return true }}
		send := func(to string, size int) error {
			return s.send(t.Context(), session.Message{To: to, Body: strings.Repeat("x", size)})
		}
		for _, tc := range []struct {
			to   string
			size int
		}{{"a b@example.org", 1}, {"", 1}, {phone, session.MaxStanza}} {
			if err := send(tc.to, tc.size); !errors.Is(err, errUnsendable) {
				t.Errorf("%d bytes to %q: %v", tc.size, tc.to, err)
			}
		}
		expect.Equal(t, "a usual one", send(phone, 1), error(nil))
		c.cut()
		if err := send(phone, 1); err == nil || errors.Is(err, errUnsendable) {
			t.Errorf("while the stream is down: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.send(ctx, session.Message{To: phone}); err == nil || errors.Is(err, errUnsendable) {
			t.Errorf("at the end: %v", err)
		}
	})
}
