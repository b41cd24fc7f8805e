package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/xml"
	"fmt"

	"mellium.im/xmpp/stanza"

	"tocsin/address"
)

// Message is one to send. From is the component's domain if it is empty, ID a random one.
type Message struct {
	From, To, Type, ID, Lang string
	Body                     string // no <body/> if it is empty
	Payload                  []any  // child elements, written by encoding/xml
}

// Presence is one to send, like Message.
type Presence struct {
	From, To, Type, ID string
	Payload            []any
}

// IQ is an answer to send, like Message; Result and Error make one. Requests are sent by Ask.
type IQ struct {
	From, To, Type, ID string
	Payload            []any
}

// Result returns the answer to iq, with a payload if it is not nil.
func Result(iq *Stanza, payload any) IQ {
	answer := answer(iq, "result")
	if payload != nil {
		answer.Payload = []any{payload}
	}
	return answer
}

// Error returns the error that answers iq, of one of the conditions and types of RFC 6120 §8.3. extra is the
// application's own condition, or nil.
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
	answer := answer(iq, "error")
	answer.Payload = []any{element}
	return answer
}

// answer is from the address that was asked: clients check it.
func answer(iq *Stanza, kind string) IQ {
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

// Send writes a Message, Presence or IQ to the stream. When it returns nil the bytes are with the kernel, which is no
// proof that the server has them. It may be called from several goroutines.
//
// The errors are ErrDown, ErrForeignFrom, ErrNoTo, ErrTooBig, wrapped, those of encoding/xml, and that of ctx. After
// ErrDown part of the stanza may have gone out.
func (s *Session) Send(ctx context.Context, v any) error {
	l := s.current.Load()
	if l == nil {
		return ErrDown
	}
	return s.send(ctx, l, v)
}

// SendIf is Send for a stanza that may go out only while may says so. It is asked when nothing stands before the stanza
// any more: else the error is ErrHeldBack, and nothing has gone out.
func (s *Session) SendIf(ctx context.Context, v any, may func() bool) error {
	l := s.current.Load()
	if l == nil {
		return ErrDown
	}
	b, err := s.encode(v)
	if err != nil {
		return err
	}
	return l.writeIf(ctx, b, may)
}

func (s *Session) send(ctx context.Context, l *link, v any) error {
	b, err := s.encode(v)
	if err != nil {
		return err
	}
	return l.write(ctx, b)
}

// encode checks a stanza and writes it as XML.
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
		return nil, fmt.Errorf("to: no address: %w", err)
	}
	if out.id == "" {
		out.id = rand.Text()
	}
	var buf bytes.Buffer
	enc := xml.NewEncoder(&buf)
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("write %s: %w", out.name, err)
	}
	if buf.Len() >= MaxStanza {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooBig, buf.Len())
	}
	return buf.Bytes(), nil
}

// envelope is what the three stanzas have in common. Its name has no namespace: it is that of the stream.
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
	return nil, fmt.Errorf("%T is no stanza", v)
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
