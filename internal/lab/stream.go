package lab

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Timeout is how long an expectation waits for a real server before the test fails.
const Timeout = 30 * time.Second

// stream is one XML stream of a test, a client's or a component's: what is received goes to an inbox, from which the test
// takes what it expects, in any order.
type stream struct {
	t      testing.TB
	name   string // in the transcript
	script *transcript

	conn  net.Conn
	dec   *xml.Decoder
	write sync.Mutex // one stanza at a time

	mu     sync.Mutex
	inbox  []*Element
	came   chan struct{} // closed and replaced when the inbox grows or the stream ends
	ended  error
	reader sync.WaitGroup
}

func (s *stream) dial(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, Timeout)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.ended = conn, nil
	s.came = make(chan struct{})
	s.restart()
	return nil
}

// restart begins a new XML document on the connection, as after SASL.
func (s *stream) restart() { s.dec = xml.NewDecoder(s.conn) }

// open sends a stream header and reads the peer's; it returns the peer's header without children.
func (s *stream) open(header string) (*Element, error) {
	if err := s.put(header); err != nil {
		return nil, err
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(Timeout))
	for {
		tok, err := s.dec.Token()
		if err != nil {
			return nil, fmt.Errorf("stream header: %w", err)
		}
		if start, ok := tok.(xml.StartElement); ok {
			return &Element{Name: start.Name, Attrs: start.Attr}, nil
		}
	}
}

// next reads one child of the stream.
func (s *stream) next() (*Element, error) {
	for {
		tok, err := s.dec.Token()
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			e, err := tree(s.dec, tok)
			if err == nil {
				s.script.add(s.name, "<<", e.String())
			}
			return e, err
		case xml.EndElement:
			return nil, io.EOF
		}
	}
}

// tree reads the rest of an element.
func tree(dec *xml.Decoder, start xml.StartElement) (*Element, error) {
	e := &Element{Name: start.Name, Attrs: start.Attr}
	for {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			c, err := tree(dec, tok)
			if err != nil {
				return nil, err
			}
			e.Children = append(e.Children, c)
		case xml.CharData:
			e.Text += string(tok)
		case xml.EndElement:
			return e, nil
		}
	}
}

// answer reads the next child during negotiation, where a test waits for it synchronously.
func (s *stream) answer() (*Element, error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(Timeout))
	return s.next()
}

// listen reads until the stream ends. What handle does not consume goes to the inbox.
func (s *stream) listen(handle func(*Element) (keep bool)) {
	_ = s.conn.SetReadDeadline(time.Time{})
	s.reader.Go(func() {
		for {
			e, err := s.next()
			if err != nil {
				s.script.add(s.name, "--", "stream ended: "+err.Error())
				_ = s.conn.Close()
				s.mu.Lock()
				s.ended = err
				close(s.came)
				s.came = make(chan struct{})
				s.mu.Unlock()
				return
			}
			if !handle(e) {
				s.push(e)
			}
		}
	})
}

// push puts elements into the inbox.
func (s *stream) push(elements ...*Element) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inbox = append(s.inbox, elements...)
	close(s.came)
	s.came = make(chan struct{})
}

// put writes bytes as they are.
func (s *stream) put(raw string) error {
	s.write.Lock()
	defer s.write.Unlock()
	s.script.add(s.name, ">>", raw)
	_ = s.conn.SetWriteDeadline(time.Now().Add(Timeout))
	_, err := io.WriteString(s.conn, raw)
	return err
}

// Send writes XML, formatted as by fmt.Sprintf; values are not escaped (see Escape).
func (s *stream) Send(format string, args ...any) {
	s.t.Helper()
	raw := format
	if len(args) > 0 {
		raw = fmt.Sprintf(format, args...)
	}
	if err := s.put(raw); err != nil {
		s.t.Fatalf("%s: send: %v", s.name, err)
	}
}

// Match reports whether an element is the expected one.
type Match func(*Element) bool

// Path matches stanzas by a path; see Element.Is.
func Path(format string, args ...any) Match {
	path := format
	if len(args) > 0 {
		path = fmt.Sprintf(format, args...)
	}
	parse(path)
	return func(e *Element) bool { return e.Is(path) }
}

// Expect returns the first stanza, received already or within Timeout, that matches the path, as in
// Expect("message[@from='%s']/body", bob), and removes it from the inbox. Without one the test fails.
func (s *stream) Expect(format string, args ...any) *Element {
	s.t.Helper()
	path := format
	if len(args) > 0 {
		path = fmt.Sprintf(format, args...)
	}
	return s.Wait(Timeout, path, Path("%s", path))
}

// Wait is Expect with a time limit and any condition; what names it in the failure.
func (s *stream) Wait(within time.Duration, what string, match Match) *Element {
	s.t.Helper()
	e, err := s.take(within, match)
	if err != nil {
		s.t.Fatalf("%s: expected %s: %v; not taken from the inbox:%s", s.name, what, err, s.unread())
	}
	return e
}

// ExpectNone fails the test if a stanza that matches the path is in the inbox or arrives within the window.
func (s *stream) ExpectNone(window time.Duration, format string, args ...any) {
	s.t.Helper()
	path := format
	if len(args) > 0 {
		path = fmt.Sprintf(format, args...)
	}
	if e, err := s.take(window, Path("%s", path)); err == nil {
		s.t.Fatalf("%s: unexpected %s: %s", s.name, path, e)
	}
}

// Received returns the stanzas in the inbox that match the path and leaves them there.
func (s *stream) Received(format string, args ...any) (found []*Element) {
	match := Path(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.inbox {
		if match(e) {
			found = append(found, e)
		}
	}
	return found
}

// Forget empties the inbox.
func (s *stream) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inbox = nil
}

// ExpectEnd waits until the peer has ended the stream.
func (s *stream) ExpectEnd() {
	s.t.Helper()
	_, err := s.take(Timeout, func(*Element) bool { return false })
	if errors.Is(err, errTimeout) {
		s.t.Fatalf("%s: expected the end of the stream; not taken from the inbox:%s", s.name, s.unread())
	}
}

var errTimeout = errors.New("time is up")

func (s *stream) take(within time.Duration, match Match) (*Element, error) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for looked := 0; ; {
		s.mu.Lock()
		looked = min(looked, len(s.inbox))
		for i, e := range s.inbox[looked:] {
			if match(e) {
				i += looked
				s.inbox = append(s.inbox[:i:i], s.inbox[i+1:]...)
				s.mu.Unlock()
				return e, nil
			}
		}
		looked = len(s.inbox)
		ended, came := s.ended, s.came
		s.mu.Unlock()
		if within <= 0 {
			return nil, errTimeout
		}
		if ended != nil {
			return nil, fmt.Errorf("stream ended: %w", ended)
		}
		select {
		case <-came:
		case <-deadline.C:
			return nil, errTimeout
		}
	}
}

func (s *stream) unread() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, e := range s.inbox {
		b.WriteString("\n\t" + e.String())
	}
	if b.Len() == 0 {
		return " nothing"
	}
	return b.String()
}

// Drop cuts the connection silently, like a phone that has lost its network.
func (s *stream) Drop() {
	s.script.add(s.name, "--", "drops the connection")
	_ = s.conn.Close()
	s.reader.Wait()
}

// hangUp is Drop for a stream that may never have been connected.
func (s *stream) hangUp() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.reader.Wait()
	}
}

// transcript is everything sent on all streams of one server, shown when the test fails.
type transcript struct {
	mu    sync.Mutex
	start time.Time
	lines []string
}

func (t *transcript) add(who, way, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.start.IsZero() {
		t.start = time.Now()
	}
	t.lines = append(t.lines, fmt.Sprintf("%7.3f %-14s %s %s", time.Since(t.start).Seconds(), who, way, what))
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
