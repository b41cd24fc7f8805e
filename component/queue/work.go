package queue

import (
	"context"
	"sync"
)

// Work runs that many workers, each calling do for one value at a time, until ctx is done, and waits for them.
// Remaining values stay in the queue.
func (q *Queue[T]) Work(ctx context.Context, workers int, do func(context.Context, T)) {
	work(ctx, workers, q.ready, func(ctx context.Context) bool {
		taken := q.Pop(1)
		for _, v := range taken {
			do(ctx, v)
		}
		return len(taken) > 0
	})
}

// work runs workers that call one until ctx is done, and wait for ready whenever one reports that there was nothing to do. A
// worker that leaves values behind wakes the next.
func work(ctx context.Context, workers int, ready Signal, one func(context.Context) bool) {
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if one(ctx) {
					continue
				}
				select {
				case <-ctx.Done():
				case <-ready:
				}
			}
		})
	}
	wg.Wait()
}
