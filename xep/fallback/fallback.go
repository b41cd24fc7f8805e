// Package fallback marks text meant only for clients that do not support an extension (XEP-0428).
package fallback

import (
	"encoding/xml"
	"strings"
)

// NS is the namespace of fallback indications.
const NS = "urn:xmpp:fallback:0"

// Fallback says that a text is a fallback for the extension whose namespace is For: the body as described by Body if that is
// set, otherwise every text of the message.
type Fallback struct {
	XMLName xml.Name `xml:"urn:xmpp:fallback:0 fallback"`
	For     string   `xml:"for,attr,omitempty"`
	Body    *Part    `xml:"body"`
}

// Part is a part of a text, in code points; without Start and End it is the whole text (XEP-0428 §3).
type Part struct {
	Start *uint `xml:"start,attr,omitempty"`
	End   *uint `xml:"end,attr,omitempty"`
}

// Body says that the body is a fallback for the extension of namespace ns.
func Body(ns string) *Fallback { return &Fallback{For: ns, Body: &Part{}} }

// Cut returns a body without the parts that are a fallback for an extension.
func Cut(body string, all ...Fallback) string {
	var own strings.Builder
	at := uint(0)
	for _, r := range body {
		if !covered(at, all) {
			own.WriteRune(r)
		}
		at++
	}
	return own.String()
}

func covered(at uint, all []Fallback) bool {
	for _, f := range all {
		switch p := f.Body; {
		case p == nil || p.Start == nil && p.End == nil:
			return true
		case (p.Start == nil || *p.Start <= at) && (p.End == nil || at < *p.End):
			return true
		}
	}
	return false
}
