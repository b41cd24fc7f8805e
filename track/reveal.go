package track

import (
	"slices"
	"time"
)

// Reveals reports whether the sender of a message may distinguish undelivered from unread, which reveals whether the
// recipient was online: the recipient lets them see their presence, or has agreed to be called by them, or the admin says so
// (protocol §4). consents means that the recipient has a number bound with consent, refused that the recipient's side
// refuses the sender's messages: to a blocked sender the recipient is offline (XEP-0191 §3.3), also regarding earlier
// messages. A sender who may not distinguish them does not learn what only the recipient's server knows (an ack), gets one
// timeout, at one time, and a single reason for everything on the recipient's side.
func (p *Policy) Reveals(who Parties, standing Standing, consents, refused bool) bool {
	switch {
	case who.Recipient.Watch == Off, refused:
		return false
	case p.Reveal == RevealAll, standing.SeesPresence():
		return true
	}
	return consents && !who.Hidden && who.Recipient.Share == ShareAll
}

// needsConsent reports whether consent to a number may matter for a Received.
func (l *Ledger) needsConsent(f *Fact, known *thread) bool {
	switch {
	case l.policy.Reveal == RevealAll:
		return false
	case known == nil || f.isSecret():
		return true
	}
	return slices.ContainsFunc(known.rows, func(m *Message) bool { return m.Marks.Has(TimedOutUndelivered) })
}

// isSecret reports whether a proof of delivery comes only from the server, or follows from such a proof: the sender sees
// nothing of it otherwise.
func (f *Fact) isSecret() bool { return f.Basis == ByAck || f.Acked }

// undeliveredAfter is when a message counts as undelivered after sending: for senders who may not distinguish the timeouts,
// not before it would count as unread.
func (s Settings) undeliveredAfter() time.Duration {
	if !s.Reveals {
		return max(s.UndeliveredAfter, s.UnreadAfter)
	}
	return s.UndeliveredAfter
}
