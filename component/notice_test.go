package component

import (
	"strings"
	"testing"

	"tocsin/internal/expect"
	"tocsin/internal/fakeserver"
)

const (
	phone   = "alice@example.org/phone"
	here    = "<presence from='alice@example.org/phone' to='tocsin.example.org'/>"
	written = "<message from='example.org' to='tocsin.example.org'><forwarded xmlns='urn:xmpp:forward:0'>" +
		"<message xmlns='jabber:client' type='chat' from='alice@example.org/phone' to='bob@example.org' id='m1'><body>Hi</body></message></forwarded></message>"
	can = "<iq type='result' from='alice@example.org/phone' to='tocsin.example.org' id='%s'>" +
		"<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:tocsin:escalation:0'/></query></iq>"
)

// answer answers all queries about alice's phone, and returns everything else.
func (s *served) answer() (others []*fakeserver.Element) {
	s.later(0)
	for _, e := range s.peer.Take() {
		if e.Name.Local == "iq" && e.Attr["to"] == phone {
			s.send(can, e.Attr["id"])
		} else if e.Name.Local == "message" {
			others = append(others, e)
		}
	}
	s.later(0)
	return others
}

// A state that arises while the sender's new client is being queried is reported once, after the answer.
func TestStateWhileAClientIsAsked(t *testing.T) {
	serve(t, func(s *served) {
		s.send(here)
		s.later(0)
		s.send(written)
		s.later(0)
		s.store.messages = s.store.inserted
		expect.Equal(t, "before the answer", len(s.answer()), 0)
		told := s.answer()
		expect.Equal(t, "headlines", len(told), 1)
		if len(told) == 1 {
			expect.Equal(t, "state", strings.Count(told[0].XML, "id='m1'"), 1)
		}
	})
}
