package track

import (
	"testing"
	"time"
)

// TestOverdue: the message that caused a prompt, a reminder or a webhook for a burst is settled before that goes out.
func TestOverdue(t *testing.T) {
	// goes reports whether the newest entry of the outbox goes out, and about which message.
	goes := func(w *world, again bool) string {
		out := w.sent[len(w.sent)-1]
		o := &Overdue{Ord: out.Ord, Kind: out.Kind, Again: again}
		w.feed(o)
		if !o.OK {
			return ""
		}
		return o.Message.ID
	}
	two := func(w *world, between time.Duration, step Action) {
		w.live = false
		w.policy.Steps = []Step{{Do: step}}
		w.send("m1")
		w.step(between)
		w.send("m2")
		w.step(2*time.Minute - between)
	}
	for _, step := range []Action{DoRemind, DoWebhook} {
		for name, told := range map[string]func(*testing.T, *world){
			"it waits": func(t *testing.T, w *world) {
				two(w, time.Minute, step)
				is(t, "about", goes(w, false), "m1")
			},
			"it has ended, the other is not overdue yet": func(t *testing.T, w *world) {
				two(w, time.Minute, step)
				w.fact(Retracted, "m1")
				is(t, "about", goes(w, false), "")
				w.step(time.Minute)
				is(t, "entries", len(w.sent), 2)
				is(t, "about", goes(w, false), "m2")
			},
			"it has ended, the other is overdue": func(t *testing.T, w *world) {
				two(w, time.Second, step)
				w.step(time.Second)
				w.fact(Retracted, "m1")
				is(t, "about", goes(w, false), "m2")
				w.step(time.Hour)
				is(t, "entries", len(w.sent), 1)
			},
			"both have ended": func(t *testing.T, w *world) {
				two(w, time.Minute, step)
				w.fact(Retracted, "m1")
				w.fact(Retracted, "m2")
				is(t, "about", goes(w, false), "")
			},
			"it has ended since the first attempt": func(t *testing.T, w *world) {
				two(w, time.Minute, step)
				w.fact(Retracted, "m1")
				is(t, "about", goes(w, true), "m1")
				w.step(time.Hour)
				is(t, "entries", len(w.sent), 1)
			},
		} {
			story(t, string(step)+": "+name, told)
		}
	}
	story(t, "a prompt that nobody has seen: the other message is not overdue yet", func(t *testing.T, w *world) {
		two(w, time.Minute, DoPrompt)
		is(t, "asked", w.asked(), "m1 m2")
		w.fact(Retracted, "m1")
		is(t, "shown", w.show(w.prompts()[0].ID, phone).OK, false)
		is(t, "what became of it", w.prompts()[0].State, PromptWithdrawn)
		w.step(time.Minute)
		is(t, "asked", w.asked(), "m2")
		is(t, "shown", w.show(w.prompts(PromptOpen)[0].ID, phone).OK, true)
	})
	story(t, "a prompt that was seen stays until all is settled", func(t *testing.T, w *world) {
		two(w, time.Minute, DoPrompt)
		w.show(w.prompts()[0].ID, phone)
		w.fact(Retracted, "m1")
		is(t, "open", len(w.prompts(PromptOpen)), 1)
		w.fact(Retracted, "m2")
		is(t, "open", len(w.prompts(PromptOpen)), 0)
	})
}
