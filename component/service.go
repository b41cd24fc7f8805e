// Package component is the wire side of Tocsin: bytes of the tapped stream become facts about messages, facts and time
// become states, states become notices and prompts. This directory only assembles the parts (service.go), looks after them
// (health.go, maintenance.go) and adapts them to each other (adapters.go); docs/ARCHITECTURE.md shows how they fit together.
//
// It knows neither the configuration file nor any database: it takes Options and a Store. Its tests run the whole
// component against a scripted server.
package component

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/address"
	"tocsin/component/alarm"
	"tocsin/component/clock"
	"tocsin/component/command"
	"tocsin/component/gateway"
	"tocsin/component/gateway/xmpp"
	"tocsin/component/intake"
	"tocsin/component/metrics"
	"tocsin/component/outbox"
	"tocsin/component/people"
	"tocsin/component/presence"
	"tocsin/component/privacy"
	"tocsin/component/queue"
	"tocsin/component/request"
	"tocsin/component/selftest"
	"tocsin/component/session"
	"tocsin/component/settings"
	"tocsin/component/source"
	"tocsin/component/tap"
	"tocsin/component/texts"
	"tocsin/component/web"
	"tocsin/component/writer"
	"tocsin/track"
	"tocsin/xep/adhoc"
)

// Options are the component's identity, connection and dependencies.
type Options struct {
	JID       string // its domain
	Contact   string // bare JID from which chat messages are sent
	Server    string
	Secret    string
	MaxStanza int           // bytes
	Flush     time.Duration // how long facts are collected before they are written
	Version   string
	Settings  settings.Settings
	Store     Store

	// Reload reads the configuration again; nil if there is none. Its error describes what is wrong with it.
	Reload func() (settings.Settings, error)
	// IsLeader reports whether it is certain that no other instance is live now; otherwise nothing is sent. Nil: there is no
	// other.
	IsLeader func() bool
	// Last are the numbers that this process assigned earlier, which the database may not have.
	Last    Last
	Clock   clock.Clock
	Log     *slog.Logger
	Metrics *metrics.Metrics
	Session func(*session.Options) // changes the connection's options; nil: none (tests)
}

// Last are the greatest numbers assigned so far, to rows and to notices.
type Last struct{ Ord, Rev int64 }

// keyPaused is the store's key for the admins' pause of all prompts.
const keyPaused = "paused"

// Service is the running component.
type Service struct {
	*health
	opts     Options
	settings *settings.Live
	metrics  *metrics.Metrics

	queue       *writer.Queue
	alarms      *alarm.Scheduler
	session     *session.Session
	presence    *presence.Registry
	learner     *presence.Learner
	server      *privacy.Server
	users       *people.Users
	backlog     *outbox.Backlog
	outbox      *outbox.Dispatcher
	writer      *writer.Writer
	requests    *request.Router
	source      *source.Source
	maintenance *maintenance
	pages       *web.Server
	texts       *texts.Sender
	receiver    *receiver

	revision atomic.Int64 // the newest notice that is durable
}

// New assembles a component with the state in the store. Every part gets its dependencies on construction, and starts in Run.
func New(ctx context.Context, o Options) (*Service, error) {
	domain, err := address.Parse(o.JID)
	if err != nil {
		return nil, fmt.Errorf("invalid component address %q: %w", o.JID, err)
	}
	if o.IsLeader == nil {
		o.IsLeader = func() bool { return true }
	}
	seed, err := o.Store.Seed(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the ledger's state: %w", err)
	}
	seed.Pepper = []byte(o.Secret)
	seed.LastOrd, seed.LastRev = max(seed.LastOrd, o.Last.Ord), max(seed.LastRev, o.Last.Rev)
	paused, err := o.Store.Get(ctx, keyPaused)
	if err != nil {
		return nil, fmt.Errorf("load the pause: %w", err)
	}
	s := &Service{opts: o, settings: settings.NewLive(o.Settings, paused != ""), metrics: o.Metrics}
	s.revision.Store(seed.LastRev)

	s.queue = writer.NewQueue(o.Clock, s.metrics)
	so := session.Options{JID: domain, Server: o.Server, Secret: o.Secret, Dropped: s.dropped, Log: o.Log, Clock: o.Clock}
	if o.Session != nil {
		o.Session(&so)
	}
	s.session = session.New(so)
	s.maintenance = &maintenance{store: o.Store, queue: s.queue, settings: s.settings, clock: o.Clock, log: o.Log, metrics: s.metrics, turnedBack: queue.NewSignal()}
	if track.OrdTime(track.At(o.Clock.Now().Add(time.Minute))) < seed.LastOrd {
		s.maintenance.TurnedBack() // the clock was set back before this start
	}
	s.alarms = alarm.New(s.queue, clockJumps{s.maintenance, s.session}, s.settings, o.Clock, s.metrics)
	if err := o.Store.Alarms(ctx, func(a track.Alarm) { s.alarms.Set(a) }); err != nil {
		return nil, fmt.Errorf("load alarms: %w", err)
	}

	backlog := outbox.NewBacklog()
	s.presence = presence.New(&announcements{Backlog: backlog, queue: s.queue, clock: o.Clock}, o.Clock)
	if s.learner, err = presence.NewLearner(ctx, s.presence, s.session, o.Store, o.Log); err != nil {
		return nil, err
	}
	s.server = privacy.NewServer(s.session, o.Clock, o.Log)
	s.source, err = source.New(ctx, source.Options{
		Config: func() *tap.Config { return &s.settings.Get().Tap }, Queue: s.queue, Presence: s.presence, Rosters: s.server, Store: o.Store, Send: s.sendRequest,
		Clock: o.Clock, Log: o.Log, Metrics: s.metrics,
	})
	if err != nil {
		return nil, err
	}
	users, err := people.New(ctx, o.Store, choices{backlog, s.source}, s.presence, s.server, s.session, s.settings)
	if err != nil {
		return nil, err
	}
	for user, names := range users.Unreadable() {
		o.Log.Warn("settings are no longer valid, applying the stricter choice", "user", user, "settings", names)
	}
	s.users, s.backlog = users, backlog
	disclosure := privacy.New(s.settings, users, o.Store, s.server, s.source.Gap, o.Log)
	links := &web.Links{Settings: s.settings, Secret: seed.Secret, Store: o.Store, Clock: o.Clock}
	s.texts = texts.New(texts.Options{
		Inputs: s.queue, People: users, Settings: s.settings, IsLeader: o.IsLeader, Clock: o.Clock, Log: o.Log, Metrics: s.metrics,
	})
	s.outbox, err = outbox.New(ctx, outbox.Options{
		Contact: o.Contact, Stream: s.session, Inputs: s.queue, Presence: s.presence, People: users, Privacy: disclosure, Names: s.server, Store: o.Store,
		Backlog: backlog, Settings: s.settings, IsLeader: o.IsLeader, Clock: o.Clock, Log: o.Log, Metrics: s.metrics, Links: links, Texts: s.texts,
	})
	if err != nil {
		return nil, err
	}
	s.writer = writer.New(writer.Options{
		Queue: s.queue, Store: o.Store, Ledger: track.NewLedger(seed, s.settings.Policy(), users), Policy: s.settings.Policy,
		Committed: s.committed, Flush: o.Flush, Clock: o.Clock, Log: o.Log, Metrics: s.metrics,
	})

	s.health = &health{
		address: o.Server, settings: s.settings, session: s.session, queue: s.queue, presence: s.presence, server: s.server, source: s.source, texts: s.texts,
		isLeader: o.IsLeader, pinger: pinger{store: o.Store, clock: o.Clock},
	}
	deps := command.Deps{
		Directory: o.Store, Settings: users, Phone: phones{o.Store, s.queue, s.metrics},
		Watch:  watch{o.Store, s.queue, s.settings, users, disclosure, o.Clock},
		Admin:  admin{o.Store, s.settings, s.texts, o.Reload, o.Clock},
		Forget: forgetUser(o.Store, users), Remove: s.remove, Zone: users.Zone, Devices: s.presence.Devices, Links: links,
	}
	commands := command.New(deps, commandOptions(domain, s.settings), adhoc.Options{})
	s.pages = web.New(web.Options{
		Links: links, Prompts: prompts{s.outbox, s.queue}, Commands: commands, Timeline: timeline{o.Store, disclosure}, Users: users,
		Health: s.health, Forget: deps.Forget, Log: o.Log,
	})
	s.requests = request.New(request.Options{
		JID: o.JID, Contact: o.Contact, Version: o.Version, Secret: seed.Secret, Revision: s.revision.Load, Stream: s.session, Inputs: s.queue, Registry: s.presence, Server: s.server,
		People: users, Locales: users, Privacy: disclosure, Store: o.Store, Commands: commands, ChatCommands: commands, Settings: s.settings, Clock: o.Clock, Log: o.Log,
	})
	s.metrics.Routes.Of(s.routesUp)
	s.receiver = &receiver{o.Store, s.queue, o.Clock, o.Log}
	return s, nil
}

// Run serves until ctx is done, and then returns nil, or until a permanent error: the server rejects the secret on the first
// connection, or another instance has taken over.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The reader stops first and the writer last, so that what was read is written.
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	var writer, others sync.WaitGroup
	run := func(wg *sync.WaitGroup, ctx context.Context, part func(context.Context) error) {
		wg.Go(func() {
			if err := part(ctx); err != nil {
				cancel(err)
			}
		})
	}
	run(&writer, writing, s.writer.Run)
	for _, part := range []func(context.Context) error{s.serve, s.alarms.Run, s.learner.Run, s.server.Run, s.source.Run, s.outbox.Run, s.texts.Run, s.requests.Run, s.maintenance.Run, s.receiver.Run} {
		run(&others, ctx, part)
	}
	<-ctx.Done()
	others.Wait()
	s.outbox.ConfirmSent(context.WithoutCancel(ctx)) // the stream has ended: nothing more is sent
	stopWriting()
	writer.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Unwritten returns the events that were received but not written, after Run. Some of them may be stored nevertheless.
func (s *Service) Unwritten() []track.Events { return s.writer.Unwritten() }

// Lost returns the number of facts in the last commits, after Run has ended because the database lost these.
func (s *Service) Lost(commits int64) int { return s.writer.Sum(commits) }

// Last returns the greatest numbers assigned, after Run.
func (s *Service) Last() Last {
	ord, rev := s.writer.Ledger.Last()
	return Last{ord, rev}
}

// SMS receives the providers' reports and replies.
func (s *Service) SMS() gateway.Sink { return s.texts }

// SMSStream is the connection to gateways on the server.
func (s *Service) SMSStream() xmpp.Stream { return smsStream{s.session, s.opts.Contact} }

// SMSRoutes returns the state of the routes for SMS; none without [sms].
func (s *Service) SMSRoutes() []texts.RouteState { return s.texts.Routes() }

// routesUp is the source of metrics.Routes.
func (s *Service) routesUp() map[string]bool {
	up := map[string]bool{}
	for _, r := range s.texts.Routes() {
		up[r.Name] = r.Up
	}
	return up
}

// Pages serves the pages (protocol §11): none without a public URL.
func (s *Service) Pages() http.Handler { return s.pages }

// Apply applies new settings, also to pending messages.
func (s *Service) Apply(next settings.Settings) {
	s.settings.Set(next)
	s.source.Refresh()
}

// Test sends a test prompt to a user, waits for the answer, and reports the steps.
func (s *Service) Test(ctx context.Context, user string, report func(selftest.Step)) error {
	test := selftest.Test{
		Inputs: s.queue, Outbox: s.outbox, Messages: s.opts.Store, People: s.users, Settings: s.settings, Contact: s.opts.Contact, Clock: s.opts.Clock,
	}
	return test.Run(ctx, user, report)
}

// TestSMS sends one SMS, and reports the steps.
func (s *Service) TestSMS(ctx context.Context, request selftest.SMSRequest, report func(selftest.Step)) error {
	test := selftest.SMS{Inputs: s.queue, Settings: s.settings, Clock: s.opts.Clock}
	return test.Run(ctx, request, report)
}

// serve keeps the stream up.
func (s *Service) serve(ctx context.Context) error {
	return s.session.Run(ctx, session.Inbound{Handler: s.requests, Wrap: s.wrap, Up: s.up, Down: s.down})
}

// wrap diverts the tap's frames from the connection before the XMPP library reads it.
func (s *Service) wrap(c net.Conn) net.Conn {
	s.source.NewStream()
	conn := intake.NewConn(c, intake.Limits{Bytes: s.opts.MaxStanza}, s.source.Receive)
	conn.Dropped = func(why intake.Reason) { s.dropped(string(why)) }
	conn.Refuse = func(iq intake.Request) { s.session.Refuse(iq.From, iq.To, iq.ID) }
	return conn
}

// sendRequest sends a request whose answer is ignored.
func (s *Service) sendRequest(ctx context.Context, to string, payload any) error {
	return s.session.Send(ctx, session.IQ{To: to, Type: "set", Payload: []any{payload}})
}

// committed runs the effects of a batch that is durable.
func (s *Service) committed(r *track.Result) {
	for i := range r.Notices {
		s.revision.Store(max(s.revision.Load(), r.Notices[i].Notice.Rev))
	}
	for _, gone := range r.Removed {
		s.users.Forget(gone.JID)
		s.presence.Forget(gone.JID)
		s.server.Forget(gone.JID)
		s.backlog.Forget(gone.JID)
	}
	s.alarms.Set(r.Alarms...)
	s.outbox.Committed(r)
}

// remove deletes everything about a deleted account.
func (s *Service) remove(ctx context.Context, jid string) error {
	return s.queue.Do(ctx, &track.Removed{JID: jid})
}

func (s *Service) up() {
	s.metrics.Up.Set(1)
	s.metrics.Connects.Inc()
	s.health.since.Store(s.opts.Clock.Now().UnixMilli())
	s.server.Reset()
	s.source.Up()
	s.alarms.Up()
	s.outbox.Up()
	s.requests.Up()
}

func (s *Service) down(error) {
	s.metrics.Up.Set(0)
	s.source.Down()
	s.alarms.Down()
}

func (s *Service) dropped(reason string) { s.metrics.Dropped.WithLabelValues(reason).Inc() }
