// Package source handles the frames of the server's tap: it parses them, passes facts to the writer and presence to the
// registry, and keeps account of the source (docs/PROTOCOL.md §10): the last batch of each run, losses, what is durable and
// can be acknowledged, and who is online.
//
// account.go and sessions.go decide, without a clock and without I/O; source.go acts on it. Package track decides what follows
// from a fact. Its tests feed it batches and check its account (account_test.go, source_test.go).
package source

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/component/presence"
	"tocsin/component/queue"
	"tocsin/component/tap"
	"tocsin/track"
	"tocsin/xep/caps"
)

const (
	// ackEvery is how often the sources get acknowledgements.
	ackEvery = 100 * time.Millisecond
	// tidyEvery is how often to look for sessions that were not reported again, and for unacknowledged batches without
	// facts: there is one transaction for maxIdle of them, not one for each.
	tidyEvery = time.Second
	maxIdle   = 64
	maxRoom   = 256 // facts: room made at once for those of several batches
)

// Queue accepts facts; done is called when they are durable.
type Queue interface {
	Offer(events *track.Events, done func(error)) bool
}

// Presence records who comes and goes.
type Presence interface {
	Observe(full string, from presence.Source, c caps.Caps)
	Left(full string)
	Online(full string) bool
	Acknowledged(full string)
}

// Rosters is notified of changed rosters.
type Rosters interface {
	Changed(owner string)
}

// Store remembers how far each run was processed.
type Store interface {
	Get(ctx context.Context, key string) (string, error)
	Put(ctx context.Context, key, value string) error
}

// Options are the dependencies of a Source. All are required.
type Options struct {
	Config   func() *tap.Config // the current one; a different pointer means a different configuration
	Queue    Queue
	Presence Presence
	Rosters  Rosters
	Store    Store
	// Send sends an IQ of type set to a domain. The answer is ignored.
	Send    func(ctx context.Context, to string, payload any) error
	Clock   clock.Clock
	Log     *slog.Logger
	Metrics *metrics.Metrics
}

// Source is the one entry point for frames of the tap. Only the reading goroutine may call Receive; the other methods are safe
// for concurrent use.
type Source struct {
	Options
	table *SessionTable

	// Owned by the reading goroutine:
	tap      *tap.Tap
	clocks   tap.Clocks
	config   *tap.Config
	sighting tap.Sighting
	clients  []track.Client // of the current frame

	wake    queue.Signal // there are acknowledgements or requests to send, or state to store
	mu      sync.Mutex
	account account
	skew    tap.Skew
	since   time.Time         // when the stream came up
	newest  time.Time         // when the newest accepted frame arrived
	dirty   bool              // account must be stored
	idle    map[string]uint64 // the newest batch of each run, if it had no facts
	idles   int               // number of batches that idle covers
	refresh bool              // sources must query again what is needed
}

// New returns a Source that continues where the last instance stopped.
func New(ctx context.Context, o Options) (*Source, error) {
	s := &Source{Options: o, table: newSessionTable(), wake: queue.NewSignal(), idle: map[string]uint64{}, clocks: tap.Clocks{}}
	text, err := o.Store.Get(ctx, rememberedKey)
	if err != nil {
		return nil, fmt.Errorf("load the tap's account: %w", err)
	}
	var was remembered
	if text != "" {
		if err := json.Unmarshal([]byte(text), &was); err != nil {
			o.Log.Warn("discarding the tap's account", "err", err)
		}
	}
	for _, r := range was.Runs {
		if r.taken, err = s.storedMark(ctx, r.Name); err != nil {
			return nil, fmt.Errorf("load the tap's account: %w", err)
		}
		r.stored = r.taken
	}
	s.account = account{runs: was.Runs, copies: was.Copies, gap: was.Gap}
	return s, nil
}

// Receive handles a frame, which is valid only until it returns.
func (s *Source) Receive(frame []byte) {
	if config := s.Config(); s.config != config {
		s.tap, s.config = tap.New(*config), config
		s.tap.Clocks = s.clocks
	}
	now := s.Clock.Now()
	sighting := &s.sighting
	verdict := s.tap.Read(frame, track.At(now), sighting)
	s.trace(verdict)
	switch {
	case verdict == tap.Rejected || verdict == tap.Malformed:
		s.Metrics.Stanzas.WithLabelValues(verdict.String()).Inc()
	case sighting.Batch.Run != "":
		s.batch(now)
	default:
		s.Metrics.Stanzas.WithLabelValues(verdict.String()).Inc()
		s.copied(now)
	}
}

// trace logs the kind of a frame, without its content.
func (s *Source) trace(verdict tap.Verdict) {
	if !s.Log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	sighting := &s.sighting
	s.Log.Debug("tap", "verdict", verdict, "facts", len(sighting.Facts), "sessions", len(sighting.Sessions), "seen", len(sighting.Seen))
	for i := range sighting.Facts {
		f := &sighting.Facts[i]
		s.Log.Debug("fact", "kind", f.Kind, "passed", f.Passed, "sender", f.Sender, "recipient", f.Recipient, "id", f.ID)
	}
}

// copied handles a copy, from a source without numbers.
func (s *Source) copied(now time.Time) {
	s.mu.Lock()
	s.dirty = s.dirty || !s.account.copies
	s.account.copies, s.newest = true, now
	settled := now.Sub(s.since) > settling
	s.mu.Unlock()
	for i := range s.sighting.Seen {
		s.recordPresence(&s.sighting.Seen[i], settled, track.At(now))
	}
	s.forward(track.Mark{})
}

// reportsAcks reports whether a run reports acknowledgements.
func (s *Source) reportsAcks(run string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.account.find(run)
	return r != nil && r.Hello != nil && r.Hello.Reports&tap.ReportsAcks != 0
}

// batch handles a batch of events.
func (s *Source) batch(now time.Time) {
	sighting := &s.sighting
	b := sighting.Batch
	s.resume(b.Run)
	s.mu.Lock()
	before := s.account.gap
	known := len(s.account.runs)
	if b.Sent != 0 {
		s.skew.Observe(b.Sent, track.At(now))
	}
	fresh, replaced := s.account.batch(b, sighting.Hello, sighting.Bye, track.At(now))
	if fresh {
		for _, run := range sighting.Ended {
			s.account.ended(run, track.At(now))
		}
	}
	gap := s.account.gap != before
	s.dirty = s.dirty || gap || sighting.Hello != nil || sighting.Bye || len(s.account.runs) != known
	s.newest = now
	s.mu.Unlock()
	s.wake.Set()
	if gap {
		s.Metrics.Gaps.Inc()
		s.Log.Warn("the server's tap lost events", "batch", b.String(), "lost", b.Lost, "from", b.Host, "ended", sighting.Ended)
	}
	if !fresh {
		return
	}
	for verdict, n := range sighting.Counts {
		if n > 0 {
			s.Metrics.Stanzas.WithLabelValues(tap.Verdict(verdict).String()).Add(float64(n))
		}
	}
	if sighting.Hello != nil {
		s.table.hello(b.Run, replaced, track.At(now))
	}
	acks := s.reportsAcks(b.Run)
	s.sessions(b.Run, sighting.Sessions, acks)
	for _, run := range sighting.Ended {
		s.sessions(run, s.table.of(run, track.At(now)), s.reportsAcks(run))
	}
	if !acks { // the silence of a session with stream management means nothing
		for i := range sighting.Facts {
			sighting.Facts[i].Sessions.Managed = 0
		}
	}
	if len(sighting.Facts)+len(sighting.Displays)+len(sighting.Removed)+len(s.clients) == 0 {
		s.mu.Lock()
		s.idle[b.Run] = b.N
		s.idles++
		full := s.idles >= maxIdle
		s.mu.Unlock()
		if full {
			s.offerIdle()
		}
		s.forward(track.Mark{})
		return
	}
	s.forward(track.Mark{Run: b.Run, N: b.N})
}

// offerIdle queues the marks of batches without facts.
func (s *Source) offerIdle() {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.idles = map[string]uint64{}, 0
	s.mu.Unlock()
	for run, n := range idle {
		s.offer(&track.Events{Mark: track.Mark{Run: run, N: n}})
	}
}

func (s *Source) offer(events *track.Events) {
	mark := events.Mark
	var done func(error)
	if mark.Run != "" {
		done = func(err error) {
			if err == nil || errors.Is(err, track.ErrRefused) { // rejected facts would be rejected again
				s.mu.Lock()
				s.account.durable(mark.Run, mark.N)
				s.mu.Unlock()
				s.wake.Set()
			}
		}
	}
	if !s.Queue.Offer(events, done) {
		s.mu.Lock()
		s.account.missed(track.At(s.Clock.Now()))
		s.mu.Unlock()
	}
}

// forward passes on the content of a frame.
func (s *Source) forward(mark track.Mark) {
	sighting := &s.sighting
	for i := range sighting.Seen {
		r := &sighting.Seen[i]
		switch r.Kind {
		case tap.Unavailable:
			s.Presence.Left(r.JID)
		case tap.Available:
			s.Presence.Observe(r.JID, presence.FromPresence, caps.Caps{Node: r.Caps.Node, Ver: r.Caps.Ver, Hash: r.Caps.Hash})
		default:
			s.Presence.Observe(r.JID, presence.FromActivity, caps.Caps{})
		}
	}
	if sighting.VoidHint {
		s.Metrics.VoidHints.Inc()
	}
	for i := range sighting.Facts {
		switch f := &sighting.Facts[i]; {
		case f.Basis == track.ByAck && f.Resource != "":
			s.Presence.Acknowledged(f.Recipient + "/" + f.Resource)
		case f.Kind == track.RosterChanged:
			s.Rosters.Changed(f.Recipient)
		}
	}
	for _, d := range sighting.Displays {
		if d.By == d.Owner { // XEP-0490 §3: one-to-one chats use the user's own archive
			key := track.Key{Sender: d.With, Recipient: d.Owner, ID: d.ID}
			sighting.Facts = append(sighting.Facts, track.Fact{Kind: track.Synced, Key: key, At: track.At(s.Clock.Now())})
		}
	}
	if n := len(sighting.Facts); n+len(s.clients)+len(sighting.Removed) > 0 {
		// The queue owns these now: the next frames get what is left of the slice, or a new one.
		s.offer(&track.Events{Mark: mark, Facts: sighting.Facts[:n:n], Clients: s.clients, Removed: slices.Clone(sighting.Removed)})
		if sighting.Facts = sighting.Facts[n:]; cap(sighting.Facts) < n {
			sighting.Facts = make([]track.Fact, 0, max(8, n, min(4*n, maxRoom)))
		}
		s.clients = nil
	}
}

// NewStream is called before the first frame of a stream.
func (s *Source) NewStream() { s.clocks.NewStream() }

// Up is called when a stream has begun, Down when it has ended.
func (s *Source) Up() {
	s.mu.Lock()
	before := s.account.gap
	s.since = s.Clock.Now()
	s.account.connected(track.At(s.Clock.Now()))
	gap := s.account.gap != before
	s.dirty = s.dirty || gap
	s.mu.Unlock()
	if gap {
		s.Metrics.Gaps.Inc()
		s.wake.Set()
	}
}

func (s *Source) Down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account.disconnected()
}

// Refresh makes the sources query again what is needed, as the configuration has changed.
func (s *Source) Refresh() {
	s.mu.Lock()
	s.refresh = true
	s.mu.Unlock()
	s.wake.Set()
}

// SessionTable returns who is online.
func (s *Source) SessionTable() *SessionTable { return s.table }

// ackPayload and refreshPayload are sent to the sources.
type ackPayload struct {
	XMLName xml.Name `xml:"urn:tocsin:tap:1 ack"`
	Run     string   `xml:"run,attr"`
	N       uint64   `xml:"n,attr"`
}

type refreshPayload struct {
	XMLName xml.Name `xml:"urn:tocsin:tap:1 refresh"`
}

// Run acknowledges durable batches and stores the account until ctx is done.
func (s *Source) Run(ctx context.Context) error {
	tidy, stopTidy := s.Clock.After(tidyEvery)
	defer func() { stopTidy() }()
	for {
		select {
		case <-ctx.Done():
			s.saveAccount(context.WithoutCancel(ctx))
			return nil
		case <-tidy:
			tidy, stopTidy = s.Clock.After(tidyEvery)
			s.offerIdle()
			for _, full := range s.table.sweep(track.At(s.Clock.Now())) {
				s.Presence.Left(full)
			}
			continue
		case <-s.wake:
		}
		s.sendAcks(ctx)
		s.saveAccount(ctx)
		pause, stop := s.Clock.After(ackEvery)
		select {
		case <-pause:
		case <-ctx.Done():
		}
		stop()
	}
}

// sendAcks sends acknowledgements and refresh requests to the sources.
func (s *Source) sendAcks(ctx context.Context) {
	s.mu.Lock()
	acks, refresh := s.account.acks(), s.refresh
	s.refresh = false
	hosts := map[string]bool{}
	for _, r := range s.account.runs {
		if refresh && r.host != "" {
			hosts[r.host] = true
		}
	}
	s.mu.Unlock()
	for host := range hosts {
		if err := s.Send(ctx, host, refreshPayload{}); err != nil {
			s.Log.Debug("could not send a refresh to a tap", "host", host, "err", err)
		}
	}
	for _, a := range acks {
		if err := s.Send(ctx, a.host, ackPayload{Run: a.run, N: a.n}); err != nil {
			return // the stream is down: everything is sent again later
		}
		s.mu.Lock()
		s.account.acknowledged(a)
		s.mu.Unlock()
	}
}
