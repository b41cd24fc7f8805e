package track

import "time"

// Explanation answers the sender's question "why was I not prompted about this message?" (protocol §8, watching).
type Explanation struct {
	Reason Reason
	Until  Time           // the message's next alarm, or the end of what holds a prompt back; 0: nothing will happen by itself
	Zone   *time.Location // of ReasonQuiet: the zone of the quiet hours, in which to show Until
	Whose  Tier           // of ReasonNeverMode and ReasonQuiet: whose setting it is
	Rule   Rule           // of ReasonAwaitsDelivery and ReasonAwaitsReading: the rule by which a proof is expected
}

// Explain explains the state of a watched message at now. Its settings may have been resolved without knowledge of the
// recipient's clients: the resulting decision is stored in the message.
func Explain(m *Message, s Settings, now Time) Explanation {
	inChain := m.inChain()
	decided := inChain && m.Reason != "" // at its last alarm
	switch {
	case m.Status.Settled():
		return Explanation{Reason: ReasonSettled}
	case !s.Watch:
		return Explanation{Reason: s.Unwatched}
	case m.Marks.Has(Texting):
		return Explanation{Reason: ReasonTexting}
	case m.Reason == ReasonPrompted:
		return Explanation{Reason: ReasonPrompted, Until: m.Due}
	case m.Reason == ReasonQuiet && m.Due > now:
		return Explanation{Reason: ReasonQuiet, Until: first(s.Quiet.Until(now), m.Due), Zone: s.Quiet.Zone, Whose: s.QuietOf}
	case m.Marks.Has(Wanted):
		return Explanation{Reason: first(m.Reason, ReasonNextStep), Until: m.Due}
	case m.Marks.Has(PromptingEnded):
		return Explanation{Reason: ReasonEnded, Until: m.Due}
	case m.Due == 0 && !inChain:
		return Explanation{Reason: m.Reason}
	case s.Mode == Never && (!decided || m.Reason == ReasonNeverMode):
		return Explanation{Reason: ReasonNeverMode, Until: m.Due, Whose: s.ModeOf}
	case s.Muted && (!decided || m.Reason == ReasonMuted):
		return Explanation{Reason: ReasonMuted, Until: m.Due}
	case decided:
		return Explanation{Reason: m.Reason, Until: m.Due}
	case inChain:
		return Explanation{Reason: ReasonNextStep, Until: m.Due}
	case m.Status == Pending && m.Marks.Has(ExpectsDelivery):
		return Explanation{Reason: ReasonAwaitsDelivery, Until: m.Due, Rule: m.Expects.Delivery}
	}
	return Explanation{Reason: ReasonAwaitsReading, Until: m.Due, Rule: m.Expects.Reading}
}

// Merged is the explanation for a sender who may know neither whether the recipient was online nor the recipient's quiet
// hours and time zone.
func (e Explanation) Merged() Explanation {
	switch e.Reason {
	case ReasonHanded, ReasonFetched:
		e.Reason = ReasonNoReceipts
	case ReasonAwaitsDelivery:
		e.Reason, e.Rule = ReasonAwaitsReading, NoRule
	case ReasonOptedOut:
		return Explanation{Reason: ReasonWithheld}
	case ReasonQuiet:
		if e.Whose == TierRecipient {
			return Explanation{Reason: ReasonWithheld}
		}
	}
	switch e.Rule {
	case RuleStored, RuleAcknowledges:
		e.Rule = NoRule
	}
	return e
}
