package texts

import (
	"context"
	"slices"
	"sync"
	"time"

	"tocsin/component/gateway"
	"tocsin/track"
)

// A report may come before the response that has the provider's id. Reports about unknown SMS are kept for earlyTTL.
const (
	earlyTTL = time.Minute
	maxEarly = 10_000
)

// early keeps reports about unknown SMS.
type early struct {
	mu      sync.Mutex
	reports []earlyReport // oldest first
}

type earlyReport struct {
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
	if err := s.Inputs.Do(ctx, &in); err != nil {
		return err
	}
	if in.SentAt != 0 {
		s.Metrics.Receipt.Observe(s.Clock.Now().Sub(in.SentAt.Std()).Seconds())
	}
	if in.Found {
		return nil
	}
	s.early.push(in, s.Clock.Now())
	return nil
}

func (e *early) push(in track.TextReported, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.reports) > 0 && (len(e.reports) >= maxEarly || now.Sub(e.reports[0].at) > earlyTTL) {
		e.reports = e.reports[1:]
	}
	e.reports = append(e.reports, earlyReport{in, now})
}

// pop removes and returns the reports about the given ids.
func (e *early) pop(route string, ids []string, now time.Time) (found []track.TextReported) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var rest []earlyReport
	for _, r := range e.reports {
		switch {
		case now.Sub(r.at) > earlyTTL:
		case r.in.Route == route && slices.Contains(ids, r.in.ID):
			found = append(found, r.in)
		default:
			rest = append(rest, r)
		}
	}
	e.reports = rest
	return found
}
