package texting

import (
	"strings"
	"testing"
	"text/template"
	"time"

	"tocsin/component/gateway"
	"tocsin/component/routes"
	"tocsin/track"
)

// teller runs stories in which both routes send.
func teller(t *testing.T, on *database) func(name string, what func(*testing.T, *story)) {
	return func(name string, what func(*testing.T, *story)) {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, on, routes.Never, script(says(gateway.Sent), says(gateway.Sent)))
			s.begin(crash{})
			what(t, s)
			s.stop()
		})
	}
}

// TestStories checks the texts of SMS, and when none is sent.
func TestStories(t *testing.T) {
	onBoth(t, func(t *testing.T, on *database) {
		tell := teller(t, on)
		said := func(t *testing.T, s *story, want ...string) {
			t.Helper()
			if got := strings.Join(s.provider.texts, "|"); got != strings.Join(want, "|") {
				t.Errorf("SMS: %q, want %q", got, want)
			}
		}
		const stop = "\nReply STOP to opt out."
		tell("a burst is one SMS", func(t *testing.T, s *story) {
			s.send("m1")
			s.pass(time.Minute)
			s.send("m2")
			s.pass(time.Minute)
			said(t, s, "the text of m1\nthe text of m2"+stop)
		})
		tell("the second one to a number does not say how to end them", func(t *testing.T, s *story) {
			s.send("m1")
			s.pass(3 * time.Minute)
			s.send("m2")
			s.pass(3 * time.Minute)
			said(t, s, "the text of m1"+stop, "the text of m2")
		})
		tell("STOP ends them, and START undoes that; another reply does neither", func(t *testing.T, s *story) {
			reply := func(text string) {
				if err := s.sender.Replied(t.Context(), gateway.Reply{Route: "a", ID: text, From: strings.TrimPrefix(s.who.number, "+"), Text: text}); err != nil {
					t.Error(err)
				}
			}
			s.send("m1")
			s.pass(3 * time.Minute)
			reply("Please stop it")
			reply("Stop.")
			s.send("m2")
			s.pass(3 * time.Minute)
			const stopped = "You will get no more SMS from example.org. Reply START to get them again."
			said(t, s, "the text of m1"+stop, stopped)
			prompts, err := s.store.Prompts(t.Context(), s.alice)
			if err != nil || len(prompts) != 1 {
				t.Fatal("no prompt instead", prompts, err)
			}
			reply("START")
			if err := s.Do(t.Context(), &track.Answer{Prompt: prompts[0].ID, By: s.alice + "/phone", Action: track.Declined}); err != nil {
				t.Fatal(err)
			}
			s.send("m3")
			s.pass(3 * time.Minute)
			said(t, s, "the text of m1"+stop, stopped, "You will get SMS from example.org again. Reply STOP to opt out.", "the text of m3")
		})
		tell("a notice whenever one is encrypted", func(t *testing.T, s *story) {
			s.send("m1")
			s.send("m2", func(f *track.Fact) { f.Text, f.Marks = "", f.Marks|track.Encrypted })
			s.pass(3 * time.Minute)
			said(t, s, s.alice+" wrote on example.org"+stop)
		})
		tell("cut at so many segments", func(t *testing.T, s *story) {
			s.send("m1", func(f *track.Fact) { f.Text = strings.Repeat("很长", 500) })
			s.pass(3 * time.Minute)
			if n := len([]rune(s.provider.texts[0])); n > 3*67 || n < 150 {
				t.Errorf("%d characters", n)
			}
		})
		tell("read in time", func(t *testing.T, s *story) {
			s.send("m1")
			s.pass(time.Minute)
			s.read("m1")
			s.pass(10 * time.Minute)
			said(t, s)
		})
		tell("a report that comes before the answer", func(t *testing.T, s *story) {
			s.provider.ids = []string{"7"}
			s.provider.before = func() {
				if err := s.sender.Reported(t.Context(), gateway.Report{Route: "a", ID: "7", State: gateway.Delivered}); err != nil {
					t.Error(err)
				}
			}
			s.send("m1")
			s.pass(3 * time.Minute)
			if got := strings.Join(s.life.told, " "); got != "timeout-undelivered escalated/sent escalated/delivered" {
				t.Errorf("told %s", got)
			}
		})
		for _, own := range []struct{ name, text, sms string }{
			{"without the name", "Call me: +49 30 1", "alice wrote on example.org: Call me: +49 30 1"},
			{"with the name", "This is alice, call me", "This is alice, call me"},
		} {
			tell("the sender has it sent in own words, "+own.name, func(t *testing.T, s *story) {
				s.policy.Mode = track.Ask
				s.template("{{.Sender}} wrote on {{.Domain}}: {{.Text}}")
				s.send("m1")
				s.pass(3 * time.Minute)
				prompts, err := s.store.Prompts(t.Context(), s.alice)
				if err != nil || len(prompts) != 1 {
					t.Fatal(prompts, err)
				}
				words := func(text string) string { return strings.ReplaceAll(text, "alice", s.alice) }
				a := &track.Answer{Prompt: prompts[0].ID, By: s.alice + "/phone", Action: track.SendIt, Text: words(own.text)}
				if err := s.Do(t.Context(), a); err != nil || a.Verdict != track.OK {
					t.Fatal(a.Verdict, err)
				}
				s.pass(time.Second)
				said(t, s, words(own.sms)+stop)
			})
		}
		tell("the sender has it sent", func(t *testing.T, s *story) {
			s.policy.Mode = track.Ask
			s.send("m1")
			s.pass(3 * time.Minute)
			prompts, err := s.store.Prompts(t.Context(), s.alice)
			if err != nil || len(prompts) != 1 {
				t.Fatal(prompts, err)
			}
			a := &track.Answer{Prompt: prompts[0].ID, By: s.alice + "/phone", Action: track.SendIt}
			if err := s.Do(t.Context(), a); err != nil || a.Verdict != track.OK {
				t.Fatal(a.Verdict, err)
			}
			s.pass(time.Second)
			said(t, s, "the text of m1"+stop)
			if got := strings.Join(s.life.told, " "); got != "timeout-undelivered escalated/sent" {
				t.Errorf("told %s", got)
			}
		})
	})
}

// template uses another template for SMS.
func (l *life) template(text string) {
	next := *l.live.Get()
	next.Templates = map[string]*template.Template{"en": template.Must(template.New("").Parse(text))}
	l.live.Set(next)
}
