// Package session keeps the component connected to its server (XEP-0114): it dials, shakes hands, finds out when the
// server is dead, and connects again for ever. All that is sent goes out by one sender, all that comes in goes to one
// handler.
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
	// ErrHandshake: whatever is at the other end, it does not take a component there.
	ErrHandshake = errors.New("handshake")
	// ErrDown: there is no connection, or it ended before the answer or the last byte.
	ErrDown = errors.New("not connected to the server")
	// ErrForeignFrom: a stanza claims to be from another domain than the component's, which costs the connection.
	ErrForeignFrom = errors.New("from: not an address of the component")
	// ErrNoTo: a stanza has no address to go to, which costs the connection on ejabberd.
	ErrNoTo = errors.New("to: missing")
	// ErrHeldBack: what SendIf asks does not let the stanza out now.
	ErrHeldBack = errors.New("held back")
	// ErrTooBig: a stanza has MaxStanza bytes or more, at which Prosody ends the stream.
	ErrTooBig = errors.New("stanza too big")
)

// MaxStanza is the size in bytes that everything sent stays below.
const MaxStanza = 512 << 10

// Options say what to connect to and who is to know. JID, Server and Secret are needed; zero fields have the
// defaults given.
type Options struct {
	JID    jid.JID // the component's domain
	Server string  // host:port, or unix:/path
	Secret string

	// Dial makes the connection; nil: to Server, by TCP or a Unix socket.
	Dial func(context.Context) (net.Conn, error)
	// Dropped is told why a stanza was not handed on.
	Dropped func(reason string)
	Log     *slog.Logger // nil: none

	// PingTo is who is asked for a sign of life (XEP-0199): a domain of the server, or by default the component's own,
	// by which the server sends the request back. Any answer will do, and so will anything else that comes in.
	PingTo      jid.JID
	PingEvery   time.Duration // of silence before a ping: 10 s
	PongWithin  time.Duration // after a ping, else the server is dead: 10 s
	WriteWithin time.Duration // for one stanza, else the connection is stuck, and closed: 15 s
	DialWithin  time.Duration // for the connection, and again for the handshake: 15 s

	// The wait before connecting again is random between RetryMin and a limit that is doubled from attempt to attempt
	// up to RetryMax: 0.5 s, 30 s.
	RetryMin, RetryMax time.Duration

	Clock clock.Clock    // nil: the system's. Deadlines of the connection itself are real time
	Rand  func() float64 // in [0, 1); nil: math/rand
}

// Inbound is where a session's streams lead. Only Handler is needed.
type Inbound struct {
	Handler Handler
	// Wrap wraps every new connection before anything reads it, so that it can take frames out. The stream header has
	// to pass untouched.
	Wrap func(net.Conn) net.Conn
	// Up is called when a stream is up, before anything of it is handled; Down when that stream has ended, with the
	// reason. The connection waits for them to return.
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

// Session is the component's connection, whichever stream carries it at the moment.
type Session struct {
	opts    Options
	in      Inbound // set by Run
	self    string  // opts.JID
	current atomic.Pointer[link]
	left    atomic.Uint64 // the number of the stream that was ended in good order by ctx
	welcome bool          // a handshake succeeded before; only Run reads and writes it
	streams uint64        // that there were; as welcome
}

// New returns a Session that is not connected yet: Run does that.
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

// Up reports whether there is a stream.
func (s *Session) Up() bool { return s.current.Load() != nil }

// Run keeps the session connected until ctx is done, and then returns nil. As long as the server has never accepted
// the secret, its refusal is a fault of the configuration, which ends Run with ErrNotAuthorized; once it has, a refusal
// is retried like anything else that ends a stream. Run is called once.
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
		// A stream that held for a while starts the series anew; one that is cut at once does not.
		if held >= s.opts.RetryMax {
			limit = s.opts.RetryMin
		}
		limit = min(2*limit, s.opts.RetryMax)
		wait := s.opts.RetryMin + time.Duration(s.opts.Rand()*float64(limit-s.opts.RetryMin))
		s.opts.Log.Warn("no connection to the server", "server", s.opts.Server, "err", plain(err), "retry", wait.Round(time.Millisecond))
		due, stop := s.opts.Clock.After(wait)
		select {
		case <-due:
		case <-ctx.Done():
			stop()
			return nil
		}
	}
}

// Once connects a single time, and returns why it could not, or why the stream ended: nil if that was by ctx. It is
// called in place of Run.
func (s *Session) Once(ctx context.Context, in Inbound) error {
	in.setDefaults()
	s.in = in
	_, err := s.once(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return plain(err)
}

// once connects and stays until the stream ends, for which it always has a reason. It says how long the stream held.
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

// plain says in words of ours what stream errors mean for a component.
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

// explained is an error in words of ours.
type explained struct {
	text string
	error
}

// Error implements error.
func (e explained) Error() string { return e.text }

// Unwrap returns the error in the words of others.
func (e explained) Unwrap() error { return e.error }

// network splits a server address into what net.Dial takes.
func network(server string) (network, address string) {
	if path, ok := strings.CutPrefix(server, "unix:"); ok {
		return "unix", path
	}
	return "tcp", server
}
