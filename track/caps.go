package track

import (
	"slices"
	"time"
)

const (
	day = 24 * time.Hour
	// pauseCheck is how often messages held back by an admin's pause check whether it is over, all at once.
	pauseCheck = Time(60_000)
)

// verdict decides whether the sender may be prompted about the message now.
func (b *batch) verdict(r *row, s *Settings) {
	hold, held := b.promptHold(s, r.Marks.Has(Ordered))
	if s.NoText = b.noText(&r.Message); s.NoText == "" {
		s.TextHold, s.TextHeld = b.textHold(r, hold, held)
	}
	switch {
	case hold != 0:
		s.Hold, s.Held = hold, held
	case b.live[r.Conv()] != nil: // it joins an existing prompt
	case b.over(r.Conv(), s.Priority, false) != "":
		s.Refuse = ReasonCap
	case b.over(r.Conv(), s.Priority, true) != "": // prompts just sent may be shown any moment
		s.Hold, s.Held = b.now.Add(resendInterval), ReasonCap
	}
}

// promptHold returns until when prompts are held back, and why; 0 if they are not. A command overrides quiet hours.
func (b *batch) promptHold(s *Settings, command bool) (Time, Reason) {
	if b.policy.Paused {
		return b.now - b.now%pauseCheck + pauseCheck, ReasonPaused
	}
	if until := s.Quiet.Until(b.now); until != 0 && !command {
		return until, ReasonQuiet
	}
	return 0, ""
}

// jointHold returns until when a prompt must not be shown because everything in it is held back; 0 if it may be shown.
func (b *batch) jointHold(w *work) (until Time) {
	for _, ord := range w.Messages {
		r := b.rows[ord]
		if !w.isAbout(r) {
			continue
		}
		s := b.settings(&r.Message)
		hold, _ := b.promptHold(&s, r.Marks.Has(OutOfTurn))
		if hold == 0 {
			return 0
		}
		if until == 0 || hold < until {
			until = hold
		}
	}
	return until
}

// over returns the cap that prevents a prompt about a conversation, or "". It counts prompts that were shown to somebody and,
// with coming, also those just sent but not shown yet. Prompts of other senders about the recipient stop neither a sender's
// first prompt of the day nor an urgent one.
func (b *batch) over(c Conv, urgency Priority, coming bool) CapReason {
	var conversation, recipient, sender int
	count := func(o Conv, at Time) {
		if o == c {
			conversation++
		}
		if o.Recipient == c.Recipient {
			recipient++
		}
		if o.Sender == c.Sender && b.now < at.Add(time.Hour) {
			sender++
		}
	}
	for _, o := range b.opened {
		if !o.State.isNote() {
			count(o.Conv, o.At)
		}
	}
	for _, w := range b.prompts {
		if coming && w.State.Live() && len(w.Shown) == 0 && b.now < w.SentAt.Add(resendInterval) {
			count(w.Conv, w.OpenedAt)
		}
	}
	switch p := b.policy; {
	case reached(conversation, p.PerConversationDay):
		return CapConversation
	case reached(sender, p.PerSenderHour):
		return CapSender
	case conversation > 0 && urgency < Urgent && reached(recipient, p.PerRecipientDay):
		return CapRecipient
	}
	return ""
}

func reached(n, limit int) bool { return limit > 0 && n >= limit }

// remindedEnough reports whether the recipient of a conversation was reminded as often in a day as anybody may be
// prompted. Unlike a prompt, a reminder goes to the recipient, so the first one is not exempt.
func (b *batch) remindedEnough(c Conv) bool {
	var conversation, recipient int
	for _, o := range b.opened {
		if o.State == PromptReminded && o.Recipient == c.Recipient {
			if recipient++; o.Conv == c {
				conversation++
			}
		}
	}
	return reached(conversation, b.policy.PerConversationDay) || reached(recipient, b.policy.PerRecipientDay)
}

// addNote records something other than a prompt, so that it counts for a day.
func (b *batch) addNote(r *row, state PromptState) *work {
	ord := b.nextOrd()
	id, _ := b.promptID(ord)
	w := b.addPrompt(&work{dirty: true, Prompt: Prompt{
		ID: id, Row: ord, Conv: r.Conv(), State: state, Messages: []int64{r.Ord}, Covered: 1, OpenedAt: b.now, Shown: []string{r.Sender},
	}})
	b.opened = append(b.opened, Opened{w.Conv, b.now, state})
	return w
}

// notifyCapped tells the sender that a cap holds prompts back, and which: once a day per conversation; for CapSender once an
// hour for all conversations together.
func (b *batch) notifyCapped(r *row, which CapReason) {
	for _, o := range b.opened {
		if o.State == PromptCapped && (o.Conv == r.Conv() && b.now < o.At.Add(day) || which == CapSender && o.Sender == r.Sender && b.now < o.At.Add(time.Hour)) {
			return
		}
	}
	w := b.addNote(r, PromptCapped)
	b.out.Outbox = append(b.out.Outbox, Outgoing{
		ID: w.ID + "-cap", Kind: OutChat, Owner: r.Sender, Prompt: w.ID, Ord: r.Ord, Cap: which, After: b.now,
	})
}

// recheck checks a prompt again that was opened while nobody was online and is about to be shown for the first time. It
// reports whether the prompt still has a reason.
func (b *batch) recheck(w *work) bool {
	var first *row
	due := false
	for _, ord := range slices.Clone(w.Messages) {
		r := b.rows[ord]
		if !w.isAbout(r) {
			continue
		}
		s := b.settings(&r.Message)
		switch why := r.refuses(s); {
		case !s.Watch:
			b.transit(r, &Fact{Kind: Deferred, Ord: ord}) // any fact ends the watching
		case why != "" && !r.Marks.Has(OutOfTurn):
			w.remove(r, why)
		default:
			due = due || r.overdue()
			if first == nil {
				first = r
			}
		}
	}
	if !due { // nothing is left, or the overdue messages are settled
		if w.State.Live() {
			b.withdrawUnseen(w, "")
		}
		return false
	}
	which := b.over(w.Conv, w.Priority, false)
	if which == "" {
		return true
	}
	b.notifyCapped(first, which)
	b.withdrawUnseen(w, ReasonCap)
	return false
}

// withdrawUnseen closes a prompt that nobody has seen. Its messages may be asked about again; why replaces their reason unless it is
// empty.
func (b *batch) withdrawUnseen(w *work, why Reason) {
	w.Withdrew = WithdrawCancelled
	b.close(w, PromptWithdrawn)
	for _, ord := range w.Messages {
		if r := b.rows[ord]; w.isAbout(r) {
			r.Prompt = ""
			if why != "" {
				r.Reason = why
			}
		}
	}
}

// remove removes a message from a prompt that nobody has seen: its chain continues without it.
func (w *work) remove(r *row, why Reason) {
	r.Prompt, r.Reason = "", why
	w.Messages, w.dirty = slices.DeleteFunc(w.Messages, func(ord int64) bool { return ord == r.Ord }), true
}
