package texts

import (
	"context"
	"slices"
	"sync"
	"time"

	"tocsin/component/gateway"
	"tocsin/track"
)

// A report may come before the answer that says what the provider calls the SMS. Those that belong to nothing known are kept for
// earlyFor.
const (
	earlyFor = time.Minute
	maxEarly = 10_000
)

// early are the reports that belong to nothing known.
type early struct {
	mu   sync.Mutex
	kept []kept // oldest first
}

type kept struct {
	in track.TextReported
	at time.Time
}

var states = map[gateway.State]track.TextState{
	gateway.Accepted: track.TextTaken, gateway.Delivered: track.TextDelivered, gateway.Failed: track.TextFailed, gateway.Expired: track.TextExpired,
}

var stateNames = map[gateway.State]string{
	gateway.Accepted: "accepted", gateway.Delivered: "delivered", gateway.Failed: "failed", gateway.Expired: "expired",
}

// Reported implements gateway.Sink.
func (s *Sender) Reported(ctx context.Context, r gateway.Report) error {
	s.Metrics.Receipts.WithLabelValues(r.Route, stateNames[r.State]).Inc()
	in := track.TextReported{PartKey: track.PartKey{Route: r.Route, ID: r.ID}, Text: r.Ref, State: states[r.State]}
	if err := s.Inputs.Do(ctx, &in); err != nil || in.Found {
		return err
	}
	s.early.keep(in, s.Clock.Now())
	return nil
}

func (e *early) keep(in track.TextReported, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.kept) > 0 && (len(e.kept) >= maxEarly || now.Sub(e.kept[0].at) > earlyFor) {
		e.kept = e.kept[1:]
	}
	e.kept = append(e.kept, kept{in, now})
}

// take takes out what was reported of parts.
func (e *early) take(route string, ids []string, now time.Time) (found []track.TextReported) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var rest []kept
	for _, r := range e.kept {
		switch {
		case now.Sub(r.at) > earlyFor:
		case r.in.Route == route && slices.Contains(ids, r.in.ID):
			found = append(found, r.in)
		default:
			rest = append(rest, r)
		}
	}
	e.kept = rest
	return found
}
