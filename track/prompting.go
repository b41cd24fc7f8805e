package track

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// codeDigits are easy to read aloud and to tell apart (protocol §7).
const codeDigits = "23456789abcdefghjkmnpqrstuvwxyz"

// maxAsked limits the messages of one prompt. Beyond it the newest stand for earlier ones, as with a marker.
const maxAsked = 100

// promptAbout opens a prompt about the message, or adds it to the conversation's live one: there are never two. Only alarms lead
// here, so everything that matters is loaded.
func (b *batch) promptAbout(r *row, s Settings) {
	w := b.live[r.Conv()]
	if w != nil && w.Undelivered && !undelivered(r) {
		w.Undelivered, w.dirty = false, true
	}
	switch {
	case w == nil:
		w = b.open(r, s)
		b.show(w, false)
	case b.join(w, r):
		w.Priority = max(w.Priority, s.Priority)
		w.ExpiresAt = max(w.ExpiresAt, b.now.Add(b.policy.Expires)) // the newest message decides how long the prompt can be answered
		if w.State == PromptOpen {
			w.Until = 0 // this message is not held back like the others
		}
		b.again(w)
	case r.Marks.Has(Asked):
		b.again(w)
	}
	r.Prompt, r.Reason = w.ID, ReasonPrompted
	r.Marks |= Asked
}

// join adds a message, and reports whether that is news. If there are too many, the newest stand for earlier ones, which are
// dropped from the prompt.
func (b *batch) join(w *work, r *row) bool {
	if slices.Contains(w.Messages, r.Ord) {
		return false
	}
	if len(w.Messages) >= maxAsked && r.Ord < slices.Min(w.Messages) {
		r.Marks |= PromptingEnded
		return false
	}
	if w.Messages = append(w.Messages, r.Ord); len(w.Messages) > maxAsked {
		if first := b.rows[w.Messages[0]]; first != nil {
			first.Marks |= PromptingEnded
		}
		w.Messages, w.Covered = w.Messages[1:], max(0, w.Covered-1)
	}
	return true
}

// joined reports whether messages were added since the prompt was last shown.
func (w *work) joined() bool { return w.Covered > 0 && w.Covered < len(w.Messages) }

func undelivered(r *row) bool {
	return r.Status == Pending && r.Marks.Has(TimedOutUndelivered)
}

// isAbout reports whether the prompt still asks about the message. One that is only about undelivered messages drops
// those that are delivered (protocol §5).
func (w *work) isAbout(r *row) bool {
	return r != nil && !r.Status.Settled() && !r.Marks.Has(PromptingEnded) && !(w.Undelivered && r.Status == Delivered)
}

// open opens a prompt about the message and every other one of its conversation that can still be asked about, whether its
// own timeout has passed or not: people write in bursts, and one answer covers all of it (protocol §5).
func (b *batch) open(r *row, s Settings) *work {
	ord := b.nextOrd()
	id, seed := b.promptID(ord)
	w := b.addPrompt(&work{Prompt: Prompt{
		ID: id, Row: ord, Conv: r.Conv(), Undelivered: undelivered(r), Priority: s.Priority,
		OpenedAt: b.now, ExpiresAt: b.now.Add(b.policy.Expires), Code: b.code(r.Sender, seed),
	}})
	for _, o := range b.upTo(r.Conv(), math.MaxInt64) {
		if o == r {
			b.join(w, o)
		} else if s := b.settings(&o.Message); o.mayJoin(s, b.now) && b.join(w, o) {
			o.Prompt = w.ID
			w.Undelivered = w.Undelivered && o.Status == Pending
			w.Priority = max(w.Priority, s.Priority)
		}
	}
	return w
}

// burst is how long a message belongs to the same burst as later ones if its own silence means nothing.
const burst = time.Hour

// mayJoin reports whether an unsettled message is asked about together with another one of its conversation.
func (r *row) mayJoin(s Settings, now Time) bool {
	switch {
	case !s.Watch || r.Marks&(PromptingEnded|Texting) != 0 || r.Hint.Escalate == Never:
		return false
	case r.Hint.Until == UntilDelivered:
		return r.Status == Pending
	}
	return r.Due != 0 || r.inChain() || now < r.SentAt.Add(burst)
}

// code makes the four characters for chat answers: unique among the sender's live prompts.
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
	w.Sends++
	w.SentAt, w.Resend, w.dirty = b.now, false, true
	b.out.Outbox = append(b.out.Outbox, Outgoing{
		ID: fmt.Sprintf("%s-%d", w.ID, w.Sends), Kind: OutShow, Owner: w.Sender, Prompt: w.ID, More: more, After: b.now,
	})
}

// PromptOf returns the prompt whose stanza has this id, as made by show and withdraw; "" if it is not one of ours.
func PromptOf(stanzaID string) string {
	rest, ok := strings.CutPrefix(stanzaID, "p-")
	name, _, found := strings.Cut(rest, "-")
	if !ok || !found || name == "" {
		return ""
	}
	return "p-" + name
}

// again collects additions and changes for the next sending. A prompt that was shown to nobody yet still waits for its first
// sending, which will have everything.
func (b *batch) again(w *work) {
	w.dirty = true
	if len(w.Shown) == 0 && !w.Resend {
		return
	}
	w.Resend = true
	if w.State == PromptOpen && max(w.SentAt.Add(w.resendDelay()), w.Until) <= b.now {
		b.show(w, w.joined())
	}
}

// postpone schedules the showing of the prompt.
func (w *work) postpone(until Time, expires time.Duration) {
	w.Resend, w.Until, w.dirty = true, until, true
	w.ExpiresAt = max(w.ExpiresAt, until.Add(expires))
}

// withdraw tells devices to remove the prompt.
func (b *batch) withdraw(w *work, reason Withdrawal, to []string) {
	w.dirty = true
	if len(to) == 0 {
		return
	}
	b.out.Outbox = append(b.out.Outbox, Outgoing{
		ID: fmt.Sprintf("%s-%d-%s", w.ID, w.Sends, reason), Kind: OutWithdraw, Owner: w.Sender, Prompt: w.ID, Withdrawal: reason, To: to, After: b.now,
	})
}

// lost withdraws the message's prompt if it has nothing left to ask about.
func (b *batch) lost(r *row, reason Withdrawal) {
	w := b.prompts[r.Prompt]
	if w == nil {
		return
	}
	if !w.State.Live() {
		b.withdrawAsRead(w, reason)
		return
	}
	for _, ord := range w.Messages {
		if w.isAbout(b.rows[ord]) {
			return
		}
	}
	w.Withdrew = reason
	b.close(w, PromptWithdrawn)
	b.withdraw(w, reason, w.Shown)
}

// withdrawAsRead corrects the chat message of an answered prompt once more, now that all of its messages are read.
func (b *batch) withdrawAsRead(w *work, reason Withdrawal) {
	if w.Chat == "" || w.Withdrew != "" || reason != WithdrawDisplayed || w.State < PromptSent || w.State > PromptFailed {
		return
	}
	for _, ord := range w.Messages {
		if r := b.rows[ord]; r != nil && !r.Status.Settled() {
			return
		}
	}
	w.Withdrew = reason
	b.withdraw(w, reason, []string{w.Sender})
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

// prompted reports whether a live prompt asks about the message.
func (b *batch) prompted(r *row) bool {
	w := b.prompts[r.Prompt]
	return w != nil && w.State.Live() && w.isAbout(r)
}

// queueStep puts a step of the chain other than status and prompt into the outbox.
func (b *batch) queueStep(r *row, action Action, step int) {
	kind := map[Action]OutKind{DoRemind: OutRemind, DoWebhook: OutWebhook}[action]
	if kind == "" || kind == OutRemind && !b.reminds(r) {
		return
	}
	if kind == OutWebhook {
		b.joinPost(r, step)
	}
	b.out.Outbox = append(b.out.Outbox, Outgoing{
		ID: fmt.Sprintf("s-%x-%d-%d", r.Ord, r.Notice.Seq, step), Kind: kind, Owner: r.Sender, Ord: r.Ord,
		State: r.timedOut(), Step: step, After: b.now,
	})
}

// joinPost makes a webhook stand for the whole burst: messages that belong to it and have not reached this step of their
// chain will skip it.
func (b *batch) joinPost(r *row, step int) {
	for _, o := range b.upTo(r.Conv(), math.MaxInt64) {
		if o != r && !o.Status.Settled() && int(o.Step) <= step && o.mayJoin(b.settings(&o.Message), b.now) {
			o.Marks |= Posted
		}
	}
}

// reminds reports whether the recipient is reminded of a message. One reminder covers everything pending in the
// conversation; a recipient who has refused one of its messages is not reminded.
func (b *batch) reminds(r *row) bool {
	if b.remindedEnough(r.Conv()) || b.isRefused(r.Conv()) {
		return false
	}
	for _, o := range b.upTo(r.Conv(), math.MaxInt64) {
		o.Marks |= Reminded
	}
	b.addNote(r, PromptReminded)
	return true
}

// end applies an answer, or the lack of one, to the messages of a closed prompt. Messages added after it was last shown were
// not part of the question: they lead to a prompt of their own.
func (b *batch) end(w *work) {
	for i, ord := range w.Messages {
		r := b.rows[ord]
		covered := i < w.Covered
		switch {
		case r == nil:
		case covered && w.State == PromptSent:
			b.transit(r, &Fact{Kind: SMSSent, Ord: ord, At: b.now})
			r.because(ReasonEnded)
			b.lost(r, WithdrawAnswered) // another prompt may ask about it already
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

// reopen opens a prompt again whose answer is taken back, and reverts what the answer did to its messages. Devices that were
// told to remove it show it again. It reports false if nothing is left to ask about.
func (b *batch) reopen(w *work) bool {
	if !slices.ContainsFunc(w.Messages, func(ord int64) bool { return b.rows[ord].belongs(w) }) {
		return false
	}
	sent := w.State == PromptSent
	w.State, w.Claimer, w.Until, w.dirty = PromptOpen, "", 0, true
	w.ExpiresAt = max(w.ExpiresAt, b.now.Add(b.policy.Expires))
	b.live[w.Conv] = w
	w.Messages = slices.DeleteFunc(slices.Clone(w.Messages), func(ord int64) bool { // it joined later: its alarm adds it again
		r := b.rows[ord]
		return r != nil && r.Prompt != w.ID
	})
	w.Covered = min(w.Covered, len(w.Messages))
	for _, ord := range w.Messages {
		r := b.rows[ord]
		if !r.belongs(w) {
			continue
		}
		r.Marks &^= PromptingEnded | ByPerson
		if r.Reason == ReasonEnded {
			r.Reason = ReasonPrompted
		}
		if sent && r.Marks.Has(Escalated) {
			r.Marks &^= Escalated
			b.effects(r, r.notify(r.standing(), ByCommand, b.now), Settings{})
		}
	}
	if slices.ContainsFunc(w.Shown, func(to string) bool { return to != Bare(to) }) {
		b.show(w, false)
	}
	return true
}

// belongs reports whether the prompt, open again, would ask about the message.
func (r *row) belongs(w *work) bool {
	return r != nil && !r.Status.Settled() && r.Prompt == w.ID && !(w.Undelivered && r.Status == Delivered)
}

// because replaces the reason for asking about the message.
func (r *row) because(why Reason) {
	if r.Reason == ReasonPrompted {
		r.Reason = why
	}
}

// handleAlarm does whatever is due for a prompt.
func (b *batch) handleAlarm(w *work) {
	switch w.schedule(); {
	case w.Due == 0 || w.Due > b.now:
	case w.ExpiresAt <= b.now:
		b.close(w, PromptExpired)
		b.withdraw(w, WithdrawExpired, w.Shown)
		b.end(w)
	case w.State == PromptClaimed && b.texting[w.Conv] != nil && b.texting[w.Conv].Prompt == w.ID:
		w.Until, w.dirty = b.now.Add(TextPatience), true // the outcome of the SMS will end it
	default:
		more := w.State == PromptOpen && w.joined()
		w.State, w.Claimer, w.Until = PromptOpen, "", 0
		b.show(w, more)
	}
}

// openMessages returns the messages of a prompt that are still open, oldest first.
func (b *batch) openMessages(w *work) []Message {
	var open []Message
	for _, ord := range slices.Sorted(slices.Values(w.Messages)) {
		if r := b.rows[ord]; w.isAbout(r) || r != nil && !w.State.Live() && !r.Status.Settled() {
			open = append(open, r.Message)
		}
	}
	return open
}
