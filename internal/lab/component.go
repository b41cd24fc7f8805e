package lab

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// Component is a bare external component (XEP-0114). It keeps everything it receives for the test, and sends nothing by
// itself except what a module with events requires.
type Component struct {
	stream
	Features []string // in its disco#info response, besides the tap's own
	Record   bool     // keeps everything received verbatim, for Wire

	addr, jid, secret string
	told              bool // by a module with events
	pings, acks       int
	wire              wire

	// Guarded by the stream's mu:
	batches  []Batch
	silent   bool
	wasAsked chan struct{} // closed when the server has requested its features
}

// Connect does the handshake and listens. With a module that reports events it returns when everything that precedes them
// has arrived.
func (c *Component) Connect() {
	c.t.Helper()
	if err := c.connect(); err != nil {
		c.t.Fatalf("%s: connect: %v", c.name, err)
	}
	asked := make(chan struct{})
	c.mu.Lock()
	c.wasAsked = asked
	c.mu.Unlock()
	c.listen(c.handle)
	if c.told {
		select {
		case <-asked:
		case <-time.After(Timeout):
			c.t.Fatalf("%s: nobody asked for its features", c.name)
		}
	}
}

// asked records that the server has requested the features.
func (c *Component) asked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wasAsked != nil {
		close(c.wasAsked)
		c.wasAsked = nil
	}
}

func (c *Component) connect() error {
	if err := c.dial(c.addr); err != nil {
		return err
	}
	if c.Record {
		c.dec = xml.NewDecoder(io.TeeReader(c.conn, &c.wire))
	}
	header, err := c.open(fmt.Sprintf("<?xml version='1.0'?><stream:stream to='%s' xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>", c.jid))
	if err != nil {
		return err
	}
	hash := sha1.Sum([]byte(header.Attr("id") + c.secret)) // XEP-0114 §3
	if err := c.put("<handshake>" + hex.EncodeToString(hash[:]) + "</handshake>"); err != nil {
		return err
	}
	e, err := c.answer()
	if err != nil {
		return err
	}
	if e.Name.Local != "handshake" {
		return fmt.Errorf("handshake: %s", e)
	}
	return nil
}

// wire is what was received on all connections, byte for byte.
type wire struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write implements io.Writer.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.Write(b)
}

// Wire returns what was received since the last call, if the component records it.
func (c *Component) Wire() string {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	came := c.wire.all.String()
	c.wire.all.Reset()
	return came
}

// Name is the domain of the component.
func (c *Component) Name() string { return c.jid }

// Sync returns when the component has received everything reported so far. host is one of the server's. (A server without
// events answers with an error, but also in order.)
func (c *Component) Sync(host string) {
	c.t.Helper()
	c.pings++
	c.Send("<iq type='set' id='sync-%d' from='%s' to='%s'><refresh xmlns='%s'/></iq>", c.pings, c.jid, host, nsTap)
	c.Expect("iq[@id='sync-%d']", c.pings)
}

// Close ends the stream.
func (c *Component) Close() {
	c.t.Helper()
	c.Send("</stream:stream>")
	c.ExpectEnd()
	c.reader.Wait()
}

// String describes the copy briefly: its event, the stanza's name and its id, or its sender if it has none.
func (c Copy) String() string {
	what := c.Inner.Attr("id")
	if what == "" {
		what = c.Inner.Attr("from")
	}
	if typ := c.Inner.Attr("type"); typ == "error" || typ == "unavailable" {
		what = typ + " " + what
	}
	return strings.TrimSpace(c.Event + " " + what)
}

// Copy is a message or presence as reported by the tap.
type Copy struct {
	Event string // from our Prosody module: out, in, offline, acked, bounce, presence; otherwise ""
	From  string // virtual host that made the copy
	Stamp string // from the tap's delay; otherwise ""
	Inner *Element
}

func copyOf(e *Element) (c Copy) {
	c.Event = e.Find("{urn:tocsin:tap:0}tap").Attr("event")
	c.From = e.Attr("from")
	c.Stamp = e.Find("{urn:xmpp:forward:0}forwarded/{urn:xmpp:delay}delay").Attr("stamp")
	if f := e.Find("{urn:xmpp:forward:0}forwarded"); f != nil {
		for _, child := range f.Children {
			if child.Name.Local != "delay" {
				c.Inner = child
			}
		}
	}
	return c
}

// Tapped returns the first copy with this event whose inner stanza matches the path.
func (c *Component) Tapped(event, format string, args ...any) Copy {
	c.t.Helper()
	match := Path(format, args...)
	return copyOf(c.Wait(Timeout, event+" "+fmt.Sprintf(format, args...), func(e *Element) bool {
		copied := copyOf(e)
		return copied.Inner != nil && copied.Event == event && match(copied.Inner)
	}))
}

// NotTapped fails the test if a copy whose inner stanza matches the path is in the inbox or arrives within the window.
func (c *Component) NotTapped(window time.Duration, format string, args ...any) {
	c.t.Helper()
	match := Path(format, args...)
	if e, err := c.take(window, func(e *Element) bool { i := copyOf(e).Inner; return i != nil && match(i) }); err == nil {
		c.t.Fatalf("%s: unexpected copy %s", c.name, e)
	}
}

// Copies removes all copies from the inbox and returns them in order.
func (c *Component) Copies() (copies []Copy) {
	for {
		e, err := c.take(0, Path("message/{urn:xmpp:forward:0}forwarded"))
		if err != nil {
			return copies
		}
		copies = append(copies, copyOf(e))
	}
}

func newComponent(t testing.TB, script *transcript, addr, jid, secret string, told bool) *Component {
	return &Component{stream: stream{t: t, name: "component", script: script}, addr: addr, jid: jid, secret: secret, told: told}
}
