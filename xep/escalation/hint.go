package escalation

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Until is the point up to which a message is to be watched.
type Until string

const (
	UntilDelivered Until = "delivered"
	UntilDisplayed Until = "displayed"
	UntilNone      Until = "none"
)

// Valid reports whether u is a value of the protocol.
func (u Until) Valid() bool {
	return slices.Contains([]Until{UntilDelivered, UntilDisplayed, UntilNone}, u)
}

// Priority is the urgency of a message.
type Priority string

const (
	Low    Priority = "low"
	Normal Priority = "normal"
	High   Priority = "high"
	Urgent Priority = "urgent"
)

// Valid reports whether p is a value of the protocol.
func (p Priority) Valid() bool { return slices.Contains([]Priority{Low, Normal, High, Urgent}, p) }

// Mode is what should happen after a timeout.
type Mode string

const (
	Ask   Mode = "ask"
	Auto  Mode = "auto"
	Never Mode = "never"
)

// Valid reports whether m is a value of the protocol.
func (m Mode) Valid() bool { return slices.Contains([]Mode{Ask, Auto, Never}, m) }

// malformed replaces an attribute that is present but empty, so that Check can tell it from a missing one.
const malformed = "?"

// Track is the sender's hint in their own message. Missing attributes are "".
type Track struct {
	XMLName  xml.Name `xml:"urn:tocsin:escalation:0 track"`
	Until    Until    `xml:"until,attr,omitempty"`
	Timeout  string   `xml:"timeout,attr,omitempty"` // seconds
	Priority Priority `xml:"priority,attr,omitempty"`
	Escalate Mode     `xml:"escalate,attr,omitempty"`
}

// UnmarshalXML implements xml.Unmarshaler. Only broken XML is an error: Check validates the values.
func (t *Track) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	type plain Track
	own(&start)
	for i := range start.Attr {
		if start.Attr[i].Value == "" {
			start.Attr[i].Value = malformed
		}
	}
	return d.DecodeElement((*plain)(t), &start)
}

// Check returns why the whole hint is void, nil if it is valid.
func (t Track) Check() error {
	switch {
	case t.Until != "" && !t.Until.Valid():
		return errors.New("invalid until")
	case t.Priority != "" && !t.Priority.Valid():
		return errors.New("invalid priority")
	case t.Escalate != "" && !t.Escalate.Valid():
		return errors.New("invalid escalate")
	}
	if _, ok := digits(t.Timeout); t.Timeout != "" && !ok {
		return fmt.Errorf("invalid timeout: %w", errDigits)
	}
	return nil
}

// Seconds returns the timeout in seconds, 0 if it is missing or malformed.
func (t Track) Seconds() int {
	n, _ := digits(t.Timeout)
	return n
}

var errDigits = errors.New("not a positive number of at most 9 digits")

// digits parses a positive number of one to nine plain digits; ok is false for everything else.
func digits(s string) (n int, ok bool) {
	if len(s) > 9 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, _ = strconv.Atoi(s)
	return n, n > 0
}
