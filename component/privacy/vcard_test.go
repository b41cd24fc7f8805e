package privacy

import (
	"context"
	"encoding/xml"
	"log/slog"
	"testing"
	"time"

	"tocsin/component/clock"
	"tocsin/component/session"
	"tocsin/internal/expect"
)

// network answers all queries with answer, or fails with the error.
type network struct {
	asked  int
	answer string
	err    error
}

// Query implements Querier.
func (n *network) Query(_ context.Context, _, _ string, _, answer any) error {
	n.asked++
	if n.err != nil {
		return n.err
	}
	return xml.Unmarshal([]byte(n.answer), answer)
}

// A failure caused by a lost stream or a hanging peer is not cached for long.
func TestVCardThatCouldNotBeRead(t *testing.T) {
	const card = "<vCard xmlns='vcard-temp'><TEL><CELL/><NUMBER>+8613800138000</NUMBER></TEL></vCard>"
	n, now := &network{}, clock.NewStepped(time.Unix(1e9, 0))
	s := NewServer(n, now, slog.New(slog.DiscardHandler))
	number := func(owner string) (string, error) {
		found, err := s.vcard(t.Context(), owner, "CN")
		return found.E164, err
	}
	expectNumber := func(what, owner, want string, asked int) {
		t.Helper()
		before := n.asked
		got, err := number(owner)
		expect.Equal(t, what, got, want)
		expect.Equal(t, what+": error", err, error(nil))
		expect.Equal(t, what+": asked", n.asked-before, asked)
	}
	n.err = context.DeadlineExceeded
	expectNumber("mute", "bob@example.org", "", 1)
	expectNumber("at once", "bob@example.org", "", 0)
	n.err = session.ErrDown
	if _, err := number("carol@example.org"); err == nil {
		t.Error("no error while the stream is down")
	}
	n.err, n.answer = nil, card
	expectNumber("up again", "carol@example.org", "+8613800138000", 1)
	expectNumber("still at once", "bob@example.org", "", 0)
	now.Step(rosterLife + time.Second)
	expectNumber("later", "bob@example.org", "+8613800138000", 1)
	n.answer = "<vCard xmlns='vcard-temp'/>"
	now.Step(vcardLife - time.Hour)
	expectNumber("kept", "bob@example.org", "+8613800138000", 0)
}
