package track

// timedOut returns the newest timeout.
func (m *Message) timedOut() State {
	if m.Marks.Has(TimedOutUnread) {
		return StateTimeoutUnread
	}
	return StateTimeoutUndelivered
}

// standing is the state of an unsettled message, regardless of prompts and SMS.
func (m *Message) standing() State {
	switch {
	case m.inChain():
		return m.timedOut()
	case m.Status == Delivered:
		return StateDelivered
	}
	return StatePending
}

func (m *Message) notify(state State, basis Basis, at Time) []Effect {
	return m.notifyFurther(state, basis, at, "")
}

func (m *Message) notifyFurther(state State, basis Basis, at Time, further State) []Effect {
	return []Effect{m.report(state, basis, at, further)}
}

// report makes the message's next notice.
func (m *Message) report(state State, basis Basis, at Time, further State) Effect {
	n := &m.Notice
	n.Seq++
	n.State, n.Basis, n.At, n.Further, n.SMS = state, basis, at, further, ""
	return Effect{Kind: Notify, Notice: *n}
}
