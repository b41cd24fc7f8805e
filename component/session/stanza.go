package session

import (
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"mellium.im/xmpp/component"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"tocsin/address"
)

// Handler handles incoming stanzas, in order, in the goroutine that reads the stream: it must neither block nor call Query. It
// may keep the stanzas. Responses to Query and invalid IQs do not reach it.
type Handler interface {
	// IQ handles a request (get or set, with one payload), which must be answered exactly once, at any time.
	IQ(*Stanza)
	Message(*Stanza)
	Presence(*Stanza)
}

// Stanza is an incoming stanza.
type Stanza struct {
	Name     string // iq, message or presence
	Type     string
	ID       string
	Lang     string
	From, To jid.JID
	Payloads []Payload
}

// Child returns the first payload of that name, or nil. An empty space means the stream's namespace.
func (s *Stanza) Child(space, local string) *Payload {
	if space == "" {
		space = component.NSAccept
	}
	i := slices.IndexFunc(s.Payloads, func(p Payload) bool { return p.Name == xml.Name{Space: space, Local: local} })
	if i < 0 {
		return nil
	}
	return &s.Payloads[i]
}

// Body returns the text of the <body/> of a message.
func (s *Stanza) Body() string {
	if p := s.Child("", "body"); p != nil {
		return p.Text()
	}
	return ""
}

// Payload is one child element of a stanza. It can be decoded any number of times.
type Payload struct {
	Name   xml.Name
	Attr   []xml.Attr
	tokens []xml.Token // including start and end
}

// Decode decodes the element into v, as encoding/xml does.
func (p *Payload) Decode(v any) error {
	return xml.NewTokenDecoder(&replay{p.tokens}).Decode(v)
}

// Text returns the text directly inside the element.
func (p *Payload) Text() string {
	var text strings.Builder
	var depth int
	for _, t := range p.tokens {
		switch t := t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 1 {
				text.Write(t)
			}
		}
	}
	return text.String()
}

// replay is a token reader over tokens.
type replay struct{ tokens []xml.Token }

// Token implements xml.TokenReader.
func (r *replay) Token() (xml.Token, error) {
	if len(r.tokens) == 0 {
		return nil, io.EOF
	}
	t := r.tokens[0]
	r.tokens = r.tokens[1:]
	return t, nil
}

// handle reads one element of the stream and passes it on. The stream survives any fault in it.
func (s *Session) handle(l *link, t xml.TokenReader, start *xml.StartElement) {
	if !stanza.Is(start.Name, component.NSAccept) {
		s.opts.Dropped("no stanza")
		return
	}
	in, err := capture(t, start)
	if err != nil {
		s.opts.Dropped(err.Error())
		return
	}
	if in.Name == "iq" && !s.request(l, in) {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			s.opts.Dropped("panic")
			s.opts.Log.Error("handler failed", "stanza", in.Name, "panic", Harmless(r), "stack", string(debug.Stack()))
			if in.Name == "iq" {
				l.reply(Error(in, stanza.InternalServerError, stanza.Cancel, nil))
			}
		}
	}()
	switch in.Name {
	case "iq":
		s.in.Handler.IQ(in)
	case "message":
		s.in.Handler.Message(in)
	case "presence":
		s.in.Handler.Presence(in)
	}
}

// Refuse answers a request that was not passed on with bad-request. It does not block: under a flood, not all are answered.
func (s *Session) Refuse(from, to, id string) {
	iq := &Stanza{Name: "iq", ID: id}
	var fromErr, toErr error
	iq.From, fromErr = parse(from)
	iq.To, toErr = parse(to)
	if l := s.current.Load(); l != nil && fromErr == nil && toErr == nil {
		l.reply(Error(iq, stanza.BadRequest, stanza.Modify, nil))
	}
}

// request reports whether an IQ is a request for the handler. Responses are delivered to waiting callers; malformed requests
// are refused (RFC 6120 §8.2.3).
func (s *Session) request(l *link, iq *Stanza) bool {
	switch iq.Type {
	case "result", "error":
		if !strings.HasPrefix(iq.ID, pingPrefix) && !l.resolve(iq, s.opts.JID) {
			s.opts.Dropped("answer to no question")
		}
		return false
	case "get", "set":
	default:
		s.opts.Dropped("IQ type")
		l.reply(Error(iq, stanza.BadRequest, stanza.Modify, nil))
		return false
	}
	if iq.From.Equal(jid.JID{}) || iq.From.Equal(s.opts.JID) { // our own ping, routed back: its arrival suffices
		l.resolve(iq, s.opts.JID)
		return false
	}
	if len(iq.Payloads) != 1 || iq.ID == "" {
		s.opts.Dropped("IQ shape")
		l.reply(Error(iq, stanza.BadRequest, stanza.Modify, nil))
		return false
	}
	return true
}

var (
	errAddress = errors.New("address")
	errXML     = errors.New("XML")
)

// capture reads a whole stanza.
func capture(t xml.TokenReader, start *xml.StartElement) (*Stanza, error) {
	in := &Stanza{Name: start.Name.Local}
	var from, to string
	for _, a := range start.Attr {
		switch {
		case a.Name.Local == "lang" && a.Name.Space == "http://www.w3.org/XML/1998/namespace":
			in.Lang = a.Value
		case a.Name.Space != "":
		case a.Name.Local == "type":
			in.Type = a.Value
		case a.Name.Local == "id":
			in.ID = a.Value
		case a.Name.Local == "from":
			from = a.Value
		case a.Name.Local == "to":
			to = a.Value
		}
	}
	if err := in.children(t); err != nil {
		return nil, err
	}
	var err error
	if in.From, err = parse(from); err != nil {
		return nil, errAddress
	}
	if in.To, err = parse(to); err != nil {
		return nil, errAddress
	}
	return in, nil
}

// children reads the child elements. Namespace declarations are left out: names are resolved already, and must not be
// resolved again.
func (s *Stanza) children(r xml.TokenReader) error {
	var depth, begin int
	var tokens []xml.Token
	for {
		t, err := r.Token()
		switch t := t.(type) {
		case xml.StartElement:
			t = xml.StartElement{Name: t.Name, Attr: slices.DeleteFunc(slices.Clone(t.Attr), declares)}
			if depth == 0 {
				begin = len(tokens)
			}
			tokens = append(tokens, t)
			depth++
		case xml.EndElement:
			depth--
			if depth < 0 { // the stanza's own
				return nil
			}
			tokens = append(tokens, t)
			if depth == 0 {
				child := tokens[begin]
				s.Payloads = append(s.Payloads, Payload{Name: t.Name, Attr: child.(xml.StartElement).Attr, tokens: slices.Clip(tokens[begin:])})
			}
		case xml.CharData:
			if depth > 0 {
				tokens = append(tokens, t.Copy())
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errXML
		}
	}
}

func declares(a xml.Attr) bool {
	return a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns"
}

func parse(s string) (jid.JID, error) {
	if s == "" {
		return jid.JID{}, nil
	}
	return address.Parse(s)
}

// Harmless returns what may be logged about a panic: its value could contain anything read from the stream.
func Harmless(r any) slog.Value {
	if err, ok := r.(runtime.Error); ok {
		return slog.StringValue(err.Error())
	}
	return slog.StringValue("hidden")
}
