package track

import (
	"slices"
	"time"
)

// Reveals reports whether the sender of a message may tell undelivered from unread, which says whether the recipient is there:
// the recipient lets them see their presence, or has agreed to be called by them, or the admin says so (protocol §4).
// consents says that a number is bound to the recipient with consent, refused that the recipient's side refuses what the sender
// writes: to who is blocked the recipient is not there (XEP-0191 §3.3), of what was sent before that neither. To who may not know, what the
// server alone knows of the recipient (an ack) is not told, both timeouts are one, at one time, and reasons of the recipient's are
// one word.
func (p *Policy) Reveals(who Parties, standing Standing, consents, refused bool) bool {
	switch {
	case who.Recipient.Watch == Off, refused:
		return false
	case p.Reveal == RevealAll, standing.SeesPresence():
		return true
	}
	return consents && !who.Hidden && who.Recipient.Share == ShareAll
}

// asksConsent reports whether it may matter for a Received whether the recipient has bound a number with consent.
func (l *Ledger) asksConsent(f *Fact, known *thread) bool {
	switch {
	case l.policy.Reveal == RevealAll:
		return false
	case known == nil || f.isSecret():
		return true
	}
	return slices.ContainsFunc(known.rows, func(m Message) bool { return m.Marks.Has(TimedOutUndelivered) })
}

// isSecret reports whether a proof of delivery is the server's own, or follows from one: the sender sees nothing of it otherwise.
func (f *Fact) isSecret() bool { return f.Basis == ByAck || f.Acked }

// undeliveredAfter is when after sending a message counts as undelivered: for who may not tell the timeouts apart no sooner than
// it would count as unread.
func (s Settings) undeliveredAfter() time.Duration {
	if !s.Reveals {
		return max(s.UndeliveredAfter, s.UnreadAfter)
	}
	return s.UndeliveredAfter
}
