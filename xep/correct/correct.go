// Package correct replaces the text of a sent message (XEP-0308).
package correct

import "encoding/xml"

// Replace says that its message takes the place of the sender's message whose stanza id is ID. In a chain of
// corrections ID is always that of the first message (XEP-0308 §4).
type Replace struct {
	XMLName xml.Name `xml:"urn:xmpp:message-correct:0 replace"`
	ID      string   `xml:"id,attr"`
}
