// Package metrics holds the component's Prometheus metrics. Their names are documented in docs/ADMIN.md, because admins
// build alerts on them; a test in cmd/tocsin compares them with the documentation and the dashboard. It knows nothing about
// what it counts.
package metrics

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the metrics of a process, which may be live at times and a standby at others.
type Metrics struct {
	Stanzas   *prometheus.CounterVec // by verdict
	Committed prometheus.Counter
	Commit    prometheus.Histogram
	Pending   prometheus.Gauge
	Prompts   prometheus.Gauge // open ones
	Outbox    prometheus.Gauge
	Lateness  prometheus.Histogram
	Outcomes  *prometheus.CounterVec // of prompts
	Timeouts  *prometheus.CounterVec // by kind
	Up        prometheus.Gauge
	Connects  prometheus.Counter
	Gaps      prometheus.Counter
	Queued    prometheus.Gauge
	Lost      *Losses
	Limited   prometheus.Counter
	VoidHints prometheus.Counter
	Dropped   *prometheus.CounterVec // stanzas that reached no handler, by reason
	Forgotten prometheus.Counter
	SMS       *prometheus.CounterVec // submissions, by route, purpose and outcome
	Segments  *prometheus.CounterVec // accepted, by route and country
	Receipts  *prometheus.CounterVec // by route and state
	Replies   *prometheus.CounterVec // by route and verdict
	Cost      *prometheus.CounterVec // of Segments, by route
	Codes     *prometheus.CounterVec // by verdict
	Submit    prometheus.Histogram
	Receipt   prometheus.Histogram
	Budget    prometheus.Gauge
	Routes    *Routes
}

// New registers the metrics with r.
func New(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return register(r, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
	}
	gauge := func(name, help string) prometheus.Gauge {
		return register(r, prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help}))
	}
	by := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := register(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label}))
		for _, value := range values {
			v.WithLabelValues(value)
		}
		return v
	}
	byAll := func(name, help string, labels ...string) *prometheus.CounterVec {
		return register(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
	}
	histogram := func(name, help string, first float64) prometheus.Histogram {
		return register(r, prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(first, 2, 14)}))
	}
	return &Metrics{
		Stanzas:   by("tocsin_tap_stanzas_total", "Tapped stanzas, by verdict.", "kind", "message", "evidence", "dropped", "rejected", "malformed"),
		Committed: counter("tocsin_facts_committed_total", "Facts committed to the database."),
		Commit:    histogram("tocsin_commit_seconds", "Time to commit a batch of facts, in seconds.", 0.0005),
		Pending:   gauge("tocsin_pending_messages", "Watched messages not yet settled."),
		Prompts:   gauge("tocsin_open_prompts", "Prompts waiting for an answer."),
		Outbox:    gauge("tocsin_outbox_messages", "Outbox entries not yet confirmed."),
		Lateness:  histogram("tocsin_alarm_lateness_seconds", "Delay between an alarm's due time and its firing, in seconds.", 0.001),
		Outcomes:  by("tocsin_prompts_total", "Prompts, by outcome.", "outcome", "opened", "sent", "declined", "failed", "expired", "withdrawn", "capped", "reminded"),
		Timeouts:  by("tocsin_timeouts_total", "Messages that timed out, by kind.", "kind", "undelivered", "unread"),
		Up:        gauge("tocsin_stream_up", "Whether the stream to the server is up (1) or down (0)."),
		Connects:  counter("tocsin_stream_connects_total", "Streams established."),
		Gaps:      counter("tocsin_tap_gaps_total", "Gaps in the tap during which copies may have been missed."),
		Queued:    gauge("tocsin_queue_facts", "Facts waiting to be written."),
		Lost:      &Losses{total: counter("tocsin_facts_lost_total", "Facts lost since the process started, for any reason.")},
		Limited:   counter("tocsin_messages_limited_total", "Messages not watched because too many were pending."),
		VoidHints: counter("tocsin_hints_void_total", "Malformed sender hints."),
		Dropped:   by("tocsin_frames_dropped_total", "Stanzas dropped before they were handled, by reason.", "reason"),
		Forgotten: counter("tocsin_notices_dropped_total", "Notices dropped because a returning sender had too many."),
		SMS:       byAll("tocsin_sms_total", "SMS submissions to providers, by route, purpose and outcome.", "route", "for", "outcome"),
		Segments:  byAll("tocsin_sms_segments_total", "SMS segments accepted by providers, by route and country.", "route", "country"),
		Receipts:  byAll("tocsin_sms_receipts_total", "Delivery reports for SMS, by route and state.", "route", "state"),
		Replies:   byAll("tocsin_sms_replies_total", "Incoming SMS, by route and kind.", "route", "kind"),
		Cost:      byAll("tocsin_sms_cost_total", "Cost of accepted segments at the configured prices, by route.", "route"),
		Budget:    gauge("tocsin_sms_budget_ratio", "Share of the daily SMS budget that is used, 0 to 1."),
		Routes:    register(r, &Routes{}),
		Codes:     by("tocsin_codes_total", "Verification codes requested and entered, by outcome.", "outcome", "sent", "too-soon", "too-many", "unreachable", "paused", "right", "wrong", "spent", "none", "full"),
		Submit:    histogram("tocsin_sms_submit_seconds", "Time until a provider answers a submission, in seconds.", 0.005),
		Receipt:   histogram("tocsin_sms_receipt_seconds", "Time from a submission until the phone has the SMS, as reported, in seconds.", 0.25),
	}
}

// StandBy resets the gauges of the running component: there is none.
func (m *Metrics) StandBy() {
	for _, gauge := range []prometheus.Gauge{m.Pending, m.Prompts, m.Outbox, m.Up, m.Queued, m.Budget} {
		gauge.Set(0)
	}
	m.Routes.Of(nil)
}

func register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	r.MustRegister(c)
	return c
}
