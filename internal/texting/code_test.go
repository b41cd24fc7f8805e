package texting

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/component/gateway"
	"tocsin/component/routes"
	"tocsin/track"
)

// wantCode lets Alice bind a number of hers.
func (s *story) wantCode() track.CodeVerdict {
	in := &track.CodeRequested{CodeKey: track.CodeKey{User: s.alice, Number: s.mine(), Country: "CN"}, Language: "en", Salt: fmt.Sprint("salt of ", s.alice)}
	s.Do(s.t.Context(), in) //nolint:errcheck // or it has crashed
	return in.Verdict
}

// mine is Alice's number.
func (s *story) mine() string { return strings.Replace(s.who.number, "+86138", "+86139", 1) }

func (s *story) tryCode(digits string) track.CodeVerdict {
	in := &track.CodeTried{User: s.alice, Digits: digits}
	s.Do(s.t.Context(), in) //nolint:errcheck // or it has crashed
	return in.Verdict
}

// digits are those of the last SMS.
func (s *story) digits() string {
	s.provider.mu.Lock()
	defer s.provider.mu.Unlock()
	digits, _, _ := strings.Cut(s.provider.texts[len(s.provider.texts)-1], " ")
	return digits
}

// TestCodeCrash ends an instance at each commit and each submission while a code is sent, and another one continues: there
// are never two SMS where that is ruled out, and any code that arrives confirms the number.
func TestCodeCrash(t *testing.T) {
	onBoth(t, func(t *testing.T, on *database) {
		for _, repeat := range []routes.Repeat{routes.Never, routes.ByKey, routes.Always} {
			for _, row := range outcomes {
				if row.name != "unsure" && row.name != "sent" && row.name != "the first route sends nothing" || repeat != routes.Never && on.name == "postgres" {
					continue
				}
				t.Run(fmt.Sprint(repeat, "/", row.name), func(t *testing.T) {
					everywhere(t, 3, func(at crash) bool {
						s := newStory(t, on, repeat, copied(row.script))
						s.begin(at)
						s.wantCode()
						s.pass(time.Minute)
						crashed := s.crashed()
						s.stop()
						s.begin(crash{})
						s.pass(4 * time.Minute)
						s.judgeCode(fmt.Sprintf("%+v", at))
						s.stop()
						return crashed
					})
				})
			}
		}
	})
}

func (s *story) judgeCode(at string) {
	s.t.Helper()
	phones := s.provider.onPhones()
	if phones > 1 && s.repeat != routes.Always {
		s.t.Errorf("%s: %d SMS arrive", at, phones)
	}
	for _, state := range s.texts() {
		if state.Live() {
			s.t.Errorf("%s: an SMS is still on its way", at)
		}
	}
	if phones == 0 { // only a minute is lost
		if verdict := s.wantCode(); verdict != track.CodeSent {
			s.t.Fatalf("%s: another one: %s", at, verdict)
		}
		s.provider.script = script(says(gateway.Sent), says(gateway.Sent))
		s.pass(time.Second)
	}
	if verdict := s.tryCode(s.digits()); verdict != track.CodeRight {
		s.t.Errorf("%s: the code is %s", at, verdict)
	}
	n, _, err := s.store.Number(s.t.Context(), s.alice)
	if err != nil || n.E164 != s.mine() || !n.Verified {
		s.t.Errorf("%s: bound %+v, %v", at, n, err)
	}
	if asked := s.shown; asked != 0 {
		s.t.Errorf("%s: somebody is asked about a code", at)
	}
}

// TestCodeStories checks the SMS with codes, and those that confirm STOP.
func TestCodeStories(t *testing.T) {
	onBoth(t, func(t *testing.T, on *database) {
		tell := func(name string, what func(*testing.T, *story)) {
			t.Run(name, func(t *testing.T) {
				s := newStory(t, on, routes.Never, script(says(gateway.Sent), says(gateway.Sent)))
				s.begin(crash{})
				what(t, s)
				s.stop()
			})
		}
		said := func(t *testing.T, s *story, want string) {
			t.Helper()
			if got := s.provider.texts[len(s.provider.texts)-1]; got != want {
				t.Errorf("SMS: %q, want %q", got, want)
			}
		}
		tell("the first says how to end them, and STOP is confirmed", func(t *testing.T, s *story) {
			reply := func(text string) {
				if err := s.sender.Replied(t.Context(), gateway.Reply{Route: "a", ID: text, From: s.mine(), To: "+8613700000001", Text: text}); err != nil {
					t.Error(err)
				}
				s.pass(time.Second)
			}
			s.sms.Routes.From = []string{"+8613700000000", "+8613700000001"}
			s.wantCode()
			s.pass(2 * time.Minute)
			code := s.digits()
			said(t, s, code+" is your code to confirm this number on example.org. It is valid for 10 minutes.\nReply STOP to opt out.")
			s.wantCode()
			s.pass(2 * time.Minute)
			said(t, s, code+" is your code to confirm this number on example.org. It is valid for 10 minutes.")
			reply("BASTA")
			said(t, s, "You will get no more SMS from example.org. Reply START to get them again.")
			if from := s.provider.from[len(s.provider.from)-1]; from != "+8613700000001" {
				t.Errorf("the answer comes from %s", from)
			}
			reply("stop")
			if n := len(s.provider.texts); n != 3 {
				t.Errorf("%d SMS", n)
			}
			if verdict := s.wantCode(); verdict != track.CodeUnreachable {
				t.Errorf("another code: %s", verdict)
			}
			reply("START")
			said(t, s, "You will get SMS from example.org again. Reply STOP to opt out.")
		})
	})
}
