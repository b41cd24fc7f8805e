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

// Sessions are the recipient's at the moment of sending, as the recipient's server counts them. The zero Sessions means
// that nobody told; nobody being there is Known with none of anything.
type Sessions struct {
	Known       bool
	All         uint8 // 255: that many or more; the others likewise
	Managed     uint8 // speak XEP-0198
	Hibernating uint8 // of Managed: their client is away, and may come back to resume
	Inactive    uint8 // of Managed: their client said that nobody looks (XEP-0352), and the server holds back
}

// AllManaged reports whether somebody is there, and every session acknowledges what it gets.
func (s Sessions) AllManaged() bool { return s.Known && s.All > 0 && s.Managed == s.All }
