package track

import "time"

// Switch is a setting that may be unset.
type Switch uint8

const (
	Unset Switch = iota
	On
	Off
)

// Prefs are one user's settings; a zero field is not set.
type Prefs struct {
	JID              string
	Mode             Mode
	UndeliveredAfter time.Duration
	UnreadAfter      time.Duration
	Quiet            string // "22:00-07:00", as recipient
	Zone             string // IANA name
	Language         string // en, zh
	Text             string // message | notice
	Fallback         Switch // chat prompts to ordinary clients of this user
	Watch            Switch // Off: this user is never watched as a recipient
	Share            Share  // with whom a released number is shared
	Sync             Sync   // what it means if this user has displayed a message on one of their devices
	Gateway          string // a domain at which this user can send SMS by XMPP: clients are given links to it; "" for none
}

// recalled is a People that asks another one once for each user's clients: for one batch.
type recalled struct {
	People
	clients map[string]Clients
}

func recall(p People) recalled { return recalled{p, map[string]Clients{}} }

func (r recalled) Clients(bare string) Clients {
	known, ok := r.clients[bare]
	if !ok {
		known = r.People.Clients(bare)
		r.clients[bare] = known
	}
	return known
}

// Share restricts who may get a released number.
type Share uint8

const (
	ShareAll      Share = iota // every sender who is prompted to use it
	ShareContacts              // those in the owner's roster with a subscription from or both
)

// Sync is what it means if a recipient's devices synchronise that a message was displayed (XEP-0490). They tell nobody else,
// so it counts only if the recipient says so.
type Sync uint8

const (
	SyncOff   Sync = iota // nothing
	SyncQuiet             // nobody is alarmed or prompted, but nobody is told
	SyncTold              // it is read, like with a marker
)

// Contact is one user's settings about another.
type Contact struct {
	Owner, Contact string // bare JIDs
	Muted          bool   // no prompts about this contact
	Hidden         bool   // Owner's number is never given to Contact; Contact "" is everybody
}

// NumberSource is the origin of a number.
type NumberSource string

const (
	FromAdmin       NumberSource = "admin"
	FromAdminForced NumberSource = "admin-forced" // although it is not known to be a mobile number
	FromUser        NumberSource = "user"
	FromVCard       NumberSource = "vcard"
)

// Number is the phone number bound to a bare JID.
type Number struct {
	JID      string
	E164     string // "+8613800138000"
	Source   NumberSource
	Consent  bool // the owner, or the admin on their behalf, agreed that senders may see it
	Verified bool
	At       Time
}
