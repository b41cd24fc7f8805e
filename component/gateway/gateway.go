// Package gateway says what every way to send an SMS has in common: what it is given, and what may come of it. The ways
// themselves are its subpackages; which of them is asked, and what follows, is decided elsewhere. It knows neither
// messages nor numbers' owners. docs/design/sms.md has the reasons.
package gateway

import (
	"context"
	"time"
)

// Gateway sends SMS by one route. Its methods may be called by several goroutines at once.
type Gateway interface {
	// Submit hands m to the provider, and returns when it is known what has become of that, or ctx ends.
	// It never returns before that because of a report or a reply: these come to the Sink, possibly earlier.
	Submit(ctx context.Context, m Submission) Answer
	// Check says whether the provider can be reached with the credentials given. It sends no SMS.
	Check(ctx context.Context) error
	// Up is false as long as nothing can be sent: a lost or refused bind, for one. Why is for a log: it has no secrets.
	Up() (up bool, why string)
}

// Runner is a Gateway that keeps a link of its own.
type Runner interface {
	// Run keeps the link until ctx ends, and closes it then. It returns when all of that is done.
	Run(ctx context.Context)
}

// Inbox is a Gateway that is reached by XMPP.
type Inbox interface {
	// Address is the domain whose messages are for it.
	Address() string
	// Take takes a message from there. It must not block: what may have to wait is in what it returns, unless that is nil.
	Take(in Incoming) func(context.Context) error
}

// Incoming is a message from a gateway on the server.
type Incoming struct {
	Local   string // who it is from there: a number with its plus
	ID      string // of the stanza
	Error   string // the condition, if it is an error: then ID is that of the message which was bounced
	Receipt string // the ID of a message that was received
	Text    string
}

// Sink takes what providers tell. Each method returns once that is durable: nil is what allows an answer of success to
// the provider. A repetition is no error.
type Sink interface {
	Reported(ctx context.Context, r Report) error
	Replied(ctx context.Context, r Reply) error
}

// Submission is one SMS.
type Submission struct {
	Ref      string // 32 hexadecimal digits, the same for each attempt: the key of idempotence, and what reports name
	To       string // E.164, with its plus
	From     string // a number with its plus, a short code, 1 to 11 letters, or "" for the route's own
	Text     string
	Language string        // of the text: "en", "zh"
	Validity time.Duration // what is not delivered by then is not to be delivered
	Code     bool          // the text is a code that verifies a number
	Params   Params        // what providers get that send templates of their own
}

// Params are the values of a provider's own template.
type Params struct {
	Sender string // bare JID
	Domain string // of the sender
	Code   string // "" but for codes
}

// Outcome is what has become of a submission.
type Outcome uint8

const (
	NotSent Outcome = iota // it is certain that nothing was sent; another route, or a later attempt, may send it
	Refused                // this number, or this text, never; no other route
	Stopped                // as Refused: the provider says that the number's owner has opted out
	Sent                   // the provider took it
	Unsure                 // it may have been sent
)

// Answer is what Submit returns.
type Answer struct {
	Outcome Outcome
	IDs     []string      // Sent: the provider's ids, one for each part that is reported; none when it gives none
	Wait    time.Duration // NotSent: how long the whole route is to be left alone; 0 is the caller's own choice
	Class   string        // for logs and metrics: few values, without number, text or secret ("timeout", "429", "throttled")
}

// State is what a report says.
type State uint8

const (
	Accepted  State = iota // the network took it: it is on its way
	Delivered              // the phone has it
	Failed                 // it never will
	Expired                // not within its validity
)

// Report says what became of an SMS, or of one of its parts. Ref or ID may be "", not both.
type Report struct {
	Route string
	Ref   string
	ID    string
	State State
}

// Reply is an SMS that came from a phone.
type Reply struct {
	Route string
	ID    string // the provider's, or what stands for it: the same for a repetition
	From  string // as the provider has it
	To    string // the number that was written to; "" if it isn't told
	Text  string
}
