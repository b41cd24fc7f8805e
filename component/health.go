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
	// lateAfter is how long facts may wait to be written.
	lateAfter = 5 * time.Second
	// stuckAfter is when a queue that makes no progress without an error counts as a bug of the program.
	stuckAfter = 2 * time.Minute
	// pingWithin is how long the database may take to answer.
	pingWithin = 2 * time.Second
)

// Ready returns what keeps the component from working; nothing if it works. A route for SMS that is down does not count:
// senders are prompted instead.
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

// Alive returns why the process is stuck: the writer has made no progress for long although the database answers.
func (s *Service) Alive() []string {
	if lag := s.queue.Lag(); lag > stuckAfter && s.queue.Fault() == nil {
		return []string{"queue: nothing written for " + lag.Round(time.Second).String()}
	}
	return nil
}

// Since returns when the stream came up; the zero time while it is down.
func (s *Service) Since() time.Time {
	if !s.session.Up() {
		return time.Time{}
	}
	return time.UnixMilli(s.since.Load())
}

// Lag returns how long the oldest fact has been waiting to be written.
func (s *Service) Lag() time.Duration { return s.queue.Lag() }

// Tap describes the tap in use, and its losses.
func (s *Service) Tap() source.State { return s.source.State() }

// Presence returns the source of users' presence: "privilege", "tap", or "" if there is none yet.
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

// LastTap returns when the newest accepted copy arrived; the zero time if there was none.
func (s *Service) LastTap() time.Time {
	return s.source.State().Newest
}

// pinger pings the database, one ping at a time. It does not wait for a ping that hangs, which ends when the store is closed.
type pinger struct {
	clock clock.Clock

	mu      sync.Mutex
	pending chan struct{} // closed with the answer; nil: no ping is pending
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
