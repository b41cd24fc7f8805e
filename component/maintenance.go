package component

import (
	"context"
	"fmt"
	"log/slog"
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
	// pruneMax is how many rows one pruning step examines: few, so that the writer is not delayed.
	pruneMax = 500
	// smsDay is the period of the SMS budget.
	smsDay = 24 * time.Hour
)

// maintenance prunes rows past their retention, and re-evaluates pending messages when the policy changes.
type maintenance struct {
	store    Store
	queue    *writer.Queue
	settings *settings.Live
	clock    clock.Clock
	log      *slog.Logger
	metrics  *metrics.Metrics

	turnedBack queue.Signal // the clock was turned back
}

// Run runs until ctx is done.
func (m *maintenance) Run(ctx context.Context) error {
	for {
		if err := m.prune(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("pruning failed", "err", err)
		}
		if err := m.unwatchRemoved(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("could not stop watching messages to deleted accounts", "err", err)
		}
		if err := m.measure(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("could not determine the use of the SMS budget", "err", err)
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

// TurnedBack says that the clock was set back.
func (m *maintenance) TurnedBack() {
	m.log.Warn("the clock was set back: re-evaluating pending messages")
	m.turnedBack.Set()
}

// measure updates the metric for the use of the SMS budget.
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

// reevaluate applies changes to everything pending now instead of at its next alarm: a shortened timeout must not wait for
// the end of the previous one, and neither must times recorded while the clock was ahead. It goes no faster than the writer.
func (m *maintenance) reevaluate(ctx context.Context) error {
	var pending []int64
	if err := m.store.Alarms(ctx, func(a track.Alarm) { pending = append(pending, a.Ref) }); err != nil {
		return err
	}
	for i, ref := range pending {
		var early track.Input = &track.Fact{Kind: track.AlarmFired, Ord: ref, At: 1} // outdated, so the current alarm stays set
		if ref < 0 {
			early = &track.PromptAlarm{Row: -ref, Due: 1}
		}
		if (i+1)%writer.MaxBatch != 0 && i != len(pending)-1 {
			m.queue.Push(early, nil)
		} else if err := m.queue.Do(ctx, early); err != nil {
			return err
		}
	}
	return nil
}

// prune removes rows past their retention, and stops watching messages that will never be settled: if the recipient's clients
// confirm nothing, most messages get no further evidence.
func (m *maintenance) prune(ctx context.Context) error {
	for more := true; more; {
		now := m.clock.Now()
		done, err := m.store.Prune(ctx, track.At(now), track.At(now.Add(-m.settings.Get().Retention)), pruneMax)
		if err != nil {
			return err
		}
		for _, ord := range done.Stale {
			m.queue.Push(&track.Fact{Kind: track.Aged, Ord: ord}, nil)
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

// unwatchRemoved stops watching messages sent to deleted accounts: whoever gets the name later is not their recipient. It takes all of
// these accounts at once, as it has to read all watched messages.
func (m *maintenance) unwatchRemoved(ctx context.Context) error {
	gone, err := m.store.Removed(ctx)
	if err != nil || len(gone) == 0 {
		return err
	}
	ords, err := m.store.OpenTo(ctx, gone)
	if err != nil {
		return err
	}
	for _, ord := range ords {
		m.queue.Push(&track.Fact{Kind: track.Stopped, Ord: ord, At: track.At(m.clock.Now()), Basis: track.ByCommand}, nil)
	}
	if err := m.queue.Do(ctx, nil); err != nil { // they are stored
		return err
	}
	return m.store.DropRemovals(ctx, gone)
}
