// Package adhoc is the responder's side of ad-hoc commands (XEP-0050): it manages the sessions, so that a command is a
// function from one form to the next.
//
// F is the type of data forms; encoding/xml must be able to read and write it.
package adhoc

import "encoding/xml"

// NS is the namespace of commands, and the disco node that lists them.
const NS = "http://jabber.org/protocol/commands"

// Action is the requested action (XEP-0050 §4.1).
type Action string

const (
	Execute  Action = "execute" // the default action of the stage; "" is the same
	Next     Action = "next"
	Prev     Action = "prev"
	Complete Action = "complete"
	Cancel   Action = "cancel"
)

// Status is the state of a command (XEP-0050 §4.1).
type Status string

const (
	Executing Status = "executing"
	Completed Status = "completed"
	Canceled  Status = "canceled"
)

// Payload is the <command/> of an IQ, in both directions.
type Payload[F any] struct {
	XMLName   xml.Name `xml:"http://jabber.org/protocol/commands command"`
	Node      string   `xml:"node,attr"`
	SessionID string   `xml:"sessionid,attr,omitempty"`
	Action    Action   `xml:"action,attr,omitempty"`
	Status    Status   `xml:"status,attr,omitempty"`
	Lang      string   `xml:"http://www.w3.org/XML/1998/namespace lang,attr,omitempty"`
	Actions   *Actions `xml:"http://jabber.org/protocol/commands actions"`
	Notes     []Note   `xml:"http://jabber.org/protocol/commands note"`
	Form      *F       `xml:"jabber:x:data x"`
}

// Actions lists what the requester may do next (XEP-0050 §4.2). Cancel is always allowed.
type Actions struct {
	Execute  Action `xml:"execute,attr,omitempty"`
	Prev     *Flag  `xml:"prev"`
	Next     *Flag  `xml:"next"`
	Complete *Flag  `xml:"complete"`
}

// Flag is an empty element.
type Flag struct{}

// actions returns the element for allowed actions, the first of which is the default. It always names the default, which
// would otherwise be "next", allowed or not (XEP-0050 §3.4).
func actions(allow []Action) *Actions {
	a := &Actions{Execute: allow[0]}
	for _, action := range allow {
		switch action {
		case Prev:
			a.Prev = &Flag{}
		case Next:
			a.Next = &Flag{}
		case Complete:
			a.Complete = &Flag{}
		}
	}
	return a
}

// Severity is the type of a Note.
type Severity string

const (
	Info  Severity = "info"
	Warn  Severity = "warn"
	Fault Severity = "error"
)

// Note is a line for the person at the client (XEP-0050 §4.3).
type Note struct {
	Type Severity `xml:"type,attr,omitempty"`
	Text string   `xml:",chardata"`
}
