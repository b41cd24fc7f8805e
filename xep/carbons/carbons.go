// Package carbons keeps messages out of message carbons (XEP-0280).
package carbons

import "encoding/xml"

// Private forbids the server to make carbon copies of the message (XEP-0280 §9). It goes together with
// <no-copy/> (XEP-0334).
type Private struct {
	XMLName xml.Name `xml:"urn:xmpp:carbons:2 private"`
}
