package session

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"

	"mellium.im/xmpp/jid"

	"tocsin/address"
)

// StanzaError is the error by which somebody answered (RFC 6120 §8.3).
type StanzaError struct {
	From      jid.JID
	Type      string // auth, cancel, continue, modify, wait
	Condition string
	Text      string
}

// Error implements error. It leaves the text out, which is the other side's.
func (e *StanzaError) Error() string {
	return fmt.Sprintf("answer is the error %s (%s)", e.Condition, e.Type)
}

// IsAnswer reports whether an error of Ask is the answer of the one that was asked.
func IsAnswer(err error) bool {
	var answer *StanzaError
	return errors.As(err, &answer)
}

// question is an IQ that waits for its answer.
type question struct {
	to     jid.JID
	answer chan *Stanza // has room for one
}

// Ask sends an IQ of type get or set from the component's domain and waits for the answer, whose payload is read into
// answer unless that is nil; an answer without payload leaves it as it is. An answer from anybody but the one that was
// asked is none. ctx should end some time: nobody has to answer. Ask must not be called by the Handler, which the answer
// has to pass.
//
// The errors are those of Send, ErrDown if the stream ends before the answer, *StanzaError, and that of ctx.
func (s *Session) Ask(ctx context.Context, to, kind string, payload, answer any) error {
	return s.AskAs(ctx, "", to, kind, payload, answer)
}

// AskAs is Ask from another address of the component.
func (s *Session) AskAs(ctx context.Context, from, to, kind string, payload, answer any) error {
	l := s.current.Load()
	if l == nil {
		return ErrDown
	}
	return s.ask(ctx, l, from, to, kind, payload, answer)
}

func (s *Session) ask(ctx context.Context, l *link, from, to, kind string, payload, answer any) error {
	whom, err := address.Parse(to)
	if err != nil {
		return fmt.Errorf("to: no address: %w", err)
	}
	id := rand.Text()
	q := &question{to: whom, answer: make(chan *Stanza, 1)}
	if !l.expect(id, q) {
		return ErrDown
	}
	defer l.forget(id)
	if err := s.send(ctx, l, IQ{From: from, To: to, Type: kind, ID: id, Payload: []any{payload}}); err != nil {
		return err
	}
	select {
	case iq := <-q.answer:
		return iq.result(answer)
	case <-l.down:
		return ErrDown
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stream is the number of the stream that is up; 0: there is none.
func (s *Session) Stream() uint64 {
	if l := s.current.Load(); l != nil {
		return l.number
	}
	return 0
}

// Taken waits until the server has taken all that was sent before: it answers a ping (XEP-0199) that was sent after it
// on the same stream, which is in order. The stream is the number that it had before the first of the sends. The error
// is ErrDown if that stream is over, unless it was left in good order: the server ends its half when it has read ours.
func (s *Session) Taken(ctx context.Context, stream uint64) error {
	l := s.current.Load()
	if l == nil || l.number != stream {
		if stream != 0 && s.left.Load() == stream {
			return nil
		}
		return ErrDown
	}
	err := s.ask(ctx, l, "", s.opts.PingTo.String(), "get", ping{}, nil)
	if IsAnswer(err) {
		return nil
	}
	return err
}

// expect notes a question. It reports whether the link is up.
func (l *link) expect(id string, q *question) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == nil {
		return false
	}
	l.pending[id] = q
	return true
}

func (l *link) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, id)
}

// answered hands an answer to who waits for it. It reports whether there was somebody.
func (l *link) answered(iq *Stanza, self jid.JID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.pending[iq.ID]
	if q == nil {
		return false
	}
	from := iq.From
	if from.Equal(jid.JID{}) { // the library empties our own address
		from = self
	}
	if !from.Equal(q.to) {
		return false
	}
	delete(l.pending, iq.ID)
	q.answer <- iq
	return true
}

// result reads the payload of an answer into v, or returns the error that it is.
func (s *Stanza) result(v any) error {
	if s.Type == "error" {
		return s.Err()
	}
	if v == nil || len(s.Payloads) == 0 {
		return nil
	}
	if err := s.Payloads[0].Decode(v); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// Err returns the error that a stanza of type error carries; its condition is undefined-condition if there is none.
func (s *Stanza) Err() *StanzaError {
	e := &StanzaError{From: s.From, Condition: "undefined-condition"}
	p := s.Child("", "error")
	if p == nil {
		return e
	}
	var content struct {
		Type string                       `xml:"type,attr"`
		Text string                       `xml:"urn:ietf:params:xml:ns:xmpp-stanzas text"`
		Any  []struct{ XMLName xml.Name } `xml:",any"`
	}
	if p.Decode(&content) != nil {
		return e
	}
	e.Type, e.Text = content.Type, content.Text
	for _, child := range content.Any {
		if child.XMLName.Space == nsStanzas && child.XMLName.Local != "text" {
			e.Condition = child.XMLName.Local
			break
		}
	}
	return e
}
