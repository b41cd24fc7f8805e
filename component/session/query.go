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

// StanzaError is an error response to a request (RFC 6120 §8.3).
type StanzaError struct {
	From      jid.JID
	Type      string // auth, cancel, continue, modify, wait
	Condition string
	Text      string
}

// Error implements error. It omits the text, which comes from the other side.
func (e *StanzaError) Error() string {
	return fmt.Sprintf("answered with error %s (%s)", e.Condition, e.Type)
}

// IsAnswer reports whether an error returned by Query is a response of the entity asked.
func IsAnswer(err error) bool {
	var answer *StanzaError
	return errors.As(err, &answer)
}

// pendingQuery is an IQ awaiting its response.
type pendingQuery struct {
	to     jid.JID
	answer chan *Stanza // buffered, 1
}

// Query sends an IQ of type get or set from the component's domain, waits for the response, and decodes its payload into
// answer unless that is nil; a response without a payload leaves it unchanged. Responses from anybody but the entity asked
// are ignored. ctx should have a deadline: entities may never respond. The Handler must not call Query, since it runs in the
// goroutine that would read the response.
//
// The errors are those of Send, ErrDown if the stream ends before the response, *StanzaError, and the error of ctx.
func (s *Session) Query(ctx context.Context, to, kind string, payload, answer any) error {
	return s.QueryAs(ctx, "", to, kind, payload, answer)
}

// QueryAs is Query from another address of the component.
func (s *Session) QueryAs(ctx context.Context, from, to, kind string, payload, answer any) error {
	l := s.current.Load()
	if l == nil {
		return ErrDown
	}
	return s.query(ctx, l, from, to, kind, payload, answer)
}

func (s *Session) query(ctx context.Context, l *link, from, to, kind string, payload, answer any) error {
	whom, err := address.Parse(to)
	if err != nil {
		return fmt.Errorf("to: %w", err)
	}
	id := rand.Text()
	q := &pendingQuery{to: whom, answer: make(chan *Stanza, 1)}
	if !l.addPending(id, q) {
		return ErrDown
	}
	defer l.removePending(id)
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

// Stream returns the number of the current stream, 0 if there is none.
func (s *Session) Stream() uint64 {
	if l := s.current.Load(); l != nil {
		return l.number
	}
	return 0
}

// Confirm waits until the server has received everything sent on a stream so far, by a ping (XEP-0199) on the same stream,
// which preserves order. stream is the value of Stream before the first of those sends. The error is ErrDown if that stream
// has ended, unless it was closed cleanly: a server closes its half only when it has read all of ours.
func (s *Session) Confirm(ctx context.Context, stream uint64) error {
	l := s.current.Load()
	if l == nil || l.number != stream {
		if stream != 0 && s.left.Load() == stream {
			return nil
		}
		return ErrDown
	}
	err := s.query(ctx, l, "", s.opts.PingTo.String(), "get", ping{}, nil)
	if IsAnswer(err) {
		return nil
	}
	return err
}

// addPending registers a query. It reports whether the link is up.
func (l *link) addPending(id string, q *pendingQuery) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == nil {
		return false
	}
	l.pending[id] = q
	return true
}

func (l *link) removePending(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, id)
}

// resolve delivers a response to its query. It reports whether there is one.
func (l *link) resolve(iq *Stanza, self jid.JID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.pending[iq.ID]
	if q == nil {
		return false
	}
	from := iq.From
	if from.Equal(jid.JID{}) { // the library drops our own address
		from = self
	}
	if !from.Equal(q.to) {
		return false
	}
	delete(l.pending, iq.ID)
	q.answer <- iq
	return true
}

// result decodes the payload of a response into v, or returns the error in it.
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

// Err returns the error of a stanza of type error; without a condition it is undefined-condition.
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
