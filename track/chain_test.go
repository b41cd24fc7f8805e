package track

import (
	"testing"
	"time"
)

// TestHolds: what delays a prompt: quiet hours of the recipient, and an admin's pause.
func TestHolds(t *testing.T) {
	night := func(w *world) {
		w.prefs[bob] = Prefs{Quiet: "22:00-07:00", Zone: "Europe/Berlin"}
		w.step(9 * time.Hour) // 22:00 in Berlin
	}
	const tillSeven = 9 * time.Hour
	story(t, "quiet hours put the prompt off, not the status", func(t *testing.T, w *world) {
		night(w)
		w.send("m1")
		w.step(3 * time.Minute)
		is(t, "told", w.told("m1"), "timeout-undelivered")
		is(t, "why", w.store.find(key("m1")).Reason, ReasonQuiet)
		w.step(tillSeven - 3*time.Minute - time.Millisecond)
		is(t, "before seven", w.outbox(), "")
		w.step(time.Millisecond)
		is(t, "at seven", w.outbox(), "show")
	})
	story(t, "read in the night", func(t *testing.T, w *world) {
		night(w)
		w.send("m1")
		w.step(3 * time.Hour)
		w.fact(Read, "m1")
		w.step(24 * time.Hour)
		is(t, "outbox", w.outbox(), "")
	})
	story(t, "delivered in the night, and read before its time", func(t *testing.T, w *world) {
		night(w)
		w.send("m1")
		w.step(tillSeven - 5*time.Minute)
		w.fact(Received, "m1")
		w.step(6 * time.Minute)
		is(t, "not for the delivery", w.outbox(), "")
		w.step(4 * time.Minute)
		is(t, "for the reading", w.outbox(), "show")
	})
	story(t, "urgent goes through", func(t *testing.T, w *world) {
		w.policy.Priorities = []PriorityRule{{Name: Urgent, UndeliveredAfter: 30 * time.Second, BypassQuiet: true}}
		night(w)
		w.send("m1", hinted(Hint{Priority: Urgent}))
		w.step(30 * time.Second)
		is(t, "outbox", w.outbox(), "show")
		is(t, "priority", w.prompts()[0].Priority, Urgent)
	})
	story(t, "the clocks go forward in the night", func(t *testing.T, w *world) {
		w.now = at(t, "2026-03-28T21:30:00Z")
		w.prefs[bob] = Prefs{Quiet: "22:00-07:00", Zone: "Europe/Berlin"}
		w.send("m1")
		w.step(8 * time.Hour)
		is(t, "opened", w.prompts()[0].OpenedAt, at(t, "2026-03-29T05:00:00Z"))
	})
	story(t, "nothing joins in the night", func(t *testing.T, w *world) {
		w.prefs[bob] = Prefs{Quiet: "22:00-07:00", Zone: "Europe/Berlin"}
		w.step(9*time.Hour - 5*time.Minute)
		w.send("m1")
		w.step(4 * time.Minute)
		w.send("m2")
		w.step(5 * time.Minute)
		is(t, "shown before ten", w.asked(), "m1")
		w.step(10 * time.Hour)
		is(t, "in the morning, with the one that nobody answered", w.asked(), "m1 m2")
		is(t, "prompts", len(w.prompts()), 2)
	})
	story(t, "who comes back in the night is shown it in the morning", func(t *testing.T, w *world) {
		w.live = false
		w.prefs[bob] = Prefs{Quiet: "22:00-07:00", Zone: "Europe/Berlin"}
		w.step(9*time.Hour - 5*time.Minute)
		w.send("m1")
		w.step(15 * time.Minute)
		is(t, "not now", w.show(w.prompts()[0].ID, phone).OK, false)
		w.live = true
		w.step(9 * time.Hour)
		is(t, "at seven", w.prompts()[0].SentAt, at(t, "2026-11-25T06:00:00Z"))
		is(t, "no sooner", w.outbox(), "show, show")
		is(t, "seen", len(w.prompts()[0].Shown), 2)
	})
	story(t, "what goes through the night takes the others along", func(t *testing.T, w *world) {
		w.live = false
		w.policy.Priorities = []PriorityRule{{Name: Urgent, BypassQuiet: true}}
		w.prefs[bob] = Prefs{Quiet: "22:00-07:00", Zone: "Europe/Berlin"}
		w.step(9*time.Hour - 5*time.Minute)
		w.send("m1")
		w.step(15 * time.Minute)
		is(t, "not now", w.show(w.prompts()[0].ID, phone).OK, false)
		w.live = true
		w.send("m2", hinted(Hint{Priority: Urgent}))
		w.step(2 * time.Minute)
		is(t, "now", w.asked(), "m1 m2")
		is(t, "seen", w.prompts()[0].Covered, 2)
	})
	story(t, "refused at once, not in the morning", func(t *testing.T, w *world) {
		w.prefs[alice] = Prefs{Mode: Never}
		night(w)
		w.send("m1")
		w.step(3 * time.Minute)
		is(t, "why", w.store.find(key("m1")).Reason, ReasonNeverMode)
	})
	story(t, "an SMS in the night", func(t *testing.T, w *world) {
		night(w)
		w.send("m1")
		w.step(3 * time.Minute)
		w.feed(&Fact{Kind: SMSSent, Ord: w.store.find(key("m1")).Ord})
		w.step(24 * time.Hour)
		is(t, "nobody is asked", w.outbox(), "")
		is(t, "why", w.store.find(key("m1")).Reason, ReasonEnded)
	})
	story(t, "a command goes through the night once", func(t *testing.T, w *world) {
		night(w)
		w.send("m1")
		w.fact(Forced, "m1")
		w.step(90 * time.Second)
		w.fact(Received, "m1")
		w.step(2 * time.Hour)
		is(t, "by command", w.outbox(), "show, withdraw expired /phone /desk")
		is(t, "told", w.told("m1"), "delivered timeout-unread")
	})
	story(t, "an admin's pause", func(t *testing.T, w *world) {
		w.policy.Paused = true
		w.send("m1")
		w.step(2 * time.Hour)
		is(t, "told", w.told("m1"), "timeout-undelivered")
		is(t, "why", w.store.find(key("m1")).Reason, ReasonPaused)
		w.fact(Forced, "m1")
		w.step(time.Minute)
		is(t, "for commands, too", w.outbox(), "")
		w.policy.Paused = false
		w.step(time.Minute)
		is(t, "over", w.outbox(), "show")
	})
	story(t, "a pause hides what was opened", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(2 * time.Minute)
		w.policy.Paused = true
		is(t, "now", w.show(w.prompts()[0].ID, phone).OK, false)
		w.live = true
		w.step(3 * time.Hour)
		w.policy.Paused = false
		w.step(time.Minute)
		is(t, "over", len(w.prompts()[0].Shown), 2)
	})
	story(t, "mode never, and mute", func(t *testing.T, w *world) {
		w.prefs[alice] = Prefs{Mode: Never}
		w.contacts[Conv{alice, carol}] = Contact{Muted: true}
		w.send("m1")
		w.send("m2", to(carol), hinted(Hint{Escalate: Never}))
		w.prefs[alice] = Prefs{}
		w.send("m3", to(carol))
		w.step(2 * time.Minute)
		is(t, "m1", w.outbox(), "show") // the mode is the one at the alarm
		is(t, "m2", w.store.find(Key{alice, carol, "m2"}).Reason, ReasonNeverMode)
		is(t, "m3", w.store.find(Key{alice, carol, "m3"}).Reason, ReasonMuted)
		is(t, "told", w.told("m3"), "timeout-undelivered")
	})
}

// TestChain: steps come in order, each at its time and under its condition, given the state at that moment.
func TestChain(t *testing.T) {
	chain := func(w *world, steps ...Step) { w.policy.Steps = steps }
	story(t, "in order", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoStatus}, Step{After: time.Minute, Do: DoRemind}, Step{After: 5 * time.Minute, Do: DoPrompt}, Step{After: 10 * time.Minute, Do: DoWebhook})
		w.send("m1")
		w.step(3*time.Minute - time.Millisecond)
		is(t, "at first", w.outbox(), "")
		w.step(time.Millisecond)
		is(t, "after a minute", w.outbox(), "remind timeout-undelivered")
		w.step(4 * time.Minute)
		is(t, "after five", w.outbox(), "remind timeout-undelivered, show")
		w.step(5 * time.Minute)
		is(t, "after ten", w.outbox(), "remind timeout-undelivered, show, webhook timeout-undelivered")
		is(t, "told once", w.told("m1"), "timeout-undelivered")
		is(t, "the webhook's step", w.sent[2].Step, 3)
	})
	story(t, "a webhook is about a burst", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoWebhook}, Step{After: 10 * time.Minute, Do: DoWebhook})
		for _, id := range []string{"m1", "m2", "m3"} {
			w.send(id)
			w.step(time.Second)
		}
		w.step(5 * time.Minute)
		is(t, "the first step, once", w.outbox(), "webhook timeout-undelivered")
		w.send("m4")
		w.step(2 * time.Minute)
		is(t, "what is sent later, by itself", w.outbox(), "webhook timeout-undelivered, webhook timeout-undelivered")
		is(t, "which", w.sent[1].Ord, w.store.find(key("m4")).Ord)
		w.step(5 * time.Minute)
		is(t, "the second step, for all", w.outbox(), "webhook timeout-undelivered, webhook timeout-undelivered, webhook timeout-undelivered")
		w.step(time.Hour)
		is(t, "and that is all", len(w.sent), 3)
	})
	story(t, "a webhook of which one message was read is due for the others", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoWebhook, From: High}, Step{After: 10 * time.Minute, Do: DoWebhook})
		w.send("m1", hinted(Hint{Priority: High}))
		w.step(time.Second)
		w.send("m2")
		w.step(5 * time.Minute)
		is(t, "of the urgent one", w.outbox(), "webhook timeout-undelivered")
		w.fact(Retracted, "m1")
		w.step(time.Hour)
		is(t, "of the other one, at its own step", w.outbox(), "webhook timeout-undelivered, webhook timeout-undelivered")
		is(t, "which", w.sent[1].Ord, w.store.find(key("m2")).Ord)
	})
	story(t, "a status later is told later again", func(t *testing.T, w *world) {
		chain(w, Step{After: time.Minute, Do: DoStatus})
		w.send("m1")
		w.step(10 * time.Minute)
		is(t, "told", w.told("m1"), "timeout-undelivered timeout-undelivered")
	})
	story(t, "read between two steps", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoRemind}, Step{After: 5 * time.Minute, Do: DoPrompt})
		w.send("m1")
		w.step(4 * time.Minute)
		w.fact(Read, "m1")
		w.step(time.Hour)
		is(t, "outbox", w.outbox(), "remind timeout-undelivered")
	})
	story(t, "delivered between two steps", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoRemind}, Step{After: 5 * time.Minute, Do: DoPrompt})
		w.send("m1")
		w.step(4 * time.Minute)
		w.fact(Received, "m1")
		w.step(9 * time.Minute)
		is(t, "the chain of the delivery is over", w.outbox(), "remind timeout-undelivered")
		w.step(time.Minute + 5*time.Minute)
		is(t, "that of the reading reminds no second time", w.outbox(), "remind timeout-undelivered, show")
	})
	story(t, "conditions", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoPrompt, On: StateTimeoutUnread}, Step{Do: DoWebhook, On: StateTimeoutUndelivered}, Step{Do: DoWebhook, From: High})
		w.send("m1")
		w.step(2 * time.Minute)
		is(t, "undelivered", w.outbox(), "webhook timeout-undelivered")
		w.send("m2", to(carol), hinted(Hint{Priority: High}))
		w.fact(Received, "m2", to(carol))
		w.step(10 * time.Minute)
		is(t, "unread, high", w.outbox(), "webhook timeout-undelivered, show, webhook timeout-unread")
	})
	story(t, "no chain", func(t *testing.T, w *world) {
		chain(w)
		w.send("m1")
		w.step(time.Hour)
		is(t, "told", w.told("m1"), "timeout-undelivered")
		is(t, "why", w.store.find(key("m1")).Reason, ReasonTimedOut)
	})
	story(t, "quiet hours hold reminders and prompts, not webhooks", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoPrompt}, Step{After: time.Minute, Do: DoWebhook}, Step{After: 2 * time.Minute, Do: DoRemind})
		w.policy.Quiet = Quiet{From: 12 * 60, To: 14 * 60, Zone: time.UTC}
		w.send("m1")
		w.step(time.Hour)
		is(t, "at one", w.outbox(), "webhook timeout-undelivered")
		w.step(time.Hour)
		is(t, "at two", w.outbox(), "webhook timeout-undelivered, show, remind timeout-undelivered")
	})
	story(t, "and hold up nothing behind what is passed over", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoPrompt}, Step{After: time.Minute, Do: DoRemind}, Step{After: 2 * time.Minute, Do: DoStatus})
		w.policy.Quiet = Quiet{From: 12*60 + 3, To: 14 * 60, Zone: time.UTC}
		w.send("m1")
		w.step(2 * time.Minute)
		w.answer(phone, Declined)
		w.step(2 * time.Minute)
		is(t, "told", w.told("m1"), "timeout-undelivered timeout-undelivered")
	})
	story(t, "a reminder that has waited", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoRemind})
		w.policy.Quiet = Quiet{From: 12 * 60, To: 14 * 60, Zone: time.UTC}
		w.send("m1")
		w.step(time.Hour)
		is(t, "why", w.store.find(key("m1")).Reason, ReasonQuiet)
		w.step(time.Hour)
		is(t, "outbox", w.outbox(), "remind timeout-undelivered")
		is(t, "why", w.store.find(key("m1")).Reason, ReasonTimedOut)
	})
	story(t, "the state of a message that can only be read", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoWebhook})
		w.policy.AssumeMarkers = true
		w.send("m1", marked(0))
		w.step(time.Hour)
		is(t, "outbox", w.outbox(), "webhook timeout-unread")
	})
	story(t, "the domain's never is about prompts", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoRemind}, Step{Do: DoPrompt})
		w.policy.Mode = Never
		w.send("m1")
		w.step(time.Hour)
		is(t, "outbox", w.outbox(), "remind timeout-undelivered")
	})
	story(t, "the sender's never spares the recipient the reminder", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoRemind}, Step{Do: DoPrompt})
		w.send("m1", hinted(Hint{Escalate: Never}))
		w.step(time.Hour)
		is(t, "outbox", w.outbox(), "")
	})
	story(t, "answered before the chain is through", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoPrompt}, Step{After: time.Minute, Do: DoWebhook}, Step{After: 2 * time.Minute, Do: DoPrompt}, Step{After: 3 * time.Minute, Do: DoStatus})
		w.send("m1")
		w.step(2 * time.Minute)
		w.answer(phone, Declined)
		w.step(time.Hour)
		is(t, "outbox", w.outbox(), "show, withdraw answered /desk")
		is(t, "told", w.told("m1"), "timeout-undelivered timeout-undelivered")
	})
	story(t, "a second prompt is the same one, shown again", func(t *testing.T, w *world) {
		chain(w, Step{Do: DoPrompt}, Step{After: 10 * time.Minute, Do: DoPrompt})
		w.send("m1")
		w.step(12 * time.Minute)
		is(t, "prompts", len(w.prompts()), 1)
		is(t, "outbox", w.outbox(), "show, show")
	})
}

// TestForced: escalation by command (protocol §8).
func TestForced(t *testing.T) {
	story(t, "now, whatever mode, mute and quiet hours", func(t *testing.T, w *world) {
		w.prefs[alice] = Prefs{Mode: Never}
		w.contacts[Conv{alice, bob}] = Contact{Muted: true}
		w.policy.Quiet = Quiet{From: 12 * 60, To: 14 * 60, Zone: time.UTC}
		w.send("m1", marked(0))
		w.fact(Forced, "m1")
		w.ring()
		is(t, "outbox", w.outbox(), "show")
		is(t, "shown", len(w.prompts()[0].Shown), 2)
		w.fact(Received, "m1")
		is(t, "not about the delivery", len(w.prompts(PromptOpen)), 1)
	})
	story(t, "after a declined prompt", func(t *testing.T, _ *world) {
		w := prompted()
		w.answer(phone, Declined)
		w.fact(Forced, "m1")
		w.ring()
		is(t, "outbox", w.outbox(), "show, withdraw answered /desk, show")
	})
	story(t, "what is asked already", func(t *testing.T, _ *world) {
		w := prompted()
		w.step(time.Minute)
		w.fact(Forced, "m1")
		w.ring()
		is(t, "one prompt", len(w.prompts()), 1)
		is(t, "shown again", w.outbox(), "show, show")
	})
	story(t, "what is settled, untracked or unknown", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Read, "m1")
		w.send("note", passed)
		for _, id := range []string{"m1", "note", "nothing"} {
			w.fact(Forced, id)
		}
		w.ring()
		is(t, "outbox", w.outbox(), "")
	})
	story(t, "its timeouts still come in time", func(t *testing.T, w *world) {
		w.policy.Paused = true
		w.send("m1")
		w.step(90 * time.Second)
		w.fact(Forced, "m1")
		w.step(30 * time.Second)
		is(t, "told", w.told("m1"), "timeout-undelivered")
	})
}

// TestExplain: the reasons in "watching".
func TestExplain(t *testing.T) {
	why := func(w *world, id string) Explanation {
		m := w.store.find(key(id))
		return Explain(&m, w.policy.Resolve(&m, w.Parties(m.Conv()), Expectation{}), w.now)
	}
	berlin, _ := loadZone("Europe/Berlin")
	for _, tc := range []struct {
		name string
		tell func(*world)
		want Explanation
	}{
		{"waits for delivery", func(w *world) {}, Explanation{Reason: ReasonAwaitsDelivery, Until: noon.Add(2 * time.Minute), Rule: RuleReceiptAssumed}},
		{"waits for reading", func(w *world) { w.fact(Received, "m1") }, Explanation{Reason: ReasonAwaitsReading, Until: noon.Add(10 * time.Minute), Rule: RuleMarkerAssumed}},
		{"prompted", func(w *world) { w.step(3 * time.Minute) }, Explanation{Reason: ReasonPrompted}},
		{"declined", func(w *world) { w.step(3 * time.Minute); w.answer(phone, Declined) }, Explanation{Reason: ReasonEnded}},
		{"declined, the rest is status", func(w *world) { w.step(3 * time.Minute); w.answer(phone, Declined); w.fact(Received, "m1") },
			Explanation{Reason: ReasonEnded, Until: noon.Add(13 * time.Minute)}},
		{"expired", func(w *world) { w.step(3 * time.Hour) }, Explanation{Reason: ReasonExpired}},
		{"nobody there", func(w *world) { w.live = false; w.step(3 * time.Hour) }, Explanation{Reason: ReasonUnseen}},
		{"quiet hours of the recipient", func(w *world) {
			w.prefs[bob] = Prefs{Quiet: "13:00-15:00", Zone: "Europe/Berlin"}
			w.step(3 * time.Minute)
		}, Explanation{Reason: ReasonQuiet, Until: noon.Add(2 * time.Hour), Zone: berlin, Whose: TierRecipient}},
		{"quiet hours of the domain", func(w *world) {
			w.policy.Quiet = Quiet{From: 12 * 60, To: 13 * 60, Zone: time.UTC}
			w.step(3 * time.Minute)
		}, Explanation{Reason: ReasonQuiet, Until: noon.Add(time.Hour), Zone: time.UTC, Whose: TierDomain}},
		{"paused", func(w *world) { w.policy.Paused = true; w.step(150 * time.Second) }, Explanation{Reason: ReasonPaused, Until: noon.Add(3 * time.Minute)}},
		{"never, says the sender, while it waits", func(w *world) { w.prefs[alice] = Prefs{Mode: Never} },
			Explanation{Reason: ReasonNeverMode, Until: noon.Add(2 * time.Minute), Whose: TierSender}},
		{"never, says the domain, afterwards", func(w *world) { w.policy.Mode = Never; w.step(time.Hour) }, Explanation{Reason: ReasonNeverMode, Whose: TierDomain}},
		{"it was never then, and is not now", func(w *world) { w.policy.Mode = Never; w.step(time.Hour); w.policy.Mode = Ask }, Explanation{Reason: ReasonNeverMode}},
		{"muted", func(w *world) { w.contacts[Conv{alice, bob}] = Contact{Muted: true} }, Explanation{Reason: ReasonMuted, Until: noon.Add(2 * time.Minute)}},
		{"cap", func(w *world) {
			w.policy.PerSenderHour = 1
			w.send("m2", to(carol))
			w.feed(&Fact{Kind: Forced, Key: Key{alice, carol, "m2"}})
			w.step(3 * time.Minute)
		}, Explanation{Reason: ReasonCap}},
		{"opted out", func(w *world) { w.prefs[bob] = Prefs{Watch: Off} }, Explanation{Reason: ReasonOptedOut}},
		{"settled", func(w *world) { w.fact(Read, "m1") }, Explanation{Reason: ReasonSettled}},
		{"no markers", func(w *world) { w.clients[bob] = Clients{Markers: No}; w.fact(Received, "m1") }, Explanation{Reason: ReasonNoMarkers}},
		{"the chain goes on", func(w *world) { w.policy.Steps = []Step{{After: time.Hour, Do: DoPrompt}}; w.step(3 * time.Minute) },
			Explanation{Reason: ReasonNextStep, Until: noon.Add(62 * time.Minute)}},
		{"the chain goes on, without a prompt", func(w *world) {
			w.policy.Steps = []Step{{Do: DoPrompt}, {After: time.Hour, Do: DoWebhook}}
			w.contacts[Conv{alice, bob}] = Contact{Muted: true}
			w.step(3 * time.Minute)
		}, Explanation{Reason: ReasonMuted, Until: noon.Add(62 * time.Minute)}},
		{"the chain is through", func(w *world) { w.policy.Steps = nil; w.step(time.Hour) }, Explanation{Reason: ReasonTimedOut}},
		{"a command waits", func(w *world) { w.policy.Paused = true; w.fact(Forced, "m1"); w.ring() }, Explanation{Reason: ReasonPaused, Until: noon.Add(time.Minute)}},
	} {
		story(t, tc.name, func(t *testing.T, w *world) {
			w.send("m1")
			tc.tell(w)
			is(t, "reason", why(w, "m1"), tc.want)
		})
	}
	story(t, "nothing was asked for", func(t *testing.T, w *world) {
		w.send("m1", marked(0))
		is(t, "reason", why(w, "m1"), Explanation{Reason: ReasonNotAsked})
		w.send("m2", marked(Sealed))
		is(t, "reason", why(w, "m2"), Explanation{Reason: ReasonMaybeHidden})
		w.send("m3", hinted(Hint{Until: UntilDelivered}))
		w.fact(Received, "m3")
		is(t, "reason", why(w, "m3"), Explanation{Reason: ReasonUntilReached})
	})
}
