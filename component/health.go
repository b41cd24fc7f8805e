package component

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/component/clock"
	"tocsin/component/presence"
	"tocsin/component/privacy"
	"tocsin/component/session"
	"tocsin/component/settings"
	"tocsin/component/source"
	"tocsin/component/texts"
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

// health reports the state of the component. Service embeds it.
type health struct {
	address  string // of the server
	settings *settings.Live
	session  *session.Session
	queue    *writer.Queue
	presence *presence.Registry
	server   *privacy.Server
	source   *source.Source
	texts    *texts.Sender
	isLeader func() bool
	pinger   pinger

	since atomic.Int64 // Unix milliseconds of the stream's beginning
}

// Ready returns what keeps the component from working; nothing if it works. A route for SMS that is down does not count:
// senders are prompted instead.
func (h *health) Ready() []string {
	var faults []string
	if !h.session.Up() {
		faults = append(faults, "stream: not connected to "+h.address)
	}
	if !h.isLeader() {
		faults = append(faults, "storage: another instance may be live")
	}
	if err := h.queue.Fault(); err != nil {
		faults = append(faults, "storage: "+err.Error())
	} else if err := h.pinger.ping(); err != nil {
		faults = append(faults, "storage: "+err.Error())
	}
	if lag := h.queue.Lag(); lag > lateAfter {
		faults = append(faults, "queue: nothing written for "+lag.Round(time.Second).String())
	}
	if n := h.queue.Len(); n >= writer.MaxQueue/2 {
		faults = append(faults, "queue: "+strconv.Itoa(n)+" facts waiting to be written")
	}
	return faults
}

// Health implements web.Health.
func (h *health) Health(context.Context) []web.Condition {
	state := func(name string, ok bool, good, bad string) web.Condition {
		if ok {
			return web.Condition{Name: name, State: good, OK: true}
		}
		return web.Condition{Name: name, State: bad}
	}
	conditions := []web.Condition{
		state("stream", h.session.Up(), "connected to "+h.address, "not connected to "+h.address),
		state("tap", !h.LastTap().IsZero(), "last copy at "+h.LastTap().UTC().Format(time.RFC3339), "no copy seen yet"),
	}
	for _, r := range h.texts.Routes() {
		conditions = append(conditions, state("SMS: "+r.Name, r.Up, "up", r.Why))
	}
	for _, fault := range h.Ready() {
		name, what, _ := strings.Cut(fault, ": ")
		if name != "stream" {
			conditions = append(conditions, web.Condition{Name: name, State: what})
		}
	}
	return conditions
}

// Alive returns why the process is stuck: the writer has made no progress for long although the database answers.
func (h *health) Alive() []string {
	if lag := h.queue.Lag(); lag > stuckAfter && h.queue.Fault() == nil {
		return []string{"queue: nothing written for " + lag.Round(time.Second).String()}
	}
	return nil
}

// Since returns when the stream came up; the zero time while it is down.
func (h *health) Since() time.Time {
	if !h.session.Up() {
		return time.Time{}
	}
	return time.UnixMilli(h.since.Load())
}

// Lag returns how long the oldest fact has been waiting to be written.
func (h *health) Lag() time.Duration { return h.queue.Lag() }

// Tap describes the tap in use, and its losses.
func (h *health) Tap() source.State { return h.source.State() }

// Presence returns the source of users' presence: "privilege", "tap", or "" if there is none yet.
func (h *health) Presence() string {
	for _, domain := range h.settings.Get().Tap.Domains {
		if h.server.Grants(domain).Presence {
			return "privilege"
		}
	}
	if h.presence.ReportsPresence() {
		return "tap"
	}
	return ""
}

// LastTap returns when the newest accepted copy arrived; the zero time if there was none.
func (h *health) LastTap() time.Time {
	return h.source.State().Newest
}

// pinger pings the database, one ping at a time. It does not wait for a ping that hangs, which ends when the store is closed.
type pinger struct {
	store MaintenanceStore
	clock clock.Clock

	mu      sync.Mutex
	pending chan struct{} // closed with the answer; nil: no ping is pending
	err     error         // the last answer
}

func (p *pinger) ping() error {
	p.mu.Lock()
	if p.pending == nil {
		answered := make(chan struct{})
		p.pending = answered
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), pingWithin)
			defer cancel()
			err := p.store.Ping(ctx)
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
