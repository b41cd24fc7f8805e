package session

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/component"
	"mellium.im/xmpp/stream"
)

var (
	errEnded = errors.New("the server ended the stream")
	errDead  = errors.New("the server does not answer")
	errLeave = errors.New("stopped")
)

// leaveWithin is how long the server has to close its half of a stream we have closed.
const leaveWithin = time.Second

// pingPrefix is the prefix of the ids of keep-alive pings, whose responses are not awaited.
const pingPrefix = "ping-"

// link is one stream, from the handshake to its end.
type link struct {
	number uint64
	tcp    net.Conn
	tap    *monitoredConn
	xmpp   *xmpp.Session

	within  time.Duration // a write
	writing chan struct{} // a mutex whose waiters can give up: the goroutine that holds its token writes
	replies chan IQ       // pings, and errors for stanzas that do not reach the handler
	down    chan struct{} // closed with the link
	once    sync.Once
	cause   error // why the link is down; valid once down is closed

	mu      sync.Mutex
	pending map[string]*pendingQuery // nil once the link is down
}

// monitoredConn is the connection as mellium sees it. It records when bytes arrive. Once the stream is up, it discards mellium's own
// writes: what Serve writes at its end could land in the middle of another stanza.
type monitoredConn struct {
	net.Conn
	now    func() time.Time
	last   atomic.Int64 // Unix nanoseconds of the last bytes
	silent atomic.Bool
}

// Read implements net.Conn.
func (p *monitoredConn) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n > 0 {
		p.last.Store(p.now().UnixNano())
	}
	return n, err
}

// Write implements net.Conn.
func (p *monitoredConn) Write(b []byte) (int, error) {
	if p.silent.Load() {
		return len(b), nil
	}
	return p.Conn.Write(b)
}

// connect dials the server and performs the handshake (XEP-0114 §3).
func (s *Session) connect(ctx context.Context) (*link, error) {
	tcp, err := s.opts.Dial(ctx)
	if err != nil {
		return nil, err
	}
	// Mellium cancels with a deadline that it resets immediately, so a blocked read can miss it.
	stop := context.AfterFunc(ctx, func() { tcp.Close() })
	defer stop()
	tap := &monitoredConn{Conn: tcp, now: s.opts.Clock.Now}
	err = tcp.SetDeadline(time.Now().Add(s.opts.DialWithin))
	var x *xmpp.Session
	if err == nil {
		x, err = component.NewSession(context.Background(), s.opts.JID, []byte(s.opts.Secret), s.in.Wrap(tap))
	}
	if err == nil {
		err = tcp.SetDeadline(time.Time{})
	}
	if err != nil {
		tcp.Close()
		if errors.Is(err, stream.NotAuthorized) {
			return nil, ErrNotAuthorized
		}
		return nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	tap.silent.Store(true)
	l := &link{
		tcp:     tcp,
		tap:     tap,
		xmpp:    x,
		within:  s.opts.WriteWithin,
		writing: make(chan struct{}, 1),
		replies: make(chan IQ, 64),
		down:    make(chan struct{}),
		pending: make(map[string]*pendingQuery),
	}
	l.writing <- struct{}{}
	return l, nil
}

// serve handles incoming stanzas until the link is down, and returns the reason.
func (s *Session) serve(ctx context.Context, l *link) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.supervise(l) })
	wg.Go(func() { s.sendReplies(l) })
	wg.Go(func() {
		select {
		case <-ctx.Done():
			s.current.CompareAndSwap(l, nil)
			if l.leave() {
				s.left.Store(l.number)
			}
		case <-l.down:
		}
	})
	err := read(l.xmpp, func(t xmlstream.TokenReadEncoder, start *xml.StartElement) { s.handle(l, t, start) })
	s.current.CompareAndSwap(l, nil)
	l.close(err)
	wg.Wait()
	return l.cause
}

// read runs the library's loop. It never returns nil.
func read(x *xmpp.Session, take func(xmlstream.TokenReadEncoder, *xml.StartElement)) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read: panic of type %T", r)
		}
	}()
	err = x.Serve(xmpp.HandlerFunc(func(t xmlstream.TokenReadEncoder, start *xml.StartElement) error {
		take(t, start)
		return nil
	}))
	if err == nil {
		return errEnded
	}
	return fmt.Errorf("read: %w", err)
}

// supervise closes the link when the server is silent for PingEvery, and for PongWithin after a ping (XEP-0199).
func (s *Session) supervise(l *link) {
	l.tap.last.CompareAndSwap(0, s.opts.Clock.Now().UnixNano())
	for {
		last := l.tap.last.Load()
		idle := s.opts.Clock.Now().Sub(time.Unix(0, last))
		if idle < s.opts.PingEvery {
			if !s.sleep(l, s.opts.PingEvery-idle) {
				return
			}
			continue
		}
		due, stop := s.opts.Clock.After(s.opts.PongWithin)
		l.reply(IQ{To: s.opts.PingTo.String(), Type: "get", ID: pingPrefix + rand.Text(), Payload: []any{ping{}}})
		select {
		case <-due:
		case <-l.down:
			stop()
			return
		}
		if l.tap.last.Load() == last {
			l.close(errDead)
			return
		}
	}
}

// sleep waits for d, and reports whether the link is still up.
func (s *Session) sleep(l *link, d time.Duration) bool {
	due, stop := s.opts.Clock.After(d)
	select {
	case <-due:
		return true
	case <-l.down:
		stop()
		return false
	}
}

// reply queues a stanza of the session's own without blocking. If the queue is full, it is dropped.
func (l *link) reply(iq IQ) {
	select {
	case l.replies <- iq:
	default:
	}
}

// sendReplies sends the stanzas queued by reply.
func (s *Session) sendReplies(l *link) {
	for {
		select {
		case iq := <-l.replies:
			s.send(context.Background(), l, iq) //nolint:errcheck // a failed write has closed the link
		case <-l.down:
			return
		}
	}
}

// write writes one whole stanza; only one goroutine writes at a time. A write that fails or exceeds its deadline has
// corrupted the stream and closes the link.
func (l *link) write(ctx context.Context, stanza []byte) error {
	return l.writeIf(ctx, stanza, func() bool { return true })
}

func (l *link) writeIf(ctx context.Context, stanza []byte, may func() bool) error {
	select {
	case <-l.writing:
		defer func() { l.writing <- struct{}{} }()
	case <-l.down:
		return ErrDown
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-l.down:
		return ErrDown
	default:
	}
	if !may() {
		return ErrHeldBack
	}
	err := l.tcp.SetWriteDeadline(time.Now().Add(l.within))
	if err == nil {
		_, err = l.tcp.Write(stanza)
	}
	if err != nil {
		err = fmt.Errorf("write: %w", err)
		l.close(err)
		return fmt.Errorf("%w: %w", ErrDown, err)
	}
	return nil
}

// leave closes the stream, waits briefly for the server to close its half, and closes the link: closing the connection at
// once, with unread bytes, could lose the last bytes written. It reports whether the server has closed its half.
func (l *link) leave() (ended bool) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveWithin)
	defer cancel()
	if l.write(ctx, []byte("</stream:stream>")) == nil {
		select {
		case <-l.down:
			ended = errors.Is(l.cause, errEnded)
		case <-ctx.Done():
		}
	}
	l.close(errLeave)
	return ended
}

// close closes the link; the first call sets the reason. Everyone waiting for a response gets ErrDown.
func (l *link) close(err error) {
	l.once.Do(func() {
		if errors.Is(err, io.EOF) {
			err = errEnded
		}
		l.cause = err
		close(l.down)
		l.tcp.Close()
		l.mu.Lock()
		l.pending = nil
		l.mu.Unlock()
	})
}
