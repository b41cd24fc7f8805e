package escalation

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Encoding is the encoding of an SMS (3GPP TS 23.038).
type Encoding string

const (
	GSM7 Encoding = "gsm7"
	UCS2 Encoding = "ucs2"
)

// Escalate prompts the sender of the message ID to With to continue by SMS. Reason is one of the timeouts. With Test there
// is no such message: an admin is testing whether prompts arrive. With Sends, the component can be asked to send the SMS
// itself, if it knows a number; Tried is the outcome of one it has sent before: SMSFailed or SMSUnsure.
type Escalate struct {
	XMLName  xml.Name `xml:"urn:tocsin:escalation:0 escalate"`
	Prompt   string   `xml:"prompt,attr"`
	ID       string   `xml:"id,attr"`
	With     string   `xml:"with,attr"`
	Reason   State    `xml:"reason,attr,omitempty"`
	Priority Priority `xml:"priority,attr,omitempty"`
	Expires  Time     `xml:"expires,attr"`
	Test     bool     `xml:"test,attr,omitempty"`
	Doubt    Doubt    `xml:"doubt,attr,omitempty"`
	Sends    bool     `xml:"sends,attr,omitempty"`
	Tried    OwnSMS   `xml:"tried,attr,omitempty"`
	Number   *Number  `xml:"number"`
	Text     *Text    `xml:"text"`
	SMS      *SMS     `xml:"sms"`
	Via      *Via     `xml:"via"`
	Also     []Also   `xml:"also"`
}

// Number is the recipient's telephone number as a tel: URI.
type Number struct {
	URI string `xml:"uri,attr"`
}

// Text is the text of the SMS, empty for an encrypted message.
type Text struct {
	Lang  string `xml:"http://www.w3.org/XML/1998/namespace lang,attr,omitempty"`
	Value string `xml:",chardata"`
}

// SMS is the SMS as an sms: URI. Without a body it has neither Segments nor Encoding.
type SMS struct {
	URI      string   `xml:"uri,attr"`
	Segments int      `xml:"segments,attr,omitempty"`
	Encoding Encoding `xml:"encoding,attr,omitempty"`
}

// Via is another way to send the SMS: a chat through a gateway where the sender has an account, as an xmpp: URI.
type Via struct {
	URI string `xml:"uri,attr"`
}

// Also names another message of the same conversation that the prompt is about.
type Also struct {
	ID string `xml:"id,attr"`
}

// Withdrawal is the reason for withdrawing a prompt.
type Withdrawal string

const (
	BecauseDisplayed Withdrawal = "displayed"
	BecauseDelivered Withdrawal = "delivered"
	BecauseClaimed   Withdrawal = "claimed"
	BecauseAnswered  Withdrawal = "answered"
	BecauseSnoozed   Withdrawal = "snoozed"
	BecauseCancelled Withdrawal = "cancelled"
	BecauseExpired   Withdrawal = "expired"
	BecauseRetracted Withdrawal = "retracted"
)

// Valid reports whether w is a value of the protocol.
func (w Withdrawal) Valid() bool {
	return slices.Contains([]Withdrawal{BecauseDisplayed, BecauseDelivered, BecauseClaimed, BecauseAnswered,
		BecauseSnoozed, BecauseCancelled, BecauseExpired, BecauseRetracted}, w)
}

// Withdraw tells a client to remove a prompt from the screen.
type Withdraw struct {
	XMLName xml.Name   `xml:"urn:tocsin:escalation:0 withdraw"`
	Prompt  string     `xml:"prompt,attr"`
	Reason  Withdrawal `xml:"reason,attr,omitempty"`
}

// Action is the sender's decision on a prompt.
type Action string

const (
	Claim   Action = "claim"
	Sent    Action = "sent"
	Decline Action = "declined"
	NotSent Action = "failed"
	Snooze  Action = "snooze"
	Send    Action = "send" // the component is to send the SMS itself
)

// Valid reports whether a is a value of the protocol.
func (a Action) Valid() bool {
	return slices.Contains([]Action{Claim, Sent, Decline, NotSent, Snooze, Send}, a)
}

// MaxText is the maximum length of an SMS text, in bytes.
const MaxText = 8192

// Answer is the sender's answer to a prompt.
type Answer struct {
	XMLName xml.Name `xml:"urn:tocsin:escalation:0 answer"`
	Prompt  string   `xml:"prompt,attr"`
	Action  Action   `xml:"action,attr"`
	For     string   `xml:"for,attr,omitempty"` // Snooze: seconds
	Text    string   `xml:"text,omitempty"`     // Send: the text as written by the sender; "": the component composes it
}

// UnmarshalXML implements xml.Unmarshaler. Only broken XML is an error.
func (a *Answer) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	type plain Answer
	return d.DecodeElement((*plain)(a), own(&start))
}

// Check returns why the answer is invalid (bad-request), nil if it is valid.
func (a Answer) Check() error {
	switch {
	case a.Prompt == "":
		return errors.New("missing prompt")
	case !a.Action.Valid():
		return errors.New("invalid action")
	}
	if len(a.Text) > MaxText {
		return fmt.Errorf("text of more than %d bytes", MaxText)
	}
	if _, ok := digits(a.For); a.Action == Snooze && !ok {
		return fmt.Errorf("invalid for: %w", errDigits)
	}
	return nil
}

// Pause returns the duration of a Snooze, 0 for every other action.
func (a Answer) Pause() time.Duration {
	if a.Action != Snooze {
		return 0
	}
	n, _ := digits(a.For)
	return time.Duration(n) * time.Second
}

// AlreadyDisplayed accompanies the error not-acceptable: the recipient has read the message meanwhile.
type AlreadyDisplayed struct {
	XMLName xml.Name `xml:"urn:tocsin:escalation:0 already-displayed"`
}

// Expired accompanies the error gone: the time for an answer is over.
type Expired struct {
	XMLName xml.Name `xml:"urn:tocsin:escalation:0 expired"`
}
