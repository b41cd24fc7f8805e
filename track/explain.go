package track

import "time"

// Reason answers the sender's question "why was I not prompted about this message?" (protocol §8, watching).
type Reason struct {
	Why   Why
	Until Time           // the message's next alarm, or the end of what holds a prompt back; 0: nothing will happen by itself
	Zone  *time.Location // of WhyQuiet: the zone of the quiet hours, in which Until should be told
	Whose Tier           // of WhyNeverMode and WhyQuiet: whose setting it is
}

// Explain says how a watched message stands at now. Its settings may have been resolved without knowledge of the
// recipient's clients: what that came to stands in the message.
func Explain(m *Message, s Settings, now Time) Reason {
	inChain := m.inChain()
	decided := inChain && m.Why != "" // at its last alarm
	switch {
	case m.Status.Settled():
		return Reason{Why: WhySettled}
	case !s.Watch:
		return Reason{Why: s.Unwatched}
	case m.Why == WhyPrompted:
		return Reason{Why: WhyPrompted, Until: m.Due}
	case m.Why == WhyQuiet && m.Due > now:
		return Reason{Why: WhyQuiet, Until: first(s.Quiet.Until(now), m.Due), Zone: s.Quiet.Zone, Whose: s.QuietOf}
	case m.Marks.Has(Wanted):
		return Reason{Why: first(m.Why, WhyNextStep), Until: m.Due}
	case m.Marks.Has(PromptingEnded):
		return Reason{Why: WhyEnded, Until: m.Due}
	case m.Due == 0 && !inChain:
		return Reason{Why: m.Why}
	case s.Mode == Never && (!decided || m.Why == WhyNeverMode):
		return Reason{Why: WhyNeverMode, Until: m.Due, Whose: s.ModeOf}
	case s.Muted && (!decided || m.Why == WhyMuted):
		return Reason{Why: WhyMuted, Until: m.Due}
	case decided:
		return Reason{Why: m.Why, Until: m.Due}
	case inChain:
		return Reason{Why: WhyNextStep, Until: m.Due}
	case m.Status == Pending && m.Marks.Has(ExpectsDelivery):
		return Reason{Why: WhyAwaitsDelivery, Until: m.Due}
	}
	return Reason{Why: WhyAwaitsReading, Until: m.Due}
}
