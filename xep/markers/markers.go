// Package markers has the elements of displayed markers (XEP-0333).
package markers

import "encoding/xml"

// NS is the namespace of displayed markers.
const NS = "urn:xmpp:chat-markers:0"

// Markable asks the recipient to mark the message when it is displayed (XEP-0333 §4.1).
type Markable struct {
	XMLName xml.Name `xml:"urn:xmpp:chat-markers:0 markable"`
}

// Displayed says that the message whose stanza id is ID, and every message before it, has been displayed
// (XEP-0333 §4.2).
type Displayed struct {
	XMLName xml.Name `xml:"urn:xmpp:chat-markers:0 displayed"`
	ID      string   `xml:"id,attr"`
}

// Received is the delivery marker of XEP-0333 before version 0.5: like a receipt.
type Received struct {
	XMLName xml.Name `xml:"urn:xmpp:chat-markers:0 received"`
	ID      string   `xml:"id,attr"`
}

// Acknowledged is the strongest marker of XEP-0333 before version 0.5: displayed and acted upon.
type Acknowledged struct {
	XMLName xml.Name `xml:"urn:xmpp:chat-markers:0 acknowledged"`
	ID      string   `xml:"id,attr"`
}
