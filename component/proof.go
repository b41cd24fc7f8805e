package component

import (
	"context"
	"errors"
	"sync"
	"time"

	"tocsin/component/session"
)

const (
	// proveEvery is how long what was sent is gathered for one ping.
	proveEvery = 10 * time.Millisecond
	// proveWithin is how long the answer may take before it is asked again.
	proveWithin = 10 * time.Second
)

// proofs keeps what was sent until the server is known to have it. That it was written is no proof: bytes wait in
// buffers, which go with a process that is killed and with a connection that is reset. An entry leaves the outbox, and
// a notice counts as told, when the server has answered a ping that was sent after it.
type proofs struct {
	svc *Service

	mu     sync.Mutex
	open   []sent
	asking bool // an answer is awaited
	wake   chan struct{}
	hurry  chan struct{} // somebody waits
}

func newProofs(s *Service) *proofs {
	return &proofs{svc: s, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// sent is something that was written to the stream.
type sent struct {
	stream uint64 // that there was before it was written
	then   func(lost bool)
}

// put has then called once it is known whether the server has what was sent on the stream.
func (p *proofs) put(stream uint64, then func(lost bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, sent{stream, then})
	signal(p.wake)
}

// wait returns when the fate of all is known that was sent before, but soon in any case.
func (p *proofs) wait(ctx context.Context) {
	p.mu.Lock()
	none := len(p.open) == 0 && !p.asking
	p.mu.Unlock()
	if none {
		return
	}
	known := make(chan struct{})
	p.put(p.svc.session.Stream(), func(bool) { close(known) })
	signal(p.hurry)
	late, stop := p.svc.clock.After(time.Second)
	defer stop()
	select {
	case <-known:
	case <-late:
	case <-ctx.Done():
	}
}

// run asks the server, until ctx is done.
func (p *proofs) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		p.settle(ctx)
		pause, stop := p.svc.clock.After(proveEvery)
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-p.hurry:
			stop()
		case <-pause:
		}
	}
}

// settle asks once, for all that was sent before.
func (p *proofs) settle(ctx context.Context) {
	p.mu.Lock()
	list := p.open
	p.open, p.asking = nil, true
	p.mu.Unlock()
	answers := map[uint64]error{}
	var unknown []sent
	for _, s := range list {
		err, asked := answers[s.stream]
		if !asked {
			err = p.ask(ctx, s.stream)
			answers[s.stream] = err
		}
		lost := errors.Is(err, session.ErrDown)
		if err != nil && (!lost || ctx.Err() != nil) { // the session ends with ctx, too: it may yet be left in good order
			unknown = append(unknown, s)
			continue
		}
		s.then(lost)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asking = false
	if p.open = append(unknown, p.open...); len(p.open) > 0 {
		signal(p.wake)
	}
}

func (p *proofs) ask(ctx context.Context, stream uint64) error {
	ctx, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	return p.svc.session.Taken(ctx, stream)
}
