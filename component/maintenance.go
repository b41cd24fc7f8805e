package component

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/component/queue"
	"tocsin/component/settings"
	"tocsin/component/writer"
	"tocsin/track"
)

const (
	pruneEvery = time.Minute
	// pruneMax is how many rows one step of housekeeping looks at: few, so that the writer is never kept waiting.
	pruneMax = 500
	// smsDay is what the budget for SMS is for.
	smsDay = 24 * time.Hour
)

// maintenance prunes what is past its retention, and re-evaluates what is pending when the policy has changed.
type maintenance struct {
	store    Store
	queue    *writer.Queue
	settings *settings.Live
	clock    clock.Clock
	log      *slog.Logger
	metrics  *metrics.Metrics

	turnedBack queue.Signal // the clock was turned back

	mu   sync.Mutex
	gone []track.Removal // accounts that were deleted, whose messages are to be let go of
}

// Run works until ctx is done.
func (m *maintenance) Run(ctx context.Context) error {
	for {
		if err := m.prune(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("pruning failed", "err", err)
		}
		if err := m.letGo(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("could not release messages to deleted accounts", "err", err)
		}
		if err := m.measure(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("could not tell how much of the budget for SMS is used", "err", err)
		}
		due, stop := m.clock.After(pruneEvery)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				stop()
				return nil
			case <-m.settings.Changed():
				m.tryReevaluate(ctx)
			case <-m.turnedBack:
				m.tryReevaluate(ctx)
			case <-due:
				waiting = false
			}
		}
	}
}

// measure tells how much of the budget for SMS is used.
func (m *maintenance) measure(ctx context.Context) error {
	p := m.settings.Policy().SMS
	if p == nil {
		m.metrics.Budget.Set(0)
		return nil
	}
	use, err := m.store.SMSUse(ctx, track.At(m.clock.Now().Add(-smsDay)))
	if err == nil {
		m.metrics.Budget.Set(float64(use.Segments) / float64(p.SegmentsDay))
	}
	return err
}

func (m *maintenance) tryReevaluate(ctx context.Context) {
	if err := m.reevaluate(ctx); err != nil && ctx.Err() == nil {
		m.log.Error("could not re-evaluate pending messages", "err", err)
	}
}

// reevaluate has everything that is pending take in now what has changed, not at its next alarm: a time that is shorter now
// must not wait for the end of the longer one, nor must what was noted while the clock stood ahead wait until then. It goes
// no faster than the writer does.
func (m *maintenance) reevaluate(ctx context.Context) error {
	var pending []int64
	if err := m.store.Alarms(ctx, func(a track.Alarm) { pending = append(pending, a.Ref) }); err != nil {
		return err
	}
	for i, ref := range pending {
		var early track.Input = &track.Fact{Kind: track.AlarmFired, Ord: ref, At: 1} // out of date: its alarm stays set
		if ref < 0 {
			early = &track.PromptAlarm{Row: -ref, Due: 1}
		}
		if (i+1)%writer.MaxBatch != 0 && i != len(pending)-1 {
			m.queue.Put(early, nil)
		} else if err := m.queue.Do(ctx, early); err != nil {
			return err
		}
	}
	return nil
}

// prune removes what is past its retention, and lets go of messages that will never be settled: of most of those whose
// recipients' clients confirm nothing, nobody ever hears again.
func (m *maintenance) prune(ctx context.Context) error {
	for more := true; more; {
		now := m.clock.Now()
		done, err := m.store.Prune(ctx, track.At(now), track.At(now.Add(-m.settings.Get().Retention)), pruneMax)
		if err != nil {
			return err
		}
		for _, ord := range done.Stale {
			m.queue.Put(&track.Fact{Kind: track.Aged, Ord: ord}, nil)
		}
		if len(done.Stale) > 0 {
			if err := m.queue.Do(ctx, nil); err != nil {
				return fmt.Errorf("age messages: %w", err)
			}
		}
		more = done.More
	}
	return nil
}

// forget has what is still watched for an account as its recipient let go of: whoever gets its name is not the one it was meant
// for. What is written to the name from then on is.
func (m *maintenance) forget(gone track.Removal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = append(m.gone, gone)
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
