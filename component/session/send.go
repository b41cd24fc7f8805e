package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"

	"mellium.im/xmpp/stanza"

	"tocsin/address"
)

// Message is an outgoing message stanza. An empty From means the component's domain, an empty ID a random one.
type Message struct {
	From, To, Type, ID, Lang string
	Body                     string // no <body/> if it is empty
	Payload                  []any  // child elements, written by encoding/xml
}

// Presence is an outgoing presence stanza, like Message.
type Presence struct {
	From, To, Type, ID string
	Payload            []any
}

// IQ is an outgoing response, like Message; Result and Error make one. Requests are sent by Query.
type IQ struct {
	From, To, Type, ID string
	Payload            []any
}

// Result returns the result of iq, with a payload unless that is nil.
func Result(iq *Stanza, payload any) IQ {
	answer := response(iq, "result")
	if payload != nil {
		answer.Payload = []any{payload}
	}
	return answer
}

// Error returns an error response to iq, with a condition and type of RFC 6120 §8.3. extra is an application-specific
// condition, or nil.
func Error(iq *Stanza, condition stanza.Condition, kind stanza.ErrorType, extra any) IQ {
	e := fault{Type: kind}
	e.Condition.XMLName = xml.Name{Space: nsStanzas, Local: string(condition)}
	if extra != nil {
		e.Extra = []any{extra}
	}
	return ErrorWith(iq, e)
}

// ErrorWith is Error with a whole <error/> element.
func ErrorWith(iq *Stanza, element any) IQ {
	answer := response(iq, "error")
	answer.Payload = []any{element}
	return answer
}

// response returns a response from the requested address, which clients check.
func response(iq *Stanza, kind string) IQ {
	return IQ{From: iq.To.String(), To: iq.From.String(), Type: kind, ID: iq.ID}
}

const nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"

type fault struct {
	XMLName   xml.Name         `xml:"error"`
	Type      stanza.ErrorType `xml:"type,attr"`
	Condition struct{ XMLName xml.Name }
	Extra     []any
}

type ping struct {
	XMLName xml.Name `xml:"urn:xmpp:ping ping"`
}

// Send writes a Message, Presence or IQ to the stream. When it returns nil, the kernel has the bytes; that does not prove
// that the server has them. It may be called by several goroutines.
//
// The errors are ErrDown, ErrForeignFrom, ErrNoTo and ErrTooBig, wrapped, those of encoding/xml, and the error of ctx. After
// ErrDown, part of the stanza may have been sent.
func (s *Session) Send(ctx context.Context, v any) error {
	l := s.current.Load()
	if l == nil {
		return ErrDown
	}
	return s.send(ctx, l, v)
}

// SendIf is Send under a condition, evaluated at the last moment before the stanza is written. If may returns false, nothing
// is sent and the error is ErrHeldBack.
func (s *Session) SendIf(ctx context.Context, v any, may func() bool) error {
	l := s.current.Load()
	if l == nil {
		return ErrDown
	}
	b, err := s.encode(v)
	if err == nil {
		err = l.writeIf(ctx, b, may)
	}
	s.trace(ctx, v, len(b), err)
	return err
}

func (s *Session) send(ctx context.Context, l *link, v any) error {
	b, err := s.encode(v)
	if err == nil {
		err = l.write(ctx, b)
	}
	s.trace(ctx, v, len(b), err)
	return err
}

// trace logs the outcome of an outgoing stanza, without its content.
func (s *Session) trace(ctx context.Context, v any, size int, err error) {
	if !s.opts.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	out, unknown := outgoing(v)
	if unknown != nil {
		return
	}
	outcome := "sent"
	if err != nil {
		outcome = err.Error()
	}
	to, _, _ := strings.Cut(out.to, "/")
	if strings.HasPrefix(to, "+") { // a number at a gateway
		_, domain, _ := strings.Cut(to, "@")
		to = "+…@" + domain
	}
	s.opts.Log.DebugContext(ctx, "out", "stanza", out.name, "type", out.kind, "to", to, "bytes", size, "outcome", outcome)
}

// encode validates a stanza and encodes it as XML.
func (s *Session) encode(v any) ([]byte, error) {
	out, err := outgoing(v)
	if err != nil {
		return nil, err
	}
	if out.from == "" {
		out.from = s.self
	} else if from, err := address.Parse(out.from); err != nil || from.Domainpart() != s.opts.JID.Domainpart() {
		return nil, ErrForeignFrom
	}
	if out.to == "" {
		return nil, ErrNoTo
	}
	if _, err := address.Parse(out.to); err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	if out.id == "" {
		out.id = rand.Text()
	}
	var buf bytes.Buffer
	enc := xml.NewEncoder(&buf)
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("encode %s: %w", out.name, err)
	}
	if buf.Len() >= MaxStanza {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooBig, buf.Len())
	}
	return buf.Bytes(), nil
}

// envelope is the common form of the three kinds of stanza. Its name has no namespace: the stream's applies.
type envelope struct {
	name, from, to, kind, id, lang, body string
	payload                              []any
}

func outgoing(v any) (*envelope, error) {
	switch v := v.(type) {
	case Message:
		return &envelope{"message", v.From, v.To, v.Type, v.ID, v.Lang, v.Body, v.Payload}, nil
	case *Message:
		return outgoing(*v)
	case Presence:
		return &envelope{"presence", v.From, v.To, v.Type, v.ID, "", "", v.Payload}, nil
	case *Presence:
		return outgoing(*v)
	case IQ:
		return &envelope{"iq", v.From, v.To, v.Type, v.ID, "", "", v.Payload}, nil
	case *IQ:
		return outgoing(*v)
	}
	return nil, fmt.Errorf("cannot send a %T", v)
}

// MarshalXML implements xml.Marshaler.
func (e *envelope) MarshalXML(enc *xml.Encoder, _ xml.StartElement) error {
	start := xml.StartElement{Name: xml.Name{Local: e.name}}
	for _, a := range [][2]string{{"from", e.from}, {"to", e.to}, {"type", e.kind}, {"id", e.id}, {"xml:lang", e.lang}} {
		if a[1] != "" {
			start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: a[0]}, Value: a[1]})
		}
	}
	if err := enc.EncodeToken(start); err != nil {
		return err
	}
	if e.body != "" {
		if err := enc.EncodeElement(e.body, xml.StartElement{Name: xml.Name{Local: "body"}}); err != nil {
			return err
		}
	}
	for _, child := range e.payload {
		if err := enc.Encode(child); err != nil {
			return err
		}
	}
	return enc.EncodeToken(start.End())
}
