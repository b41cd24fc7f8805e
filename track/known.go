package track

// Standing is the sender's standing in the recipient's roster, from the recipient's side: the subscription of RFC 6121
// §2.1.2.5. A sender who is not in it has None.
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

// Stricter returns the standing that reveals less to the sender, if two sources disagree. Unknown loses.
func (s Standing) Stricter(other Standing) Standing {
	if s == StandingUnknown || other == StandingUnknown {
		return max(s, other)
	}
	return min(s, other)
}

// Sessions are the recipient's at the moment of sending, as counted by the recipient's server. The zero Sessions means that
// they are unknown; Known with zeros means that nobody is online.
type Sessions struct {
	Known       bool
	All         uint8 // 255: that many or more; the others likewise
	Managed     uint8 // they acknowledge what they receive (XEP-0198)
	Hibernating uint8 // of Managed: disconnected, but may be resumed
}

// There summarises the recipient's sessions at the time a message was sent.
type There uint8

const (
	ThereUnknown There = iota
	ThereNobody
	ThereManaged // all sessions acknowledge (XEP-0198)
	ThereMixed   // some don't
)

// There summarises the sessions.
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

// Live reports whether a client was online to receive the message.
func (s Sessions) Live() bool { return s.Known && s.All > s.Hibernating }

// Clients is the current knowledge about a user's clients, besides what was learned.
type Clients struct {
	Sessions Sessions // the known ones, where the tap does not count them with each message
	Markers  Ternary  // whether one of those online announces markers; No: all say that they don't
}
