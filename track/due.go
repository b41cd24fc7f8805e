package track

// schedule sets the message's alarm from what is known, or the reason why there is none.
func (m *Message) schedule(s Settings, now Time) {
	if m.Marks &^= ExpectsDelivery | ExpectsReading; s.Delivery {
		m.Marks |= ExpectsDelivery
	}
	if s.Reading {
		m.Marks |= ExpectsReading
	}
	m.Expects = Expectation{Delivery: s.Expectation.Delivery, Reading: s.Expectation.Reading}
	kept := m.Reason
	m.Due, m.Reason = m.next(s)
	if m.inChain() && kept != "" {
		m.Reason = kept // the outcome of the chain so far, up to the next timeout
	}
	if m.Marks.Has(Wanted) {
		m.Due = now
	}
}

// next is the next instant of the timeouts and the chain, or the reason why there is none.
func (m *Message) next(s Settings) (Time, Reason) {
	switch {
	case m.Status.Settled():
		return 0, ReasonSettled
	case m.inChain():
		if int(m.Step) < len(s.Steps) {
			return m.TimeoutAt.Add(s.Steps[m.Step].After), ""
		}
		return 0, ReasonTimedOut
	case m.Marks.Has(Hushed):
		return 0, ReasonOptedOut
	case m.Status == Pending && s.awaitsDelivery():
		return max(m.SentAt.Add(s.undeliveredAfter()), s.Until), ""
	case s.Reading && s.UnreadAfter > 0:
		if m.Marks.Has(TimedOutUndelivered) && !s.Reveals {
			return 0, ReasonTimedOut // a second one would reveal that it was delivered
		}
		if m.Marks.Has(TimedOutUndelivered) {
			return m.DeliveredAt.Add(s.UnreadAfter), ""
		}
		return m.SentAt.Add(s.UnreadAfter), ""
	case m.Hint.Until == UntilDelivered && m.Status == Delivered:
		return 0, ReasonUntilReached
	case m.Status == Delivered || s.Expectation.Delivery.Expected():
		return 0, first(s.Expectation.Reading.row().reason, ReasonNoMarkers)
	}
	return 0, first(s.Expectation.Delivery.row().reason, ReasonNotAsked)
}

// inChain reports whether a timeout of the message's present status was reached, so that the chain goes on from it.
func (m *Message) inChain() bool {
	return m.Marks.Has(TimedOutUnread) || m.Status == Pending && m.Marks.Has(TimedOutUndelivered)
}

// overdue reports whether the message is a reason to do something, by its times or by command.
func (m *Message) overdue() bool { return m.inChain() || m.Marks.Has(OutOfTurn) }
