package component

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tocsin/component/clock"
	"tocsin/component/settings"
	"tocsin/component/writer"
	"tocsin/track"
)

const (
	pruneEvery = time.Minute
	// pruneMax is how many rows one transaction of housekeeping removes: small, so that the writer is never kept
	// waiting.
	pruneMax = 500
)

// maintenance prunes what is past its retention, and re-evaluates what is pending when the policy has changed.
type maintenance struct {
	store    Store
	queue    *writer.Queue
	settings *settings.Live
	clock    clock.Clock
	log      *slog.Logger

	mu   sync.Mutex
	gone []string // accounts that were deleted, whose messages are to be let go of
}

// Run works until ctx is done.
func (m *maintenance) Run(ctx context.Context) error {
	for {
		if err := m.prune(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("pruning failed", "err", err)
		}
		if err := m.letGo(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("could not let go of messages to deleted accounts", "err", err)
		}
		due, stop := m.clock.After(pruneEvery)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				stop()
				return nil
			case <-m.settings.Changed():
				if err := m.reevaluate(ctx); err != nil && ctx.Err() == nil {
					m.log.Error("could not re-evaluate pending messages", "err", err)
				}
			case <-due:
				waiting = false
			}
		}
	}
}

// reevaluate has every pending message take a changed policy in now, not at its next alarm: a time that is shorter now must
// not wait for the end of the longer one. It goes no faster than the writer does.
func (m *maintenance) reevaluate(ctx context.Context) error {
	var pending []int64
	err := m.store.Alarms(ctx, func(a track.Alarm) {
		if a.Ref > 0 {
			pending = append(pending, a.Ref)
		}
	})
	if err != nil {
		return err
	}
	for i, ord := range pending {
		early := &track.Fact{Kind: track.AlarmFired, Ord: ord, At: 1} // out of date: its alarm stays set
		if (i+1)%writer.MaxBatch != 0 && i != len(pending)-1 {
			m.queue.Put(early, nil)
		} else if err := m.queue.Do(ctx, early); err != nil {
			return err
		}
	}
	return nil
}

// prune removes what is past its retention.
func (m *maintenance) prune(ctx context.Context) error {
	before := track.At(m.clock.Now().Add(-m.settings.Get().Retention))
	if err := m.age(ctx, before); err != nil {
		return fmt.Errorf("age messages: %w", err)
	}
	for n := pruneMax; n >= pruneMax; {
		var err error
		if n, err = m.store.Prune(ctx, before, pruneMax); err != nil {
			return err
		}
	}
	return nil
}

// forget has what is still watched for an account as its recipient let go of: whoever gets its name is not the one it was meant
// for.
func (m *maintenance) forget(jid string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = append(m.gone, jid)
}

// letGo looks for all of them at once: it has to read everything that is watched.
func (m *maintenance) letGo(ctx context.Context) error {
	m.mu.Lock()
	gone := m.gone
	m.gone = nil
	m.mu.Unlock()
	if len(gone) == 0 {
		return nil
	}
	ords, err := m.store.OpenTo(ctx, gone)
	if err != nil {
		m.mu.Lock()
		m.gone = append(gone, m.gone...)
		m.mu.Unlock()
		return err
	}
	for _, ord := range ords {
		m.queue.Put(&track.Fact{Kind: track.Stopped, Ord: ord, At: track.At(m.clock.Now()), Basis: track.ByCommand}, nil)
	}
	return nil
}

// age lets go of messages that will never be settled: of most of those whose recipients' clients confirm nothing, nobody
// ever hears again.
func (m *maintenance) age(ctx context.Context, before track.Time) error {
	for last := int64(0); ; {
		ords, err := m.store.Stale(ctx, last, before, pruneMax)
		if err != nil {
			return err
		}
		for _, ord := range ords {
			m.queue.Put(&track.Fact{Kind: track.Aged, Ord: ord}, nil)
			last = ord
		}
		if len(ords) > 0 {
			err = m.queue.Do(ctx, nil)
		}
		if err != nil || len(ords) < pruneMax {
			return err
		}
	}
}
