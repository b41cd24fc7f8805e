package track

import (
	"fmt"
	"slices"
	"time"
)

// codeDigits are easy to read aloud and to tell apart (protocol §7).
const codeDigits = "23456789abcdefghjkmnpqrstuvwxyz"

// maxAsked bounds the messages of one prompt. Past it the newest stand for those before them, as a marker does.
const maxAsked = 100

// ask opens a prompt about the message, or joins it to the conversation's live one: there are never two. Only an alarm
// leads here, so that everything that counts is loaded and was looked at.
func (b *batch) ask(r *row, s Settings) {
	w := b.live[r.Conv()]
	if w == nil {
		w = b.open(r, s)
		b.show(w, false)
	} else {
		w.join(r.Ord)
		w.Undelivered = w.Undelivered && undelivered(r)
		w.Priority = max(w.Priority, s.Priority)
		w.ExpiresAt = max(w.ExpiresAt, b.now.Add(b.policy.Expires)) // the time to answer is that of the newest
		if w.State == PromptOpen {
			w.Until = 0 // whatever holds the others, it does not hold this one
		}
		b.again(w)
	}
	r.Prompt, r.Reason = w.ID, ReasonPrompted
}

func (w *work) join(ord int64) {
	if slices.Contains(w.Messages, ord) {
		return
	}
	if w.Messages = append(w.Messages, ord); len(w.Messages) > maxAsked {
		w.Messages, w.Covered = w.Messages[1:], max(0, w.Covered-1)
	}
}

// joined reports whether some messages of the prompt have joined it since it was last shown.
func (w *work) joined() bool { return w.Covered > 0 && w.Covered < len(w.Messages) }

func undelivered(r *row) bool {
	return r.Status == Pending && r.Marks.Has(TimedOutUndelivered)
}

// asks reports whether the prompt still has a question about the message. One that asks only about undelivered messages
// loses those that are delivered (protocol §5).
func (w *work) asks(r *row) bool {
	return r != nil && !r.Status.Settled() && !r.Marks.Has(PromptingEnded) && !(w.Undelivered && r.Status == Delivered)
}

func (b *batch) open(r *row, s Settings) *work {
	ord := b.nextOrd()
	id, seed := b.promptID(ord)
	return b.addPrompt(&work{Prompt: Prompt{
		ID: id, Row: ord, Conv: r.Conv(), Messages: []int64{r.Ord}, Undelivered: undelivered(r), Priority: s.Priority,
		OpenedAt: b.now, ExpiresAt: b.now.Add(b.policy.Expires), Code: b.code(r.Sender, seed),
	}})
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
func (b *batch) show(w *work, more bool) {
	var reason string
	if more {
		reason = ShowsMore
	}
	w.Sends++
	w.SentAt, w.Resend, w.dirty = b.now, false, true
	b.out.Outbox = append(b.out.Outbox, Outgoing{
		ID: fmt.Sprintf("%s-%d", w.ID, w.Sends), Kind: OutShow, Owner: w.Sender, Prompt: w.ID, Reason: reason, After: b.now,
	})
}

// again gathers what joined or changed for the next sending. A prompt that nobody was shown yet still waits for its
// first one, which will bring everything.
func (b *batch) again(w *work) {
	w.dirty = true
	if len(w.Shown) == 0 && !w.Resend {
		return
	}
	w.Resend = true
	if w.State == PromptOpen && max(w.SentAt.Add(w.gather()), w.Until) <= b.now {
		b.show(w, w.joined())
	}
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

// lost withdraws the message's prompt if it has no question left.
func (b *batch) lost(r *row, reason string) {
	w := b.prompts[r.Prompt]
	if w == nil || !w.State.Live() {
		return
	}
	for _, ord := range w.Messages {
		if w.asks(b.rows[ord]) {
			return
		}
	}
	w.Withdrew = reason
	b.close(w, PromptWithdrawn)
	b.withdraw(w, reason, w.Shown)
}

func (b *batch) close(w *work, state PromptState) {
	w.State, w.dirty = state, true
	if b.live[w.Conv] == w {
		delete(b.live, w.Conv)
	}
}

func (b *batch) refresh(r *row) {
	if b.prompted(r) {
		b.again(b.prompts[r.Prompt])
	}
}

// prompted reports whether a live prompt has a question about the message.
func (b *batch) prompted(r *row) bool {
	w := b.prompts[r.Prompt]
	return w != nil && w.State.Live() && w.asks(r)
}

// sayCapped tells the sender that a cap holds prompts back: once per conversation and day; a sender who has opened too
// many prompts, once an hour for all conversations together.
func (b *batch) sayCapped(r *row) {
	every := b.over(r.Conv(), false) == overSender
	for _, o := range b.opened {
		if o.State == PromptCapped && (o.Conv == r.Conv() && b.now < o.At.Add(day) || every && o.Sender == r.Sender && b.now < o.At.Add(time.Hour)) {
			return
		}
	}
	ord := b.nextOrd()
	id, _ := b.promptID(ord)
	w := b.addPrompt(&work{dirty: true, Prompt: Prompt{
		ID: id, Row: ord, Conv: r.Conv(), State: PromptCapped, Messages: []int64{r.Ord}, Covered: 1, OpenedAt: b.now, Shown: []string{r.Sender},
	}})
	b.opened = append(b.opened, Opened{w.Conv, b.now, PromptCapped})
	b.out.Outbox = append(b.out.Outbox, Outgoing{
		ID: id + "-cap", Kind: OutChat, Owner: r.Sender, Prompt: id, Ord: r.Ord, Reason: "cap", After: b.now,
	})
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

// end carries an answer, or that there was none, to the messages of a prompt that is closed. Those that joined after it
// was last shown were not answered for: they ask again, in a prompt of their own.
func (b *batch) end(w *work) {
	for i, ord := range w.Messages {
		r := b.rows[ord]
		covered := i < w.Covered
		switch {
		case r == nil:
		case covered && w.State == PromptSent:
			b.transit(r, &Fact{Kind: SMSSent, Ord: ord, At: b.now})
			r.because(ReasonEnded)
			b.lost(r, "answered") // it may be asked about again already
		case r.Status.Settled() || r.Prompt != w.ID:
		case covered && w.State != PromptExpired:
			r.Marks |= PromptingEnded
			r.because(ReasonEnded)
		case covered:
			r.because(ReasonExpired)
		case w.Covered == 0:
			r.because(ReasonUnseen)
		default:
			r.Marks |= Wanted
			r.Prompt, r.Due, r.Reason = "", b.now, ""
		}
	}
}

// because replaces the reason that the message is asked about.
func (r *row) because(why Reason) {
	if r.Reason == ReasonPrompted {
		r.Reason = why
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
	if w.State != PromptOpen || w.ExpiresAt <= b.now {
		b.lapse(w) // its alarm may be late
	}
	before := w.State
	var changed bool
	if a.Verdict, changed = w.answer(a.Action, a.By, a.For, b.policy, b.now); !changed {
		return
	}
	w.dirty = true
	if !w.State.Live() {
		b.close(w, w.State)
		b.end(w)
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

// PromptAlarm is the alarm of a prompt: a lease or a snooze is over, it has expired, or what joined it can be sent.
type PromptAlarm struct {
	Row int64
	Due Time // the instant it was set for
}

func (l *PromptAlarm) want(_ *Ledger, w *Want) { w.Rows = append(w.Rows, l.Row) }

func (l *PromptAlarm) apply(b *batch) {
	for _, w := range b.prompts {
		if w.Row == l.Row {
			w.rang = w.rang || l.Due == 0 || l.Due >= w.Due
			b.lapse(w)
			return
		}
	}
}

// lapse does what is due about a prompt.
func (b *batch) lapse(w *work) {
	switch w.schedule(); {
	case w.Due == 0 || w.Due > b.now:
	case w.ExpiresAt <= b.now:
		b.close(w, PromptExpired)
		b.withdraw(w, "expired", w.Shown)
		b.end(w)
	default:
		more := w.State == PromptOpen && w.joined()
		w.State, w.Claimer, w.Until = PromptOpen, "", 0
		b.show(w, more)
	}
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
	if s.OK = w != nil && w.State == PromptOpen && b.now < w.ExpiresAt; !s.OK {
		return
	}
	if until := b.held(w); until != 0 { // it was opened before, but is to be shown now: put off, not given up
		s.OK = false
		w.Resend, w.Until, w.dirty = true, until, true
		w.ExpiresAt = max(w.ExpiresAt, until.Add(b.policy.Expires))
		return
	}
	s.Was, s.Messages = w.Prompt, b.asked(w)
	if len(w.Shown) == 0 {
		b.opened = append(b.opened, Opened{w.Conv, w.OpenedAt, w.State})
	}
	for _, to := range s.To {
		if !slices.Contains(w.Shown, to) {
			w.Shown = append(slices.Clone(w.Shown), to)
		}
	}
	if s.Chat != "" {
		w.Chat = s.Chat
	}
	w.Covered, w.dirty = len(w.Messages), true
	b.out.Releases = append(b.out.Releases, s.Releases...)
}

// NoticesDelivered says that notices have reached their sender.
type NoticesDelivered []Told

func (r *NoticesDelivered) want(*Ledger, *Want) {}
func (r *NoticesDelivered) apply(b *batch)      { b.out.Told = append(b.out.Told, *r...) }

// asked returns the messages of a prompt that are still open, in its order.
func (b *batch) asked(w *work) []Message {
	var open []Message
	for _, ord := range w.Messages {
		if r := b.rows[ord]; w.asks(r) || r != nil && !w.State.Live() && !r.Status.Settled() {
			open = append(open, r.Message)
		}
	}
	return open
}

// OutboxDone says that these outbox entries have left the house.
type OutboxDone []string

func (l *OutboxDone) want(*Ledger, *Want) {}
func (l *OutboxDone) apply(b *batch)      { b.out.Done = append(b.out.Done, *l...) }
