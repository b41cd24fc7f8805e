package fakeserver

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Server listens for components on a loopback port. It is closed by Close.
type Server struct {
	Domain string // the component's
	Secret string

	// StreamID is the id of streams; by default "fake&1<2", which must be unescaped before it is hashed.
	StreamID string
	// Answer, if not nil, sees every stanza before it is kept, and may send on the peer; it returns true if the stanza is
	// not to be kept. AnswerPings is one.
	Answer func(*Peer, *Element) bool

	listener net.Listener // nil: connections are made by Dial
	peers    chan *Peer
	wg       sync.WaitGroup

	mu     sync.Mutex
	refuse string
	live   map[*Peer]bool
	closed bool
}

// New returns a server for one component that connects by Dial. Fields may be changed before the first connection.
func New(domain, secret string) *Server {
	return &Server{Domain: domain, Secret: secret, StreamID: "fake&1<2", peers: make(chan *Peer, 16), live: make(map[*Peer]bool)}
}

// Listen returns a server on a free port of the loopback interface. It accepts connections once started.
func Listen(domain, secret string) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return On(l, domain, secret), nil
}

// On is Listen with an existing listener.
func On(l net.Listener, domain, secret string) *Server {
	s := New(domain, secret)
	s.listener = l
	return s
}

// Start begins to accept connections.
func (s *Server) Start() {
	s.wg.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(conn) })
		}
	})
}

// Dial connects to the server through a pipe in memory, so that a test in a bubble of testing/synctest knows when everything
// written has been read.
func (s *Server) Dial(context.Context) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.refuse == "connection" {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	s.wg.Go(func() { s.serve(ours) })
	return theirs, nil
}

// Addr is the address of the server.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close closes all connections and waits for everything to end.
func (s *Server) Close() {
	if s.listener != nil {
		s.listener.Close()
	}
	s.mu.Lock()
	s.closed = true
	for p := range s.live {
		p.conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// Refuse makes the server end each handshake with this stream error; "" makes it accept again. "close" ends it silently,
// "connection" makes every Dial fail.
func (s *Server) Refuse(condition string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = condition
}

// Accept waits for the next component to complete the handshake.
func (s *Server) Accept(ctx context.Context) (*Peer, error) {
	select {
	case p := <-s.peers:
		return p, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("no component connected: %w", ctx.Err())
	}
}

// Peer is one connection of a component.
type Peer struct {
	server *Server
	conn   net.Conn
	read   atomic.Int64 // bytes
	write  sync.Mutex

	mu      sync.Mutex
	kept    []*Element
	arrived chan struct{} // closed and replaced whenever a stanza is kept
	ended   error         // the reason, once nothing more comes
	stalled chan struct{} // not nil: reading is paused until it is closed
}

func (s *Server) serve(conn net.Conn) {
	p := &Peer{server: s, conn: conn, arrived: make(chan struct{})}
	s.mu.Lock()
	s.live[p] = true
	closed := s.closed
	s.mu.Unlock()
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.live, p)
		s.mu.Unlock()
	}()
	if closed {
		return
	}
	d := xml.NewDecoder(counted{p})
	if err := s.shake(p, d); err != nil {
		p.end(err)
		return
	}
	s.peers <- p
	p.end(p.receive(d))
}

// shake is the server's side of XEP-0114 §3.
func (s *Server) shake(p *Peer, d *xml.Decoder) error {
	start, err := next(d)
	if err != nil {
		return err
	}
	if start.Name != (xml.Name{Space: "http://etherx.jabber.org/streams", Local: "stream"}) {
		return fmt.Errorf("stream begins with %v", start.Name)
	}
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	if refuse == "close" {
		return errors.New("refused")
	}
	header := fmt.Sprintf("<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "+
		"xmlns:stream='http://etherx.jabber.org/streams' from='%s' id='%s'>", s.Domain, escape(s.StreamID))
	if err := p.Send(header); err != nil {
		return err
	}
	shake, err := next(d)
	if err != nil {
		return err
	}
	e, err := element(d, *shake)
	if err != nil {
		return err
	}
	sum := sha1.Sum([]byte(s.StreamID + s.Secret))
	switch {
	case refuse != "":
	case attr(start.Attr, "to") != s.Domain:
		refuse = "host-unknown"
	case e.Name.Local != "handshake" || e.Text != hex.EncodeToString(sum[:]):
		refuse = "not-authorized"
	}
	if refuse != "" {
		p.EndStream(refuse)
		return fmt.Errorf("refused: %s", refuse)
	}
	return p.Send("<handshake/>")
}

// receive keeps stanzas until the stream ends. If the component ends its half, so does the server.
func (p *Peer) receive(d *xml.Decoder) error {
	for {
		start, err := next(d)
		if errors.Is(err, io.EOF) {
			p.Send("</stream:stream>") //nolint:errcheck // it has gone
			return io.EOF
		}
		if err != nil {
			return err
		}
		e, err := element(d, *start)
		if err != nil {
			return err
		}
		e.End = d.InputOffset()
		p.mu.Lock()
		stalled := p.stalled
		p.mu.Unlock()
		if stalled != nil {
			<-stalled
		}
		if p.server.Answer != nil && p.server.Answer(p, e) {
			continue
		}
		p.mu.Lock()
		p.kept = append(p.kept, e)
		p.wake()
		p.mu.Unlock()
	}
}

// counted counts the bytes read.
type counted struct{ *Peer }

// Read implements io.Reader.
func (c counted) Read(b []byte) (int, error) {
	n, err := c.conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// Received is the number of bytes that have arrived, read or not.
func (p *Peer) Received() int64 {
	tcp, ok := p.conn.(*net.TCPConn)
	if !ok {
		return p.read.Load()
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return p.read.Load()
	}
	for {
		before, waiting := p.read.Load(), 0
		raw.Control(func(fd uintptr) { waiting, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ) }) //nolint:errcheck // a closed connection has none
		if p.read.Load() == before {
			return before + int64(waiting)
		}
	}
}

func (p *Peer) wake() {
	close(p.arrived)
	p.arrived = make(chan struct{})
}

func (p *Peer) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = err
	p.wake()
}

// Send writes bytes to the component.
func (p *Peer) Send(xml string) error {
	p.write.Lock()
	defer p.write.Unlock()
	_, err := io.WriteString(p.conn, xml)
	return err
}

// EndStream sends a stream error, or none if condition is "", and ends the stream and the connection.
func (p *Peer) EndStream(condition string) {
	if condition != "" {
		p.Send("<stream:error><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>") //nolint:errcheck
	}
	p.Send("</stream:stream>") //nolint:errcheck
	p.conn.Close()
}

// Cut closes the connection silently.
func (p *Peer) Cut() { p.conn.Close() }

// Stall pauses reading after the next stanza, until the returned function is called.
func (p *Peer) Stall() (resume func()) {
	ch := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = ch
	return sync.OnceFunc(func() {
		p.mu.Lock()
		p.stalled = nil
		p.mu.Unlock()
		close(ch)
	})
}

// Next returns the oldest kept stanza, or waits for one.
func (p *Peer) Next(ctx context.Context) (*Element, error) {
	return p.NextIf(ctx, func(*Element) bool { return true })
}

// NextIf returns the oldest kept stanza that matches, or waits for one; the others stay.
func (p *Peer) NextIf(ctx context.Context, fits func(*Element) bool) (*Element, error) {
	for {
		p.mu.Lock()
		for i, e := range p.kept {
			if fits(e) {
				p.kept = append(p.kept[:i:i], p.kept[i+1:]...)
				p.mu.Unlock()
				return e, nil
			}
		}
		ended, arrived := p.ended, p.arrived
		p.mu.Unlock()
		if ended != nil {
			return nil, fmt.Errorf("stream ended: %w", ended)
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return nil, fmt.Errorf("no such stanza: %w", ctx.Err())
		}
	}
}

// Take returns all kept stanzas.
func (p *Peer) Take() []*Element {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.kept
	p.kept = nil
	return kept
}

// Ended waits until the component's half of the stream has ended.
func (p *Peer) Ended(ctx context.Context) error {
	_, err := p.NextIf(ctx, func(*Element) bool { return false })
	if ctx.Err() != nil {
		return err
	}
	return nil
}

// AnswerPings answers like servers: pings of their own domains with a result; stanzas to the component itself are sent back
// to it.
func AnswerPings(p *Peer, e *Element) bool {
	if e.Attr["to"] == p.server.Domain {
		p.Send(e.XML) //nolint:errcheck // the test notices the end of the stream
		return true
	}
	if e.Name.Local != "iq" || e.Attr["type"] != "get" || e.Child("urn:xmpp:ping", "ping") == nil {
		return false
	}
	p.Send(fmt.Sprintf("<iq type='result' from='%s' to='%s' id='%s'/>", escape(e.Attr["to"]), escape(e.Attr["from"]), escape(e.Attr["id"]))) //nolint:errcheck
	return true
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) //nolint:errcheck // a Builder never fails
	return b.String()
}
