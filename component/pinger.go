package component

import (
	"context"
	"errors"
	"sync"
	"time"
)

// pingWithin is how long the database may take to answer.
const pingWithin = 2 * time.Second

// pinger asks the database for a sign of life, one question at a time. It does not wait for
// one that never answers; that question ends with the store.
type pinger struct {
	mu      sync.Mutex
	pending chan struct{} // closed with the answer; nil: nothing is asked
	err     error         // the last answer
}

func (p *pinger) ask(ping func(context.Context) error) error {
	p.mu.Lock()
	if p.pending == nil {
		answered := make(chan struct{})
		p.pending = answered
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), pingWithin)
			defer cancel()
			err := ping(ctx)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.err, p.pending = err, nil
			close(answered)
		}()
	}
	answered := p.pending
	p.mu.Unlock()
	late := time.NewTimer(pingWithin)
	defer late.Stop()
	select {
	case <-answered:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.err
	case <-late.C:
		return errors.New("the database does not answer")
	}
}
