package track

import "time"

// TextState is where an SMS of the component's own stands. States join by their rank, whatever order reports come in.
type TextState uint8

const (
	TextQueued     TextState = iota // nothing was sent
	TextSubmitting                  // a provider is being given it: it may be out at any moment
	TextUnsure                      // it may have been sent; a report is waited for
	TextDropped                     // it was not sent: there was no reason for it any more
	TextRefused                     // it was not sent: somebody said no, or no route was up
	TextLost                        // it may have been sent, and no report came in time
	TextTaken                       // a provider has taken it
	TextExpired                     // it was not delivered in time
	TextFailed                      // it will never be delivered
	TextDelivered                   // the phone has it
)

// Live reports whether the SMS may yet be sent, or is waited for: nobody is asked about its messages meanwhile. There is one
// live SMS of a conversation at most.
func (s TextState) Live() bool { return s <= TextUnsure }

// SMSState is what a sender is told of an SMS.
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
	TextAbout  TextKind = iota // messages of a conversation
	TextCode                   // a code that verifies a number: Sender and Recipient are its user
	TextAnswer                 // a word like STOP or START: there is no Sender, and Recipient is the number
	TextWhom                   // a reply of which nobody knows whom it answers: likewise
	TextTest                   // whether SMS arrive: likewise
)

// Text is one SMS of the component's own.
type Text struct {
	ID  string // 32 hexadecimal digits, unguessable: what providers are given as our reference
	Row int64  // from the same sequence as Message.Ord
	Conv
	State    TextState
	Kind     TextKind
	Messages []int64 // Ords, oldest first: those that it is about; TextCode: the Row of the Code
	Prompt   string  // the prompt that was answered by it, or ""
	Number   string  // E.164
	Body     string  // as its sender has written it, until it is sent; "": made of the messages
	Route    string  // that was tried last; TextTest: that is to be tried, or ""
	From     string  // the number or name that it was sent from, or TextAnswer, TextWhom: is to be
	Tag      int     // of its line
	Segments int     // 0 as long as nothing was sent
	Answered bool    // the provider has said that it has taken it
	Parts    int     // how many ids the provider has given it
	QueuedAt Time
	SentAt   Time // when a provider was last given it
	EndedAt  Time // when State was last changed for good
}

// PartKey names a part of an SMS as a provider does. Its ids are unique for one route only.
type PartKey struct{ Route, ID string }

// Part is a part of an SMS that is reported by itself.
type Part struct {
	PartKey
	Text  string // the SMS
	Row   int64  // of the SMS
	State TextState
}

// NoText is why no SMS of the component's own can be sent about a message: a prompt takes its place. Senders are not told.
type NoText string

const (
	NoSMS            NoText = "no-sms"     // the component sends none
	NoNumber         NoText = "no-number"  // none is bound
	Unverified       NoText = "unverified" // it is not confirmed
	NumberHidden     NoText = "hidden"     // from this sender
	SenderNotAllowed NoText = "who"        // this sender may not cause one
	Rejected         NoText = "rejected"   // the recipient's side has refused the sender
	OptedOut         NoText = "stopped"    // the number's owner wants none
	NoRoute          NoText = "no-route"   // its country, or no route fits
	NumberCap        NoText = "number-cap"
	SenderCap        NoText = "sender-cap"
	OverBudget       NoText = "budget"
)

// Who says whose messages may cause an SMS.
type Who string

const (
	WhoRoster    Who = "roster"    // those in the recipient's roster with a subscription from or both
	WhoConsented Who = "consented" // everybody, to numbers that are bound with consent
	WhoAll       Who = "all"
)

// SMSPolicy is the admin's part of the decisions on SMS of the component's own: the [sms] table of the config.
type SMSPolicy struct {
	Who          Who
	Verify       bool // a number that its user has bound counts only once it is confirmed
	PerNumberDay int  // SMS
	PerSenderDay int
	SegmentsDay  int // the budget
	Replies      Replies
	ReplyWindow  time.Duration // how long an SMS may be answered
	Code         CodePolicy
	Admins       []string // bare JIDs: who is told how the budget stands
	// Reaches reports whether there is a route for messages to a number. It depends on nothing else.
	Reaches func(e164 string) bool
}

// Usage is what decisions on SMS depend on, of the last day.
type Usage struct {
	Used     []Used            // SMS to the numbers and by the senders that are decided on, but those that were dropped
	Segments int               // of all
	Stopped  map[string]StopBy // of the numbers, those whose owners want no SMS
	Known    []string          // of the numbers, those that were sent an SMS before, as far as is remembered
	Lines    []LineUse         // by which the numbers were texted within MaxReplyWindow
}

// Used is one SMS.
type Used struct {
	Number, Sender string
	Kind           TextKind
	At             Time
}

// Stop says that the owner of a number wants no SMS, whoever that is, or, with By "", wants them again.
type Stop struct {
	Number string // E.164; it is stored as an HMAC
	At     Time
	By     StopBy
	Route  string // by which it came, or ""
}

// StopBy says by whom a number was stopped.
type StopBy string

const (
	StopBySMS      StopBy = "sms"      // a word like STOP, from the phone
	StopByProvider StopBy = "provider" // the provider has refused, because its list says so
	StopByAdmin    StopBy = "admin"
	StopByOwner    StopBy = "owner" // in the settings
)

const (
	// TextPatience is how long an SMS is tried that no route takes, and how long a report is waited for if it may have been
	// sent; then a person is asked.
	TextPatience = 2 * time.Minute
	// textLease is how long a prompt is held for the SMS that answers it, if nothing ends that sooner.
	textLease = 3 * TextPatience
)
