package track

// EffectKind is the kind of an effect of a transition besides the message's new state.
type EffectKind uint8

const (
	// Notify: the message's notice is new and should reach its sender.
	Notify EffectKind = iota
	// Prompting: the sender should be prompted about the message.
	Prompting
	// SendText: the component's own SMS should be sent about the message.
	SendText
	// Do: a step of the chain other than a prompt is due.
	Do
	// Arrived: the message was delivered: a prompt that is only about undelivered messages drops it.
	Arrived
	// Settle: the message is settled: its prompt drops it. Reason is that of a withdrawal (protocol §5).
	Settle
	// Refresh: the text has changed.
	Refresh
	// Capped: a cap holds a prompt back; the sender should be told.
	Capped
)

// Effect is one effect of a transition.
type Effect struct {
	Kind   EffectKind
	Notice Notice     // Notify
	Step   int        // Do: index into Settings.Steps
	Reason Withdrawal // Settle
}

// Transition applies a fact to a watched message. It is total: every fact is defined in every state. s are the settings at
// now. It changes m and returns the effects in order.
func Transition(m *Message, f Fact, s Settings, now Time) []Effect {
	if !s.Watch && !m.Status.Settled() && f.Kind != Stopped && f.Kind != Retracted && f.Kind != Aged {
		return m.unwatch(s, now)
	}
	switch f.Kind {
	case Received:
		return m.arrive(f, s, now)
	case Read, Replied:
		return m.settle(Displayed, StateDisplayed, f.Basis, WithdrawDisplayed, f, now)
	case Bounced:
		return m.bounce(f, now)
	case Retracted:
		return m.settle(Cancelled, StateCancelled, first(f.Basis, ByCommand), WithdrawRetracted, f, now)
	case Stopped:
		return m.settle(Cancelled, StateCancelled, ByCommand, WithdrawCancelled, f, now)
	case Stored:
		if f.Archived {
			m.Marks |= StoredArchive
		} else {
			m.Marks |= StoredOffline
		}
		if m.Status == Pending {
			m.recheck(now)
		}
	case Handed:
		m.HandedAt = max(m.HandedAt, f.At)
	case Unacked:
		m.Marks &^= Live
	case Dropped:
		return m.discard(s, now)
	case RosterChanged:
		return m.placed(s, now)
	case Synced:
		return m.synced(f, s, now)
	case Corrected:
		return m.correct(f)
	case AlarmFired:
		return m.fire(s, now)
	case Forced:
		return m.force(now)
	case SMSSent:
		return m.texted(f, now)
	case SMSEnded:
		return m.textEnded(f, s, now)
	case Aged:
		return m.age()
	case Sent, Deferred, Named: // another copy; a temporary error; another id: nothing new
	}
	return nil
}

// isPlain reports whether nothing of the settings matters to a transition by such a fact, except whether the message is watched.
func (k FactKind) isPlain() bool {
	switch k {
	case Read, Replied, Bounced, Stored, Handed, Unacked:
		return true
	}
	return false
}

// newMessage makes the message of a Sent fact. If the fact knows the recipient's sessions, it knows best.
func newMessage(f *Fact, known Sessions) Message {
	m := Message{
		Key: f.Key, Marks: f.Marks, Resource: f.Resource, Lang: f.Lang, SentAt: f.At, Hint: f.Hint, Text: f.Text, Standing: f.Standing,
	}
	if f.Sessions.Known {
		known = f.Sessions
	}
	if m.There = known.There(); known.Live() {
		m.Marks |= Live
	}
	return m
}

// begin sets the first alarm, and reports "unknown" if no confirmation is expected.
func (m *Message) begin(s Settings, now Time) []Effect {
	s.Reveals = true // decided at the alarm
	m.schedule(s, now)
	return m.notifyUnknown(now)
}

func (m *Message) arrive(f Fact, s Settings, now Time) []Effect {
	if f.Basis != ByOrder {
		m.Marks &^= Inferred | Discarded
		if f.Basis != ByAck {
			m.Marks |= Confirmed
		}
	}
	secret := f.isSecret() && !s.Reveals
	if m.Marks.Has(Concealed) && !secret && m.Status == Delivered {
		return m.arrived(f)
	}
	if m.Status != Pending && (m.Status != Failed || f.Basis == ByOrder) {
		return nil
	}
	if f.Basis == ByOrder {
		m.Marks |= Inferred
	}
	m.Status, m.DeliveredAt, m.SettledAt, m.Reason = Delivered, f.At, 0, ""
	if !m.inChain() && !m.Marks.Has(Ordered) {
		m.Marks &^= Wanted | WantsSMS // it was wanted because it was undelivered
	}
	m.schedule(s, now)
	if secret {
		m.Marks |= Concealed
		return nil
	}
	return m.arrived(f)
}

// placed applies a change of the sender's standing in the recipient's roster.
func (m *Message) placed(s Settings, now Time) []Effect {
	m.recheck(now)
	if !m.Marks.Has(Concealed) || !s.Reveals || m.Status != Delivered {
		return nil
	}
	basis := ByAck
	if m.Marks.Has(Inferred) {
		basis = ByOrder
	}
	return m.arrived(Fact{Basis: basis, At: m.DeliveredAt})
}

// arrived reports that the message is delivered.
func (m *Message) arrived(f Fact) []Effect {
	m.Marks &^= Concealed
	effects := m.notifyFurther(StateDelivered, f.Basis, f.At, m.further())
	if m.Marks.Has(TimedOutUndelivered) || m.Prompt != "" {
		effects = append(effects, Effect{Kind: Arrived})
	}
	return effects
}

// further is what a delivered message's status says about its reading.
func (m *Message) further() State {
	if m.Hint.Until == UntilDelivered || m.Marks&(ExpectsReading|TimedOutUnread) != 0 {
		return ""
	}
	return StateUnknown
}

// notifyUnknown reports that no confirmation is expected from now on, unless that was reported before (protocol §2).
func (m *Message) notifyUnknown(now Time) []Effect {
	switch {
	case m.inChain() || m.Marks.Has(ExpectsReading):
	case m.Status == Pending && m.Notice.Seq == 0 && !m.Marks.Has(ExpectsDelivery):
		return m.notify(StateUnknown, "", now)
	case m.Status == Delivered && m.Notice.State == StateDelivered && m.Notice.Further != m.further():
		return m.notifyFurther(StateDelivered, m.Notice.Basis, now, m.further())
	}
	return nil
}

// recheck sets an alarm for a message without one, as a confirmation may be expected again. A message with an alarm is
// re-evaluated then.
func (m *Message) recheck(now Time) {
	if m.Due == 0 && !m.Status.Settled() && !m.inChain() {
		m.Due = now
	}
}

// discard records that the server discarded the message. Its sender sees the same as if nothing could be expected: more
// would reveal a block list.
func (m *Message) discard(s Settings, now Time) []Effect {
	if m.Status != Pending {
		return nil
	}
	m.Marks |= Discarded
	s.Delivery, s.Reading, s.Expectation = false, false, Expect(isDiscarded)
	m.schedule(s, now)
	return m.notifyUnknown(now)
}

// unwatch stops watching a message: its recipient has opted out, or the policy changed. If a confirmation was expected until
// now, the last status says that none is any more.
func (m *Message) unwatch(s Settings, now Time) []Effect {
	m.Marks &^= ExpectsDelivery | ExpectsReading
	effects := m.notifyUnknown(now)
	m.end(Cancelled, s.Unwatched, now)
	return append(effects, Effect{Kind: Settle, Reason: WithdrawCancelled})
}

// end settles the message: nothing more is due, and its text is erased.
func (m *Message) end(status Status, why Reason, now Time) {
	m.Status, m.SettledAt, m.Due, m.Reason, m.Text = status, now, 0, why, ""
	m.Marks &^= Wanted | Ordered | WantsSMS | Texting | Inferred
}

// settle ends the message. For a message that has ended already nothing more is reported, except that an error is
// overridden.
func (m *Message) settle(status Status, state State, basis Basis, reason Withdrawal, f Fact, now Time) []Effect {
	if m.Status.Settled() && !(m.Status == Failed && status == Displayed) {
		if status.rank() > m.Status.rank() {
			m.Status = status
		}
		return nil
	}
	m.end(status, ReasonSettled, now)
	return []Effect{m.report(state, basis, f.At, ""), {Kind: Settle, Reason: reason}}
}

// bounce records an error: it changes nothing once a client of the recipient is known to have the message. That a later
// message arrived is not enough for that.
func (m *Message) bounce(f Fact, now Time) []Effect {
	if m.Status != Pending && !(m.Status == Delivered && m.Marks.Has(Inferred)) {
		return nil
	}
	m.Marks &^= Inferred
	return m.settle(Failed, StateFailed, ByError, WithdrawCancelled, f, now)
}

// synced applies that the recipient has read the message on one of their devices, as synchronised among these only
// (XEP-0490). The recipient chooses what that means.
func (m *Message) synced(f Fact, s Settings, now Time) []Effect {
	switch {
	case s.Sync == SyncTold:
		return m.settle(Displayed, StateDisplayed, ByMarker, WithdrawDisplayed, f, now)
	case s.Sync != SyncQuiet || m.Status.Settled() || m.Marks.Has(Hushed):
		return nil
	}
	m.Marks = m.Marks&^(Wanted|Ordered|WantsSMS) | Hushed | PromptingEnded
	m.Due, m.Reason = 0, ReasonOptedOut
	return []Effect{{Kind: Settle, Reason: WithdrawCancelled}}
}

// correct updates the text; the alarm stays (XEP-0308: a correction is the same message).
func (m *Message) correct(f Fact) []Effect {
	if m.Status.Settled() {
		return nil
	}
	m.Text = f.Text
	m.Marks = m.Marks&^(Encrypted|NoStore|Sealed) | f.Marks&(Encrypted|NoStore|Sealed|AsksReceipt|Markable)
	return []Effect{{Kind: Refresh}}
}

// fire handles the alarm: it does what is due at now, in order. An early alarm only re-evaluates the message.
func (m *Message) fire(s Settings, now Time) []Effect {
	if m.Status.Settled() || m.Due == 0 {
		return nil
	}
	if (m.Reason == ReasonQuiet || m.Reason == ReasonPaused) && s.Hold <= now {
		m.Reason = "" // the wait is over
	}
	m.schedule(s, now) // the policy, or what is known about the recipient, may have changed
	effects := m.notifyUnknown(now)
	for m.Due != 0 && m.Due <= now {
		next, _ := m.next(s)
		due, inChain := next != 0 && next <= now, m.inChain()
		switch {
		case due && !inChain:
			effects = append(effects, m.timeOut(s, now)...)
		case m.Marks.Has(Wanted) && !m.waits(s, now):
			effects = append(effects, m.prompt(s)...)
		case due && !(m.reminds(s) && s.Hold > now):
			effects = append(effects, m.step(s, now)...)
		default: // the rest must wait
			m.Due, m.Reason = m.currentHold(s)
			if next > now {
				m.Due = min(m.Due, next)
			}
			return effects
		}
		m.schedule(s, now)
	}
	return effects
}

func (m *Message) timeOut(s Settings, now Time) []Effect {
	mark, state := TimedOutUnread, StateTimeoutUnread
	if m.Status == Pending && s.awaitsDelivery() {
		mark, state = TimedOutUndelivered, StateTimeoutUndelivered
	}
	m.Marks |= mark
	m.TimeoutAt, m.Step, m.Reason = now, 0, ""
	return m.notify(state, ByTimer, now)
}

// step does the next step of the chain, or skips it. What holds a prompt back does not delay the steps after it.
func (m *Message) step(s Settings, now Time) []Effect {
	index := int(m.Step)
	step := s.Steps[index]
	reminds := m.reminds(s)
	posted := step.Do == DoWebhook && m.Marks.Has(Posted)
	if posted { // only one step is skipped
		m.Marks &^= Posted
	}
	m.Step++
	switch {
	case !m.meets(step, s) || posted:
	case step.Do == DoStatus:
		if step.After > 0 { // otherwise the timeout itself was just reported
			return m.notify(m.timedOut(), ByTimer, now)
		}
	case m.Marks.Has(PromptingEnded):
		m.Reason = ReasonEnded
	case step.Do == DoPrompt:
		m.Marks |= Wanted
	case step.Do == DoSMS:
		m.Marks |= Wanted | WantsSMS
	case step.Do == DoRemind:
		if reminds {
			m.Marks |= Reminded
			return []Effect{{Kind: Do, Step: index}}
		}
	default:
		return []Effect{{Kind: Do, Step: index}}
	}
	return nil
}

func (m *Message) meets(step Step, s Settings) bool {
	return (step.On == "" || step.On == m.timedOut()) && s.Priority >= step.From
}

// reminds reports whether the next step of the chain reminds the recipient: at most once, and not if the sender has disabled
// escalation for this message or in general.
func (m *Message) reminds(s Settings) bool {
	if !m.inChain() || int(m.Step) >= len(s.Steps) || m.Marks&(Reminded|PromptingEnded) != 0 || s.Mode == Never && s.ModeOf != TierDomain {
		return false
	}
	step := s.Steps[m.Step]
	return step.Do == DoRemind && m.meets(step, s)
}

// prompt requests the wanted prompt, or the SMS instead, unless something prevents it.
func (m *Message) prompt(s Settings) []Effect {
	m.Reason = m.refuses(s)
	texts := m.texts(s)
	m.Marks &^= Wanted | Ordered | WantsSMS
	switch {
	case m.Reason == "" && texts:
		return []Effect{{Kind: SendText}}
	case m.Reason == "":
		return []Effect{{Kind: Prompting}}
	case m.Reason == ReasonCap:
		return []Effect{{Kind: Capped}}
	}
	return nil
}

// texts reports whether what is wanted is the component's own SMS, and it can be sent.
func (m *Message) texts(s Settings) bool {
	return m.Marks.Has(Wanted) && (m.Marks.Has(WantsSMS) || s.Mode == Auto) && m.Marks&(SMSTried|Test) == 0 && s.NoText == ""
}

// currentHold returns until when what is wanted has to wait, and why.
func (m *Message) currentHold(s Settings) (Time, Reason) {
	if m.texts(s) {
		return s.TextHold, s.TextHeld
	}
	return s.Hold, s.Held
}

// waits reports whether the prompt has to wait; a refused one is refused at once.
func (m *Message) waits(s Settings, now Time) bool {
	until, _ := m.currentHold(s)
	return until > now && m.refuses(s) == ""
}

// refuses returns why the message is not prompted about, or "". A command overrides mode and mute. The caps of prompts do
// not apply to SMS.
func (m *Message) refuses(s Settings) Reason {
	switch {
	case m.Marks.Has(Texting):
		return ReasonTexting
	case m.Marks.Has(PromptingEnded):
		return ReasonEnded
	case m.Marks.Has(Ordered):
	case s.Mode == Never:
		return ReasonNeverMode
	case s.Muted:
		return ReasonMuted
	}
	if m.texts(s) {
		return ""
	}
	return s.Refuse
}

// force escalates now, by command: the sender's request overrides timeouts, mode and chain. The alarm carries it out, so
// that prompts are opened in one place only.
func (m *Message) force(now Time) []Effect {
	if m.Status.Settled() {
		return nil
	}
	m.Marks = m.Marks&^PromptingEnded | OutOfTurn | Ordered | Wanted | Asked
	m.Due, m.Reason = now, ""
	return nil
}

// age silently stops watching a message that nothing was observed about for the whole retention. One with an alarm is kept
// until then.
func (m *Message) age() []Effect {
	if m.Status.Settled() || m.Due != 0 {
		return nil
	}
	m.end(Cancelled, ReasonSettled, m.SentAt) // it can be pruned at once
	return nil
}
