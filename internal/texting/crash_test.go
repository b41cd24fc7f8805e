package texting

import (
	"fmt"
	"testing"
	"time"

	"tocsin/component/gateway"
	"tocsin/component/routes"
)

// outcomes are the rows of the table in docs/design/texts.md: the results of a provider's answers.
var outcomes = []struct {
	name   string
	script map[string][]gateway.Outcome
	phones int // SMS delivered if nothing crashes
	asked  bool
}{
	{"sent", script(says(gateway.Sent), says(gateway.Sent)), 1, false},
	{"the first route sends nothing", script(says(gateway.NotSent), says(gateway.Sent)), 1, false},
	{"no route at first", script(says(gateway.NotSent, gateway.NotSent, gateway.Sent), says(gateway.NotSent)), 1, false},
	{"no route at all", script(says(gateway.NotSent), says(gateway.NotSent)), 0, true},
	{"refused", script(says(gateway.Refused), says(gateway.Sent)), 0, true},
	{"opted out", script(says(gateway.Stopped), says(gateway.Sent)), 0, true},
	{"unsure", script(says(gateway.Unsure), says(gateway.Sent)), 1, true},
	{"unsure after a route that sent nothing", script(says(gateway.NotSent), says(gateway.Unsure)), 1, true},
}

func says(o ...gateway.Outcome) []gateway.Outcome { return o }

func script(a, b []gateway.Outcome) map[string][]gateway.Outcome {
	return map[string][]gateway.Outcome{"a": a, "b": b}
}

func copied(m map[string][]gateway.Outcome) map[string][]gateway.Outcome {
	return script(says(m["a"]...), says(m["b"]...))
}

// TestOutcomes checks each row without a crash.
func TestOutcomes(t *testing.T) {
	onBoth(t, func(t *testing.T, on *database) {
		for _, row := range outcomes {
			t.Run(row.name, func(t *testing.T) {
				s := newStory(t, on, routes.Never, copied(row.script))
				s.begin(crash{})
				s.send("m1")
				s.pass(12 * time.Minute)
				s.stop()
				if got := s.provider.onPhones(); got != row.phones {
					t.Errorf("%d SMS delivered, want %d", got, row.phones)
				}
				if (s.asked > 0) != row.asked {
					t.Errorf("%d prompts", s.asked)
				}
			})
		}
	})
}

// TestCrash ends an instance at each commit and each submission, before and after it, for each row of the table, and starts
// another one: there are never two SMS where that is ruled out, and never none without a prompt.
func TestCrash(t *testing.T) {
	onBoth(t, func(t *testing.T, on *database) {
		for _, repeat := range []routes.Repeat{routes.Never, routes.ByKey, routes.Always} {
			for _, row := range outcomes {
				few := row.name == "unsure" || row.name == "sent"
				if !few && repeat != routes.Never {
					continue // the others repeat nothing
				}
				if repeat == routes.ByKey && on.name == "postgres" {
					continue
				}
				t.Run(fmt.Sprint(repeat, "/", row.name), func(t *testing.T) {
					everywhere(t, 4, func(at crash) bool {
						s := newStory(t, on, repeat, copied(row.script))
						s.begin(at)
						s.send("m1")
						s.pass(5 * time.Minute)
						crashed := s.crashed()
						s.stop()
						s.begin(crash{})
						s.send("m1") // the server repeats it if it was not acknowledged
						s.pass(12 * time.Minute)
						s.stop()
						s.judge(fmt.Sprintf("%+v", at))
						return crashed
					})
				})
			}
		}
	})
}

// everywhere calls live for a crash before and after each commit and each submission, until there is no crash, as live
// reports. With fewer commits than least the test fails, since it would prove nothing.
func everywhere(t *testing.T, least int, live func(at crash) (crashed bool)) {
	commits, submits := 1, 1
	for at := (crash{commit: 1}); ; {
		crashed := live(at)
		switch {
		case !at.after && crashed:
			at.after = true
		case at.commit > 0 && crashed:
			commits++
			at = crash{commit: commits}
		case at.commit > 0:
			at = crash{submit: 1}
		case crashed:
			submits++
			at = crash{submit: submits}
		default:
			if commits < least {
				t.Errorf("only %d commits", commits)
			}
			return
		}
	}
}

func (s *story) judge(at string) {
	s.t.Helper()
	phones := s.provider.onPhones()
	if phones > 1 && s.repeat != routes.Always {
		s.t.Errorf("%s: %d SMS delivered", at, phones)
	}
	if phones == 0 && s.asked == 0 {
		s.t.Errorf("%s: no SMS, and no prompt", at)
	}
	for _, state := range s.texts() {
		if state.Live() {
			s.t.Errorf("%s: an SMS is still live", at)
		}
	}
}
