// Package texts sends SMS of the component's own: the entries of the outbox that ask for one.
//
//	texts.go    an entry: what has become of it before, its routes, its text, its submission, what came of that
//	compose.go  the text
//	reports.go  what providers tell of it later
//	replies.go  SMS that come from phones
//
// What is decided about an SMS is decided by package track; what a provider's answer means, by component/gateway. This package
// sees to the order: before the first byte leaves it is durable that it may; what came of it is durable before anything else
// happens. It is tested by internal/texting, with crashes at every point.
package texts

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tocsin/component/clock"
	"tocsin/component/gateway"
	"tocsin/component/metrics"
	"tocsin/component/numbers"
	"tocsin/component/queue"
	"tocsin/component/routes"
	"tocsin/component/settings"
	"tocsin/track"
)

const (
	maxWaiting = 4096 // entries
	workers    = 32
	// submitWithin is how long a provider may take to answer, unless its gateway is stricter.
	submitWithin = time.Minute
	// endWithin is how long one may still take when the component stops.
	endWithin = 3 * time.Second
	// An SMS that no route takes is tried again after firstRetry, doubled from try to try up to lastRetry.
	firstRetry = time.Second
	lastRetry  = 20 * time.Second
	// closedFor is how long a route is left alone that has taken nothing, if it does not say how long itself.
	closedFor = 5 * time.Second
)

// Inputs takes what changes the ledger, and returns when it is durable.
type Inputs interface {
	Do(context.Context, track.Input) error
}

// People is what users have chosen.
type People interface {
	Of(bare string) track.Prefs
	Language(owner string, choices ...string) string
}

// Options are what a Sender works with. All are needed.
type Options struct {
	Inputs   Inputs
	People   People
	Settings *settings.Live
	// IsLeader reports whether no other instance can be live at this moment: what it is not sure of does not go out.
	IsLeader func() bool
	Clock    clock.Clock
	Log      *slog.Logger
	Metrics  *metrics.Metrics
}

// Sender sends SMS. It implements gateway.Sink.
type Sender struct {
	Options
	queue *queue.Queue[job]
	early early

	phones phones

	mu    sync.Mutex
	lines map[string]*line // by the name of the route
}

// line is what is remembered of a route.
type line struct {
	limiter *rate.Limiter
	closed  time.Time // until when it is left alone
	why     string
}

// job is an entry of the outbox, and what has it tried again.
type job struct {
	out   track.Outgoing
	again func(time.Duration)
}

// New returns a sender.
func New(o Options) *Sender {
	return &Sender{Options: o, queue: queue.New[job](maxWaiting), early: early{}, phones: phones{limiters: map[string]*rate.Limiter{}}, lines: map[string]*line{}}
}

// Push takes an entry of the outbox. It reports false if there is no room for it. again is called, once at most, to have it come
// again after a time; else nothing is left to do for it: what has become of it takes it out of the outbox.
func (s *Sender) Push(out track.Outgoing, again func(after time.Duration)) bool {
	return s.queue.Push(job{out, again})
}

// Run sends until ctx is done. What is being submitted then has a moment to end.
func (s *Sender) Run(ctx context.Context) error {
	s.queue.Work(ctx, workers, func(ctx context.Context, j job) {
		if err := s.send(ctx, j); err != nil && ctx.Err() == nil {
			s.Log.Error("could not send an SMS, retrying", "text", j.out.Prompt, "err", err)
			j.again(firstRetry)
		}
	})
	return nil
}

// send does what is to be done about an SMS at this moment. Its error is that of the database.
func (s *Sender) send(ctx context.Context, j job) error {
	look := &track.TextLook{Text: j.out.Prompt}
	if err := s.Inputs.Do(ctx, look); err != nil {
		return err
	}
	t, now := &look.Was, track.At(s.Clock.Now())
	switch {
	case !look.Found || !t.State.Live(): // it was settled, and is left in the outbox by an account that was removed
		return s.Inputs.Do(ctx, &track.OutboxDone{j.out.ID})
	case t.State == track.TextUnsure:
		return s.await(ctx, j, t)
	case t.State == track.TextSubmitting: // the component ended while it was submitted, or it is to be submitted again
		route := s.route(t.Route)
		if route == nil || t.Kind == track.TextTest || route.Repeat == routes.Never || now >= t.QueuedAt.Add(track.TextPatience) {
			return s.unsure(ctx, j, t)
		}
		return s.again(ctx, j, look, route)
	case now >= t.QueuedAt.Add(track.TextPatience):
		s.Log.Warn("no route has taken an SMS: a person is asked", "text", t.ID)
		return s.Inputs.Do(ctx, &track.TextEnded{Text: t.ID, State: track.TextRefused})
	}
	return s.first(ctx, j, look)
}

// await waits for a report about an SMS that may have been sent, and then gives it up.
func (s *Sender) await(ctx context.Context, j job, t *track.Text) error {
	if left := t.SentAt.Add(track.TextPatience).Std().Sub(s.Clock.Now()); left > 0 {
		j.again(left)
		return nil
	}
	s.Log.Warn("nothing was heard of an SMS that may have been sent: a person is asked", "text", t.ID, "route", t.Route)
	return s.Inputs.Do(ctx, &track.TextEnded{Text: t.ID, State: track.TextLost})
}

func (s *Sender) unsure(ctx context.Context, j job, t *track.Text) error {
	if err := s.Inputs.Do(ctx, &track.TextEnded{Text: t.ID, State: track.TextUnsure}); err != nil {
		return err
	}
	return s.await(ctx, j, t)
}

// first tries the routes for an SMS of which nothing was sent, one after the other. The next one is tried only when it is certain
// that this one has sent nothing.
func (s *Sender) first(ctx context.Context, j job, look *track.TextLook) error {
	t, o := &look.Was, s.Settings.Get().SMS
	var fit []*routes.Route
	if o != nil {
		fit = o.Routes.For(t.Number, t.Kind == track.TextCode)
	}
	if t.Kind == track.TextTest && t.Route != "" {
		fit = slices.DeleteFunc(fit, func(r *routes.Route) bool { return r.Name != t.Route })
	}
	if len(fit) == 0 { // the settings have changed
		return s.Inputs.Do(ctx, &track.TextEnded{Text: t.ID, State: track.TextRefused})
	}
	for _, route := range fit {
		if !s.open(o, route) {
			continue
		}
		next, err := s.submit(ctx, j, look, o, route, false)
		if err != nil || !next {
			return err
		}
	}
	if t.Kind == track.TextTest {
		return s.Inputs.Do(ctx, &track.TextEnded{Text: t.ID, State: track.TextRefused})
	}
	wait := min(firstRetry<<min(j.out.Tries, 10), lastRetry)
	j.again(min(wait, max(0, t.QueuedAt.Add(track.TextPatience).Std().Sub(s.Clock.Now()))))
	return nil
}

// again submits an SMS once more that may have been sent: its route says that this does no harm.
func (s *Sender) again(ctx context.Context, j job, look *track.TextLook, route *routes.Route) error {
	o := s.Settings.Get().SMS
	if o == nil || look.Idle() || !s.open(o, route) {
		return s.unsure(ctx, j, &look.Was)
	}
	_, err := s.submit(ctx, j, look, o, route, true)
	return err
}

// submit gives an SMS to a provider. next says that it is certain that nothing was sent, and that the next route may try.
func (s *Sender) submit(ctx context.Context, j job, look *track.TextLook, o *settings.SMS, route *routes.Route, again bool) (next bool, err error) {
	t := &look.Was
	line := lineOf(look, o, route)
	m, segments, err := s.compose(look, o, line)
	if err != nil {
		s.Log.Error("could not write an SMS", "text", t.ID, "err", err)
		return false, s.Inputs.Do(ctx, &track.TextEnded{Text: t.ID, State: track.TextRefused})
	}
	about := make([]int64, len(look.Messages))
	for i := range look.Messages {
		about[i] = look.Messages[i].Ord
	}
	begin := &track.TextSubmit{Text: t.ID, Messages: about, Route: route.Name, From: line.From, Tag: line.Tag, Segments: segments, Again: again}
	if err := s.Inputs.Do(ctx, begin); err != nil || !begin.OK {
		if begin.Taken {
			j.again(0)
		}
		return false, err
	}
	// From here on it is known to be submitted, whatever happens. What comes of it is noted even when the component stops.
	ending := context.WithoutCancel(ctx)
	if !s.IsLeader() {
		j.again(firstRetry)
		return false, s.Inputs.Do(ending, &track.TextNotSent{Text: t.ID})
	}
	answer := s.ask(ctx, o.Gateways[route.Name], m)
	country := numbers.Country(t.Number)
	s.count(route, answer, segments, country, purposes[t.Kind])
	s.Log.Info("an SMS was submitted", "text", t.ID, "route", route.Name, "country", country, "outcome", outcomes[answer.Outcome], "class", answer.Class)
	switch answer.Outcome {
	case gateway.Sent:
		return false, s.Inputs.Do(ending, &track.TextSent{Text: t.ID, Route: route.Name, IDs: answer.IDs, Early: s.early.take(route.Name, answer.IDs, s.Clock.Now())})
	case gateway.Refused, gateway.Stopped:
		return false, s.Inputs.Do(ending, &track.TextEnded{Text: t.ID, State: track.TextRefused, Stopped: answer.Outcome == gateway.Stopped})
	case gateway.NotSent:
		s.close(route.Name, answer)
		if again { // this attempt has sent nothing, but one before may have
			return false, s.repeat(ending, j, t, route)
		}
		return true, s.Inputs.Do(ending, &track.TextNotSent{Text: t.ID})
	}
	return false, s.repeat(ending, j, t, route)
}

// repeat has an SMS submitted again that may have been sent, if its route allows that; or waits for a report.
func (s *Sender) repeat(ctx context.Context, j job, t *track.Text, route *routes.Route) error {
	wait := min(firstRetry<<min(j.out.Tries, 10), lastRetry)
	if t.Kind != track.TextTest && route.Repeat != routes.Never && s.Clock.Now().Add(wait).Before(t.QueuedAt.Add(track.TextPatience).Std()) {
		j.again(wait)
		return nil
	}
	t.SentAt = track.At(s.Clock.Now())
	return s.unsure(ctx, j, t)
}

// ask submits, within a time. When the component stops it has a moment more.
func (s *Sender) ask(ctx context.Context, g gateway.Gateway, m gateway.Submission) gateway.Answer {
	if g == nil {
		return gateway.Answer{Outcome: gateway.NotSent, Class: "no gateway"}
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), submitWithin)
	defer cancel()
	stopping := context.AfterFunc(ctx, func() { time.AfterFunc(endWithin, cancel) })
	defer stopping()
	began := s.Clock.Now()
	answer := g.Submit(asking, m)
	s.Metrics.Submit.Observe(s.Clock.Now().Sub(began).Seconds())
	return answer
}

var outcomes = map[gateway.Outcome]string{
	gateway.NotSent: "not-sent", gateway.Refused: "refused", gateway.Stopped: "stopped", gateway.Sent: "sent", gateway.Unsure: "unsure",
}

var purposes = map[track.TextKind]string{track.TextAbout: "message", track.TextCode: "code", track.TextAnswer: "answer", track.TextWhom: "answer", track.TextTest: "test"}

func (s *Sender) count(r *routes.Route, a gateway.Answer, segments int, country, what string) {
	s.Metrics.SMS.WithLabelValues(r.Name, what, outcomes[a.Outcome]).Inc()
	if a.Outcome == gateway.Sent {
		s.Metrics.Segments.WithLabelValues(r.Name, country).Add(float64(segments))
		s.Metrics.Cost.WithLabelValues(r.Name).Add(float64(segments) * r.Cost)
	}
}

// route returns the route of a name, or nil.
func (s *Sender) route(name string) *routes.Route {
	if o := s.Settings.Get().SMS; o != nil {
		return o.Routes.Named(name)
	}
	return nil
}

// open reports whether a route can be given an SMS now, and counts that against its rate.
func (s *Sender) open(o *settings.SMS, r *routes.Route) bool {
	if !s.state(o, r.Name).Up {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l, now := s.line(r.Name), s.Clock.Now()
	limit := rate.Inf
	if r.Rate > 0 {
		limit = rate.Limit(r.Rate)
	}
	if l.limiter == nil || l.limiter.Limit() != limit {
		l.limiter = rate.NewLimiter(limit, max(1, int(math.Ceil(r.Rate))))
	}
	return l.limiter.AllowN(now, 1)
}

// close leaves a route alone for a while.
func (s *Sender) close(name string, a gateway.Answer) {
	wait := a.Wait
	if wait <= 0 {
		wait = closedFor
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.line(name)
	l.closed, l.why = s.Clock.Now().Add(wait), a.Class
}

// line returns what is remembered of a route. The caller holds mu.
func (s *Sender) line(name string) *line {
	if s.lines[name] == nil {
		s.lines[name] = &line{}
	}
	return s.lines[name]
}
