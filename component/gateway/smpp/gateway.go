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
	minPause        = 250 * time.Millisecond // after throttling or a lost link; doubled each time
	maxThrottle     = 30 * time.Second
	maxRebind       = time.Minute
	minRefusedPause = 5 * time.Second // after refused credentials; doubled each time
	maxRefusedPause = 5 * time.Minute
	stableAfter     = 10 * time.Second // a session that lasted this long resets the pause
	maxAwaited      = 1000             // submissions whose responses may come late
)

// Dialer connects to an SMSC, as net.Dialer's DialContext does.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Gateway sends SMS through one SMSC. It implements gateway.Gateway and gateway.Runner.
type Gateway struct {
	route  Route
	sink   gateway.Sink
	log    *slog.Logger
	dial   Dialer
	window chan struct{}
	inbox  *inbox

	mu      sync.Mutex
	link    *session // for submissions; nil while there is none
	why     string   // why there is none
	paused  time.Time
	pause   time.Duration
	awaited map[requestKey]string // references of submissions, for late responses
}

// requestKey identifies a request.
type requestKey struct {
	session *session
	seq     uint32
}

var (
	_ gateway.Gateway = (*Gateway)(nil)
	_ gateway.Runner  = (*Gateway)(nil)
)

// New returns a route's gateway, which does nothing before Run. The error is a gateway.Faults with everything wrong in the route.
func New(r Route, sink gateway.Sink, log *slog.Logger, dial Dialer) (*Gateway, error) {
	if faults := r.complete(); len(faults) > 0 {
		return nil, faults
	}
	g := &Gateway{
		route: r, sink: sink, log: log.With("route", r.Name), dial: dial, window: make(chan struct{}, r.Window),
		why: "not bound yet", awaited: map[requestKey]string{},
	}
	g.inbox = newInbox(g)
	return g, nil
}

// Run keeps the gateway bound until ctx ends, then unbinds.
func (g *Gateway) Run(ctx context.Context) {
	var binds sync.WaitGroup
	defer binds.Wait()
	binds.Go(func() { g.inbox.run(ctx) })
	if g.route.Bind == "pair" {
		binds.Go(func() { g.runBound(ctx, bindReceiver) })
		g.runBound(ctx, bindTransmitter)
		return
	}
	g.runBound(ctx, bindTransceiver)
}

// runBound binds, and rebinds with exponential backoff.
func (g *Gateway) runBound(ctx context.Context, kind uint32) {
	pause, longest := minPause, maxRebind
	for ctx.Err() == nil {
		began := time.Now()
		err := g.session(ctx, kind)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= stableAfter {
			pause, longest = minPause, maxRebind
		}
		if refused := (bindError{}); errors.As(err, &refused) && refused.permanent() {
			pause, longest = max(pause, minRefusedPause), maxRefusedPause
		}
		g.log.Warn("no link to the SMSC", "err", err, "again_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, longest)
	}
}

// session binds, and returns when the session has ended.
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

// leave stops accepting submissions, waits for outstanding responses, and unbinds.
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

// lost records that a link has ended, and forgets the responses awaited on it.
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

// bindError is the error status of a bind's response.
type bindError struct{ status uint32 }

func (e bindError) Error() string { return fmt.Sprintf("bind refused with status 0x%08x", e.status) }

// permanent reports whether the credentials were refused, so that retrying soon is pointless.
func (e bindError) permanent() bool {
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
	s := newSession(conn, g.route.Answer, g.inbox.push, g.late)
	p, _, err := s.request(ctx, kind, bindBody(g.route.User, g.route.Secret, g.route.SystemType), nil)
	if err == nil && p.status != statusOK {
		err = bindError{p.status}
	}
	if err != nil {
		s.end(err)
		s.wait() //nolint:errcheck // it is err
		return nil, err
	}
	return s, nil
}

// Check implements gateway.Gateway. It binds and unbinds, unless there is a link already.
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

// Submit implements gateway.Gateway. A text of which only some parts were sent is Unsure.
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
		for i > 0 && answer.Wait > 0 && pause(ctx, s, answer.Wait) { // waits out throttling: earlier parts are of no use without this one
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

// pause waits. It returns false if ctx or the session ends first.
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

// partsRef returns the last octet of a reference.
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
	key := requestKey{session: s}
	p, written, err := s.request(ctx, submitSM, m.body(), func(seq uint32) {
		key.seq = seq
		g.addAwaited(key, ref)
	})
	switch {
	case err == nil:
		g.removeAwaited(key)
		return g.answered(p)
	case !written:
		return gateway.Answer{Outcome: gateway.NotSent, Class: "unbound"}
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return gateway.Answer{Outcome: gateway.Unsure, Class: "timeout"}
	}
	return gateway.Answer{Outcome: gateway.Unsure, Class: "lost"}
}

// answered interprets the response to submit_sm.
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
		if now := time.Now(); !now.Before(g.paused) { // once for all outstanding submissions
			g.pause = min(max(2*g.pause, minPause), maxThrottle)
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

// addAwaited remembers a submission in case its response comes late.
func (g *Gateway) addAwaited(key requestKey, ref string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.awaited) < maxAwaited {
		g.awaited[key] = ref
	}
}

// removeAwaited removes an awaited submission and returns its reference, or "" if it is unknown.
func (g *Gateway) removeAwaited(key requestKey) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	ref := g.awaited[key]
	delete(g.awaited, key)
	return ref
}

// late turns a late response into a report.
func (g *Gateway) late(s *session, p pdu) {
	ref := g.removeAwaited(requestKey{s, p.seq})
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
