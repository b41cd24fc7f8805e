package track

import "time"

const (
	day = 24 * time.Hour
	// pauseCheck is how often messages that an admin's pause holds back look whether it is over, all at once.
	pauseCheck = Time(60_000)
)

// verdict says whether the sender may be prompted about the message now.
func (b *batch) verdict(r *row, s *Settings) {
	hold, held := b.holds(s, r.Marks.Has(Ordered))
	switch {
	case hold != 0:
		s.Hold, s.Held = hold, held
	case b.live[r.Conv()] != nil: // it joins a prompt that is there
	case b.over(r.Conv(), false) != within:
		s.Refuse = ReasonCap
	case b.over(r.Conv(), true) != within: // in a moment it is known whether those will be shown
		s.Hold, s.Held = b.now.Add(Gather), ReasonCap
	}
}

// holds says until when nobody is prompted, and why; 0 if nothing holds prompts back. A command goes through quiet
// hours.
func (b *batch) holds(s *Settings, command bool) (Time, Reason) {
	if b.policy.Paused {
		return b.now - b.now%pauseCheck + pauseCheck, ReasonPaused
	}
	if until := s.Quiet.Until(b.now); until != 0 && !command {
		return until, ReasonQuiet
	}
	return 0, ""
}

// held says until when a prompt must not be shown: as long as something holds back all that it asks about; or 0.
func (b *batch) held(w *work) (until Time) {
	for _, ord := range w.Messages {
		r := b.rows[ord]
		if !w.asks(r) {
			continue
		}
		s := b.settings(&r.Message)
		hold, _ := b.holds(&s, r.Marks.Has(OutOfTurn))
		if hold == 0 {
			return 0
		}
		if until == 0 || hold < until {
			until = hold
		}
	}
	return until
}

// overCap tells which cap is reached.
type overCap uint8

const (
	within overCap = iota
	overConversation
	overRecipient
	overSender
)

// over says whether a cap is reached for a conversation: by prompts that were shown to somebody; with coming, also by
// those that were just sent on their way.
func (b *batch) over(c Conv, coming bool) overCap {
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
		if o.State != PromptCapped {
			count(o.Conv, o.At)
		}
	}
	for _, w := range b.prompts {
		if coming && w.State.Live() && len(w.Shown) == 0 && b.now < w.SentAt.Add(Gather) {
			count(w.Conv, w.OpenedAt)
		}
	}
	reached := func(n, limit int) bool { return limit > 0 && n >= limit }
	switch p := b.policy; {
	case reached(conversation, p.PerConversationDay):
		return overConversation
	case reached(recipient, p.PerRecipientDay):
		return overRecipient
	case reached(sender, p.PerSenderHour):
		return overSender
	}
	return within
}
