// Package hints tells servers how to treat a message (XEP-0334).
package hints

import "encoding/xml"

// NS is the namespace of all hints.
const NS = "urn:xmpp:hints"

// Store asks the server to keep a message that it might otherwise not store (XEP-0334 §4.4).
type Store struct {
	XMLName xml.Name `xml:"urn:xmpp:hints store"`
}

// NoStore forbids keeping the message anywhere, in archives and offline storage alike (XEP-0334 §4.2).
type NoStore struct {
	XMLName xml.Name `xml:"urn:xmpp:hints no-store"`
}

// NoCopy forbids delivering the message to any resource but the addressed one (XEP-0334 §4.3).
type NoCopy struct {
	XMLName xml.Name `xml:"urn:xmpp:hints no-copy"`
}
