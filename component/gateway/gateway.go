// Package gateway defines what all SMS gateways have in common: submissions, their outcomes, reports and replies. Its
// subpackages implement gateways; package texts chooses between routes and acts on outcomes. It knows nothing about messages
// or the owners of numbers. docs/design/sms.md explains the design. The subpackages have the
// tests.
package gateway

import (
	"context"
	"time"
)

// Gateway sends SMS by one route. Its methods are safe for concurrent use.
type Gateway interface {
	// Submit hands m to the provider, and returns when the outcome is known or ctx ends. Reports and replies go to the Sink,
	// possibly before Submit returns.
	Submit(ctx context.Context, m Submission) Answer
	// Check checks that the provider can be reached and accepts the credentials. It sends no SMS.
	Check(ctx context.Context) error
	// Up is false while nothing can be sent, for example without an SMPP bind. why is safe to log: it contains no secrets.
	Up() (up bool, why string)
}

// Runner is a Gateway that maintains a link of its own.
type Runner interface {
	// Run maintains the link until ctx ends, then closes it and returns.
	Run(ctx context.Context)
}

// Faulter is a Gateway without a link of its own: whether it works shows only when an SMS is submitted.
type Faulter interface {
	// Fault returns the class of the last answer if that says that the route does not work, rather than being busy, or "".
	Fault() string
}

// Inbox is a Gateway that is reached over XMPP.
type Inbox interface {
	// Address is the gateway's domain.
	Address() string
	// Receive handles a message from that domain. It must not block: work that may block is in the function it returns, or nil.
	Receive(in Incoming) func(context.Context) error
}

// Incoming is a message from an XMPP gateway.
type Incoming struct {
	Local   string // localpart of the sender: a number with its plus
	ID      string // of the stanza
	Error   string // the condition, if it is an error; ID is then that of the bounced message
	Receipt string // the ID of a message that was received
	Text    string
}

// Sink receives reports and replies from providers. Its methods return once these are durable; only after nil may success be
// reported to the provider. Repetitions are not errors.
type Sink interface {
	Reported(ctx context.Context, r Report) error
	Replied(ctx context.Context, r Reply) error
}

// Submission is one SMS.
type Submission struct {
	Ref      string // 32 hexadecimal digits, the same for every attempt: idempotency key, and reference in reports
	To       string // E.164, with its plus
	From     string // a number with its plus, a short code, 1 to 11 letters, or "" for the route's default
	Text     string
	Language string        // of the text: "en", "zh"
	Validity time.Duration // after that the SMS must not be delivered any more
	Code     bool          // the text contains a code that confirms a number
	Params   Params        // for providers that only send their own templates
}

// Params are the values for a provider's own template.
type Params struct {
	Sender string // bare JID
	Domain string // of the sender
	Code   string // "" except for codes
}

// Outcome is the outcome of a submission.
type Outcome uint8

const (
	NotSent Outcome = iota // certainly not sent: another route, or a later attempt, may send it
	Refused                // this number or text will never be accepted: no other route may try
	Stopped                // refused because the number's owner has opted out at the provider
	Sent                   // the provider has accepted it
	Unsure                 // it may have been sent
)

// Answer is what Submit returns.
type Answer struct {
	Outcome Outcome
	IDs     []string      // Sent: the provider's ids, one for each part that gets its own reports; may be empty
	Wait    time.Duration // NotSent: how long the whole route is to be left alone; 0: the caller decides
	Class   string        // for logs and metrics, of low cardinality; without number, text or secret ("timeout", "429", "throttled")
}

// State is the state of an SMS in a report.
type State uint8

const (
	Accepted  State = iota // the network has accepted it
	Delivered              // the phone has it
	Failed                 // it will never be delivered
	Expired                // not delivered within its validity
)

// Report reports the state of an SMS, or of one of its parts. Ref or ID may be "", but not both.
type Report struct {
	Route string
	Ref   string
	ID    string
	State State
}

// Reply is an SMS from a phone.
type Reply struct {
	Route string
	ID    string // the provider's, or a substitute; the same in a repetition
	From  string // as the provider writes it
	To    string // the number it was sent to; "" if unknown
	Text  string
}
