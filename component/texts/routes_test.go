package texts

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/component/clock"
	"tocsin/component/gateway"
	"tocsin/component/routes"
	"tocsin/component/settings"
)

// line is a gateway in a given state.
type line struct {
	why, fault string
}

func (line) Submit(context.Context, gateway.Submission) gateway.Answer { return gateway.Answer{} }
func (line) Check(context.Context) error                               { return nil }
func (l line) Up() (bool, string)                                      { return l.why == "", l.why }
func (l line) Fault() string                                           { return l.fault }

func TestRoutes(t *testing.T) {
	c := clock.NewStepped(time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC))
	table := routes.Table{}
	for _, name := range []string{"up", "unbound", "failed", "closed", "gone"} {
		table.Routes = append(table.Routes, routes.Route{Name: name})
	}
	o := &settings.SMS{Routes: table, Gateways: map[string]gateway.Gateway{"up": line{}, "unbound": line{why: "not bound"}, "failed": line{fault: "401"}, "closed": line{}}}
	s := New(Options{Settings: settings.NewLive(settings.Settings{SMS: o}, false), Clock: c})
	s.closeRoute("closed", gateway.Answer{Class: "429", Wait: time.Minute})
	up := RouteState{Name: "up", Up: true}
	want := []RouteState{up, {Name: "unbound", Why: "not bound"}, {Name: "failed", Why: "401 at the last attempt"}, {Name: "closed", Why: "429"}, {Name: "gone", Why: "no gateway"}}
	if diff := cmp.Diff(want, s.Routes()); diff != "" {
		t.Error(diff)
	}
	if !s.isOpen(o, &o.Routes.Routes[2]) {
		t.Error("a route that has failed is not tried again")
	}
	c.Step(time.Minute)
	if got := s.Routes()[3]; !got.Up {
		t.Errorf("not open again: %+v", got)
	}
}
