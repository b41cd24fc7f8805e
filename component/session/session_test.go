package session_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"mellium.im/xmpp/jid"

	"tocsin/component/clock"
	"tocsin/component/session"
	"tocsin/internal/fakeserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const domain, secret = "tocsin.example.org", "s3cret&<>"

// rig is a session, its server, and its log.
type rig struct {
	*testing.T
	server  *fakeserver.Server
	session *session.Session
	got     chan *session.Stanza
	up      chan struct{}
	down    chan error
	dropped chan string
	ran     chan error
	log     lines
	stop    context.CancelFunc
}

// handler passes on what it gets; a message with the body "panic" makes it panic.
type handler chan *session.Stanza

func (h handler) Presence(s *session.Stanza) { h <- s }
func (h handler) IQ(s *session.Stanza)       { h.Message(s) }
func (h handler) Message(s *session.Stanza) {
	if s.Body() == "panic" || s.Child("urn:panic", "panic") != nil {
		panic("body: " + s.Body())
	}
	h <- s
}

// lines is a writer that passes on each line of a log.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// start runs a session against a server; change may alter both beforehand.
func start(t *testing.T, change func(*fakeserver.Server, *session.Options)) *rig {
	t.Helper()
	server, err := fakeserver.Listen(domain, secret)
	if err != nil {
		t.Fatal(err)
	}
	return startAt(t, server, change)
}

func startAt(t *testing.T, server *fakeserver.Server, change func(*fakeserver.Server, *session.Options)) *rig {
	t.Helper()
	r := &rig{T: t, server: server, got: make(chan *session.Stanza, 1000), up: make(chan struct{}, 100), down: make(chan error, 100),
		dropped: make(chan string, 1000), ran: make(chan error, 1), log: make(lines, 10000)}
	server.Answer = fakeserver.AnswerPings
	opts := session.Options{
		JID: jid.MustParse(domain), Server: server.Addr(), Secret: secret,
		Dropped:  func(why string) { r.dropped <- why },
		Log:      slog.New(slog.NewTextHandler(r.log, nil)),
		RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond,
	}
	if change != nil {
		change(server, &opts)
	}
	server.Start()
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.session = session.New(opts)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ran <- r.session.Run(ctx, session.Inbound{
			Handler: handler(r.got), Up: func() { r.up <- struct{}{} }, Down: func(err error) { r.down <- err },
		})
	}()
	t.Cleanup(func() {
		stop()
		<-done
		server.Close()
		for len(r.log) > 0 {
			if line := <-r.log; strings.Contains(line, secret) {
				t.Errorf("the log has the secret: %s", line)
			}
		}
	})
	return r
}

// logs waits until the log contains the words.
func (r *rig) logs(words string) string {
	r.Helper()
	for {
		if line := within(r.T, r.log); strings.Contains(line, words) {
			return line
		}
	}
}

// soon bounds real I/O on loopback.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (r *rig) accept() *fakeserver.Peer {
	r.Helper()
	p, err := r.server.Accept(soon(r.T))
	if err != nil {
		r.Fatal(err)
	}
	within(r.T, r.up)
	return p
}

func within[V any](t *testing.T, ch <-chan V) V {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}

func next(t *testing.T, p *fakeserver.Peer) *fakeserver.Element {
	t.Helper()
	e, err := p.Next(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func send(t *testing.T, p *fakeserver.Peer, xml string) {
	t.Helper()
	if err := p.Send(xml); err != nil {
		t.Fatal(err)
	}
}

func TestConnectAndLeave(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	if !r.session.Up() {
		t.Error("not up")
	}
	r.stop()
	if err := within(t, r.ran); err != nil {
		t.Errorf("Run: %v", err)
	}
	if r.session.Up() {
		t.Error("still up")
	}
	if err := within(t, r.down); err == nil {
		t.Error("down without a reason")
	}
	if err := p.Ended(soon(t)); err != nil {
		t.Error(err)
	}
	if err := r.session.Send(soon(t), session.Presence{To: "alice@example.org"}); !errors.Is(err, session.ErrDown) {
		t.Errorf("Send: %v", err)
	}
}

func TestWrongSecretAtTheStart(t *testing.T) {
	r := start(t, func(_ *fakeserver.Server, o *session.Options) { o.Secret = "wrong" })
	err := within(t, r.ran)
	if !errors.Is(err, session.ErrNotAuthorized) {
		t.Fatalf("Run: %v", err)
	}
	if strings.Contains(err.Error(), "wrong") {
		t.Errorf("the error has the secret: %v", err)
	}
}

func TestWrongSecretLater(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	r.server.Refuse("not-authorized")
	p.Cut()
	within(t, r.down)
	r.logs("does not accept the component's secret")
	r.logs("does not accept the component's secret")
	r.server.Refuse("")
	r.accept()
}

// The session retries while a server does not know the component yet, or is connected to another.
func TestServerRefusesForNow(t *testing.T) {
	for refuse, words := range map[string]string{
		"host-unknown":          "no such component",
		"conflict":              "running twice?",
		"internal-server-error": "internal-server-error",
		"close":                 "closed the connection",
	} {
		t.Run(refuse, func(t *testing.T) {
			r := start(t, func(s *fakeserver.Server, _ *session.Options) { s.Refuse(refuse) })
			r.logs(words)
			r.logs(words)
			r.server.Refuse("")
			r.accept()
		})
	}
}

// The session waits for a server that is not up yet, here on a Unix socket.
func TestServerComesLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	first, err := fakeserver.Listen(domain, secret) // not used: the session connects elsewhere
	if err != nil {
		t.Fatal(err)
	}
	r := startAt(t, first, func(_ *fakeserver.Server, o *session.Options) { o.Server = "unix:" + path })
	r.logs("no such file")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	second := fakeserver.On(l, domain, secret)
	second.Start()
	t.Cleanup(second.Close)
	within(t, r.up)
}

func TestReconnects(t *testing.T) {
	r := start(t, nil)
	for name, end := range map[string]func(*fakeserver.Peer){
		"cut":             func(p *fakeserver.Peer) { p.Cut() },
		"stream end":      func(p *fakeserver.Peer) { p.EndStream("") },
		"conflict":        func(p *fakeserver.Peer) { p.EndStream("conflict") },
		"shutdown":        func(p *fakeserver.Peer) { p.EndStream("system-shutdown") },
		"end without EOF": func(p *fakeserver.Peer) { p.Send("</stream:stream>") },
		"no XML":          func(p *fakeserver.Peer) { p.Send("<<<") },
		// These end mellium's Serve. component/intake removes them; this is what follows if it does not.
		"comment":       func(p *fakeserver.Peer) { p.Send("<!-- -->") },
		"text":          func(p *fakeserver.Peer) { p.Send("text<presence/>") },
		"stream child":  func(p *fakeserver.Peer) { p.Send("<stream:what/>") },
		"second header": func(p *fakeserver.Peer) { p.Send("<stream:stream>") },
	} {
		p := r.accept()
		end(p)
		if err := within(t, r.down); err == nil {
			t.Errorf("%s: no reason", name)
		}
		if err := p.Ended(soon(t)); err != nil {
			t.Errorf("%s: TCP connection stays: %v", name, err)
		}
	}
	r.accept()
}

// stepped is a clock that tells how long each wait is to be.
func stepped() *clock.Stepped {
	c := clock.NewStepped(time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC))
	c.Waits()
	return c
}

// The server accepts what is sent and says nothing, as after a cable was pulled.
func TestDeadServerIsFound(t *testing.T) {
	c := stepped()
	r := start(t, func(s *fakeserver.Server, o *session.Options) { o.Clock, s.Answer = c, nil })
	p := r.accept()
	began := c.Now()
	c.Step(within(t, c.Waits())) // silence
	ping := next(t, p)
	if ping.Attr["from"] != domain || ping.Attr["to"] != domain || ping.Child("urn:xmpp:ping", "ping") == nil {
		t.Errorf("ping: %s", ping.XML)
	}
	c.Step(within(t, c.Waits())) // no answer
	if err := within(t, r.down); !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("down: %v", err)
	}
	if took := c.Now().Sub(began); took > 30*time.Second {
		t.Errorf("found after %s", took)
	}
	if err := p.Ended(soon(t)); err != nil {
		t.Error(err)
	}
	c.Step(within(t, c.Waits()))
	r.accept()
}

func TestAnyAnswerIsLife(t *testing.T) {
	vhost := jid.MustParse("example.org")
	for name, answer := range map[string]string{
		"result":     "<iq type='result' from='example.org' to='tocsin.example.org' id='%s'/>",
		"error":      "<iq type='error' from='example.org' to='tocsin.example.org' id='%s'><ping xmlns='urn:xmpp:ping'/><error type='cancel'/></iq>",
		"sent back":  "<iq type='get' from='tocsin.example.org' to='tocsin.example.org' id='%s'><ping xmlns='urn:xmpp:ping'/></iq>",
		"whitespace": " ",
	} {
		t.Run(name, func(t *testing.T) {
			c := stepped()
			r := start(t, func(s *fakeserver.Server, o *session.Options) { o.Clock, o.PingTo, s.Answer = c, vhost, nil })
			p := r.accept()
			c.Step(within(t, c.Waits()))
			for range 10 { // pings
				ping := next(t, p)
				if ping.Attr["to"] != "example.org" {
					t.Errorf("%s: ping: %s", name, ping.XML)
				}
				if strings.Contains(answer, "%s") {
					answer = fmt.Sprintf(answer, ping.Attr["id"])
				}
				send(t, p, answer)
				send(t, p, "<presence from='a@example.org'/>") // when this is there, so is the answer
				within(t, r.got)
				c.Step(within(t, c.Waits()))
			}
			if len(r.down) != 0 {
				t.Errorf("%s: %v", name, <-r.down)
			}
		})
	}
}

// The wait grows while connecting fails, up to half a minute; a stream that lasted resets it.
func TestBackoff(t *testing.T) {
	c := stepped()
	var random atomic.Value
	random.Store(0.999999)
	r := start(t, func(s *fakeserver.Server, o *session.Options) {
		s.Refuse("host-unknown")
		o.Clock, o.RetryMin, o.RetryMax, o.Rand = c, 0, 0, func() float64 { return random.Load().(float64) }
	})
	wait := func(want time.Duration) {
		t.Helper()
		got := within(t, c.Waits())
		if got.Round(time.Millisecond) != want {
			t.Errorf("waits %s, not %s", got, want)
		}
		c.Step(got)
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		wait(want * time.Second)
	}
	random.Store(0.0)
	wait(500 * time.Millisecond)
	random.Store(0.999999)
	r.server.Refuse("")
	for within(t, c.Waits()) != 10*time.Second { // until the first ping
		c.Step(30 * time.Second)
	}
	p := r.accept()
	c.Step(9 * time.Second)
	p.Cut() // too early to reset the backoff
	within(t, r.down)
	wait(30 * time.Second)
	within(t, c.Waits())
	p = r.accept()
	c.Step(time.Minute)
	p.Cut()
	within(t, r.down)
	got := within(t, c.Waits())
	for got == 10*time.Second { // pings
		got = within(t, c.Waits())
	}
	if got.Round(time.Millisecond) != time.Second {
		t.Errorf("after a stream that held: waits %s", got)
	}
}
