package presence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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
	// askWithin is how long a client has to answer disco#info; no answer means that it supports none of our features.
	askWithin = 5 * time.Second
	// maxAsks is how many clients are queried at a time, maxQuestions how many may wait.
	maxAsks      = 256
	maxQuestions = 20_000
	// maxVerified is how many verified answers the shared cache holds.
	maxVerified = 10_000
)

// Querier sends an entity an IQ, and reads its answer.
type Querier interface {
	Query(ctx context.Context, to, kind string, payload, answer any) error
}

// Store keeps the capable resources across restarts.
type Store interface {
	Devices(context.Context, func(track.Device)) error
	SaveDevices(ctx context.Context, seen []track.Device, gone []string) error
}

// Learner determines the features of resources: from the hash of their capabilities if an answer for it was verified before
// (XEP-0115 §5.4), else by disco#info to the full JID. It works for a registry, and saves its devices.
type Learner struct {
	registry *Registry
	asker    Querier
	store    Store
	log      *slog.Logger

	mu       sync.Mutex
	verified map[string]track.Features // by the key of the capabilities
}

// NewLearner returns a learner for a registry, which it fills with the stored devices.
func NewLearner(ctx context.Context, r *Registry, asker Querier, store Store, log *slog.Logger) (*Learner, error) {
	if err := store.Devices(ctx, r.Restore); err != nil {
		return nil, fmt.Errorf("load devices: %w", err)
	}
	return &Learner{registry: r, asker: asker, store: store, log: log, verified: map[string]track.Features{}}, nil
}

// Run queries resources, saves devices and sweeps the registry until ctx is done.
func (l *Learner) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { l.saving(ctx) })
	wg.Go(func() { l.registry.queries.Work(ctx, maxAsks, l.query) })
	for {
		due, stop := l.registry.clock.After(sweepEvery)
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-due:
			l.registry.sweep()
		}
	}
}

func (l *Learner) query(ctx context.Context, d device) {
	if features, ok := l.known(d.caps); ok && !d.check {
		l.registry.resolve(d, features, known)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var query, info caps.Info
	if d.caps.Ver != "" {
		query.Node = d.caps.Query()
	}
	err := l.asker.Query(ctx, d.full, "get", query, &info)
	if errors.Is(err, session.ErrDown) {
		return // repeated when the stream is up
	}
	if err != nil {
		as := silent
		if session.IsAnswer(err) {
			as = refused
		}
		l.registry.resolve(d, 0, as)
		return
	}
	features := featuresOf(info)
	if d.caps.Verify(info, slices.Collect(maps.Keys(watched))...) == nil {
		l.verify(d.caps, features)
	}
	l.registry.resolve(d, features, replied)
}

// saving saves the registry's devices until ctx is done. Changes during a transaction go into the next one: after connecting,
// everybody answers at once, and the writer needs the database, too.
func (l *Learner) saving(ctx context.Context) {
	var failed bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.registry.unsaved:
		}
		unsaved := l.registry.popSaves()
		var seen []track.Device
		var gone []string
		for jid, d := range unsaved {
			if d.Features == 0 {
				gone = append(gone, jid)
			} else {
				seen = append(seen, d)
			}
		}
		err := l.store.SaveDevices(ctx, seen, gone)
		if err != nil && ctx.Err() == nil {
			if !failed {
				l.log.Error("could not save devices, retrying later", "err", err, "devices", len(unsaved))
			}
			l.registry.saveAgain(unsaved)
		}
		failed = err != nil
	}
}

func (l *Learner) known(c caps.Caps) (features track.Features, ok bool) {
	key, shared := c.Key()
	if !shared {
		return 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	features, ok = l.verified[key]
	return features, ok
}

func (l *Learner) verify(c caps.Caps, features track.Features) {
	key, _ := c.Key()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.verified) >= maxVerified {
		clear(l.verified)
	}
	l.verified[key] = features
}

// watched are the features that matter.
var watched = map[string]track.Features{
	escalation.NS: track.CanStatus, escalation.NSSMS: track.CanSMS, markers.NS: track.CanMarkers, receipts.NS: track.CanReceipts,
}

func featuresOf(info caps.Info) track.Features {
	var f track.Features
	for feature, bit := range watched {
		if info.Has(feature) {
			f |= bit
		}
	}
	return f
}
