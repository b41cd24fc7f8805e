package component

import (
	"context"
	"log/slog"
	"time"

	"tocsin/component/clock"
	"tocsin/component/writer"
	"tocsin/track"
)

const (
	// adoptEvery is how often the live instance looks for handed-over events.
	adoptEvery = time.Second
	// adoptMax is the number of batches it loads at a time.
	adoptMax = 2000
)

// HandoverStore holds the events handed over by previous leaders.
type HandoverStore interface {
	HandedOver(ctx context.Context, limit int) ([]track.HandedOver, error)
}

// receiver processes events that previous leaders received but could not write.
type receiver struct {
	store HandoverStore
	queue *writer.Queue
	clock clock.Clock
	log   *slog.Logger
}

// Run runs until ctx is done.
func (r *receiver) Run(ctx context.Context) error {
	for {
		n, err := r.adopt(ctx)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("could not look for facts left by other instances", "err", err)
		}
		if n == adoptMax && err == nil {
			continue
		}
		due, stop := r.clock.After(adoptEvery)
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-due:
		}
	}
}

// adopt processes one load, and waits until it is durable.
func (r *receiver) adopt(ctx context.Context) (n int, err error) {
	all, err := r.store.HandedOver(ctx, adoptMax)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	r.log.Info("storing facts left unwritten by another instance", "batches", len(all))
	for i := range all {
		h := &all[i]
		r.queue.Push(h, func(err error) {
			if err != nil { // rejected by the database: it must not stay there forever
				r.queue.Push(&track.HandedOver{Pos: h.Pos}, nil)
			}
		})
	}
	return len(all), r.queue.Do(ctx, nil)
}
