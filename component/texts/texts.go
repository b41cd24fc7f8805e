// Package texts sends the outbox's SMS through gateways, and handles reports and replies.
//
//	texts.go    sending an entry: its routes, submission, and outcome
//	compose.go  the text
//	sender.go   the order of senders
//	reports.go  reports from providers
//	replies.go  SMS from phones
//	routes.go   the state of routes
//
// Package track decides about SMS, and component/gateway interprets providers' responses. This package guarantees the order of
// writes: an SMS is recorded as submitting before the first byte is sent, and its outcome is recorded before anything else
// happens. internal/texting tests it, with crashes at every point.
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
	// submitTimeout limits a submission, unless its gateway has a shorter timeout.
	submitTimeout = time.Minute
	// shutdownTimeout is how long a submission may still take when the component stops.
	shutdownTimeout = 3 * time.Second
	// An SMS that no route accepts is retried after firstRetry, doubled each time up to lastRetry.
	firstRetry = time.Second
	lastRetry  = 20 * time.Second
	// closedFor is how long a route is not used after it has not accepted an SMS, unless it says how long to wait.
	closedFor = 5 * time.Second
)

// Inputs applies inputs to the ledger, and returns when they are durable.
type Inputs interface {
	Do(context.Context, track.Input) error
}

// People returns users' preferences.
type People interface {
	Of(bare string) track.Prefs
	Language(owner string, choices ...string) string
}

// Options are the dependencies of a Sender. All are required.
type Options struct {
	Inputs   Inputs
	People   People
	Settings *settings.Live
	// IsLeader reports whether certainly no other instance is live. Nothing is sent otherwise.
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

	mu        sync.Mutex
	throttles map[string]*throttle // by route name
}

// throttle limits the use of a route.
type throttle struct {
	limiter *rate.Limiter
	closed  time.Time // the route is not used until then
	why     string
}

// job is an entry of the outbox, and the function that schedules a retry.
type job struct {
	out   track.Outgoing
	again func(time.Duration)
}

// New returns a sender.
func New(o Options) *Sender {
	return &Sender{Options: o, queue: queue.New[job](maxWaiting), early: early{}, phones: phones{limiters: map[string]*rate.Limiter{}}, throttles: map[string]*throttle{}}
}

// Push queues an entry of the outbox. It reports false if the queue is full. To retry the entry after a time, again is called, at
// most once. Otherwise the entry is done, and its outcome removes it from the outbox.
func (s *Sender) Push(out track.Outgoing, again func(after time.Duration)) bool {
	return s.queue.Push(job{out, again})
}

// Run sends until ctx is done. Submissions in progress then have shutdownTimeout to end.
func (s *Sender) Run(ctx context.Context) error {
	s.queue.Work(ctx, workers, func(ctx context.Context, j job) {
		if err := s.send(ctx, j); err != nil && ctx.Err() == nil {
			s.Log.Error("could not send an SMS, retrying", "text", j.out.Prompt, "err", err)
			j.again(firstRetry)
		}
	})
	return nil
}

// send performs the next step for an SMS. Its errors come from the database.
func (s *Sender) send(ctx context.Context, j job) error {
	look := &track.TextSnapshot{Text: j.out.Prompt}
	if err := s.Inputs.Do(ctx, look); err != nil {
		return err
	}
	t, now := &look.Was, track.At(s.Clock.Now())
	switch {
	case !look.Found || !t.State.Live(): // settled already; the entry was left behind when an account was removed
		return s.Inputs.Do(ctx, &track.OutboxDone{j.out.ID})
	case t.State == track.TextUnsure:
		return s.await(ctx, j, t)
	case t.State == track.TextSubmitting: // interrupted by a crash, or to be submitted again
		route := s.route(t.Route)
		if route == nil || t.Kind == track.TextTest || route.Repeat == routes.Never || now >= t.QueuedAt.Add(track.TextPatience) {
			return s.recordUnsure(ctx, j, t)
		}
		return s.resubmit(ctx, j, look, route)
	case now >= t.QueuedAt.Add(track.TextPatience):
		s.Log.Warn("no route has accepted an SMS, prompting its sender", "text", t.ID)
		return s.Inputs.Do(ctx, &track.TextEnded{Text: t.ID, State: track.TextRefused})
	}
	return s.submitFirst(ctx, j, look)
}

// await waits for a report about an SMS that may have been sent, and finally gives up.
func (s *Sender) await(ctx context.Context, j job, t *track.Text) error {
	if left := t.SentAt.Add(track.TextPatience).Std().Sub(s.Clock.Now()); left > 0 {
		j.again(left)
		return nil
	}
	s.Log.Warn("no report about an SMS that may have been sent, prompting its sender", "text", t.ID, "route", t.Route)
	return s.Inputs.Do(ctx, &track.TextEnded{Text: t.ID, State: track.TextLost})
}

func (s *Sender) recordUnsure(ctx context.Context, j job, t *track.Text) error {
	if err := s.Inputs.Do(ctx, &track.TextEnded{Text: t.ID, State: track.TextUnsure}); err != nil {
		return err
	}
	return s.await(ctx, j, t)
}

// submitFirst tries the routes, one after the other, for an SMS that was not sent. The next route is tried only if this one has certainly
// sent nothing.
func (s *Sender) submitFirst(ctx context.Context, j job, look *track.TextSnapshot) error {
	t, o := &look.Was, s.Settings.Get().SMS
	var fit []*routes.Route
	if o != nil {
		fit = o.Routes.For(t.Number, t.Kind == track.TextCode)
	}
	if t.Kind == track.TextTest && t.Route != "" {
		fit = slices.DeleteFunc(fit, func(r *routes.Route) bool { return r.Name != t.Route })
	}
	if len(fit) == 0 { // the configuration has changed
		return s.Inputs.Do(ctx, &track.TextEnded{Text: t.ID, State: track.TextRefused})
	}
	for _, route := range fit {
		if !s.isOpen(o, route) {
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

// resubmit submits an SMS once more that may have been sent, as its route's repeat allows.
func (s *Sender) resubmit(ctx context.Context, j job, look *track.TextSnapshot, route *routes.Route) error {
	o := s.Settings.Get().SMS
	if o == nil || look.Idle() || !s.isOpen(o, route) {
		return s.recordUnsure(ctx, j, &look.Was)
	}
	_, err := s.submit(ctx, j, look, o, route, true)
	return err
}

// submit submits an SMS to a provider. next reports that certainly nothing was sent, so that the next route may try.
func (s *Sender) submit(ctx context.Context, j job, look *track.TextSnapshot, o *settings.SMS, route *routes.Route, again bool) (next bool, err error) {
	t := &look.Was
	line := lineOf(look, o, route)
	m, segments, err := s.compose(look, o, line)
	if err != nil {
		s.Log.Error("could not compose an SMS", "text", t.ID, "err", err)
		if again {
			return false, s.recordUnsure(ctx, j, t)
		}
		return false, s.Inputs.Do(ctx, &track.TextEnded{Text: t.ID, State: track.TextRefused})
	}
	about := make([]int64, len(look.Messages))
	for i := range look.Messages {
		about[i] = look.Messages[i].Ord
	}
	begin := &track.TextSubmit{Text: t.ID, Messages: about, Route: route.Name, From: line.From, Tag: line.Tag, Segments: segments, Again: again}
	if err := s.Inputs.Do(ctx, begin); err != nil {
		return false, err
	}
	switch {
	case begin.Stale:
		j.again(0)
		return false, nil
	case !begin.OK && again: // not wanted any more, but an earlier attempt may have sent it
		return false, s.recordUnsure(ctx, j, t)
	case !begin.OK:
		return false, nil
	}
	// It is now recorded as submitting. The outcome must be recorded even if the component stops.
	ending := context.WithoutCancel(ctx)
	if !s.IsLeader() {
		j.again(firstRetry)
		if again {
			return false, nil // it stays submitting
		}
		return false, s.Inputs.Do(ending, &track.TextNotSent{Text: t.ID})
	}
	answer := s.submitTo(ctx, o.Gateways[route.Name], m)
	country := numbers.Country(t.Number)
	s.count(route, answer, segments, country, purposes[t.Kind])
	s.Log.Info("submitted an SMS", "text", t.ID, "route", route.Name, "country", country, "outcome", outcomes[answer.Outcome], "class", answer.Class)
	switch answer.Outcome {
	case gateway.Sent:
		return false, s.Inputs.Do(ending, &track.TextSent{Text: t.ID, Route: route.Name, IDs: answer.IDs, Early: s.early.pop(route.Name, answer.IDs, s.Clock.Now())})
	case gateway.Refused, gateway.Stopped:
		end := &track.TextEnded{Text: t.ID, State: track.TextRefused, Stopped: answer.Outcome == gateway.Stopped}
		if !again {
			return false, s.Inputs.Do(ending, end)
		}
		end.State, t.SentAt = track.TextUnsure, track.At(s.Clock.Now())
		if err := s.Inputs.Do(ending, end); err != nil {
			return false, err
		}
		return false, s.await(ending, j, t)
	case gateway.NotSent:
		s.closeRoute(route.Name, answer)
		if again { // an earlier attempt may have sent it
			return false, s.repeat(ending, j, t, route)
		}
		return true, s.Inputs.Do(ending, &track.TextNotSent{Text: t.ID})
	}
	return false, s.repeat(ending, j, t, route)
}

// repeat schedules another submission of an SMS that may have been sent, if its route allows that. Otherwise it waits for a report.
func (s *Sender) repeat(ctx context.Context, j job, t *track.Text, route *routes.Route) error {
	wait := min(firstRetry<<min(j.out.Tries, 10), lastRetry)
	if t.Kind != track.TextTest && route.Repeat != routes.Never && s.Clock.Now().Add(wait).Before(t.QueuedAt.Add(track.TextPatience).Std()) {
		j.again(wait)
		return nil
	}
	t.SentAt = track.At(s.Clock.Now())
	return s.recordUnsure(ctx, j, t)
}

// submitTo submits an SMS with a timeout. When the component stops, shutdownTimeout remains.
func (s *Sender) submitTo(ctx context.Context, g gateway.Gateway, m gateway.Submission) gateway.Answer {
	if g == nil {
		return gateway.Answer{Outcome: gateway.NotSent, Class: "no gateway"}
	}
	asking, end := clock.ExtendContext(ctx, s.Clock, shutdownTimeout)
	defer end()
	asking, cancel := context.WithTimeout(asking, submitTimeout)
	defer cancel()
	began := s.Clock.Now()
	answer := g.Submit(asking, m)
	s.Metrics.Submit.Observe(s.Clock.Now().Sub(began).Seconds())
	return answer
}

var outcomes = map[gateway.Outcome]string{
	gateway.NotSent: "not-sent", gateway.Refused: "refused", gateway.Stopped: "stopped", gateway.Sent: "sent", gateway.Unsure: "unsure",
}

var purposes = map[track.TextKind]string{track.TextAbout: "message", track.TextCode: "code", track.TextAnswer: "answer", track.TextWhom: "answer", track.TextHelp: "answer", track.TextTest: "test"}

func (s *Sender) count(r *routes.Route, a gateway.Answer, segments int, country, what string) {
	s.Metrics.SMS.WithLabelValues(r.Name, what, outcomes[a.Outcome]).Inc()
	if a.Outcome == gateway.Sent {
		s.Metrics.Segments.WithLabelValues(r.Name, country).Add(float64(segments))
		s.Metrics.Cost.WithLabelValues(r.Name).Add(float64(segments) * r.Cost)
	}
}

// route returns the route with a name, or nil.
func (s *Sender) route(name string) *routes.Route {
	if o := s.Settings.Get().SMS; o != nil {
		return o.Routes.Named(name)
	}
	return nil
}

// isOpen reports whether a route can be used now, and if so counts that against its rate.
func (s *Sender) isOpen(o *settings.SMS, r *routes.Route) bool {
	if !s.state(o, r.Name).Up {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l, now := s.throttle(r.Name), s.Clock.Now()
	limit := rate.Inf
	if r.Rate > 0 {
		limit = rate.Limit(r.Rate)
	}
	if l.limiter == nil || l.limiter.Limit() != limit {
		l.limiter = rate.NewLimiter(limit, max(1, int(math.Ceil(r.Rate))))
	}
	return l.limiter.AllowN(now, 1)
}

// closeRoute stops using a route for a while.
func (s *Sender) closeRoute(name string, a gateway.Answer) {
	wait := a.Wait
	if wait <= 0 {
		wait = closedFor
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.throttle(name)
	l.closed, l.why = s.Clock.Now().Add(wait), a.Class
}

// throttle returns the throttle of a route. The caller holds mu.
func (s *Sender) throttle(name string) *throttle {
	if s.throttles[name] == nil {
		s.throttles[name] = &throttle{}
	}
	return s.throttles[name]
}
