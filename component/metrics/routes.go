package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

var routeUp = prometheus.NewDesc("tocsin_sms_route_up", "Whether an SMS route is up (1) or down (0).", []string{"route"}, nil)

// Routes collects the state of the SMS routes.
type Routes struct {
	states atomic.Pointer[func() map[string]bool]
}

// Of sets the function that returns whether each route is up; nil: there are no routes.
func (r *Routes) Of(states func() map[string]bool) {
	if states == nil {
		r.states.Store(nil)
		return
	}
	r.states.Store(&states)
}

// Describe implements prometheus.Collector.
func (r *Routes) Describe(to chan<- *prometheus.Desc) { to <- routeUp }

// Collect implements prometheus.Collector.
func (r *Routes) Collect(to chan<- prometheus.Metric) {
	states := r.states.Load()
	if states == nil {
		return
	}
	for name, up := range (*states)() {
		value := 0.0
		if up {
			value = 1
		}
		to <- prometheus.MustNewConstMetric(routeUp, prometheus.GaugeValue, value, name)
	}
}
