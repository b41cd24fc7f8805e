package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tocsin/component"
	"tocsin/component/metrics"
	"tocsin/storage"
	"tocsin/track"
)

const (
	// retryAfter is the wait after a temporary fault.
	retryAfter = time.Second
	// partWithin is how long handing over may take at shutdown.
	partWithin = 3 * time.Second
)

// errLost says that another instance may be live now.
var errLost = errors.New("leadership lost")

// lead serves whenever this instance is the leader, until ctx ends or a permanent fault occurs.
func (r *runner) lead(ctx context.Context) error {
	defer r.part(ctx)
	for {
		err := r.serve(ctx)
		switch {
		case ctx.Err() != nil: // asked to stop, maybe during startup
			return nil
		case errors.Is(err, errLost):
			r.log.Warn("standby: another instance may be live", "reason", err)
		case err != nil && storage.Passes(err):
			r.log.Error("could not take over, retrying", "err", err)
			r.pause(ctx)
		default:
			return err
		}
	}
}

// serve waits for the leadership, then serves until ctx ends or, with errLost, until the leadership is lost. The service's
// state in memory is dropped then, since the next service starts from the database, but what it received and could not write
// is kept.
func (r *runner) serve(ctx context.Context) error {
	r.handOver(ctx)
	if held, err := r.store.HasLeader(ctx); err == nil && held {
		r.log.Info("standby: another instance is live")
	}
	leadership, err := r.store.Lead(ctx, r.jid())
	if err != nil {
		return err
	}
	defer leadership.Release()
	r.log.Info("live: this instance is now the leader")
	ctx, lose := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		select {
		case <-leadership.Lost():
			lose(fmt.Errorf("%w: %w", errLost, leadership.Err()))
		case <-ctx.Done():
		}
	})
	defer lose(nil)
	service, err := r.make(ctx, leadership)
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errLost) {
			return cause
		}
		return err
	}
	var routes sync.WaitGroup
	routes.Go(func() { r.gateways.Load().run(ctx) })
	err = service.Run(ctx)
	r.service.Store(nil)
	lose(nil)
	routes.Wait()
	r.metrics.StandBy()
	r.left, r.last = append(r.left, service.Unwritten()...), service.Last()
	if behind := (*track.BehindError)(nil); errors.As(err, &behind) {
		r.metrics.Gaps.Inc()
		r.metrics.Lost.Add(r.clock.Now(), service.Lost(behind.Commits), metrics.RolledBack)
		return fmt.Errorf("%w: %w", errLost, err)
	}
	if errors.Is(err, track.ErrFenced) && !errors.Is(err, errLost) {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// make constructs the service from the state in the database.
func (r *runner) make(ctx context.Context, leadership *storage.Leadership) (*component.Service, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.config.Component
	seed, err := r.store.Seed(ctx)
	if err != nil {
		return nil, err
	}
	g, err := newGateways(r.config, seed.Secret, r.log)
	if err != nil {
		return nil, err
	}
	r.gateways.Store(g)
	service, err := component.New(ctx, component.Options{
		JID: c.JID, Contact: c.ContactJID(), Server: c.Server, Secret: string(c.Secret),
		MaxStanza: int(r.config.Tap.MaxStanza), Flush: r.config.Storage.Flush, Version: programVersion(),
		Settings: g.into(r.config.Settings()), Store: r.store, Reload: r.reload, IsLeader: leadership.IsLeader, Last: r.last,
		Clock: r.clock, Log: r.log, Metrics: r.metrics,
	})
	if err == nil {
		r.service.Store(service) // a reload after this reaches it
		sink := service.SMS()
		g.sink.service.Store(&sink)
		stream := service.SMSStream()
		g.stream.Store(&stream)
	}
	return service, err
}

// handOver stores what this instance received but could not write, for the next leader, which may be itself. It retries while
// the database is unreachable.
func (r *runner) handOver(ctx context.Context) {
	some := len(r.left)
	for try := 0; len(r.left) > 0 && ctx.Err() == nil; try++ {
		r.waiting.Store(int64(factsIn(r.left)))
		n, err := r.store.HandOver(ctx, r.left[:min(some, len(r.left))])
		handed := factsIn(r.left[:n])
		r.left = r.left[n:]
		switch {
		case err == nil:
			r.log.Info("handed over unwritten facts", "facts", handed)
			some = len(r.left)
		case errors.Is(err, track.ErrRefused) && some == 1:
			r.metrics.Lost.Add(r.clock.Now(), factsIn(r.left[:1]), metrics.Refused)
			r.left, some = r.left[1:], len(r.left)-1
		case errors.Is(err, track.ErrRefused):
			some = 1 // find the faulty one
		default:
			if try == 0 {
				r.log.Error("could not hand over unwritten facts, retrying", "facts", factsIn(r.left), "err", err)
			}
			r.pause(ctx)
		}
	}
	r.waiting.Store(int64(factsIn(r.left)))
}

// part hands over a last time at shutdown; what remains is lost.
func (r *runner) part(ctx context.Context) {
	if len(r.left) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), partWithin)
	defer cancel()
	r.handOver(ctx)
	r.metrics.Lost.Add(r.clock.Now(), factsIn(r.left), metrics.Unwritten)
}

func factsIn(events []track.Events) (n int) {
	for i := range events {
		n += len(events[i].Facts)
	}
	return n
}

// pause waits for retryAfter, or until ctx ends.
func (r *runner) pause(ctx context.Context) {
	due, stop := r.clock.After(retryAfter)
	defer stop()
	select {
	case <-ctx.Done():
	case <-due:
	}
}
