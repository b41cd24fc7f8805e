package track

import (
	"fmt"
	"slices"
	"time"
)

// codeDigits are easy to read aloud and to tell apart (protocol §7).
const codeDigits = "23456789abcdefghjkmnpqrstuvwxyz"

// ask opens a prompt about the message, or joins it to the conversation's live one: there are never two.
func (b *batch) ask(r *row, s Settings) {
	w := b.live[r.Conv()]
	if w == nil {
		w = b.open(r, s)
		r.Prompt, r.Why = w.ID, WhyPrompted
		b.show(w)
		return
	}
	if !slices.Contains(w.Messages, r.Ord) {
		w.Messages = append(w.Messages, r.Ord)
	}
	w.Undelivered = w.Undelivered && undelivered(r)
	w.Priority = max(w.Priority, s.Priority)
	w.Resend, w.dirty = true, true
	r.Prompt, r.Why = w.ID, WhyPrompted
	if w.State == PromptOpen && w.SentAt.Add(w.gather()) <= b.now {
		b.show(w)
	}
}

func undelivered(r *row) bool {
	return r.Status == Pending && r.Marks.Has(TimedOutUndelivered)
}

func (b *batch) open(r *row, s Settings) *work {
	ord := b.nextOrd()
	id, seed := b.promptID(ord)
	w := b.addPrompt(&work{Prompt: Prompt{
		ID: id, Row: ord, Conv: r.Conv(), Messages: []int64{r.Ord}, Undelivered: undelivered(r), Priority: s.Priority,
		OpenedAt: b.now, ExpiresAt: b.now.Add(b.policy.Expires), Code: b.code(r.Sender, seed),
	}})
	b.opened = append(b.opened, Opened{w.Conv, b.now})
	return w
}

// code makes the four characters of the chat answers: unique among the sender's live prompts.
func (b *batch) code(sender string, seed uint32) string {
	for ; ; seed++ {
		n, code := seed, make([]byte, 4)
		for i := range code {
			code[i] = codeDigits[n%uint32(len(codeDigits))]
			n /= uint32(len(codeDigits))
		}
		taken := false
		for _, w := range b.live {
			taken = taken || w.Sender == sender && w.Code == string(code)
		}
		if !taken {
			return string(code)
		}
	}
}

// show puts the prompt into the outbox, for all devices.
func (b *batch) show(w *work) {
	w.Sends++
	w.SentAt, w.Resend, w.dirty = b.now, false, true
	b.out.Outbox = append(b.out.Outbox, Outgoing{
		ID: fmt.Sprintf("%s-%d", w.ID, w.Sends), Kind: OutShow, Owner: w.Sender, Prompt: w.ID, After: b.now,
	})
}

// withdraw tells the devices that the prompt is void for them.
func (b *batch) withdraw(w *work, reason string, to []string) {
	w.dirty = true
	if len(to) == 0 {
		return
	}
	b.out.Outbox = append(b.out.Outbox, Outgoing{
		ID: fmt.Sprintf("%s-%d-%s", w.ID, w.Sends, reason), Kind: OutWithdraw, Owner: w.Sender, Prompt: w.ID, Reason: reason, To: to, After: b.now,
	})
}

// lost looks whether the message's prompt still asks about anything. One that asks only about undelivered messages
// loses those that are delivered (protocol §5).
func (b *batch) lost(r *row, reason string) {
	w := b.prompts[r.Prompt]
	if w == nil || !w.State.Live() {
		return
	}
	for _, ord := range w.Messages {
		m := b.rows[ord]
		if m != nil && !m.Status.Settled() && !(w.Undelivered && m.Status == Delivered) {
			return
		}
	}
	w.State, w.Withdrew = PromptWithdrawn, reason
	delete(b.live, w.Conv)
	b.withdraw(w, reason, w.Shown)
}

func (b *batch) refresh(r *row) {
	w := b.prompts[r.Prompt]
	if w == nil || !w.State.Live() || w.Sends == 0 {
		return
	}
	w.Resend, w.dirty = true, true
}

// do puts a step of the chain into the outbox that is neither status nor prompt.
func (b *batch) do(r *row, action Action, step int) {
	kind := map[Action]OutKind{DoRemind: OutRemind, DoWebhook: OutWebhook}[action]
	if kind == "" {
		return
	}
	b.out.Outbox = append(b.out.Outbox, Outgoing{
		ID: fmt.Sprintf("s-%x-%d-%d", r.Ord, r.Notice.Seq, step), Kind: kind, Owner: r.Sender, Ord: r.Ord,
		Reason: string(r.timedOut()), Step: step, After: b.now,
	})
}

// end closes the prompt by an answer. Messages that joined after it was last shown were not answered for: they open
// a new one.
func (b *batch) end(w *work, sent bool) {
	delete(b.live, w.Conv)
	covered := min(w.Covered, len(w.Messages))
	for i, ord := range w.Messages {
		r := b.rows[ord]
		switch {
		case r == nil:
		case i >= covered && !r.Status.Settled() && r.Prompt == w.ID:
			b.ask(r, b.settings(&r.Message))
		case sent:
			b.transit(r, &Fact{Kind: Texted, Ord: ord, At: b.now})
			r.Why = WhyEnded
		case !r.Status.Settled():
			r.Marks |= PromptingEnded
			r.Why = WhyEnded
		}
	}
}

// Answer is what a sender's device says about a prompt. Verdict is set by Apply.
type Answer struct {
	Prompt  string
	By      string // full JID, stamped by the server
	Action  AnswerAction
	For     time.Duration // Snooze
	Verdict Verdict
}

func (a *Answer) want(_ *Ledger, w *Want) { w.Prompts = append(w.Prompts, a.Prompt) }

func (a *Answer) apply(b *batch) {
	w := b.prompts[a.Prompt]
	if w == nil || w.Sender != bare(a.By) { // unknown, or not yours: the same answer
		a.Verdict = NotFound
		return
	}
	before := w.State
	var closed bool
	a.Verdict, closed = w.answer(a.Action, a.By, a.For, b.policy, b.now)
	if a.Verdict != OK || w.State == before {
		return
	}
	w.dirty = true
	if closed {
		b.end(w, w.State == PromptSent)
	}
	if before.Live() {
		b.withdraw(w, told[w.State], w.others(a.By))
	}
}

// told is the reason the other devices get.
var told = map[PromptState]string{
	PromptClaimed: "claimed", PromptSnoozed: "snoozed",
	PromptSent: "answered", PromptDeclined: "answered", PromptFailed: "answered",
}

// Lapse is the alarm of a prompt: a lease or a snooze is over, it has expired, or what joined it can be sent.
type Lapse struct{ Row int64 }

func (l *Lapse) want(_ *Ledger, w *Want) { w.Rows = append(w.Rows, l.Row) }

func (l *Lapse) apply(b *batch) {
	for _, w := range b.prompts {
		if w.Row == l.Row && w.Due != 0 && w.Due <= b.now {
			b.lapse(w)
			return
		}
	}
}

func (b *batch) lapse(w *work) {
	if w.ExpiresAt <= b.now {
		w.State = PromptExpired
		b.withdraw(w, "expired", w.Shown)
		if delete(b.live, w.Conv); w.Covered > 0 {
			b.end(w, false)
		}
		return
	}
	w.State, w.Claimer, w.Until = PromptOpen, "", 0
	b.show(w)
}

// Shown says to whom the prompt is about to be sent: it is recorded before the first byte leaves, so that a
// withdrawal finds everybody. Apply sets OK if it may go out, and what it is then made of.
type Shown struct {
	Prompt   string
	To       []string // full JIDs; the bare JID for an ordinary client
	Chat     string   // stanza id of the chat message, if it is one
	Releases []Release

	OK       bool
	Was      Prompt    // as it was before
	Messages []Message // those it asks about that are still open, in its order
}

func (s *Shown) want(_ *Ledger, w *Want) { w.Prompts = append(w.Prompts, s.Prompt) }

func (s *Shown) apply(b *batch) {
	w := b.prompts[s.Prompt]
	if s.OK = w != nil && w.State == PromptOpen; !s.OK {
		return
	}
	s.Was, s.Messages = w.Prompt, nil
	for _, ord := range w.Messages {
		if r := b.rows[ord]; r != nil && !r.Status.Settled() {
			s.Messages = append(s.Messages, r.Message)
		}
	}
	for _, to := range s.To {
		if !slices.Contains(w.Shown, to) {
			w.Shown = append(slices.Clone(w.Shown), to)
		}
	}
	if s.Chat != "" && w.Chat == "" {
		w.Chat = s.Chat
	}
	w.Covered, w.dirty = len(w.Messages), true
	b.out.Releases = append(b.out.Releases, s.Releases...)
}

// Reached says that notices have reached their sender.
type Reached []Told

func (r *Reached) want(*Ledger, *Want) {}
func (r *Reached) apply(b *batch)      { b.out.Told = append(b.out.Told, *r...) }

// Left says that these outbox entries have left the house.
type Left []string

func (l *Left) want(*Ledger, *Want) {}
func (l *Left) apply(b *batch)      { b.out.Done = append(b.out.Done, *l...) }
