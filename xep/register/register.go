// Package register is in-band registration with a service (XEP-0077), for services that ask for a phone number.
package register

import "encoding/xml"

// NS is the namespace of in-band registration.
const NS = "jabber:iq:register"

// Query is the payload of every registration IQ. In the result of a get it holds the fields to fill in: Instructions, the
// legacy field Phone with its current value, and the same as a data form (XEP-0077 §4). In a set it holds either of these
// filled in, or Remove. F is the type of data forms.
type Query[F any] struct {
	XMLName      xml.Name `xml:"jabber:iq:register query"`
	Registered   *Flag    `xml:"registered"`
	Remove       *Flag    `xml:"remove"`
	Instructions string   `xml:"instructions,omitempty"`
	Phone        *string  `xml:"phone"`
	Form         *F       `xml:"jabber:x:data x"`
}

// Flag is an empty element.
type Flag struct{}
