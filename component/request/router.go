package request

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"mellium.im/xmpp/stanza"

	"tocsin/component/fair"
	"tocsin/component/queue"
	"tocsin/component/session"
	"tocsin/track"
)

const (
	// The rate and burst of one user's requests; further ones wait, and are refused once another WorkBurst are waiting.
	workRate  = 50
	WorkBurst = 500
	workers   = 16
	// maxRefusals is how many refusals may wait to be sent; beyond that requests are not answered.
	maxRefusals = 1000
	// workWithin is how long a request may take, for instance if the database does not answer.
	workWithin = 15 * time.Second
)

// Router handles everything incoming besides the tap. Whatever may have to wait for the database or other entities is done by
// workers: each sender's stanzas in order, and one sender's flood delays nobody else.
type Router struct {
	Options
	routes   []route
	tokens   tokens
	work     *fair.Queue
	refusals *queue.Queue[*session.Stanza]
	helped   helped
}

// New returns a router.
func New(o Options) *Router {
	return &Router{
		Options: o, routes: table(), tokens: tokens{o.Secret}, refusals: queue.New[*session.Stanza](maxRefusals),
		work: fair.New(fair.Options{Rate: workRate, Burst: WorkBurst, PerOwner: WorkBurst, Workers: workers, Clock: o.Clock}),
	}
}

// Run answers requests until ctx is done.
func (r *Router) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		r.refusals.Work(ctx, 1, func(ctx context.Context, iq *session.Stanza) {
			r.send(ctx, session.Error(iq, stanza.ResourceConstraint, stanza.Wait, nil))
		})
	})
	return r.work.Run(ctx)
}

// IQ implements session.Handler: exactly one answer to every request (RFC 6120 §8.2.3).
func (r *Router) IQ(iq *session.Stanza) {
	r.later(iq.From.Bare().String(), func(ctx context.Context) { r.respond(ctx, iq) }, func() { r.refusals.Push(iq) })
}

// respond answers a request. An oversized answer is replaced by an error, not by silence.
func (r *Router) respond(ctx context.Context, iq *session.Stanza) {
	err := r.Stream.Send(ctx, r.reply(ctx, iq))
	if errors.Is(err, session.ErrTooBig) {
		err = r.Stream.Send(ctx, session.Error(iq, stanza.ResourceConstraint, stanza.Cancel, nil))
	}
	r.sent(ctx, err)
}

// Message implements session.Handler.
func (r *Router) Message(m *session.Stanza) {
	if !r.texted(m) {
		r.handle(m)
	}
}

// Presence implements session.Handler.
func (r *Router) Presence(p *session.Stanza) { r.handle(p) }

// handle handles a stanza that needs no answer.
func (r *Router) handle(in *session.Stanza) {
	rt, p := r.find(in)
	from := in.From.Bare().String()
	outcome := "handled"
	switch {
	case rt == nil:
		outcome = "ignored"
	case rt.users != nil && !r.Settings.Get().IsUser(from):
		outcome = "not from a user"
	case rt.now != nil:
		rt.now(r, in, p)
	default:
		r.later(from, func(ctx context.Context) { rt.later(r, ctx, in) }, nil)
	}
	r.trace(in, p, outcome)
}

// reply returns the answer to a request.
func (r *Router) reply(ctx context.Context, iq *session.Stanza) (reply any) {
	ctx, cancel := context.WithTimeout(ctx, workWithin)
	defer cancel()
	defer r.recoverPanic(func() { reply = session.Error(iq, stanza.InternalServerError, stanza.Cancel, nil) })
	rt, p := r.find(iq)
	defer func() {
		if answer, ok := reply.(session.IQ); ok {
			r.trace(iq, p, answer.Type)
		}
	}()
	switch {
	case rt == nil:
		return session.Error(iq, stanza.ServiceUnavailable, stanza.Cancel, nil)
	case rt.users != nil && !r.Settings.Get().IsUser(iq.From.Bare().String()):
		return session.Error(iq, rt.users.condition, rt.users.kind, nil)
	case rt.stored && r.Inputs.Fault() != nil:
		return session.Error(iq, stanza.InternalServerError, stanza.Wait, nil)
	}
	return rt.answer(r, ctx, iq, p)
}

// trace logs the outcome of a stanza, without its content: p is the payload it was handled for, or nil.
func (r *Router) trace(in *session.Stanza, p *session.Payload, outcome string) {
	if !r.Log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	about := ""
	if p != nil {
		about = p.Name.Space + " " + p.Name.Local
	}
	r.Log.Debug("in", "stanza", in.Name, "type", fmt.Sprintf("%.20s", in.Type), "from", in.From.Bare(), "about", about, "outcome", outcome)
}

// later queues work for a bare JID. If too much is waiting, refuse is called instead, unless it is nil.
func (r *Router) later(from string, job func(context.Context), refuse func()) {
	r.inTurn(r.share(from), job, refuse)
}

// inTurn queues work for an owner of the fair queue.
func (r *Router) inTurn(owner string, job func(context.Context), refuse func()) {
	r.work.Push(owner, func(ctx context.Context) error {
		defer r.recoverPanic(func() {})
		job(ctx)
		return nil
	}, refuse)
}

// share returns the owner in the fair queue for a bare JID. Remote servers can make up any number of addresses, so all of
// these share one.
func (r *Router) share(from string) string {
	if slices.Contains(r.Settings.Get().Tap.Domains, track.Domain(from)) {
		return from
	}
	return ""
}

// recoverPanic, deferred, logs a panic, then calls fallback, so that no stanza can kill the component.
func (r *Router) recoverPanic(fallback func()) {
	if fault := recover(); fault != nil {
		r.Log.Error("request failed", "panic", session.Harmless(fault), "stack", string(debug.Stack()))
		fallback()
	}
}

func (r *Router) send(ctx context.Context, v any) { r.sent(ctx, r.Stream.Send(ctx, v)) }

// sent logs the error if a stanza could not be sent.
func (r *Router) sent(ctx context.Context, err error) {
	if err != nil && !errors.Is(err, session.ErrDown) && ctx.Err() == nil {
		r.Log.Warn("could not answer", "err", err)
	}
}

// failed answers a request that could not be handled.
func (r *Router) failed(iq *session.Stanza, err error) any {
	if !errors.Is(err, context.Canceled) {
		r.Log.Error("could not answer a request", "err", err)
	}
	return session.Error(iq, stanza.InternalServerError, stanza.Wait, nil)
}
