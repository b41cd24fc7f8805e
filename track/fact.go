package track

// FactKind is what a fact says.
type FactKind uint8

const (
	// Sent: a user wrote a message; with Fact.Passed it only takes its place in the order.
	Sent FactKind = iota
	// Received: the recipient's side has the message ID (receipt, ack).
	Received
	// Read: the recipient has read the message ID and every message before it (marker, XEP-0461 reply, reaction).
	Read
	// Replied: the recipient wrote to the sender: every earlier message that was delivered is read. No ID.
	Replied
	// Stored: the server keeps the message for a recipient who is away.
	Stored
	// Bounced: the recipient's side refused the message for good.
	Bounced
	// Deferred: a temporary error: noted, nothing changes.
	Deferred
	// Corrected: the sender replaced the text of message Original; ID is the correction's own.
	Corrected
	// Retracted: the sender took the message ID back.
	Retracted
	// Stopped: the sender, or an admin, stops the watching of message ID.
	Stopped
	// Forced: the sender wants message ID escalated now.
	Forced
	// Rang: the alarm of a message came due. Only Ord is set, and At: the instant it was set for.
	Rang
	// Texted: an SMS about the message was reported sent. Only Ord is set.
	Texted
	// Aged: the message is older than what is kept. Only Ord is set.
	Aged

	factKinds
)

// Fact is one thing that was observed about one message (or, for Read and Replied, about the messages up to one).
// Sender and Recipient are those of the message, not of the stanza that proves it: a receipt from Bob for Alice's
// message has Sender alice, Recipient bob.
type Fact struct {
	Kind FactKind
	Key
	Ord   int64 // for facts that come from inside: the row they are about
	At    Time  // when it was observed; by the tap's own <delay/> if it has one
	Basis Basis

	// Once: the tap tells of every message once (our Prosody module): the same id again is not another copy.
	Once bool
	// Passed: this Sent message is not watched, it only has a place in the order.
	Passed bool
	// Original is the id that a correction names.
	Original string
	// New content of Sent and Corrected.
	Resource string
	Lang     string
	Text     string // body, cut to the policy's limit; empty for encrypted messages
	Marks    Marks  // AsksReceipt, Markable, Encrypted, NoStore
	Hint     Hint
}

// Hint is what the sender asked for in the message itself (protocol §3). The zero Hint asks for nothing.
type Hint struct {
	Until    Until
	Timeout  int32 // seconds, 0: not given
	Priority Priority
	Escalate Mode
}

// Until is the point up to which a message is watched.
type Until uint8

const (
	UntilUnset Until = iota
	UntilDelivered
	UntilDisplayed
	UntilNone
)

// Priority is the urgency of a message; PriorityUnset is treated as normal.
type Priority uint8

const (
	PriorityUnset Priority = iota
	Low
	Normal
	High
	Urgent
)

// Mode is what happens after a timeout.
type Mode uint8

const (
	ModeUnset Mode = iota
	Ask
	Auto
	Never
)

// Why is the reason why a message has no alarm, or why its sender was not prompted. Explain says more.
type Why string

const (
	WhyNotAsked     Why = "not-asked"       // the message asked for no receipt and no marker
	WhyNoMarkers    Why = "no-markers"      // delivered, and the recipient is not known to send markers
	WhyMaybeHidden  Why = "maybe-hidden"    // receipts and markers may be inside the encryption
	WhyUntilReached Why = "until-delivered" // the hint asked for delivery only
	WhyTimedOut     Why = "timed-out"       // the timeout was told, the chain has no further step
	WhyPrompted     Why = "prompted"        // a prompt asks about it
	WhyEnded        Why = "prompting-ended" // declined or answered
	WhyExpired      Why = "prompt-expired"  // nobody answered the prompt in time
	WhyUnseen       Why = "prompt-unseen"   // nobody was there to be shown the prompt in time
	WhyNeverMode    Why = "mode-never"
	WhyMuted        Why = "muted"
	WhyQuiet        Why = "quiet-hours"
	WhyCap          Why = "cap"
	WhyPaused       Why = "paused"      // an admin paused all prompts
	WhyOptedOut     Why = "opted-out"   // the recipient is not to be watched
	WhyNotWatched   Why = "not-watched" // the policy or the message's hint leaves it out
	WhySettled      Why = "settled"

	// Only of Explain: the message has an alarm, and this is what it waits for.
	WhyAwaitsDelivery Why = "awaits-delivery"
	WhyAwaitsReading  Why = "awaits-reading"
	WhyNextStep       Why = "next-step" // of the chain
)
