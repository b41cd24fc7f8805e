package texts

import (
	"tocsin/component/gateway"
	"tocsin/component/settings"
)

// RouteState is the state of a route.
type RouteState struct {
	Name string `json:"route"`
	Up   bool   `json:"up"`
	Why  string `json:"why,omitempty"` // why it is down, in a few words without secrets
}

// Routes returns the state of each route, in the order of the configuration; nothing without [sms]. A route that has failed is down
// until an SMS passes it, although it is tried before that.
func (s *Sender) Routes() []RouteState {
	o := s.Settings.Get().SMS
	if o == nil {
		return nil
	}
	states := make([]RouteState, len(o.Routes.Routes))
	for i := range o.Routes.Routes {
		states[i] = s.state(o, o.Routes.Routes[i].Name)
		if g, ok := o.Gateways[states[i].Name].(gateway.Faulter); ok && states[i].Up && g.Fault() != "" {
			states[i].Up, states[i].Why = false, g.Fault()+" at the last attempt"
		}
	}
	return states
}

// state returns whether a route can be tried now.
func (s *Sender) state(o *settings.SMS, name string) RouteState {
	g := o.Gateways[name]
	if g == nil {
		return RouteState{Name: name, Why: "no gateway"}
	}
	if up, why := g.Up(); !up {
		return RouteState{Name: name, Why: why}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.throttle(name); s.Clock.Now().Before(l.closed) {
		return RouteState{Name: name, Why: l.why}
	}
	return RouteState{Name: name, Up: true}
}
