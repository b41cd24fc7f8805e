package session_test

import (
	"errors"
	"fmt"
	"testing"

	"tocsin/component/session"
	"tocsin/internal/fakeserver"
)

// Stanzas count as received once the server answers what was sent after them, with any response, and never before.
func TestConfirm(t *testing.T) {
	for name, answer := range map[string]string{
		"sent back": "<iq type='get' from='" + domain + "' to='" + domain + "' id='%s'><ping xmlns='urn:xmpp:ping'/></iq>",
		"result":    "<iq type='result' from='" + domain + "' to='" + domain + "' id='%s'/>",
		"refused": "<iq type='error' from='" + domain + "' to='" + domain + "' id='%s'><error type='cancel'>" +
			"<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(s *fakeserver.Server, _ *session.Options) { s.Answer = nil })
			p := r.accept()
			stream := r.session.Stream()
			if err := r.session.Send(soon(t), session.Message{To: "alice@example.org", ID: "m1"}); err != nil {
				t.Fatal(err)
			}
			confirmed := make(chan error)
			go func() { confirmed <- r.session.Confirm(soon(t), stream) }()
			if id := next(t, p).Attr["id"]; id != "m1" {
				t.Errorf("first comes %s", id)
			}
			ping := next(t, p)
			select {
			case err := <-confirmed:
				t.Errorf("before the answer: %v", err)
			default:
			}
			send(t, p, fmt.Sprintf(answer, ping.Attr["id"]))
			if err := within(t, confirmed); err != nil {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// A broken stream proves nothing, nor does the next one; a stream closed cleanly was read to its end.
func TestConfirmAfterTheEnd(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	first := r.session.Stream()
	p.Cut()
	within(t, r.down)
	r.accept()
	second := r.session.Stream()
	for stream, want := range map[uint64]error{0: session.ErrDown, first: session.ErrDown, second: nil} {
		if err := r.session.Confirm(soon(t), stream); !errors.Is(err, want) {
			t.Errorf("stream %d: %v, want %v", stream, err, want)
		}
	}
	r.stop()
	if err := within(t, r.ran); err != nil {
		t.Fatal(err)
	}
	for stream, want := range map[uint64]error{first: session.ErrDown, second: nil} {
		if err := r.session.Confirm(soon(t), stream); !errors.Is(err, want) {
			t.Errorf("stream %d after all: %v, want %v", stream, err, want)
		}
	}
}
