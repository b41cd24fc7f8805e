// Package serverload puts a real XMPP server under the load of chatting users, and measures what a tap costs that server.
package serverload

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"sync"
	"time"
)

// client is a connection of one user, as cheap as possible because it shares the processor with the measured server. It
// reads stanzas as bytes and parses only what it needs.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex // guards out
	out  *bufio.Writer

	managed bool // with XEP-0198: answers every request for an acknowledgement
	handled int
}

// timeout is how long a client waits for the server.
const timeout = 30 * time.Second

func (c *client) send(format string, args ...any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format, args...)
	return c.out.Flush()
}

// next reads up to the end of the tag that ends a stanza.
func (c *client) next() ([]byte, error) {
	var stanza []byte
	for {
		part, err := c.in.ReadSlice('>')
		stanza = append(stanza, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return nil, err
		}
		if ends(stanza) {
			return stanza, nil
		}
	}
}

var closings = [][]byte{[]byte("</message>"), []byte("</iq>"), []byte("</presence>"), []byte("</stream:features>"), []byte("</stream:error>")}

// ends reports whether b is a whole stanza or another child of the stream.
func ends(b []byte) bool {
	for _, closing := range closings {
		if bytes.HasSuffix(b, closing) {
			return true
		}
	}
	if !bytes.HasSuffix(b, []byte("/>")) {
		return bytes.HasSuffix(b, []byte("</success>")) || bytes.HasSuffix(b, []byte("</failure>")) || bytes.HasSuffix(b, []byte("</enabled>"))
	}
	for _, whole := range []string{"<iq", "<presence", "<r ", "<r/", "<a ", "<success", "<enabled", "<message"} {
		if bytes.HasPrefix(b, []byte(whole)) && bytes.IndexByte(b[1:], '<') < 0 {
			return true
		}
	}
	return false
}

// until reads until a stanza contains the text.
func (c *client) until(text string) error {
	c.conn.SetReadDeadline(time.Now().Add(timeout))
	defer c.conn.SetReadDeadline(time.Time{})
	for {
		stanza, err := c.next()
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", text, err)
		}
		if bytes.Contains(stanza, []byte(text)) {
			return nil
		}
	}
}

// dial logs a user in by PLAIN.
func dial(addr, domain, user, password string, managed bool) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, in: bufio.NewReaderSize(conn, 1<<16), out: bufio.NewWriterSize(conn, 1<<14)}
	open := fmt.Sprintf("<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>", domain)
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
	for _, step := range []struct{ say, hear string }{
		{open, "</stream:features>"},
		{"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + plain + "</auth>", "<success"},
		{open, "</stream:features>"},
		{"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>", "<jid>"},
		{"<presence/>", "<presence"},
	} {
		if err := c.send("%s", step.say); err != nil {
			return nil, err
		}
		if err := c.until(step.hear); err != nil {
			return nil, fmt.Errorf("%s: %w", user, err)
		}
	}
	if managed {
		if err := c.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>"); err != nil {
			return nil, err
		}
		if err := c.until("<enabled"); err != nil {
			return nil, err
		}
		c.managed = true
	}
	return c, nil
}

// messages reads forever, and calls got with each message; it answers requests for acknowledgements.
func (c *client) messages(got func(stanza []byte) error) error {
	for {
		stanza, err := c.next()
		if err != nil {
			return err
		}
		switch {
		case bytes.HasPrefix(stanza, []byte("<message")):
			c.handled++
			if err := got(stanza); err != nil {
				return err
			}
		case c.managed && bytes.HasPrefix(stanza, []byte("<r")):
			if err := c.send("<a xmlns='urn:xmpp:sm:3' h='%d'/>", c.handled); err != nil {
				return err
			}
		case bytes.HasPrefix(stanza, []byte("<iq")), bytes.HasPrefix(stanza, []byte("<presence")):
			c.handled++
		}
	}
}

// attr returns the value of an attribute's first occurrence.
func attr(b []byte, name string) string {
	for _, quote := range []byte{'\'', '"'} {
		begin := bytes.Index(b, append([]byte(" "+name+"="), quote))
		if begin < 0 {
			continue
		}
		value := b[begin+len(name)+3:]
		if end := bytes.IndexByte(value, quote); end >= 0 {
			return string(value[:end])
		}
	}
	return ""
}
