package smpp

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"tocsin/component/gateway"
)

const (
	leastPause = 250 * time.Millisecond // after a throttled submission, or a lost link; doubled each time
	mostPause  = 30 * time.Second
	mostRebind = time.Minute
	badBind    = 5 * time.Second // after a refused bind; doubled each time
	mostBad    = 5 * time.Minute
	steady     = 10 * time.Second // a session that lasted so long has ended by chance
	maxLate    = 1000             // submissions whose answer is awaited
)

// Dialer connects with an SMSC; net.Dialer's DialContext is one.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Gateway sends by one SMSC. It implements gateway.Gateway and gateway.Runner.
type Gateway struct {
	route  Route
	sink   gateway.Sink
	log    *slog.Logger
	dial   Dialer
	window chan struct{}
	inbox  *inbox

	mu      sync.Mutex
	link    *session // that submits; nil while there is none
	why     string   // there is none
	paused  time.Time
	pause   time.Duration
	awaited map[seqOf]string // reference of a submission, by what its answer has
}

// seqOf names a request.
type seqOf struct {
	session *session
	seq     uint32
}

var (
	_ gateway.Gateway = (*Gateway)(nil)
	_ gateway.Runner  = (*Gateway)(nil)
)

// New makes a route's gateway; it does nothing before Run. The error, if any, is a gateway.Faults with all that is wrong.
func New(r Route, sink gateway.Sink, log *slog.Logger, dial Dialer) (*Gateway, error) {
	if faults := r.complete(); len(faults) > 0 {
		return nil, faults
	}
	g := &Gateway{
		route: r, sink: sink, log: log.With("route", r.Name), dial: dial, window: make(chan struct{}, r.Window),
		why: "not bound yet", awaited: map[seqOf]string{},
	}
	g.inbox = newInbox(g)
	return g, nil
}

// Run keeps the gateway bound until ctx ends, and unbinds then.
func (g *Gateway) Run(ctx context.Context) {
	var binds sync.WaitGroup
	defer binds.Wait()
	binds.Go(func() { g.inbox.run(ctx) })
	if g.route.Bind == "pair" {
		binds.Go(func() { g.keep(ctx, bindReceiver) })
		g.keep(ctx, bindTransmitter)
		return
	}
	g.keep(ctx, bindTransceiver)
}

// keep binds again and again, with growing pauses.
func (g *Gateway) keep(ctx context.Context, kind uint32) {
	pause, most := leastPause, mostRebind
	for ctx.Err() == nil {
		began := time.Now()
		err := g.session(ctx, kind)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= steady {
			pause, most = leastPause, mostRebind
		}
		if refused := (bindError{}); errors.As(err, &refused) && refused.forGood() {
			pause, most = max(pause, badBind), mostBad
		}
		g.log.Warn("no link with the SMSC", "err", err, "again_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, most)
	}
}

// session is one bind, until it ends.
func (g *Gateway) session(ctx context.Context, kind uint32) error {
	s, err := g.bind(ctx, kind)
	if err != nil {
		g.lost(kind, nil, err)
		return err
	}
	g.log.Info("bound to the SMSC")
	if kind != bindReceiver {
		g.mu.Lock()
		g.link, g.why = s, ""
		g.mu.Unlock()
	}
	var helpers sync.WaitGroup
	helpers.Go(func() { s.enquire(g.route.Enquire) })
	helpers.Go(func() {
		select {
		case <-ctx.Done():
			g.leave(kind, s)
		case <-s.done:
		}
	})
	err = s.wait()
	helpers.Wait()
	g.lost(kind, s, err)
	return err
}

// leave takes no more submissions, gives those under way the time of an answer, and unbinds.
func (g *Gateway) leave(kind uint32, s *session) {
	g.lost(kind, s, errors.New("shutting down"))
	deadline := time.NewTimer(g.route.Answer)
	defer deadline.Stop()
	if kind != bindReceiver {
		for range cap(g.window) {
			select {
			case g.window <- struct{}{}:
				defer func() { <-g.window }()
			case <-deadline.C:
				s.leave()
				return
			case <-s.done:
				return
			}
		}
	}
	s.leave()
}

// lost records that a link is no more, and forgets what was awaited on it.
func (g *Gateway) lost(kind uint32, s *session, err error) {
	if kind == bindReceiver {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.link == s {
		g.link = nil
	}
	g.why = err.Error()
	for key := range g.awaited {
		if key.session == s {
			delete(g.awaited, key)
		}
	}
}

// bindError is a status that a bind was answered with.
type bindError struct{ status uint32 }

func (e bindError) Error() string { return fmt.Sprintf("bind refused with status 0x%08x", e.status) }

// forGood says that trying at once would not help: someone has to change something.
func (e bindError) forGood() bool {
	return e.status == bindFailed || e.status == invalidPassword || e.status == invalidSystemID
}

// bind connects and binds.
func (g *Gateway) bind(ctx context.Context, kind uint32) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, g.route.Answer)
	defer cancel()
	conn, err := g.dial(ctx, "tcp", g.route.Address)
	if err != nil {
		return nil, err
	}
	if config := g.route.tls(); config != nil {
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		conn = secure
	}
	s := newSession(conn, g.route.Answer, g.inbox.put, g.late)
	p, _, err := s.ask(ctx, kind, bindBody(g.route.User, g.route.Secret, g.route.SystemType), nil)
	if err == nil && p.status != statusOK {
		err = bindError{p.status}
	}
	if err != nil {
		s.end(err)
		s.wait() //nolint:errcheck // as just said
		return nil, err
	}
	return s, nil
}

// Check implements gateway.Gateway: it binds and unbinds, unless there is a link already.
func (g *Gateway) Check(ctx context.Context) error {
	if up, _ := g.Up(); up {
		return nil
	}
	s, err := g.bind(ctx, bindTransmitter)
	if err != nil {
		return err
	}
	s.leave()
	s.wait() //nolint:errcheck // we ended it
	return nil
}

// Up implements gateway.Gateway.
func (g *Gateway) Up() (bool, string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.link != nil, g.why
}

// Submit implements gateway.Gateway. What is sent in several parts and went only in part is Unsure.
func (g *Gateway) Submit(ctx context.Context, m gateway.Submission) gateway.Answer {
	g.mu.Lock()
	s, wait := g.link, time.Until(g.paused)
	g.mu.Unlock()
	switch {
	case s == nil:
		return gateway.Answer{Outcome: gateway.NotSent, Class: "unbound"}
	case wait > 0:
		return gateway.Answer{Outcome: gateway.NotSent, Class: "throttled", Wait: wait}
	}
	list := parts(&g.route, m, partsRef(m.Ref))
	if list == nil {
		return gateway.Answer{Outcome: gateway.Refused, Class: "length"}
	}
	var sum gateway.Answer
	for i, part := range list {
		answer := g.part(ctx, s, part, m.Ref)
		for i > 0 && answer.Wait > 0 && pause(ctx, s, answer.Wait) { // the phone has the other parts: they want this one
			answer = g.part(ctx, s, part, m.Ref)
		}
		if i > 0 && answer.Outcome != gateway.Sent {
			return gateway.Answer{Outcome: gateway.Unsure, Class: "part"}
		}
		answer.IDs = append(sum.IDs, answer.IDs...)
		sum = answer
		if sum.Outcome != gateway.Sent {
			break
		}
	}
	return sum
}

// pause waits, unless ctx or the session ends.
func pause(ctx context.Context, s *session, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.done:
	case <-ctx.Done():
	}
	return false
}

// partsRef is the last octet of a reference.
func partsRef(ref string) byte {
	if b, err := hex.DecodeString(ref); err == nil && len(b) > 0 {
		return b[len(b)-1]
	}
	return 0
}

// part submits one submit_sm, within the window.
func (g *Gateway) part(ctx context.Context, s *session, m *message, ref string) gateway.Answer {
	select {
	case g.window <- struct{}{}:
		defer func() { <-g.window }()
	case <-s.done:
		return gateway.Answer{Outcome: gateway.NotSent, Class: "unbound"}
	case <-ctx.Done():
		return gateway.Answer{Outcome: gateway.NotSent, Class: "timeout"}
	}
	key := seqOf{session: s}
	p, written, err := s.ask(ctx, submitSM, m.body(), func(seq uint32) {
		key.seq = seq
		g.await(key, ref)
	})
	switch {
	case err == nil:
		g.forget(key)
		return g.answered(p)
	case !written:
		return gateway.Answer{Outcome: gateway.NotSent, Class: "unbound"}
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return gateway.Answer{Outcome: gateway.Unsure, Class: "timeout"}
	}
	return gateway.Answer{Outcome: gateway.Unsure, Class: "lost"}
}

// answered says what an answer to submit_sm means.
func (g *Gateway) answered(p pdu) gateway.Answer {
	class := fmt.Sprintf("0x%08x", p.status)
	switch p.status {
	case statusOK:
		id, err := messageID(p.body)
		if err != nil || p.command != submitSM|response {
			return gateway.Answer{Outcome: gateway.Unsure, Class: "unknown"}
		}
		g.mu.Lock()
		g.pause = 0
		g.mu.Unlock()
		answer := gateway.Answer{Outcome: gateway.Sent, Class: "sent"}
		if id = gateway.ID(id); id != "" {
			answer.IDs = []string{submitted(id, g.route.IDs)}
		}
		return answer
	case throttled, queueFull:
		g.mu.Lock()
		defer g.mu.Unlock()
		if now := time.Now(); !now.Before(g.paused) { // once for all that were under way
			g.pause = min(max(2*g.pause, leastPause), mostPause)
			g.paused = now.Add(g.pause)
		}
		return gateway.Answer{Outcome: gateway.NotSent, Class: "throttled", Wait: time.Until(g.paused)}
	case invalidLength, invalidDest, invalidDestTON, invalidDestNPI, permanentFailure, rejected, deliveryFailed:
		return gateway.Answer{Outcome: gateway.Refused, Class: class}
	case systemError, unknownError:
		return gateway.Answer{Outcome: gateway.Unsure, Class: class}
	}
	return gateway.Answer{Outcome: gateway.NotSent, Class: class}
}

// await keeps whose answer may come late.
func (g *Gateway) await(key seqOf, ref string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.awaited) < maxLate {
		g.awaited[key] = ref
	}
}

// forget returns whose answer came, "" if nobody waits for it.
func (g *Gateway) forget(key seqOf) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	ref := g.awaited[key]
	delete(g.awaited, key)
	return ref
}

// late tells what an overdue answer says after all.
func (g *Gateway) late(s *session, p pdu) {
	ref := g.forget(seqOf{s, p.seq})
	if ref == "" {
		return
	}
	answer := g.answered(p)
	r := gateway.Report{Route: g.route.Name, Ref: ref, State: gateway.Failed}
	switch answer.Outcome {
	case gateway.Sent:
		r.State = gateway.Accepted
		if len(answer.IDs) > 0 {
			r.ID = answer.IDs[0]
		}
	case gateway.Unsure:
		return
	}
	g.inbox.report(r)
}
