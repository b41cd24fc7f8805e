package numbers

import "tocsin/track"

// Policy is the admin's part in deciding who is shown a number.
type Policy struct {
	Disclose track.Disclose
	VCards   bool // numbers.sources includes vcard
	Verify   bool // numbers.verify: numbers bound by users count only once confirmed
}

// Case is everything that a decision depends on.
type Case struct {
	Number   track.Number   // zero if none is known
	Owner    track.Prefs    // preferences of the recipient, who owns the number
	Hidden   bool           // the owner hides the number from the sender
	Standing track.Standing // of the sender in the owner's roster
}

// Reason is the reason why a number is not shown.
type Reason string

const (
	Shown        Reason = ""
	NoNumber     Reason = "no-number"
	OptedOut     Reason = "opted-out"
	Hidden       Reason = "hidden"
	NoContact    Reason = "no-contact"
	Unverified   Reason = "unverified"
	NotConsented Reason = "not-consented"
	VCardOnly    Reason = "vcard-only"
)

// Release decides whether the sender is shown the number, and returns the number or the reason why not. The first rule that applies
// decides; docs/design/numbers.md explains them.
func (p Policy) Release(c Case) (number string, why Reason) {
	n := c.Number
	vcard := n.Source == track.FromVCard
	switch {
	case n.E164 == "" || vcard && !p.VCards:
		return "", NoNumber
	case c.Owner.Watch == track.Off:
		return "", OptedOut
	case c.Hidden:
		return "", Hidden
	case c.Owner.Share == track.ShareContacts && !c.Standing.SeesPresence():
		return "", NoContact
	case p.Verify && n.Source == track.FromUser && !n.Verified:
		return "", Unverified
	case p.Disclose == track.DiscloseAll, p.Disclose == track.DiscloseRoster && c.Standing.SeesPresence():
		return n.E164, Shown
	case vcard: // its owner has not consented to anything
		return "", VCardOnly
	case n.Consent:
		return n.E164, Shown
	}
	return "", NotConsented
}
