package component

import "github.com/prometheus/client_golang/prometheus"

// meter is what is counted. The names are those of the documentation: admins build alerts on them.
type meter struct {
	stanzas   *prometheus.CounterVec // by verdict
	committed prometheus.Counter
	commit    prometheus.Histogram
	pending   prometheus.Gauge
	prompts   prometheus.Gauge
	lateness  prometheus.Histogram
	outcomes  *prometheus.CounterVec // of prompts
	timeouts  *prometheus.CounterVec // by kind
	outbox    prometheus.Gauge
	up        prometheus.Gauge
	connects  prometheus.Counter
	gaps      prometheus.Counter
	queued    prometheus.Gauge
	lost      prometheus.Counter
	limited   prometheus.Counter
	voidHints prometheus.Counter
	dropped   *prometheus.CounterVec // frames that never reached the XMPP library, by reason
	forgotten prometheus.Counter
}

func newMeter(r prometheus.Registerer) *meter {
	counter := func(name, help string) prometheus.Counter {
		return count(r, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
	}
	gauge := func(name, help string) prometheus.Gauge {
		return count(r, prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help}))
	}
	by := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := count(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label}))
		for _, value := range values {
			v.WithLabelValues(value)
		}
		return v
	}
	histogram := func(name, help string, first float64) prometheus.Histogram {
		return count(r, prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(first, 2, 14)}))
	}
	return &meter{
		stanzas:   by("tocsin_tap_stanzas_total", "Tapped copies by what was made of them.", "kind", "message", "evidence", "dropped", "rejected", "malformed"),
		committed: counter("tocsin_facts_committed_total", "Facts that are durable."),
		commit:    histogram("tocsin_commit_seconds", "Time from taking a batch to its being durable.", 0.0005),
		pending:   gauge("tocsin_pending_messages", "Watched messages that are not settled."),
		prompts:   gauge("tocsin_open_prompts", "Prompts that wait for an answer."),
		lateness:  histogram("tocsin_alarm_lateness_seconds", "How late alarms ring.", 0.001),
		outcomes:  by("tocsin_prompts_total", "Prompts by what became of them.", "outcome", "opened", "sent", "declined", "failed", "expired", "withdrawn", "capped"),
		timeouts:  by("tocsin_timeouts_total", "Messages that timed out.", "kind", "undelivered", "unread"),
		outbox:    gauge("tocsin_outbox_messages", "What must still leave the house."),
		up:        gauge("tocsin_stream_up", "1 while the stream to the server is up."),
		connects:  counter("tocsin_stream_connects_total", "Streams that were made."),
		gaps:      counter("tocsin_tap_gaps_total", "Times during which copies may have been missed."),
		queued:    gauge("tocsin_queue_facts", "Facts that wait to be written."),
		lost:      counter("tocsin_facts_lost_total", "Facts that were dropped because the queue was full or the database refused them."),
		limited:   counter("tocsin_messages_limited_total", "Messages that were not watched because too many are pending."),
		voidHints: counter("tocsin_hints_void_total", "Malformed hints of senders."),
		dropped:   by("tocsin_frames_dropped_total", "Stanzas that were cut out of the stream because they are harmful.", "reason"),
		forgotten: counter("tocsin_notices_dropped_total", "States that a returning sender was not told because there were too many."),
	}
}

func count[C prometheus.Collector](r prometheus.Registerer, c C) C {
	r.MustRegister(c)
	return c
}
