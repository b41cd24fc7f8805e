package track

import "time"

// TextState is the state of an SMS that the component sends. States are ordered: a report can only raise it, so reports may
// come in any order.
type TextState uint8

const (
	TextQueued     TextState = iota // nothing was sent
	TextSubmitting                  // being passed to a provider: it may have been sent
	TextUnsure                      // it may have been sent; a report is awaited
	TextDropped                     // not sent: no longer needed
	TextRefused                     // not sent: rejected, or no route was up
	TextLost                        // it may have been sent; no report came in time
	TextTaken                       // accepted by a provider
	TextExpired                     // not delivered in time
	TextFailed                      // permanently undeliverable
	TextDelivered                   // on the phone
)

// Live reports whether the SMS may yet be sent, or a report about it is awaited. Meanwhile there are no prompts about its
// messages. A conversation has at most one live SMS.
func (s TextState) Live() bool { return s <= TextUnsure }

// SMSState is the state of an SMS as reported to the sender of the message.
type SMSState string

const (
	SMSStateSent      SMSState = "sent"
	SMSStateDelivered SMSState = "delivered"
	SMSStateFailed    SMSState = "failed"
	SMSStateUnsure    SMSState = "unsure"
)

// TextKind is what an SMS is about.
type TextKind uint8

const (
	TextAbout  TextKind = iota // about messages of a conversation
	TextCode                   // a code to verify a number: Sender and Recipient are its user
	TextAnswer                 // the answer to STOP or START: no Sender, Recipient is the number
	TextWhom                   // the answer to an ambiguous reply: likewise
	TextTest                   // an admin's test: likewise
	TextHelp                   // the answer to HELP: likewise
)

// IsAnswer reports whether it is an automatic answer to an incoming SMS.
func (k TextKind) IsAnswer() bool { return k == TextAnswer || k == TextWhom || k == TextHelp }

// Text is one SMS that the component sends.
type Text struct {
	ID  string // 32 hexadecimal digits, unguessable: our reference to providers
	Row int64  // from the same sequence as Message.Ord
	Conv
	State    TextState
	Kind     TextKind
	Messages []int64 // Ords of the messages it is about, oldest first; TextCode: the Row of the Code
	Prompt   string  // the prompt it answers, or ""
	Number   string  // E.164
	Body     string  // as written by the sender, until it is sent; "": composed from the messages
	Route    string  // the last one tried; TextTest: the one to try, or ""
	From     string  // the number or name it was sent from; an answer: or is to be sent from
	Tag      int     // of its Line
	Segments int     // 0 until something is sent
	Answered bool    // the provider has confirmed that it accepted it
	Parts    int     // number of ids the provider has assigned
	QueuedAt Time
	SentAt   Time // when it was last passed to a provider
	EndedAt  Time // when it stopped being Live
}

// PartKey identifies a part of an SMS by the provider's id, which is unique within a route only.
type PartKey struct{ Route, ID string }

// Part is a part of an SMS with reports of its own.
type Part struct {
	PartKey
	Text  string // the SMS
	Row   int64  // of the SMS
	State TextState
}

// NoText is the reason why the component cannot send an SMS about a message; a prompt takes its place. It is not disclosed to
// senders.
type NoText string

const (
	NoSMS            NoText = "no-sms"     // the component sends none
	NoNumber         NoText = "no-number"  // no number is bound
	Unverified       NoText = "unverified" // the number is not confirmed
	NumberHidden     NoText = "hidden"     // from this sender
	SenderNotAllowed NoText = "who"        // this sender is not allowed to cause one
	Rejected         NoText = "rejected"   // the recipient's side rejects the sender
	OptedOut         NoText = "stopped"    // the owner of the number has opted out
	NoRoute          NoText = "no-route"   // no route for this number
	NumberCap        NoText = "number-cap"
	SenderCap        NoText = "sender-cap"
	OverBudget       NoText = "budget"
)

// Who restricts whose messages may cause an SMS.
type Who string

const (
	WhoRoster    Who = "roster"    // contacts in the recipient's roster with a subscription "from" or "both"
	WhoConsented Who = "consented" // everybody, for numbers bound with consent
	WhoAll       Who = "all"
)

// SMSPolicy is the admin's policy for SMS that the component sends: the [sms] table of the config.
type SMSPolicy struct {
	Who          Who
	Verify       bool // numbers bound by users must be confirmed
	PerNumberDay int  // SMS
	PerSenderDay int
	SegmentsDay  int // the budget
	Replies      Replies
	ReplyWindow  time.Duration // how long an SMS can be replied to
	Code         CodePolicy
	Admins       []string // bare JIDs: who is notified about the budget
	// Reaches reports whether there is a route for messages to a number. It depends on the number alone.
	Reaches func(e164 string) bool
}

// Usage is the recent use of SMS that decisions depend on: of the last day unless noted otherwise.
type Usage struct {
	Used     []Used            // SMS to the numbers and by the senders in question, except dropped ones
	Segments int               // of all SMS
	Stopped  map[string]StopBy // the numbers whose owners want no SMS
	Known    []string          // the numbers that were sent an SMS before, as far as is stored
	Lines    []LineUse         // used for SMS to the numbers within MaxReplyWindow
}

// Used is one SMS.
type Used struct {
	Number, Sender string
	Kind           TextKind
	At             Time
}

// Stop records that the owner of a number wants no SMS, from anybody, or with By "" that they want SMS again.
type Stop struct {
	Number string // E.164; it is stored as an HMAC
	At     Time
	By     StopBy
	Route  string // on which it arrived, or ""
}

// StopBy is the origin of a stop.
type StopBy string

const (
	StopBySMS      StopBy = "sms"      // a word like STOP, from the phone
	StopByProvider StopBy = "provider" // the number is on the provider's opt-out list
	StopByAdmin    StopBy = "admin"
	StopByOwner    StopBy = "owner" // in the settings
)

const (
	// TextPatience is how long an SMS waits for a route, and how long a report is awaited for one that may have been sent.
	// After that, the sender is prompted.
	TextPatience = 2 * time.Minute
	// textLease is the longest time a prompt stays claimed for the SMS that answers it.
	textLease = 3 * TextPatience
)
