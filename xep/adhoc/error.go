package adhoc

import (
	"encoding/xml"

	"mellium.im/xmlstream"
	"mellium.im/xmpp/stanza"
)

// Condition is an error condition of this protocol, in addition to the general one (XEP-0050 §4.4).
type Condition string

const (
	MalformedAction Condition = "malformed-action"
	BadAction       Condition = "bad-action"
	BadLocale       Condition = "bad-locale"
	BadPayload      Condition = "bad-payload"
	BadSessionID    Condition = "bad-sessionid"
	SessionExpired  Condition = "session-expired"
)

// Error is the <error/> of an IQ.
type Error struct {
	Stanza    stanza.Error
	Condition Condition // "" if there is none
	Cause     error     // of an internal-server-error: for the log, not for the requester
}

// Error implements error.
func (e *Error) Error() string {
	s := string(e.Stanza.Condition)
	if e.Condition != "" {
		s += ", " + string(e.Condition)
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// TokenReader implements xmlstream.Marshaler.
func (e *Error) TokenReader() xml.TokenReader {
	if e.Condition == "" {
		return e.Stanza.TokenReader()
	}
	return e.Stanza.Wrap(xmlstream.Wrap(nil, xml.StartElement{Name: xml.Name{Space: NS, Local: string(e.Condition)}}))
}

// WriteXML implements xmlstream.WriterTo.
func (e *Error) WriteXML(w xmlstream.TokenWriter) (int, error) {
	return xmlstream.Copy(w, e.TokenReader())
}

// MarshalXML implements xml.Marshaler.
func (e *Error) MarshalXML(enc *xml.Encoder, _ xml.StartElement) error {
	_, err := e.WriteXML(enc)
	return err
}

func badRequest(c Condition) *Error {
	return &Error{Stanza: stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest}, Condition: c}
}

func failed(kind stanza.ErrorType, c stanza.Condition) *Error {
	return &Error{Stanza: stanza.Error{Type: kind, Condition: c}}
}

func expired() *Error {
	return &Error{Stanza: stanza.Error{Type: stanza.Cancel, Condition: stanza.NotAllowed}, Condition: SessionExpired}
}

func internal(cause error) *Error {
	return &Error{Stanza: stanza.Error{Type: stanza.Cancel, Condition: stanza.InternalServerError}, Cause: cause}
}
