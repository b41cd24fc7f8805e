package privilege

import "encoding/xml"

// Outgoing is the payload of a message that asks the server to send Message in a user's name (XEP-0356 §5.3). Use Send to
// create it.
type Outgoing struct {
	XMLName   xml.Name
	Forwarded Forwarded
}

// Forwarded holds the user's message (XEP-0297).
type Forwarded struct {
	XMLName xml.Name `xml:"urn:xmpp:forward:0 forwarded"`
	Message Message
}

// Message is sent in the name of From, which must be a bare JID of the server (XEP-0356 §5.1). Every Payload needs an
// XMLName.
type Message struct {
	XMLName xml.Name `xml:"jabber:client message"`
	From    string   `xml:"from,attr"`
	To      string   `xml:"to,attr"`
	ID      string   `xml:"id,attr,omitempty"`
	Type    string   `xml:"type,attr,omitempty"`
	Body    string   `xml:"body,omitempty"`
	Payload []any    `xml:",any"`
}

// Send returns the payload that makes a server send m; ns is the namespace it advertised.
func Send(ns string, m Message) Outgoing {
	return Outgoing{XMLName: xml.Name{Space: ns, Local: "privilege"}, Forwarded: Forwarded{Message: m}}
}
