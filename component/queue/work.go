package queue

import (
	"context"
	"sync"
)

// Work has so many workers do with each value what do does, until ctx is done; then it returns when all have returned. What
// still waits then stays in the queue.
func (q *Queue[T]) Work(ctx context.Context, workers int, do func(context.Context, T)) {
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				for _, v := range q.Take(1) {
					do(ctx, v)
				}
				if q.Len() > 0 {
					continue
				}
				select {
				case <-ctx.Done():
				case <-q.ready:
				}
			}
		})
	}
	wg.Wait()
}
