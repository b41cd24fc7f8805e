// Package reactions is reactions to messages (XEP-0444).
package reactions

import "encoding/xml"

// NS is the namespace of reactions.
const NS = "urn:xmpp:reactions:0"

// Reactions are all of a sender's reactions to the message ID: they replace earlier ones, and an empty list removes all
// (XEP-0444 §4.1).
type Reactions struct {
	XMLName xml.Name `xml:"urn:xmpp:reactions:0 reactions"`
	ID      string   `xml:"id,attr"`
	Emoji   []string `xml:"reaction"`
}
