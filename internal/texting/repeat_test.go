package texting

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/component/gateway"
	"tocsin/component/routes"
	"tocsin/track"
)

// TestRepeat: an SMS that may have been sent is submitted again by its own route at most, and only while it is wanted; whatever the
// further attempts say, it may have been sent.
func TestRepeat(t *testing.T) {
	onBoth(t, func(t *testing.T, on *database) {
		var asked atomic.Int64
		for name, test := range map[string]struct {
			answers   []gateway.Outcome // of the first route; the second one would send it
			leads     func() bool
			meanwhile func(*story) // after the first attempt
			attempts  int          // that may have sent it
		}{
			"recognised":                   {answers: says(gateway.Unsure, gateway.Sent), attempts: 2},
			"its owner opts out":           {answers: says(gateway.Unsure, gateway.Sent), meanwhile: (*story).optOut, attempts: 1},
			"read":                         {answers: says(gateway.Unsure, gateway.Sent), meanwhile: func(s *story) { s.read("m1") }, attempts: 1},
			"then it sends nothing":        {answers: says(gateway.Unsure, gateway.NotSent), attempts: 1},
			"then it refuses":              {answers: says(gateway.Unsure, gateway.Refused), attempts: 1},
			"then its owner has opted out": {answers: says(gateway.Unsure, gateway.Stopped), attempts: 1},
			"the instance is not the leader any more": {answers: says(gateway.Unsure, gateway.NotSent), leads: func() bool { return asked.Add(1)%2 == 1 }, attempts: 1},
		} {
			t.Run(name, func(t *testing.T) {
				s := newStory(t, on, routes.ByKey, script(test.answers, says(gateway.Sent)))
				s.leads = test.leads
				s.begin(crash{})
				s.send("m1")
				for range 130 { // until the first attempt
					if s.pass(time.Second); len(s.provider.routes()) > 0 {
						break
					}
				}
				if test.meanwhile != nil {
					test.meanwhile(s)
				}
				s.pass(12 * time.Minute)
				s.stop()
				if got := s.provider.routes(); len(got) != test.attempts || slices.Contains(got, "b") {
					t.Errorf("it may have been sent by %v", got)
				}
				if want := test.attempts == 1 && name != "read"; (s.asked > 0) != want {
					t.Errorf("%d prompts", s.asked)
				}
				for _, state := range s.texts() {
					if state.Live() {
						t.Error("an SMS is still live")
					}
				}
			})
		}
	})
}

// optOut has Bob choose to get no SMS.
func (s *story) optOut() {
	if err := s.Do(s.t.Context(), &track.OwnStop{Number: s.who.number, On: true}); err != nil {
		s.t.Error(err)
	}
}

// routes are those of the attempts that may have sent an SMS.
func (p *provider) routes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}
