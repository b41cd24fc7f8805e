package component

import (
	"context"
	"time"

	"tocsin/track"
)

const (
	keepEvery  = time.Minute
	gaugeEvery = 2 * time.Second
	// pruneMax is how many rows one transaction of housekeeping removes: small, so that the writer is never kept
	// waiting.
	pruneMax = 500

	keyPaused = "paused"
)

// keep forgets what is past its retention, and measures what is there.
func (s *Service) keep(ctx context.Context) error {
	var pruned time.Time
	for {
		s.gauge(ctx)
		if now := s.clock.Now(); now.Sub(pruned) >= keepEvery {
			pruned = now
			s.prune(ctx, now)
		}
		due, stop := s.clock.After(gaugeEvery)
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-due:
		}
	}
}

func (s *Service) gauge(ctx context.Context) {
	sum, err := s.opts.Store.Summary(ctx, track.At(s.clock.Now()))
	if err != nil {
		return // readiness tells
	}
	s.meter.prompts.Set(float64(sum.OpenPrompts))
	s.meter.outbox.Set(float64(sum.Outbox))
}

func (s *Service) prune(ctx context.Context, now time.Time) {
	before := track.At(now.Add(-s.settings.Load().Retention))
	for ctx.Err() == nil {
		n, err := s.opts.Store.Prune(ctx, before, pruneMax)
		if err != nil {
			s.log.Error("could not forget what is past its retention", "err", err)
			return
		}
		if n < pruneMax {
			return
		}
	}
}
