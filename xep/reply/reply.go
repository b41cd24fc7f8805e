// Package reply is message replies (XEP-0461).
package reply

import "encoding/xml"

// NS is the namespace of replies.
const NS = "urn:xmpp:reply:0"

// Reply names the message ID, written by To, that a message answers (XEP-0461 §3.1).
type Reply struct {
	XMLName xml.Name `xml:"urn:xmpp:reply:0 reply"`
	To      string   `xml:"to,attr,omitempty"`
	ID      string   `xml:"id,attr"`
}
