package component

import (
	"context"
	"errors"
	"maps"
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
	unsaved  map[string]track.Device   // by full JID; without features: it is gone
	unsaid   chan struct{}             // there is something unsaved
}

func newLearner(s *Service) *learner {
	return &learner{
		svc: s, todo: make(chan device, queuedAsks), verified: map[string]track.Features{},
		unsaved: map[string]track.Device{}, unsaid: make(chan struct{}, 1),
	}
}

// ask queues a question, unless too many wait.
func (l *learner) ask(d device) {
	select {
	case l.todo <- d:
	default:
		l.svc.book.answered(d, 0, unasked, l.svc.clock.Now())
	}
}

// run asks until ctx is done.
func (l *learner) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { l.saving(ctx) })
	for range asksMax {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case d := <-l.todo:
					l.learn(ctx, d)
				}
			}
		})
	}
	return nil
}

func (l *learner) learn(ctx context.Context, d device) {
	if features, ok := l.known(d.caps); ok && !d.check {
		l.svc.book.answered(d, features, known, l.svc.clock.Now())
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
		if refuses(err) {
			r = refused
		}
		l.svc.book.answered(d, 0, r, l.svc.clock.Now())
		return
	}
	features := featuresOf(info)
	if d.caps.Verify(info) == nil {
		l.keep(d.caps, features)
	}
	l.svc.book.answered(d, features, replied, l.svc.clock.Now())
}

// save has a device kept for after a restart; one without features is forgotten.
func (l *learner) save(d track.Device) {
	l.mu.Lock()
	l.unsaved[d.JID] = d
	l.mu.Unlock()
	select {
	case l.unsaid <- struct{}{}:
	default:
	}
}

// saving keeps what save was given until ctx is done. What comes while a transaction is under way goes into the next: at
// a connect everybody answers at once, and the writer has other things to do.
func (l *learner) saving(ctx context.Context) {
	var failed bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.unsaid:
		}
		l.mu.Lock()
		unsaved := l.unsaved
		l.unsaved = map[string]track.Device{}
		l.mu.Unlock()
		var seen []track.Device
		var gone []string
		for jid, d := range unsaved {
			if d.Features == 0 {
				gone = append(gone, jid)
			} else {
				seen = append(seen, d)
			}
		}
		err := l.svc.opts.Store.SaveDevices(ctx, seen, gone)
		if err != nil && ctx.Err() == nil {
			if !failed {
				l.svc.log.Error("could not save devices, trying again with the next", "err", err, "devices", len(unsaved))
			}
			l.mu.Lock()
			maps.Copy(unsaved, l.unsaved)
			l.unsaved = unsaved
			l.mu.Unlock()
		}
		failed = err != nil
	}
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
