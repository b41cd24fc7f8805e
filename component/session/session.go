// Package session keeps the component connected to its server (XEP-0114): it dials, performs the handshake, detects a dead
// server by pings (XEP-0199), and reconnects forever with backoff. It is the only sender on the stream, validates every
// stanza before writing it, and passes incoming stanzas to one Handler.
// It owns the connection and its goroutines, and knows nothing about the meaning of stanzas. Its tests run against
// internal/fakeserver; docs/design/session.md has the reasons.
package session

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stream"

	"tocsin/component/clock"
)

var (
	// ErrNotAuthorized: the server refused the secret.
	ErrNotAuthorized = errors.New("the server does not accept the component's secret")
	// ErrHandshake: the server does not accept components at this address.
	ErrHandshake = errors.New("handshake")
	// ErrDown: the stream is down, or went down before the answer arrived or the last byte was written.
	ErrDown = errors.New("not connected to the server")
	// ErrForeignFrom: the stanza is not from the component's domain. Servers close the stream for that.
	ErrForeignFrom = errors.New("from is not an address of the component")
	// ErrNoTo: the stanza has no recipient. ejabberd closes the stream for that.
	ErrNoTo = errors.New("missing to")
	// ErrHeldBack: the condition of SendIf was false.
	ErrHeldBack = errors.New("held back")
	// ErrTooBig: the stanza has MaxStanza bytes or more. Prosody closes the stream for that.
	ErrTooBig = errors.New("stanza too big")
)

// MaxStanza limits outgoing stanzas: all are smaller, in bytes.
const MaxStanza = 512 << 10

// Options configure a Session. JID, Server and Secret are required; zero fields have the defaults given.
type Options struct {
	JID    jid.JID // the component's domain
	Server string  // host:port, or unix:/path
	Secret string

	// Dial opens the connection; nil: to Server, by TCP or a Unix socket.
	Dial func(context.Context) (net.Conn, error)
	// Dropped is called with the reason when a stanza is not handed to the Handler.
	Dropped func(reason string)
	Log     *slog.Logger // nil: none

	// PingTo is the address that is pinged (XEP-0199): a domain of the server, or by default the component's own, in which
	// case the server routes the request back to us. Any response proves that the server is alive, and so does anything else
	// that arrives.
	PingTo      jid.JID
	PingEvery   time.Duration // of silence before a ping: 10 s
	PongWithin  time.Duration // for a response; then the server counts as dead: 10 s
	WriteWithin time.Duration // for one stanza; then the connection counts as stuck, and is closed: 15 s
	DialWithin  time.Duration // for the connection, and again for the handshake: 15 s

	// The wait before reconnecting is random between RetryMin and a limit that doubles with every attempt, up to
	// RetryMax: 0.5 s, 30 s.
	RetryMin, RetryMax time.Duration

	Clock clock.Clock    // nil: the system's. The socket's own deadlines use real time
	Rand  func() float64 // in [0, 1); nil: math/rand
}

// Inbound handles what arrives on a session's streams. Only Handler is required.
type Inbound struct {
	Handler Handler
	// Wrap wraps every new connection before anything reads it, so that it can divert frames. The stream header must pass
	// unchanged.
	Wrap func(net.Conn) net.Conn
	// Up is called when a stream is up, before anything that arrives on it is handled; Down when it has ended, with the
	// reason. The session waits for them to return.
	Up   func()
	Down func(error)
}

func (in *Inbound) setDefaults() {
	if in.Wrap == nil {
		in.Wrap = func(c net.Conn) net.Conn { return c }
	}
	if in.Up == nil {
		in.Up = func() {}
	}
	if in.Down == nil {
		in.Down = func(error) {}
	}
}

// Session is the component's connection across any number of streams.
type Session struct {
	opts    Options
	in      Inbound // set by Run
	self    string  // opts.JID
	current atomic.Pointer[link]
	left    atomic.Uint64 // number of the stream that was closed cleanly when ctx ended
	welcome bool          // a handshake has succeeded before; owned by Run
	streams uint64        // established so far; owned by Run
}

// New returns a Session that is not connected yet; Run connects it.
func New(o Options) *Session {
	o.JID = o.JID.Domain()
	if o.PingTo.Equal(jid.JID{}) {
		o.PingTo = o.JID
	}
	o.PingEvery = cmp.Or(o.PingEvery, 10*time.Second)
	o.PongWithin = cmp.Or(o.PongWithin, 10*time.Second)
	o.WriteWithin = cmp.Or(o.WriteWithin, 15*time.Second)
	o.DialWithin = cmp.Or(o.DialWithin, 15*time.Second)
	o.RetryMin = cmp.Or(o.RetryMin, 500*time.Millisecond)
	o.RetryMax = cmp.Or(o.RetryMax, 30*time.Second)
	if o.Dial == nil {
		dialer := net.Dialer{Timeout: o.DialWithin}
		o.Dial = func(ctx context.Context) (net.Conn, error) {
			network, address := network(o.Server)
			return dialer.DialContext(ctx, network, address)
		}
	}
	if o.Dropped == nil {
		o.Dropped = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return &Session{opts: o, self: o.JID.String()}
}

// Up reports whether a stream is up.
func (s *Session) Up() bool { return s.current.Load() != nil }

// Run keeps the session connected until ctx is done, and then returns nil. If the server refuses the secret before it has
// ever accepted it, the configuration is wrong, and Run returns ErrNotAuthorized; later refusals are retried like any other
// failure. Run may be called once.
func (s *Session) Run(ctx context.Context, in Inbound) error {
	in.setDefaults()
	s.in = in
	limit := s.opts.RetryMin
	for {
		held, err := s.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, ErrNotAuthorized) && !s.welcome {
			return fmt.Errorf("connect to %s as %s: %w", s.opts.Server, s.self, ErrNotAuthorized)
		}
		// A stream that lasted resets the backoff; one that is cut immediately does not.
		if held >= s.opts.RetryMax {
			limit = s.opts.RetryMin
		}
		limit = min(2*limit, s.opts.RetryMax)
		wait := s.opts.RetryMin + time.Duration(s.opts.Rand()*float64(limit-s.opts.RetryMin))
		s.opts.Log.Warn("not connected to the server, retrying", "server", s.opts.Server, "err", plain(err), "in", wait.Round(time.Millisecond))
		due, stop := s.opts.Clock.After(wait)
		select {
		case <-due:
		case <-ctx.Done():
			stop()
			return nil
		}
	}
}

// Once connects once, and returns why that failed or why the stream ended; nil if ctx ended it. It is called instead of Run.
func (s *Session) Once(ctx context.Context, in Inbound) error {
	in.setDefaults()
	s.in = in
	_, err := s.once(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return plain(err)
}

// once connects and serves the stream until it ends. It returns how long the stream lasted, and always a reason.
func (s *Session) once(ctx context.Context) (held time.Duration, err error) {
	l, err := s.connect(ctx)
	if err != nil {
		return 0, err
	}
	began := s.opts.Clock.Now()
	s.welcome = true
	s.streams++
	l.number = s.streams
	s.opts.Log.Info("connected to the server", "server", s.opts.Server, "component", s.self)
	s.current.Store(l)
	s.in.Up()
	err = s.serve(ctx, l)
	s.in.Down(err)
	return s.opts.Clock.Now().Sub(began), err
}

// plain explains what a stream error means to a component.
func plain(err error) error {
	var cut *xml.SyntaxError
	switch {
	case errors.Is(err, ErrNotAuthorized):
		return ErrNotAuthorized
	case errors.Is(err, stream.Conflict):
		return explained{"the server has another connection for this component (conflict): is Tocsin running twice?", err}
	case errors.Is(err, stream.HostUnknown):
		return explained{"the server has no such component (host-unknown)", err}
	case errors.Is(err, stream.SystemShutdown):
		return explained{"the server is shutting down", err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &cut) && cut.Msg == "unexpected EOF":
		return explained{"the server closed the connection", err}
	}
	return err
}

// explained is an error with a clearer text.
type explained struct {
	text string
	error
}

// Error implements error.
func (e explained) Error() string { return e.text }

// Unwrap returns the original error.
func (e explained) Unwrap() error { return e.error }

// network splits a server address into the arguments of net.Dial.
func network(server string) (network, address string) {
	if path, ok := strings.CutPrefix(server, "unix:"); ok {
		return "unix", path
	}
	return "tcp", server
}
