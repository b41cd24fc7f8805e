package track

import (
	"testing"
	"time"
)

// prompted is a world in which Alice is asked about m1, on two devices.
func prompted(change ...func(*Fact)) *world {
	w := newWorld()
	w.send("m1", change...)
	w.step(2 * time.Minute)
	return w
}

// TestAnswerTable checks every answer in every state of a prompt (protocol §6): by the device that claimed it, and by
// another.
func TestAnswerTable(t *testing.T) {
	states := []struct {
		name   string
		prompt Prompt
	}{
		{"open", Prompt{State: PromptOpen}},
		{"claimed", Prompt{State: PromptClaimed, Claimer: phone, Until: noon.Add(claimLease)}},
		{"snoozed", Prompt{State: PromptSnoozed, Claimer: phone, Snoozes: 1, Until: noon.Add(time.Minute)}},
		{"snoozed too often", Prompt{State: PromptOpen, Snoozes: maxSnoozes}},
		{"sent", Prompt{State: PromptSent, Claimer: phone}},
		{"declined", Prompt{State: PromptDeclined, Claimer: phone}},
		{"failed", Prompt{State: PromptFailed, Claimer: phone}},
		{"expired", Prompt{State: PromptExpired}},
		{"withdrawn as displayed", Prompt{State: PromptWithdrawn, Withdrew: "displayed", Claimer: phone}},
		{"withdrawn as retracted", Prompt{State: PromptWithdrawn, Withdrew: "retracted"}},
		{"capped", Prompt{State: PromptCapped}},
	}
	type want struct {
		verdict Verdict
		state   PromptState
		changed bool
	}
	same := func(v Verdict, s PromptState) want { return want{v, s, false} }
	becomes := func(s PromptState) want { return want{OK, s, true} }
	actions := []AnswerAction{Claim, SentSMS, Declined, NotSent, Snooze, "dance"}
	// By the phone, which has claimed it if any device has; then by the desk.
	table := map[string][2][6]want{
		"open": {{becomes(PromptClaimed), becomes(PromptSent), becomes(PromptDeclined), becomes(PromptFailed), becomes(PromptSnoozed), same(BadRequest, PromptOpen)},
			{becomes(PromptClaimed), becomes(PromptSent), becomes(PromptDeclined), becomes(PromptFailed), becomes(PromptSnoozed), same(BadRequest, PromptOpen)}},
		"claimed": {{same(OK, PromptClaimed), becomes(PromptSent), becomes(PromptDeclined), becomes(PromptFailed), becomes(PromptSnoozed), same(BadRequest, PromptClaimed)},
			{same(Conflict, PromptClaimed), same(Conflict, PromptClaimed), same(Conflict, PromptClaimed), same(Conflict, PromptClaimed), same(Conflict, PromptClaimed), same(BadRequest, PromptClaimed)}},
		"snoozed": {{becomes(PromptClaimed), becomes(PromptSent), becomes(PromptDeclined), becomes(PromptFailed), same(OK, PromptSnoozed), same(BadRequest, PromptSnoozed)},
			{becomes(PromptClaimed), becomes(PromptSent), becomes(PromptDeclined), becomes(PromptFailed), becomes(PromptSnoozed), same(BadRequest, PromptSnoozed)}},
		"snoozed too often": {{becomes(PromptClaimed), becomes(PromptSent), becomes(PromptDeclined), becomes(PromptFailed), same(TooOften, PromptOpen), same(BadRequest, PromptOpen)},
			{becomes(PromptClaimed), becomes(PromptSent), becomes(PromptDeclined), becomes(PromptFailed), same(TooOften, PromptOpen), same(BadRequest, PromptOpen)}},
		"sent": {{same(Conflict, PromptSent), same(OK, PromptSent), same(Conflict, PromptSent), same(Conflict, PromptSent), same(Conflict, PromptSent), same(BadRequest, PromptSent)},
			{same(Conflict, PromptSent), same(Conflict, PromptSent), same(Conflict, PromptSent), same(Conflict, PromptSent), same(Conflict, PromptSent), same(BadRequest, PromptSent)}},
		"declined": {{same(Conflict, PromptDeclined), becomes(PromptSent), same(OK, PromptDeclined), same(Conflict, PromptDeclined), same(Conflict, PromptDeclined), same(BadRequest, PromptDeclined)},
			{same(Conflict, PromptDeclined), becomes(PromptSent), same(Conflict, PromptDeclined), same(Conflict, PromptDeclined), same(Conflict, PromptDeclined), same(BadRequest, PromptDeclined)}},
		"failed": {{same(Conflict, PromptFailed), becomes(PromptSent), same(Conflict, PromptFailed), same(OK, PromptFailed), same(Conflict, PromptFailed), same(BadRequest, PromptFailed)},
			{same(Conflict, PromptFailed), becomes(PromptSent), same(Conflict, PromptFailed), same(Conflict, PromptFailed), same(Conflict, PromptFailed), same(BadRequest, PromptFailed)}},
		"expired": {{same(Gone, PromptExpired), becomes(PromptSent), same(Gone, PromptExpired), same(Gone, PromptExpired), same(Gone, PromptExpired), same(BadRequest, PromptExpired)},
			{same(Gone, PromptExpired), becomes(PromptSent), same(Gone, PromptExpired), same(Gone, PromptExpired), same(Gone, PromptExpired), same(BadRequest, PromptExpired)}},
		"withdrawn as displayed": {{same(AlreadyDisplayed, PromptWithdrawn), becomes(PromptSent), same(AlreadyDisplayed, PromptWithdrawn), same(AlreadyDisplayed, PromptWithdrawn), same(AlreadyDisplayed, PromptWithdrawn), same(BadRequest, PromptWithdrawn)},
			{same(AlreadyDisplayed, PromptWithdrawn), becomes(PromptSent), same(AlreadyDisplayed, PromptWithdrawn), same(AlreadyDisplayed, PromptWithdrawn), same(AlreadyDisplayed, PromptWithdrawn), same(BadRequest, PromptWithdrawn)}},
		"withdrawn as retracted": {{same(Gone, PromptWithdrawn), becomes(PromptSent), same(Gone, PromptWithdrawn), same(Gone, PromptWithdrawn), same(Gone, PromptWithdrawn), same(BadRequest, PromptWithdrawn)},
			{same(Gone, PromptWithdrawn), becomes(PromptSent), same(Gone, PromptWithdrawn), same(Gone, PromptWithdrawn), same(Gone, PromptWithdrawn), same(BadRequest, PromptWithdrawn)}},
		"capped": {{same(NotFound, PromptCapped), same(NotFound, PromptCapped), same(NotFound, PromptCapped), same(NotFound, PromptCapped), same(NotFound, PromptCapped), same(BadRequest, PromptCapped)},
			{same(NotFound, PromptCapped), same(NotFound, PromptCapped), same(NotFound, PromptCapped), same(NotFound, PromptCapped), same(NotFound, PromptCapped), same(BadRequest, PromptCapped)}},
	}
	policy := standard()
	for _, state := range states {
		for i, by := range []string{phone, desk} {
			for j, action := range actions {
				p := state.prompt
				p.ExpiresAt = noon.Add(time.Hour)
				v, changed := p.answer(action, by, time.Minute, false, &policy, noon)
				if got := (want{v, p.State, changed}); got != table[state.name][i][j] {
					t.Errorf("%s, %q by %s: %+v, want %+v", state.name, action, by, got, table[state.name][i][j])
				}
				if changed && p.Claimer != by {
					t.Errorf("%s, %q by %s: claimed by %s", state.name, action, by, p.Claimer)
				}
				// A repeated answer gets the same verdict, and changes nothing.
				if again, changed := p.answer(action, by, time.Minute, false, &policy, noon); v == OK && (again != OK || changed) {
					t.Errorf("%s, %q by %s, repeated: %q, changed %v", state.name, action, by, again, changed)
				}
			}
		}
	}
}

// TestAnswers checks the effects of answers (protocol §6).
func TestAnswers(t *testing.T) {
	story(t, "claim, then sent", func(t *testing.T, _ *world) {
		w := prompted()
		is(t, "claim", w.answer(phone, Claim), OK)
		is(t, "elsewhere", w.answer(desk, Claim), Conflict)
		is(t, "again", w.answer(phone, Claim), OK)
		is(t, "sent", w.answer(phone, SentSMS), OK)
		is(t, "again", w.answer(phone, SentSMS), OK)
		is(t, "elsewhere", w.answer(desk, SentSMS), Conflict)
		is(t, "told", w.told("m1"), "timeout-undelivered escalated")
		is(t, "outbox", w.outbox(), "show, withdraw claimed /desk, withdraw answered /desk")
		w.fact(Received, "m1")
		w.step(20 * time.Minute)
		is(t, "later timeouts are status only", w.told("m1"), "timeout-undelivered escalated delivered timeout-unread")
		is(t, "prompts", len(w.prompts()), 1)
		is(t, "why", w.store.find(key("m1")).Reason, ReasonEnded)
	})
	story(t, "not yours", func(t *testing.T, _ *world) {
		w := prompted()
		is(t, "another user", w.answer(bob+"/x", Claim), NotFound)
		a := &Answer{Prompt: "p-unknown", By: phone, Action: Claim}
		w.feed(a)
		is(t, "unknown", a.Verdict, NotFound)
		is(t, "nothing happens", w.outbox(), "show")
	})
	story(t, "a lease ends", func(t *testing.T, _ *world) {
		w := prompted()
		w.answer(phone, Claim)
		w.step(claimLease - time.Millisecond)
		is(t, "held", w.answer(desk, Claim), Conflict)
		w.step(time.Millisecond)
		is(t, "shown to all again", w.outbox(), "show, withdraw claimed /desk, show")
		is(t, "open", w.answer(desk, Claim), OK)
		is(t, "outbox", w.outbox(), "show, withdraw claimed /desk, show, withdraw claimed /phone")
	})
	story(t, "a lease ends by the clock, not by its alarm", func(t *testing.T, _ *world) {
		w := prompted()
		w.answer(phone, Claim)
		w.now = w.now.Add(claimLease)
		is(t, "open", w.answer(desk, Claim), OK)
		w.now = w.now.Add(2 * time.Hour)
		is(t, "expired", w.answer(desk, Claim), Gone)
	})
	story(t, "a claim and the alarm of the prompt in one batch", func(t *testing.T, _ *world) {
		w := prompted()
		w.fact(Corrected, "c1", func(f *Fact) { f.Original = "m1" })
		w.now = w.now.Add(resendInterval) // it is due to be shown again
		w.feed(append([]Input{&Answer{Prompt: w.prompts()[0].ID, By: phone, Action: Claim}}, w.due()...)...)
		is(t, "claimed", w.prompts()[0].State, PromptClaimed)
	})
	story(t, "a claim outlives the expiry, for its lease", func(t *testing.T, _ *world) {
		w := prompted()
		w.now = w.prompts()[0].ExpiresAt.Add(-time.Second)
		w.answer(phone, Claim)
		w.step(claimLease - time.Millisecond)
		is(t, "claimed", w.prompts()[0].State, PromptClaimed)
		w.step(time.Millisecond)
		is(t, "expired", w.prompts()[0].State, PromptExpired)
	})
	story(t, "the alarm of a prompt that rings too early is set again", func(t *testing.T, _ *world) {
		w := prompted()
		clear(w.heap)
		w.feed(&PromptAlarm{Row: w.prompts()[0].Row})
		w.step(time.Hour)
		is(t, "expired", w.prompts()[0].State, PromptExpired)
	})
	story(t, "an SMS after all, when others of the prompt are asked about again", func(t *testing.T, _ *world) {
		w := prompted()
		w.answer(phone, Snooze, 10*time.Minute)
		w.send("m2")
		w.step(2 * time.Minute)
		is(t, "joined unseen", w.asked(), "m1 m2")
		first := w.prompts()[0].ID
		w.answer(phone, Declined)
		w.ring()
		is(t, "asked about again", w.asked(), "m2")
		w.send("m3")
		w.now = w.now.Add(2 * time.Minute)
		w.feed(append([]Input{&Answer{Prompt: first, By: phone, Action: SentSMS}}, w.due()...)...)
		is(t, "m1", w.told("m1"), "timeout-undelivered escalated")
		is(t, "m2", w.told("m2"), "timeout-undelivered")
		is(t, "its prompt lives on", len(w.prompts(PromptOpen)), 1)
		is(t, "and is joined", w.asked(), "m2 m3")
	})
	story(t, "read while claimed", func(t *testing.T, _ *world) {
		w := prompted()
		w.answer(phone, Claim)
		w.fact(Read, "m1")
		is(t, "the claimer is told", w.outbox(), "show, withdraw claimed /desk, withdraw displayed /phone /desk")
		is(t, "claim", w.answer(phone, Claim), AlreadyDisplayed)
		is(t, "declined", w.answer(phone, Declined), AlreadyDisplayed)
		is(t, "the SMS is out all the same", w.answer(phone, SentSMS), OK)
		is(t, "recorded", w.store.find(key("m1")).Marks.Has(Escalated), true)
		is(t, "nothing is told after displayed", w.told("m1"), "timeout-undelivered displayed")
	})
	story(t, "declined: a new prompt waits for a new message", func(t *testing.T, _ *world) {
		w := prompted()
		w.send("m2", hinted(Hint{Timeout: 3600}))
		w.answer(phone, Declined)
		w.fact(Received, "m1")
		w.step(15 * time.Minute)
		is(t, "status only", w.told("m1"), "timeout-undelivered delivered timeout-unread")
		is(t, "the new message", w.asked(), "m2")
		is(t, "prompts", len(w.prompts()), 2)
	})
	story(t, "failed", func(t *testing.T, _ *world) {
		w := prompted()
		is(t, "failed", w.answer(phone, NotSent), OK)
		is(t, "not escalated", w.told("m1"), "timeout-undelivered")
		is(t, "outbox", w.outbox(), "show, withdraw answered /desk")
	})
	story(t, "snoozed", func(t *testing.T, _ *world) {
		w := prompted()
		id := w.prompts()[0].ID
		is(t, "snooze", w.answer(phone, Snooze, 10*time.Minute), OK)
		until := w.prompts()[0].Until
		w.step(time.Minute)
		is(t, "again", w.answer(phone, Snooze, 10*time.Minute), OK)
		is(t, "a repeat changes nothing", w.prompts()[0].Until, until)
		is(t, "outbox", w.outbox(), "show, withdraw snoozed /desk")
		w.step(9 * time.Minute)
		is(t, "open again", w.outbox(), "show, withdraw snoozed /desk, show")
		is(t, "the same prompt", w.prompts()[0].ID, id)
		is(t, "put off, not given up", w.prompts()[0].ExpiresAt, until.Add(time.Hour))
	})
	story(t, "snoozes are clamped, and counted", func(t *testing.T, _ *world) {
		w := prompted()
		for range maxSnoozes {
			now := w.now
			w.answer(phone, Snooze, time.Second)
			is(t, "at least", w.prompts()[0].Until, now.Add(10*time.Second))
			w.step(10 * time.Second)
		}
		is(t, "one too many", w.answer(phone, Snooze, time.Second), TooOften)
		w = prompted()
		w.answer(phone, Snooze, 1000*time.Hour)
		is(t, "at most", w.prompts()[0].Until, w.now.Add(time.Hour))
	})
	story(t, "read while snoozed", func(t *testing.T, _ *world) {
		w := prompted()
		w.answer(phone, Snooze, 10*time.Minute)
		w.fact(Read, "m1")
		w.step(time.Hour)
		is(t, "outbox", w.outbox(), "show, withdraw snoozed /desk, withdraw displayed /phone /desk")
	})
	story(t, "nobody answers", func(t *testing.T, _ *world) {
		w := prompted()
		w.step(time.Hour)
		is(t, "outbox", w.outbox(), "show, withdraw expired /phone /desk")
		is(t, "why", w.store.find(key("m1")).Reason, ReasonExpired)
		is(t, "claim", w.answer(phone, Claim), Gone)
		w.fact(Received, "m1")
		w.step(10 * time.Minute)
		is(t, "it was no answer: unread asks again", len(w.prompts(PromptOpen)), 1)
		w.feed(&Answer{Prompt: w.prompts()[0].ID, By: phone, Action: SentSMS}) // the first one
		is(t, "which an SMS after all takes back", w.outbox(), "show, withdraw expired /phone /desk, show, withdraw answered /phone /desk")
		is(t, "told", w.told("m1"), "timeout-undelivered delivered timeout-unread escalated")
	})
	story(t, "an answer by chat answers for the chat", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(2 * time.Minute)
		w.feed(&Shown{Prompt: w.prompts()[0].ID, To: []string{alice}, Chat: "p-1"})
		is(t, "declined", w.answer(alice+"/gajim", Declined), OK)
		is(t, "nothing to take back", w.outbox(), "show")
	})
	story(t, "an SMS without a prompt", func(t *testing.T, w *world) {
		w.send("m1")
		w.feed(&Fact{Kind: SMSSent, Ord: w.store.find(key("m1")).Ord, At: w.now})
		w.feed(&Fact{Kind: SMSSent, Ord: w.store.find(key("m1")).Ord, At: w.now})
		w.step(10 * time.Minute)
		is(t, "told", w.told("m1"), "escalated timeout-undelivered")
		is(t, "outbox", w.outbox(), "")
	})
	story(t, "a restart in the middle", func(t *testing.T, _ *world) {
		w := prompted()
		w.answer(phone, Claim)
		w.restart()
		w.step(claimLease)
		w.restart()
		w.step(time.Hour)
		is(t, "outbox", w.outbox(), "show, withdraw claimed /desk, show, withdraw expired /phone /desk")
	})
}

// TestTakeBack: removing the reaction that was an answer takes the answer back (protocol §7).
func TestTakeBack(t *testing.T) {
	back := func(w *world, by string) Verdict {
		in := &TakeBack{Prompt: w.prompts()[0].ID, By: by}
		w.feed(in)
		return in.Verdict
	}
	opened := func(w *world) {
		w.send("m1")
		w.step(2 * time.Minute)
	}
	story(t, "sent by mistake", func(t *testing.T, w *world) {
		opened(w)
		w.answer(phone, SentSMS)
		w.step(59 * time.Second)
		is(t, "taken back", back(w, alice), OK)
		is(t, "open", w.prompts()[0].State, PromptOpen)
		is(t, "told", w.told("m1"), "timeout-undelivered escalated timeout-undelivered")
		is(t, "shown to those that were told", w.outbox(), "show, withdraw answered /desk, show")
		is(t, "again", back(w, alice), OK)
		is(t, "another answer", w.answer(phone, Declined), OK)
		w.step(3 * time.Hour)
		is(t, "ended", len(w.prompts()), 1)
	})
	story(t, "declined by mistake", func(t *testing.T, w *world) {
		opened(w)
		w.answer(phone, Declined)
		is(t, "taken back", back(w, alice), OK)
		is(t, "nothing to tell", w.told("m1"), "timeout-undelivered")
		w.fact(Read, "m1")
		is(t, "withdrawn like any other", w.prompts()[0].Withdrew, WithdrawDisplayed)
	})
	story(t, "too late, and not yours", func(t *testing.T, w *world) {
		opened(w)
		w.answer(phone, Declined)
		is(t, "somebody else", back(w, bob), NotFound)
		w.step(time.Minute)
		is(t, "a minute later", back(w, alice), Gone)
	})
	story(t, "a snooze, as long as it lasts", func(t *testing.T, w *world) {
		opened(w)
		w.answer(phone, Snooze, 30*time.Minute)
		w.step(20 * time.Minute)
		is(t, "taken back", back(w, alice), OK)
		is(t, "open", w.prompts()[0].State, PromptOpen)
	})
	story(t, "a claim is not an answer, and what was read meanwhile stays so", func(t *testing.T, w *world) {
		opened(w)
		w.answer(phone, Claim)
		is(t, "claimed", back(w, alice), Gone)
		w.answer(phone, SentSMS)
		w.fact(Read, "m1")
		is(t, "nothing to ask", back(w, alice), Gone)
		is(t, "read", w.store.find(key("m1")).Status, Displayed)
	})
	story(t, "a snooze that is said again takes the new time", func(t *testing.T, w *world) {
		opened(w)
		w.answer(phone, Snooze, 10*time.Minute)
		until := w.prompts()[0].Until
		w.answer(phone, Snooze, 40*time.Minute)
		is(t, "a repeat", w.prompts()[0].Until, until)
		w.feed(&Answer{Prompt: w.prompts()[0].ID, By: phone, Action: Snooze, For: 40 * time.Minute, Renew: true})
		is(t, "renewed", w.prompts()[0].Until, w.now.Add(40*time.Minute))
		is(t, "counted once", w.prompts()[0].Snoozes, uint8(1))
	})
}

// TestTakenBackAfterAJoin: a message had joined a prompt, but was not seen, when the answer is taken back.
func TestTakenBackAfterAJoin(t *testing.T) {
	joined := func(t *testing.T, w *world) {
		w.send("m1")
		w.step(2 * time.Minute)
		w.send("m2")
		w.live = false
		w.step(2 * time.Minute)
		is(t, "asked", w.asked(), "m1 m2")
		w.policy.Paused = true
		w.answer(phone, SentSMS)
		back := &TakeBack{Prompt: w.prompts()[0].ID, By: phone}
		w.feed(back)
		is(t, "taken back", back.Verdict, OK)
		w.step(time.Second)
		is(t, "open", len(w.prompts(PromptOpen)), 1)
	}
	story(t, "read", func(t *testing.T, w *world) {
		joined(t, w)
		w.fact(Read, "m2")
		is(t, "open", len(w.prompts(PromptOpen)), 0)
	})
	story(t, "unread", func(t *testing.T, w *world) {
		joined(t, w)
		w.policy.Paused = false
		w.step(10 * time.Minute)
		is(t, "asked", w.asked(), "m1 m2")
		is(t, "prompts", len(w.prompts()), 1)
	})
}
