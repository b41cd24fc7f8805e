package component

import (
	"context"
	"errors"
	"sync"
	"time"

	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/caps"
	"tocsin/xep/escalation"
	"tocsin/xep/markers"
	"tocsin/xep/receipts"
)

const (
	// askWithin is how long a client has to answer disco#info; no answer means that it supports nothing of ours.
	askWithin = 5 * time.Second
	// asksMax is how many are asked at a time, queuedAsks how many may wait for that.
	asksMax    = 256
	queuedAsks = 20_000
	// verifiedMax is how many verified answers the shared cache holds.
	verifiedMax = 10_000
)

// learner finds out what resources can do: by the hash of their capabilities if an answer for it was verified before
// (XEP-0115 §5.4), else by disco#info to the full JID.
type learner struct {
	svc  *Service
	todo chan device

	mu       sync.Mutex
	verified map[string]track.Features // by the key of the capabilities
}

func newLearner(s *Service) *learner {
	return &learner{svc: s, todo: make(chan device, queuedAsks), verified: map[string]track.Features{}}
}

// ask queues a question. With too many in the queue the resource counts as unsupported, until it is asked again.
func (l *learner) ask(d device) {
	l.svc.busy.begin()
	select {
	case l.todo <- d:
	default:
		l.svc.busy.end()
		l.svc.book.answered(d.full, 0, silent, l.svc.clock.Now())
	}
}

// run asks until ctx is done.
func (l *learner) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for range asksMax {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case d := <-l.todo:
					l.learn(ctx, d)
					l.svc.busy.end()
				}
			}
		})
	}
	return nil
}

func (l *learner) learn(ctx context.Context, d device) {
	if features, ok := l.known(d.caps); ok && !d.check {
		l.took(ctx, d, features, known)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var query, info caps.Info
	if d.caps.Ver != "" {
		query.Node = d.caps.Query()
	}
	err := l.svc.session.Ask(ctx, d.full, "get", query, &info)
	if errors.Is(err, session.ErrDown) {
		return // it is asked again when the stream is up
	}
	if err != nil {
		r := silent
		if fault := (*session.StanzaError)(nil); errors.As(err, &fault) {
			r = refused
		}
		l.took(ctx, d, 0, r)
		return
	}
	features := featuresOf(info)
	if d.caps.Verify(info) == nil {
		l.keep(d.caps, features)
	}
	l.took(ctx, d, features, replied)
}

// took brings the answer to the book, and keeps what must be known after a restart.
func (l *learner) took(ctx context.Context, d device, features track.Features, r reply) {
	now := l.svc.clock.Now()
	var err error
	switch capable := features&track.CanStatus != 0; {
	case capable:
		err = l.svc.opts.Store.SaveDevices(ctx, []track.Device{{JID: d.full, Features: features, At: track.At(now)}}, nil)
	case d.features&track.CanStatus != 0:
		err = l.svc.opts.Store.SaveDevices(ctx, nil, []string{d.full})
	}
	if err != nil && ctx.Err() == nil {
		l.svc.log.Error("could not save a device", "err", err)
	}
	l.svc.book.answered(d.full, features, r, now)
}

func (l *learner) known(c caps.Caps) (features track.Features, ok bool) {
	key, shared := c.Key()
	if !shared {
		return 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	features, ok = l.verified[key]
	return features, ok
}

func (l *learner) keep(c caps.Caps, features track.Features) {
	key, _ := c.Key()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.verified) >= verifiedMax {
		clear(l.verified)
	}
	l.verified[key] = features
}

func featuresOf(info caps.Info) track.Features {
	var f track.Features
	for feature, bit := range map[string]track.Features{
		escalation.NS: track.CanStatus, escalation.NSSMS: track.CanSMS, markers.NS: track.CanMarkers, receipts.NS: track.CanReceipts,
	} {
		if info.Has(feature) {
			f |= bit
		}
	}
	return f
}
