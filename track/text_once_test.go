package track

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// once is a world with phones: it counts the SMS that get out. Instances that submit them may end anywhere, and several may be at it.
type once struct {
	*world
	out   map[string]int // by the name of the SMS
	about map[int64]int  // by what an SMS that got out says, but those of admins
	said  []Input        // what will be said of SMS: in any order, never, or twice
}

// TestTextOnce: under repeat = "never" no SMS gets out twice, nor do two about the same message; and of each message that timed out
// either an SMS was taken, or somebody is asked. That holds for whatever happens in whatever order, with crashes.
func TestTextOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &once{newWorld(), map[string]int{}, map[int64]int{}, nil}
		o.check = func(*Result) {}
		o.texting()
		o.policy.PerConversationDay, o.policy.PerSenderHour = 0, 0
		o.policy.Mode = rapid.SampledFrom([]Mode{Ask, Auto, Auto}).Draw(t, "mode")
		o.policy.Steps = rapid.SampledFrom([][]Step{{{Do: DoPrompt}}, {{Do: DoSMS}}, {{Do: DoPrompt}, {After: 3 * time.Minute, Do: DoSMS}}}).Draw(t, "chain")
		t.Repeat(map[string]func(*rapid.T){
			"a message": func(t *rapid.T) {
				o.n++
				o.send(fmt.Sprint("m", o.n))
				if rapid.IntRange(0, 2).Draw(t, "times out") > 0 {
					o.step(2 * time.Minute)
				}
			},
			"time": func(t *rapid.T) {
				o.step(rapid.SampledFrom([]time.Duration{time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}).Draw(t, "span"))
			},
			"it reaches Bob": func(t *rapid.T) { o.fact(Received, o.drawMessage(t)) },
			"Bob reads":      func(t *rapid.T) { o.fact(Read, o.drawMessage(t)) },
			"an admin tries": func(t *rapid.T) {
				x := &TextTry{Number: bobsNumber, Route: "route", Force: rapid.Bool().Draw(t, "force")}
				o.crashing(t, func() []Input { return []Input{x} })
			},
			"STOP": func(t *rapid.T) {
				by := rapid.SampledFrom([]StopBy{StopBySMS, "", "", "", ""}).Draw(t, "by")
				o.crashing(t, func() []Input { return []Input{&TextStop{Stop: Stop{Number: bobsNumber, By: by}}} })
			},
			"an SMS is submitted": o.submit,
			"another is":          o.submit,
			"an SMS is looked at": func(t *rapid.T) {
				if all := o.sms(TextQueued, TextSubmitting, TextUnsure); len(all) > 0 {
					if in := o.givesUp(rapid.SampledFrom(all).Draw(t, "text")); in != nil {
						o.crashing(t, func() []Input { return []Input{in} })
					}
				}
			},
			"something is said": func(t *rapid.T) {
				if len(o.said) == 0 {
					return
				}
				i := rapid.IntRange(0, len(o.said)-1).Draw(t, "which")
				in := o.said[i]
				if !rapid.Bool().Draw(t, "again") {
					o.said = slices.Delete(o.said, i, i+1)
				}
				o.crashing(t, func() []Input { return []Input{in} })
			},
			"restart": func(*rapid.T) { o.restart() },
			"":        o.judge,
		})
		o.end(t)
		o.judge(t)
	})
}

func (o *once) drawMessage(t *rapid.T) string {
	return fmt.Sprint("m", rapid.IntRange(1, max(o.n, 1)).Draw(t, "message"))
}

// submit gives an SMS to a provider, as component/texts does. The instance may end before what it begins is durable, before the first
// byte, and before what came of it is.
func (o *once) submit(t *rapid.T) {
	all := o.sms()
	if len(all) == 0 {
		return
	}
	if live := o.sms(TextQueued, TextSubmitting, TextUnsure); len(live) > 0 && rapid.IntRange(0, 3).Draw(t, "live") > 0 {
		all = live
	}
	look := &TextSnapshot{Text: rapid.SampledFrom(all).Draw(t, "text").ID}
	o.feed(look)
	s := &TextSubmit{Text: look.Text, Route: "route", Segments: 1}
	for i := range look.Messages {
		s.Messages = append(s.Messages, look.Messages[i].Ord)
	}
	switch crash := rapid.SampledFrom([]string{"", "", "", "before", "after"}).Draw(t, "crash"); crash {
	case "before":
		o.ledger.Apply(o.store.load(o.ledger.Want([]Input{s}), o.now), []Input{s}, o.now)
		o.restart()
		return
	case "after":
		o.feed(s)
		o.restart()
		return
	}
	if o.feed(s); !s.OK {
		return
	}
	noted := rapid.IntRange(0, 3).Draw(t, "noted") > 0 // it does not end before that
	switch rapid.SampledFrom([]string{"sent", "sent", "not sent", "unsure, and it arrives", "unsure, and it does not", "refused"}).Draw(t, "answer") {
	case "not sent":
		if noted {
			o.feed(&TextNotSent{Text: s.Text})
		}
		return
	case "refused":
		o.said = append(o.said, &TextEnded{Text: s.Text, State: TextRefused})
		return
	case "unsure, and it does not":
		o.said = append(o.said, &TextEnded{Text: s.Text, State: TextUnsure})
		return
	case "unsure, and it arrives":
		o.said = append(o.said, &TextEnded{Text: s.Text, State: TextUnsure})
	case "sent":
		if noted {
			o.said = append(o.said, &TextSent{Text: s.Text, Route: "route", IDs: []string{s.Text}})
		}
	}
	o.out[s.Text]++
	for _, ord := range s.Messages {
		o.about[ord]++
	}
	for _, state := range []TextState{TextTaken, TextDelivered, rapid.SampledFrom([]TextState{TextFailed, TextExpired}).Draw(t, "or")} {
		o.said = append(o.said, &TextReported{Text: s.Text, State: state})
	}
}

// givesUp is what a sender does about an SMS that is under way, but to submit it.
func (o *once) givesUp(x Text) Input {
	switch {
	case x.State == TextSubmitting: // by an instance that has ended, as far as this one knows
		return &TextEnded{Text: x.ID, State: TextUnsure}
	case x.State == TextUnsure && o.now >= x.SentAt.Add(TextPatience):
		return &TextEnded{Text: x.ID, State: TextLost}
	case x.State == TextQueued && o.now >= x.QueuedAt.Add(TextPatience):
		return &TextEnded{Text: x.ID, State: TextRefused}
	}
	return nil
}

// end lets no route be up, and everything come to its end.
func (o *once) end(t *rapid.T) {
	for range 100 {
		for _, x := range o.sms(TextQueued, TextSubmitting, TextUnsure) {
			if in := o.givesUp(x); in != nil {
				o.feed(in)
			}
		}
		o.step(30 * time.Second)
	}
	if all := o.sms(TextQueued, TextSubmitting, TextUnsure); len(all) > 0 {
		t.Fatalf("an SMS is still on its way: %+v", all[0])
	}
	for _, m := range o.store.messages {
		if m.Kind == Watched && !m.Status.Settled() && m.overdue() && !o.isTold(m) {
			t.Fatalf("neither an SMS nor a prompt: %+v\nSMS: %+v\nprompts: %+v", m, o.sms(), o.prompts())
		}
	}
}

// isTold reports whether an SMS about a message was taken, or somebody was asked.
func (o *once) isTold(m Message) bool {
	return slices.ContainsFunc(o.sms(TextTaken, TextDelivered), func(x Text) bool { return x.Kind == TextAbout && slices.Contains(x.Messages, m.Ord) }) ||
		slices.ContainsFunc(o.prompts(PromptOpen, PromptExpired), func(p Prompt) bool { return slices.Contains(p.Messages, m.Ord) })
}

func (o *once) judge(t *rapid.T) {
	for id, n := range o.out {
		if n > 1 {
			t.Fatalf("%d times: %+v", n, o.store.texts[id])
		}
	}
	for ord, n := range o.about {
		if n > 1 {
			t.Fatalf("%d SMS about %+v", n, o.store.messages[ord])
		}
	}
	for _, x := range o.sms(TextTaken, TextDelivered) {
		if o.out[x.ID] == 0 {
			t.Fatalf("it was not sent: %+v", x)
		}
	}
}
