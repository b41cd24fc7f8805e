// Package intake cuts the bytes of a component's stream into frames before the XMPP library sees them: copies from the tap
// are diverted, stanzas that would end the library's session are dropped and counted, and the rest is passed on unchanged.
//
// It owns the stream's buffer and the limits on stanzas, and knows only enough XML to find the end of a stanza. Its tests
// split streams at every byte (conn_test.go), send what would end mellium's session (mellium_test.go), and fuzz.
package intake

import (
	"bytes"
	"errors"
	"io"
	"net"
)

// ErrNotXML ends a stream whose bytes can no longer be divided into stanzas.
var ErrNotXML = errors.New("the stream is not well-formed XML")

// Limits bound a stanza. One over a limit is skipped to its end without being buffered. A zero field means the default.
type Limits struct {
	Bytes    int // of the whole stanza
	Depth    int // of nesting
	Children int // elements in the whole stanza, at any depth
	Attrs    int // of one element, namespace declarations included
}

// Defaults are the limits of zero fields.
var Defaults = Limits{Bytes: 512 << 10, Depth: 64, Children: 8192, Attrs: 128}

func (l Limits) orDefaults() Limits {
	or := func(n, otherwise int) int {
		if n > 0 {
			return n
		}
		return otherwise
	}
	return Limits{or(l.Bytes, Defaults.Bytes), or(l.Depth, Defaults.Depth), or(l.Children, Defaults.Children), or(l.Attrs, Defaults.Attrs)}
}

// Reason is why something did not reach the library.
type Reason string

const (
	TooBig       Reason = "too-big"       // over Limits.Bytes
	TooDeep      Reason = "too-deep"      // over Limits.Depth
	TooMany      Reason = "too-many"      // over Limits.Children or Limits.Attrs
	Malformed    Reason = "malformed"     // not well-formed XML, or forbidden by RFC 6120 §11.1: comments, processing instructions
	BadAddress   Reason = "bad-address"   // from or to is not a JID
	BadIQ        Reason = "bad-iq"        // a request or an error without a child, or with text before it
	StreamInside Reason = "stream-inside" // an element of the stream's namespace where it is not allowed
	Stray        Reason = "stray"         // text, comment or processing instruction between stanzas
)

// Request is an IQ that needs an answer, of any type except result and error: its sender, addressee and id.
type Request struct{ From, To, ID string }

// Conn is a connection whose reader sees only what the XMPP library can handle. Writing, deadlines and closing are the
// wrapped connection's.
type Conn struct {
	net.Conn
	// Dropped, if set before the first Read, is called for everything that was not passed on.
	Dropped func(Reason)
	// Refuse, if set before the first Read, answers requests that were not passed on with bad-request (RFC 6120 §8.2.3).
	Refuse func(Request)

	taken  func(frame []byte)
	cutter cutter
	check  check
	ready  []byte // a frame, or the rest of one, that the library has not read yet
	began  bool   // a stanza has followed the stream header
	closed bool
}

// NewConn wraps c. Read passes copies of the tap, which are messages with a <forwarded/> child, to taken; a frame is
// valid only during that call.
func NewConn(c net.Conn, l Limits, taken func(frame []byte)) *Conn {
	return &Conn{Conn: c, taken: taken, cutter: cutter{limits: l.orDefaults(), depth: outside}}
}

// Read implements net.Conn. It returns ErrNotXML, an error of the connection, or io.EOF at the stream's end.
func (c *Conn) Read(p []byte) (int, error) {
	for len(c.ready) == 0 {
		if c.closed {
			return 0, io.EOF
		}
		piece, err := c.cutter.next(c.Conn)
		if err != nil {
			return 0, err
		}
		c.sort(piece)
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// sort handles a piece of the stream according to its kind.
func (c *Conn) sort(p piece) {
	switch p.kind {
	case header:
		c.check.header(p.bytes)
		c.ready = p.bytes
		c.closed = p.last
	case closing:
		c.ready = p.bytes
		c.closed = true
	case space:
		if c.began { // the library tolerates none before its handshake is answered
			c.ready = p.bytes
		}
	case stray:
		c.drop(Stray)
	case skipped:
		c.drop(p.reason)
	case whole:
		if p.forward {
			c.taken(p.bytes)
			return
		}
		if reason := c.check.stanza(p.bytes); reason != "" {
			c.drop(reason)
			if r := c.check.request; reason == BadIQ && r.ID != "" && c.Refuse != nil {
				c.Refuse(r)
			}
			return
		}
		c.ready = p.bytes
		c.began = true
	}
}

func (c *Conn) drop(r Reason) {
	if c.Dropped != nil {
		c.Dropped(r)
	}
}

// blank reports whether b is only white space.
func blank(b []byte) bool { return len(bytes.TrimLeft(b, " \t\r\n")) == 0 }
