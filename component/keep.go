package component

import (
	"context"
	"time"

	"tocsin/component/writer"
	"tocsin/track"
)

const (
	keepEvery = time.Minute
	lookEvery = 2 * time.Second
	// pruneMax is how many rows one transaction of housekeeping removes: small, so that the writer is never kept
	// waiting.
	pruneMax = 500

	keyPaused = "paused"
)

// keep forgets what is past its retention, and looks again at what is pending when the policy has
// changed.
func (s *Service) keep(ctx context.Context) error {
	var pruned time.Time
	for {
		if now := s.clock.Now(); now.Sub(pruned) >= keepEvery {
			pruned = now
			s.prune(ctx, now)
		}
		if s.opts.IsLeader() && s.outflow.silenced.CompareAndSwap(true, false) {
			s.outflow.up(s.presence.Recheck()) // what was held back is told now
		}
		due, stop := s.clock.After(lookEvery)
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-s.changed:
			s.review(ctx)
		case <-due:
		}
		stop()
	}
}

// review has every pending message take a changed policy in now, not at its next alarm: a time that is shorter now must
// not wait for the end of the longer one. It goes no faster than the writer does.
func (s *Service) review(ctx context.Context) {
	var pending []int64
	err := s.opts.Store.Alarms(ctx, func(a track.Alarm) {
		if a.Ref > 0 {
			pending = append(pending, a.Ref)
		}
	})
	for i, ord := range pending {
		if err != nil {
			break
		}
		ring := &track.Fact{Kind: track.AlarmFired, Ord: ord, At: 1} // out of date: its alarm stays set
		if (i+1)%writer.MaxBatch == 0 || i == len(pending)-1 {
			err = s.queue.Do(ctx, ring)
		} else {
			s.queue.Put(ring, nil)
		}
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("the changed policy holds for pending messages from their next alarm on", "err", err)
	}
}

func (s *Service) prune(ctx context.Context, now time.Time) {
	before := track.At(now.Add(-s.settings.Get().Retention))
	err := s.age(ctx, before)
	for n := pruneMax; n >= pruneMax && err == nil; {
		n, err = s.opts.Store.Prune(ctx, before, pruneMax)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("could not forget what is past its retention", "err", err)
	}
}

// age lets go of messages that will never be settled: of most of those whose recipients' clients confirm nothing, nobody
// ever hears again.
func (s *Service) age(ctx context.Context, before track.Time) error {
	for last := int64(0); ; {
		ords, err := s.opts.Store.Stale(ctx, last, before, pruneMax)
		if err != nil {
			return err
		}
		for _, ord := range ords {
			s.queue.Put(&track.Fact{Kind: track.Aged, Ord: ord}, nil)
			last = ord
		}
		if len(ords) > 0 {
			err = s.queue.Do(ctx, nil)
		}
		if err != nil || len(ords) < pruneMax {
			return err
		}
	}
}
