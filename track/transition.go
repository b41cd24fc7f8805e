package track

// EffectKind is what a transition asks for beside the message's new state.
type EffectKind uint8

const (
	// Tell: the message's notice is new and should reach its sender.
	Tell EffectKind = iota
	// Prompting: the sender should be prompted about the message.
	Prompting
	// Do: a step of the chain other than a prompt is due.
	Do
	// Arrived: the message was delivered after its timeout: a prompt only about undelivered messages has lost its reason.
	Arrived
	// Settle: the message is settled: its prompt has lost it. Reason is that of a withdrawal (protocol §5).
	Settle
	// Refresh: the text has changed.
	Refresh
)

// Effect is one thing that follows from a transition.
type Effect struct {
	Kind   EffectKind
	Notice Notice // Tell
	Step   int    // Do: index into Settings.Steps
	Reason string // Settle
}

// Transition says what a fact makes of a watched message. It is total: every fact is defined in every state. s are the
// settings at now. It changes m and returns what follows, in order.
func Transition(m *Message, f Fact, s Settings, now Time) []Effect {
	switch f.Kind {
	case Received:
		return m.arrive(f, s, now)
	case Read, Replied:
		return m.settle(Displayed, StateDisplayed, f.Basis, "displayed", f, now)
	case Bounced:
		return m.settle(Failed, StateFailed, ByError, "cancelled", f, now)
	case Retracted:
		return m.settle(Cancelled, StateCancelled, first(f.Basis, ByCommand), "retracted", f, now)
	case Stopped:
		return m.settle(Cancelled, StateCancelled, ByCommand, "cancelled", f, now)
	case Stored:
		m.Marks |= StoredOffline
	case Corrected:
		return m.correct(f)
	case Rang:
		return m.ring(s, now)
	case Forced:
		return m.force(s)
	case Texted:
		return m.texted(now)
	case Sent, Deferred: // another copy; a temporary error: nothing new
	}
	return nil
}

// Begin makes the message of a Sent fact, with its first alarm, and the notice "unknown" if nothing can be known.
func Begin(f Fact, ord int64, s Settings, now Time) (Message, []Effect) {
	m := Message{Ord: ord, Key: f.Key, Marks: f.Marks, Resource: f.Resource, Lang: f.Lang, SentAt: f.At, Hint: f.Hint, Text: f.Text}
	m.schedule(s)
	if s.Delivery || s.Reading {
		return m, nil
	}
	return m, m.tell(StateUnknown, "", now)
}

func (m *Message) arrive(f Fact, s Settings, now Time) []Effect {
	if m.Status >= Delivered {
		return nil
	}
	m.Status, m.DeliveredAt = Delivered, f.At
	m.schedule(s)
	var further State
	if !s.Reading && m.Hint.Until != UntilDelivered {
		further = StateUnknown
	}
	effects := m.say(StateDelivered, f.Basis, f.At, further)
	if m.Marks.Has(TimedOutUndelivered) {
		effects = append(effects, Effect{Kind: Arrived})
	}
	return effects
}

// settle ends the message. One that is settled already only joins the status: nothing more is said about it.
func (m *Message) settle(status Status, state State, basis Basis, reason string, f Fact, now Time) []Effect {
	if m.Status.Settled() {
		m.Status = max(m.Status, status)
		return nil
	}
	m.Status, m.SettledAt, m.Due, m.Why, m.Text = status, now, 0, WhySettled, ""
	effects := m.tell(state, basis, f.At)
	return append(effects, Effect{Kind: Settle, Reason: reason})
}

// correct refreshes the text: the alarm stays (XEP-0308: a correction is the same message).
func (m *Message) correct(f Fact) []Effect {
	if m.Status.Settled() {
		return nil
	}
	m.Text = f.Text
	m.Marks = m.Marks&^(Encrypted|NoStore|Sealed) | f.Marks&(Encrypted|NoStore|Sealed)
	return []Effect{{Kind: Refresh}}
}

// ring is the alarm: whatever is due at now happens, in order.
func (m *Message) ring(s Settings, now Time) []Effect {
	if m.Status.Settled() || m.Due == 0 {
		return nil
	}
	m.schedule(s) // the policy may have changed since, and what is known about the recipient
	var effects []Effect
	for m.Due != 0 && m.Due <= now {
		if !m.inChain() {
			effects = append(effects, m.timeOut(now)...)
		} else if effect, ok := m.step(s, now); ok {
			effects = append(effects, effect...)
		} else {
			return effects // the prompt must wait: Due says until when
		}
		m.schedule(s)
	}
	return effects
}

func (m *Message) timeOut(now Time) []Effect {
	mark, state := TimedOutUnread, StateTimeoutUnread
	if m.Status == Pending && m.Marks.Has(ExpectsDelivery) {
		mark, state = TimedOutUndelivered, StateTimeoutUndelivered
	}
	m.Marks |= mark
	m.TimeoutAt, m.Step, m.Why = now, 0, ""
	return m.tell(state, ByTimer, now)
}

// step does the next step of the chain. It reports false if that step has to wait.
func (m *Message) step(s Settings, now Time) ([]Effect, bool) {
	index := int(m.Step)
	step := s.Steps[index]
	skip := step.On != "" && step.On != m.timedOut() || s.Priority < step.From
	if m.Marks.Has(PromptingEnded) && step.Do != DoStatus {
		skip = true
	}
	if skip || step.Do == DoStatus && step.After == 0 { // the timeout itself was just told
		m.Step++
		return nil, true
	}
	switch step.Do {
	case DoStatus:
		m.Step++
		return m.tell(m.timedOut(), ByTimer, now), true
	case DoPrompt:
		why := s.refuses()
		if why == "" && s.Hold > now {
			m.Due, m.Why = s.Hold, s.Held
			return nil, false
		}
		m.Step++
		if m.Why = why; why != "" {
			return nil, true
		}
		return []Effect{{Kind: Prompting}}, true
	default:
		m.Step++
		return []Effect{{Kind: Do, Step: index}}, true
	}
}

// refuses says why a message of these settings is not prompted about, or "".
func (s Settings) refuses() Why {
	switch {
	case s.Mode == Never:
		return WhyNeverMode
	case s.Muted:
		return WhyMuted
	}
	return s.Refuse
}

// force escalates now, by command: the sender's own word goes before times, mode and chain.
func (m *Message) force(s Settings) []Effect {
	if m.Status.Settled() {
		return nil
	}
	m.Marks |= OutOfTurn
	m.Marks &^= PromptingEnded
	return []Effect{{Kind: Prompting}}
}

func (m *Message) texted(now Time) []Effect {
	first := !m.Marks.Has(Escalated)
	m.Marks |= Escalated | PromptingEnded
	if m.Status.Settled() || !first {
		return nil
	}
	return m.tell(StateEscalated, ByCommand, now)
}

// schedule sets the message's one alarm from what is known, or the reason why there is none.
func (m *Message) schedule(s Settings) {
	if m.Marks &^= ExpectsDelivery | ExpectsReading; s.Delivery {
		m.Marks |= ExpectsDelivery
	}
	if s.Reading {
		m.Marks |= ExpectsReading
	}
	kept := m.Why
	m.Due, m.Why = m.next(s)
	if m.Why == WhyTimedOut && kept != "" {
		m.Why = kept // why the chain led to no prompt
	}
}

func (m *Message) next(s Settings) (Time, Why) {
	switch {
	case m.Status.Settled():
		return 0, WhySettled
	case !s.Watch:
		return 0, WhyOptedOut
	case m.inChain():
		if int(m.Step) < len(s.Steps) {
			return m.TimeoutAt.Add(s.Steps[m.Step].After), ""
		}
		return 0, WhyTimedOut
	case m.Status == Pending && s.Delivery && s.UndeliveredAfter > 0:
		return m.SentAt.Add(s.UndeliveredAfter), ""
	case s.Reading && s.UnreadAfter > 0 && (m.Status == Delivered || !s.Delivery):
		if m.Marks.Has(TimedOutUndelivered) {
			return m.DeliveredAt.Add(s.UnreadAfter), ""
		}
		return m.SentAt.Add(s.UnreadAfter), ""
	case m.Hint.Until == UntilDelivered && m.Status == Delivered:
		return 0, WhyUntilReached
	case m.Marks.Has(Sealed):
		return 0, WhyMaybeHidden
	case m.Status == Delivered:
		return 0, WhyNoMarkers
	}
	return 0, WhyNotAsked
}

// inChain reports whether a timeout of the message's present status was reached, so that the chain goes on from it.
func (m *Message) inChain() bool {
	return m.Marks.Has(TimedOutUnread) || m.Status == Pending && m.Marks.Has(TimedOutUndelivered)
}

// timedOut returns the newest timeout.
func (m *Message) timedOut() State {
	if m.Marks.Has(TimedOutUnread) {
		return StateTimeoutUnread
	}
	return StateTimeoutUndelivered
}

func (m *Message) tell(state State, basis Basis, at Time) []Effect {
	return m.say(state, basis, at, "")
}

func (m *Message) say(state State, basis Basis, at Time, further State) []Effect {
	n := &m.Notice
	n.Seq++
	n.State, n.Basis, n.At, n.Further = state, basis, at, further
	return []Effect{{Kind: Tell, Notice: *n}}
}
