package component

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"tocsin/component/clock"
	"tocsin/component/source"
	"tocsin/component/web"
	"tocsin/component/writer"
)

const (
	// lateAfter is when what waits to be written has waited for too long.
	lateAfter = 5 * time.Second
	// stuckAfter is when a queue that does not move without an error is taken for a fault of the program.
	stuckAfter = 2 * time.Minute
	// pingWithin is how long the database may take to answer.
	pingWithin = 2 * time.Second
)

// Ready returns what keeps the component from doing its work; nothing if it can. A route for SMS that is down does not: senders are
// asked instead.
func (s *Service) Ready() []string {
	var faults []string
	if !s.session.Up() {
		faults = append(faults, "stream: not connected to "+s.opts.Server)
	}
	if !s.opts.IsLeader() {
		faults = append(faults, "storage: another instance may be live")
	}
	if err := s.queue.Fault(); err != nil {
		faults = append(faults, "storage: "+err.Error())
	} else if err := s.pinger.ping(s.opts.Store.Ping); err != nil {
		faults = append(faults, "storage: "+err.Error())
	}
	if lag := s.queue.Lag(); lag > lateAfter {
		faults = append(faults, "queue: nothing written for "+lag.Round(time.Second).String())
	}
	if n := s.queue.Len(); n >= writer.MaxQueue/2 {
		faults = append(faults, "queue: "+strconv.Itoa(n)+" facts waiting to be written")
	}
	return faults
}

// Health implements web.Health.
func (s *Service) Health(context.Context) []web.Condition {
	state := func(name string, ok bool, good, bad string) web.Condition {
		if ok {
			return web.Condition{Name: name, State: good, OK: true}
		}
		return web.Condition{Name: name, State: bad}
	}
	conditions := []web.Condition{
		state("stream", s.session.Up(), "connected to "+s.opts.Server, "not connected to "+s.opts.Server),
		state("tap", !s.LastTap().IsZero(), "last copy at "+s.LastTap().UTC().Format(time.RFC3339), "no copy seen yet"),
	}
	for _, r := range s.texts.Routes() {
		conditions = append(conditions, state("SMS: "+r.Name, r.Up, "up", r.Why))
	}
	for _, fault := range s.Ready() {
		name, what, _ := strings.Cut(fault, ": ")
		if name != "stream" {
			conditions = append(conditions, web.Condition{Name: name, State: what})
		}
	}
	return conditions
}

// Alive returns what keeps the process from working at all: a writer that has not moved for long though the database
// answers.
func (s *Service) Alive() []string {
	if lag := s.queue.Lag(); lag > stuckAfter && s.queue.Fault() == nil {
		return []string{"queue: nothing written for " + lag.Round(time.Second).String()}
	}
	return nil
}

// Since returns when the stream began; the zero time while it is down.
func (s *Service) Since() time.Time {
	if !s.session.Up() {
		return time.Time{}
	}
	return time.UnixMilli(s.since.Load())
}

// Lag returns how long the oldest fact has been waiting to be written.
func (s *Service) Lag() time.Duration { return s.queue.Lag() }

// Tap says what the tap in use is, and what it lost.
func (s *Service) Tap() source.State { return s.source.State() }

// Presence names where the presence of users is learned from: "privilege", "tap", or "" if nowhere yet.
func (s *Service) Presence() string {
	for _, domain := range s.settings.Get().Tap.Domains {
		if s.server.Grants(domain).Presence {
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
	return s.source.State().Newest
}

// pinger asks the database for a sign of life, one question at a time. It does not wait for one that never answers; that
// question ends with the store.
type pinger struct {
	clock clock.Clock

	mu      sync.Mutex
	pending chan struct{} // closed with the answer; nil: nothing is asked
	err     error         // the last answer
}

func (p *pinger) ping(store func(context.Context) error) error {
	p.mu.Lock()
	if p.pending == nil {
		answered := make(chan struct{})
		p.pending = answered
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), pingWithin)
			defer cancel()
			err := store(ctx)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.err, p.pending = err, nil
			close(answered)
		}()
	}
	answered := p.pending
	p.mu.Unlock()
	late, stop := p.clock.After(pingWithin)
	defer stop()
	select {
	case <-answered:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.err
	case <-late:
		return errors.New("the database does not answer")
	}
}
