// Package fallback marks text that is there only for clients that do not know an extension (XEP-0428).
package fallback

import "encoding/xml"

// NS is the namespace of fallback indications.
const NS = "urn:xmpp:fallback:0"

// Fallback says that a text stands in for the extension whose namespace is For: the body if Body is set, else every
// text of the message.
type Fallback struct {
	XMLName xml.Name `xml:"urn:xmpp:fallback:0 fallback"`
	For     string   `xml:"for,attr,omitempty"`
	Body    *Whole   `xml:"body"`
}

// Whole stands for the whole of a text.
type Whole struct{}

// Body says that the body stands in for the extension of namespace ns.
func Body(ns string) *Fallback { return &Fallback{For: ns, Body: &Whole{}} }
