package track

// texted records that an SMS was sent, or may have been. There are no more prompts about the message unless that turns out to
// be wrong.
func (m *Message) texted(f Fact, now Time) []Effect {
	news := !m.Marks.Has(Escalated)
	switch {
	case f.Basis != BySMS:
		m.Marks = m.Marks&^Texting | Escalated | PromptingEnded | ByPerson
	case f.SMS == SMSStateUnsure:
		m.Marks |= SMSTried
		news = news && m.Notice.SMS != SMSStateUnsure
	default:
		m.Marks = m.Marks&^(Texting|Wanted|Ordered|WantsSMS) | SMSTried | Escalated | PromptingEnded
		news = news || m.corrects(f.SMS)
	}
	if m.Marks.Has(PromptingEnded) && (m.Reason == ReasonTexting || m.Reason == ReasonPrompted && f.Basis == BySMS) {
		m.Reason = ReasonEnded
	}
	if m.Status.Settled() || !news {
		return nil
	}
	return m.notifySMS(first(f.Basis, ByCommand), f.SMS, now)
}

// textEnded records the outcome of the component's own SMS. If it did not arrive, the sender is prompted once, unless
// somebody has sent an SMS by hand or declined one.
func (m *Message) textEnded(f Fact, s Settings, now Time) []Effect {
	if f.SMS == SMSStateDelivered {
		if m.Status.Settled() || !s.Reveals || !m.corrects(f.SMS) {
			return nil // it would reveal that the phone is on
		}
		return m.notifySMS(BySMS, f.SMS, now)
	}
	waited, tried := m.Marks.Has(Texting), m.Marks.Has(SMSTried)
	m.Marks = m.Marks&^Texting | SMSTried
	if m.Status.Settled() || m.Marks&(ByPerson|Hushed) != 0 || !waited && !(tried && m.Marks.Has(Escalated)) {
		return nil
	}
	var effects []Effect
	if f.SMS == SMSStateFailed && m.corrects(f.SMS) {
		effects = m.notifySMS(BySMS, f.SMS, now)
	}
	if m.Marks.Has(Escalated) {
		m.Marks &^= Escalated | PromptingEnded
	}
	if m.Marks.Has(PromptingEnded) {
		m.Reason = ReasonEnded
		return effects
	}
	m.Marks |= Wanted
	m.Due, m.Reason = now, ""
	return effects
}

// corrects reports whether the latest notice is about the component's SMS, with another state.
func (m *Message) corrects(sms SMSState) bool {
	return m.Notice.State == StateEscalated && m.Notice.Basis == BySMS && m.Notice.SMS != sms
}

func (m *Message) notifySMS(basis Basis, sms SMSState, at Time) []Effect {
	m.notifyFurther(StateEscalated, basis, at, "")
	m.Notice.SMS = sms
	return []Effect{{Kind: Notify, Notice: m.Notice}}
}
