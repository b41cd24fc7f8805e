package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/component/clock"
	"tocsin/track"
)

// storedWithin is how long a scrape waits for the database.
const storedWithin = 5 * time.Second

var (
	openPrompts = prometheus.NewDesc("tocsin_open_prompts", "Prompts waiting for an answer.", nil, nil)
	outboxSize  = prometheus.NewDesc("tocsin_outbox_messages", "Outbox entries not yet confirmed.", nil, nil)
)

// Counts is the database that Stored asks.
type Counts interface {
	Summary(ctx context.Context, now track.Time) (track.Summary, error)
}

// RegisterStored registers the metrics that the database counts, with r. It is asked only when they are scraped; without
// an answer they are left out, and readiness says what is wrong.
func RegisterStored(r prometheus.Registerer, db Counts, c clock.Clock) {
	r.MustRegister(stored{db, c})
}

type stored struct {
	db    Counts
	clock clock.Clock
}

// Describe implements prometheus.Collector.
func (stored) Describe(to chan<- *prometheus.Desc) {
	to <- openPrompts
	to <- outboxSize
}

// Collect implements prometheus.Collector.
func (s stored) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), storedWithin)
	defer cancel()
	sum, err := s.db.Summary(ctx, track.At(s.clock.Now()))
	if err != nil {
		return
	}
	to <- prometheus.MustNewConstMetric(openPrompts, prometheus.GaugeValue, float64(sum.OpenPrompts))
	to <- prometheus.MustNewConstMetric(outboxSize, prometheus.GaugeValue, float64(sum.Outbox))
}
