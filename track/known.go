package track

// Standing is the sender's place in the recipient's roster, from the recipient's side: the subscription of RFC 6121
// §2.1.2.5. A contact who is not in it has None.
type Standing uint8

const (
	StandingUnknown Standing = iota // the server can't tell, or not cheaply
	StandingNone
	StandingTo   // the recipient sees the sender's presence
	StandingFrom // the sender may see the recipient's
	StandingBoth
)

// SeesPresence reports whether the recipient lets the sender see their presence.
func (s Standing) SeesPresence() bool { return s >= StandingFrom }

// Stricter returns the place by which the sender sees less, where two who know differ. Who does not know has no say.
func (s Standing) Stricter(other Standing) Standing {
	if s == StandingUnknown || other == StandingUnknown {
		return max(s, other)
	}
	return min(s, other)
}

// Sessions are the recipient's at the moment of sending, as the recipient's server counts them. The zero Sessions means
// that nobody told; nobody being there is Known with none of anything.
type Sessions struct {
	Known       bool
	All         uint8 // 255: that many or more; the others likewise
	Managed     uint8 // will acknowledge what they get (XEP-0198)
	Hibernating uint8 // of Managed: their client is away, and may come back to resume
}

// There is who of the recipient's sessions was there when a message was sent.
type There uint8

const (
	ThereUnknown There = iota
	ThereNobody
	ThereManaged // every session acknowledges what it gets (XEP-0198)
	ThereMixed   // not every one does
)

// There sums the sessions up.
func (s Sessions) There() There {
	switch {
	case !s.Known:
		return ThereUnknown
	case s.All == 0:
		return ThereNobody
	case s.Managed == s.All:
		return ThereManaged
	}
	return ThereMixed
}

// Live reports whether a client was there to be handed the message.
func (s Sessions) Live() bool { return s.Known && s.All > s.Hibernating }

// Clients is what is known of a user's clients now, beside what was learned.
type Clients struct {
	Sessions Sessions // those that are known of, where the tap does not count them at each message
	Markers  Ternary  // whether one of those there announces markers; No: all say that they don't
}
