// Package retract takes sent messages back (XEP-0424).
package retract

import "encoding/xml"

const (
	// NS is the namespace of message retraction.
	NS = "urn:xmpp:message-retract:1"
	// NSOld is the namespace before version 0.4 of XEP-0424: there the id was in a wrapper of NSFasten (XEP-0422).
	NSOld    = "urn:xmpp:message-retract:0"
	NSFasten = "urn:xmpp:fasten:0"
)

// Retract takes back the sender's message whose stanza id is ID.
type Retract struct {
	XMLName xml.Name `xml:"urn:xmpp:message-retract:1 retract"`
	ID      string   `xml:"id,attr"`
}

// ApplyTo is the old form of a retraction. It is one only if Retract is not nil.
type ApplyTo struct {
	XMLName xml.Name `xml:"urn:xmpp:fasten:0 apply-to"`
	ID      string   `xml:"id,attr"`
	Retract *Old     `xml:"urn:xmpp:message-retract:0 retract"`
}

// Old is the empty element in an ApplyTo.
type Old struct{}
