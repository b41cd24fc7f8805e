// Package component is the wire side of Tocsin: bytes of a tapped stream become facts about messages, facts and the
// clock become states, states become notices and prompts. How the parts hang together:
//
//	session ─► intake ─► tap ─► ingest ─► track.Ledger ─► one transaction ─► outflow ─► session
//	   └─► handler: IQ, presence, chat to the contact ─┘        alarms ◄─┘
package component

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"mellium.im/xmpp/jid"

	"tocsin/component/alarm"
	"tocsin/component/clock"
	"tocsin/component/command"
	"tocsin/component/fair"
	"tocsin/component/intake"
	"tocsin/component/metrics"
	"tocsin/component/presence"
	"tocsin/component/session"
	"tocsin/component/settings"
	"tocsin/component/tap"
	"tocsin/component/writer"
	"tocsin/track"
	"tocsin/xep/caps"
)

// Options say what the component is, and where.
type Options struct {
	JID       string // its domain
	Contact   string // the bare JID that people read in a chat
	Server    string
	Secret    string
	MaxStanza int
	Flush     time.Duration // how long facts are gathered before they are written
	Version   string
	Settings  settings.Settings
	Store     Store

	// Reload reads the configuration again; nil if there is none to read. Its error says what is wrong with it.
	Reload func() (settings.Settings, error)
	// IsLeader reports whether no other instance can be live at this moment: what it is not sure of does not go out. Nil:
	// there is no other.
	IsLeader func() bool
	Clock    clock.Clock
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Session  func(*session.Options) // changes the connection's options; nil: none (tests)
}

// Service is the running component.
type Service struct {
	opts     Options
	settings *settings.Live
	clock    clock.Clock
	log      *slog.Logger
	domain   jid.JID
	metrics  *metrics.Metrics

	session  *session.Session
	queue    *writer.Queue
	writer   *writer.Writer
	alarms   *alarm.Scheduler
	presence *presence.Registry
	people   *people
	learner  *presence.Learner
	fair     *fair.Queue
	proofs   *proofs
	outflow  *outflow
	handler  *handler
	roster   *rosters
	contact  *contact
	commands *command.Commands

	reader   reader
	pinger   pinger
	renewing sync.Mutex
	changed  chan struct{} // the policy; keep looks after what follows
	lastTap  atomic.Int64  // Unix milliseconds of the newest believed copy
	since    atomic.Int64  // Unix milliseconds of the stream's beginning
}

// One user is sent so much a second in the long run, and so much at once. A prompt waits for two transactions on its
// way; those of many users share them: so many are on their way together.
const (
	ownerRate     = 20
	ownerBurst    = 200
	sendersAtOnce = 128
)

// reader is what the reading goroutine owns.
type reader struct {
	tap      *tap.Tap
	settings *settings.Settings // those the tap was made with
	sighting tap.Sighting
}

// New prepares a component on what the store knows.
func New(ctx context.Context, o Options) (*Service, error) {
	s := &Service{opts: o, clock: o.Clock, log: o.Log, metrics: metrics.New(o.Metrics), changed: make(chan struct{}, 1)}
	metrics.RegisterStored(o.Metrics, o.Store, o.Clock)
	if o.IsLeader == nil {
		s.opts.IsLeader = func() bool { return true }
	}
	domain, err := jid.Parse(o.JID)
	if err != nil {
		return nil, fmt.Errorf("component address %q: %w", o.JID, err)
	}
	s.domain = domain
	seed, err := o.Store.Seed(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the past: %w", err)
	}
	s.outflow = newOutflow(s)
	s.presence = presence.New(s.outflow, o.Clock)
	if s.people, err = loadPeople(ctx, o.Store, s.presence); err != nil {
		return nil, err
	}
	paused, err := o.Store.Get(ctx, keyPaused)
	if err != nil {
		return nil, fmt.Errorf("load the pause: %w", err)
	}
	s.settings = settings.NewLive(o.Settings, paused != "")

	s.queue = writer.NewQueue(o.Clock, s.metrics)
	s.writer = writer.New(writer.Options{
		Queue: s.queue, Store: o.Store, Ledger: track.NewLedger(seed, s.settings.Policy(), s.people), Policy: s.settings.Policy,
		Committed: s.follow, Flush: o.Flush, Clock: o.Clock, Log: o.Log, Metrics: s.metrics,
	})
	s.alarms = alarm.New(s.queue, s.settings, o.Clock, s.metrics)
	s.fair = fair.New(fair.Options{
		Rate: ownerRate, Burst: ownerBurst, Workers: sendersAtOnce, Clock: o.Clock,
		Failed: func(_ string, err error) {
			if !errors.Is(err, session.ErrDown) && !errors.Is(err, session.ErrHeldBack) && !errors.Is(err, context.Canceled) {
				s.log.Error("could not tell a user", "err", err)
			}
		},
	})
	s.proofs = newProofs(s)
	s.roster = newRosters(s)
	s.handler = newHandler(s)
	s.contact = newContact(s)
	s.commands = newCommands(s, domain)
	if err := s.recall(ctx); err != nil {
		return nil, err
	}
	so := session.Options{
		JID: domain, Server: o.Server, Secret: o.Secret, Dropped: s.dropped, Log: o.Log, Clock: o.Clock,
	}
	if o.Session != nil {
		o.Session(&so)
	}
	s.session = session.New(so)
	if s.learner, err = presence.NewLearner(ctx, s.presence, s.session, o.Store, o.Log); err != nil {
		return nil, err
	}
	return s, nil
}

// recall loads what was under way.
func (s *Service) recall(ctx context.Context) error {
	if err := s.opts.Store.Alarms(ctx, func(a track.Alarm) { s.alarms.Set(a) }); err != nil {
		return fmt.Errorf("load alarms: %w", err)
	}
	pending, err := s.opts.Store.Pending(ctx)
	if err != nil {
		return fmt.Errorf("load the outbox: %w", err)
	}
	s.outflow.recall(pending)
	return nil
}

// Run serves until ctx is done, and returns nil, or until it can't: the server refuses the secret at the first
// connection, or another instance has taken over.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The reader stops first, the writer last: what was read is written.
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
	for _, part := range []func(context.Context) error{s.serve, s.alarms.Run, s.fair.Run, s.learner.Run, s.outflow.run, s.proofs.run, s.handler.work.Run, s.keep} {
		run(&others, ctx, part)
	}
	<-ctx.Done()
	others.Wait()
	s.proofs.settle(context.WithoutCancel(ctx)) // the stream is over: nobody is asked any more
	stopWriting()
	writer.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Apply puts new settings into force, for pending messages, too.
func (s *Service) Apply(next settings.Settings) {
	s.settings.Set(next)
	s.renew()
}

// renew brings the settings, and the pause, to everybody who keeps something made of them. With two that change something
// at the same time the last one to come here brings both.
func (s *Service) renew() {
	s.renewing.Lock()
	defer s.renewing.Unlock()
	s.commands.Set(s.commandOptions(s.domain))
	signal(s.changed)
}

// signal wakes whoever waits on c, which has room for one; it does not wait itself.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// serve keeps the stream up.
func (s *Service) serve(ctx context.Context) error {
	return s.session.Run(ctx, session.Inbound{Handler: s.handler, Wrap: s.wrap, Up: s.up, Down: s.down})
}

// wrap cuts the copies of the tap out of the connection, before the XMPP library reads it.
func (s *Service) wrap(c net.Conn) net.Conn {
	conn := intake.NewConn(c, intake.Limits{Bytes: s.opts.MaxStanza}, s.take)
	conn.Dropped = func(r intake.Reason) { s.dropped(string(r)) }
	return conn
}

// take makes facts of one tapped copy. It is called by the reading goroutine alone, for a frame that is gone after it.
func (s *Service) take(frame []byte) {
	settings := s.settings.Get()
	if s.reader.settings != settings {
		s.reader.tap, s.reader.settings = tap.New(settings.Tap), settings
	}
	now := s.clock.Now()
	verdict := s.reader.tap.Take(frame, track.At(now), &s.reader.sighting)
	s.metrics.Stanzas.WithLabelValues(verdict.String()).Inc()
	if verdict != tap.Rejected && verdict != tap.Malformed {
		s.lastTap.Store(now.UnixMilli())
	}
	for i := range s.reader.sighting.Seen {
		r := &s.reader.sighting.Seen[i]
		switch r.Kind {
		case tap.Unavailable:
			s.presence.Left(r.JID)
		case tap.Available:
			s.presence.Saw(r.JID, presence.FromPresence, caps.Caps{Node: r.Caps.Node, Ver: r.Caps.Ver, Hash: r.Caps.Hash})
		default:
			s.presence.Saw(r.JID, presence.FromActivity, caps.Caps{})
		}
	}
	if s.reader.sighting.VoidHint {
		s.metrics.VoidHints.Inc()
	}
	for i := range s.reader.sighting.Facts {
		fact := s.reader.sighting.Facts[i]
		s.queue.Offer(&fact)
	}
}

// follow runs the effects of a committed batch.
func (s *Service) follow(r *track.Result) {
	s.alarms.Set(r.Alarms...)
	for i := range r.Tells {
		s.countTimeout(&r.Tells[i])
		s.outflow.tell(r.Tells[i])
	}
	for i := range r.Prompts {
		s.outflow.changed(&r.Prompts[i])
	}
	for _, o := range r.Outbox {
		s.outflow.dispatch(o)
	}
}

func (s *Service) countTimeout(m *track.Message) {
	if m.Notice.At != m.TimeoutAt {
		return // told again by a step of the chain
	}
	switch m.Notice.State {
	case track.StateTimeoutUndelivered:
		s.metrics.Timeouts.WithLabelValues("undelivered").Inc()
	case track.StateTimeoutUnread:
		s.metrics.Timeouts.WithLabelValues("unread").Inc()
	}
}

func (s *Service) up() {
	s.metrics.Up.Set(1)
	s.metrics.Connects.Inc()
	now := s.clock.Now()
	s.since.Store(now.UnixMilli())
	s.roster.reset()
	s.alarms.Up()
	s.outflow.up(s.presence.Recheck())
}

func (s *Service) down(error) {
	s.metrics.Up.Set(0)
	s.metrics.Gaps.Inc()
	s.alarms.Down()
}

func (s *Service) dropped(reason string) { s.metrics.Dropped.WithLabelValues(reason).Inc() }

// Since returns when the stream began; the zero time while it is down.
func (s *Service) Since() time.Time {
	if !s.session.Up() {
		return time.Time{}
	}
	return time.UnixMilli(s.since.Load())
}

// Lag is how long the oldest fact has been waiting to be written.
func (s *Service) Lag() time.Duration { return s.queue.Lag() }

// Presence names where the presence of users is learned from: "privilege", "tap", or "" if nowhere yet.
func (s *Service) Presence() string {
	for _, domain := range s.settings.Get().Tap.Domains {
		if s.roster.of(domain).Presence {
			return "privilege"
		}
	}
	if s.presence.IsTold() {
		return "tap"
	}
	return ""
}

// LastTap returns when the newest copy came that was believed; the zero time if none did.
func (s *Service) LastTap() time.Time {
	if ms := s.lastTap.Load(); ms != 0 {
		return time.UnixMilli(ms)
	}
	return time.Time{}
}

// Alive returns what keeps the process from working at all: a writer that has not moved for long though the database
// answers.
func (s *Service) Alive() []string {
	if lag := s.queue.Lag(); lag > stuckAfter && s.queue.Fault() == nil {
		return []string{"queue: nothing was written for " + lag.Round(time.Second).String()}
	}
	return nil
}

// stuckAfter is when a queue that does not move without an error is taken for a fault of the program.
const stuckAfter = 2 * time.Minute

// Ready returns what keeps the component from doing its work; nothing if it can.
func (s *Service) Ready() []string {
	var faults []string
	if !s.session.Up() {
		faults = append(faults, "stream: not connected to "+s.opts.Server)
	}
	if !s.opts.IsLeader() {
		faults = append(faults, "storage: the right to be the one live instance is in doubt")
	}
	if err := s.queue.Fault(); err != nil {
		faults = append(faults, "storage: "+err.Error())
	} else if err := s.pinger.ask(s.opts.Store.Ping); err != nil {
		faults = append(faults, "storage: "+err.Error())
	}
	if lag := s.queue.Lag(); lag > lateAfter {
		faults = append(faults, "queue: nothing was written for "+lag.Round(time.Second).String())
	}
	if n := s.queue.Len(); n >= writer.MaxQueue/2 {
		faults = append(faults, "queue: "+strconv.Itoa(n)+" facts wait to be written")
	}
	return faults
}

// lateAfter is when what waits to be written has waited for too long.
const lateAfter = 5 * time.Second
