// Package escalation is the wire format of Tocsin's own protocol: the hint in a message, its status, the prompt to send an
// SMS, and the answer to it. docs/PROTOCOL.md describes it.
//
// Every element is a struct for encoding/xml. Unknown children and attributes are ignored.
package escalation

import (
	"encoding/xml"
	"fmt"
	"slices"
)

const (
	// NS is the namespace of all elements, and the feature of clients that show states and prompts, and of the
	// component.
	NS = "urn:tocsin:escalation:0"
	// NSSMS is the feature of clients that can open a composer for an SMS.
	NSSMS = NS + "#sms"
	// NSSync is the feature of a component that answers Sync.
	NSSync = NS + "#sync"
)

const (
	// MaxStatuses is the maximum number of Status in a digest.
	MaxStatuses = 50
	// MaxSync is the maximum number of Status in the response to a Sync.
	MaxSync = 100
)

// State is how far a message has come.
type State string

const (
	Pending            State = "pending"
	Unknown            State = "unknown"
	Delivered          State = "delivered"
	Displayed          State = "displayed"
	Failed             State = "failed"
	Cancelled          State = "cancelled"
	TimeoutUndelivered State = "timeout-undelivered"
	TimeoutUnread      State = "timeout-unread"
	Timeout            State = "timeout" // for a sender who may not tell the two timeouts apart
	Escalated          State = "escalated"
)

// Valid reports whether s is a state of the protocol.
func (s State) Valid() bool {
	return slices.Contains([]State{Pending, Unknown, Delivered, Displayed, Failed, Cancelled, TimeoutUndelivered,
		TimeoutUnread, Timeout, Escalated}, s)
}

// Basis is the evidence for a status.
type Basis string

const (
	ByReceipt  Basis = "receipt"
	ByMarker   Basis = "marker"
	ByReply    Basis = "reply"
	ByReaction Basis = "reaction"
	ByAck      Basis = "ack"
	ByOrder    Basis = "order"
	ByError    Basis = "error"
	ByTimer    Basis = "timer"
	ByCommand  Basis = "command"
	ByHint     Basis = "hint"
	BySMS      Basis = "sms"       // the component's own SMS
	BySMSReply Basis = "sms-reply" // an SMS from the recipient
)

// Valid reports whether b is a basis of the protocol.
func (b Basis) Valid() bool {
	return slices.Contains([]Basis{ByReceipt, ByMarker, ByReply, ByReaction, ByAck, ByOrder, ByError, ByTimer, ByCommand, ByHint, BySMS, BySMSReply}, b)
}

// Status tells the sender of the message ID to With how far it has come. Seq grows with every status of the message.
type Status struct {
	XMLName xml.Name `xml:"urn:tocsin:escalation:0 status"`
	ID      string   `xml:"id,attr"`
	With    string   `xml:"with,attr"`
	Seq     uint32   `xml:"seq,attr"`
	State   State    `xml:"state,attr"`
	Stamp   Time     `xml:"stamp,attr"`
	Basis   Basis    `xml:"basis,attr,omitempty"`
	Further State    `xml:"further,attr,omitempty"` // Unknown on a delivered message if no read confirmation is expected
	Doubt   Doubt    `xml:"doubt,attr,omitempty"`
	SMS     OwnSMS   `xml:"sms,attr,omitempty"` // with the basis BySMS
}

// OwnSMS is the outcome of an SMS that the component has sent itself.
type OwnSMS string

const (
	SMSSent      OwnSMS = "sent"      // a provider has accepted it
	SMSDelivered OwnSMS = "delivered" // it has reached the phone
	SMSFailed    OwnSMS = "failed"
	SMSUnsure    OwnSMS = "unsure" // it may have been sent
)

// Valid reports whether s is a state of the protocol.
func (s OwnSMS) Valid() bool {
	return slices.Contains([]OwnSMS{SMSSent, SMSDelivered, SMSFailed, SMSUnsure}, s)
}

// SMSReply is an SMS reply by With. ID is the newest message that it answers, if it is still known.
type SMSReply struct {
	XMLName xml.Name `xml:"urn:tocsin:escalation:0 sms-reply"`
	ID      string   `xml:"id,attr,omitempty"`
	With    string   `xml:"with,attr"`
	Text    string   `xml:"urn:tocsin:escalation:0 text"`
}

// Doubt is why a state may be out of date.
type Doubt string

// DoubtGap: evidence may have been lost on the way.
const DoubtGap Doubt = "gap"

// Statuses is a digest for a returning sender, with at most MaxStatuses.
type Statuses struct {
	XMLName xml.Name `xml:"urn:tocsin:escalation:0 statuses"`
	Status  []Status `xml:"urn:tocsin:escalation:0 status"`
}

// Fit returns how many of the first statuses fit into that many bytes of XML, but at least one if there are any: the lengths
// of ids and addresses are not under our control.
func Fit(list []Status, bytes int) int {
	for i := range list {
		b, err := xml.Marshal(list[i])
		if bytes -= len(b); err != nil || bytes < 0 {
			return max(i, 1)
		}
	}
	return len(list)
}

// Sync requests the statuses after a token, or returns them.
type Sync struct {
	XMLName  xml.Name `xml:"urn:tocsin:escalation:0 sync"`
	After    string   `xml:"after,attr,omitempty"`
	Max      string   `xml:"max,attr,omitempty"`
	Last     string   `xml:"last,attr,omitempty"`     // response: the token to continue from
	Complete bool     `xml:"complete,attr,omitempty"` // response: there are no more at present
	Status   []Status `xml:"urn:tocsin:escalation:0 status"`
}

// maxToken is the maximum length in bytes of a token accepted from a client.
const maxToken = 128

// UnmarshalXML implements xml.Unmarshaler.
func (s *Sync) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	type plain Sync
	return d.DecodeElement((*plain)(s), own(&start))
}

// Page returns how many statuses a request asks for: its max, but at most MaxSync, which is also the default. An error calls
// for bad-request.
func (s Sync) Page() (int, error) {
	if len(s.After) > maxToken {
		return 0, fmt.Errorf("after is longer than %d bytes", maxToken)
	}
	if s.Max == "" {
		return MaxSync, nil
	}
	n, ok := digits(s.Max)
	if !ok {
		return 0, fmt.Errorf("invalid max: %w", errDigits)
	}
	return min(n, MaxSync), nil
}

// own drops attributes of other namespaces, and their declarations: encoding/xml would confuse them with ours if their local
// names are equal.
func own(start *xml.StartElement) *xml.StartElement {
	start.Attr = slices.DeleteFunc(slices.Clone(start.Attr), func(a xml.Attr) bool { return a.Name.Space != "" })
	return start
}
