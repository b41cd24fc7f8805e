// Package receipts has the two elements of message delivery receipts (XEP-0184).
package receipts

import "encoding/xml"

// NS is the namespace of delivery receipts.
const NS = "urn:xmpp:receipts"

// Request asks for a receipt. Its message must have an id (XEP-0184 §7).
type Request struct {
	XMLName xml.Name `xml:"urn:xmpp:receipts request"`
}

// Received says that the message whose stanza id is ID has arrived.
type Received struct {
	XMLName xml.Name `xml:"urn:xmpp:receipts received"`
	ID      string   `xml:"id,attr"`
}
