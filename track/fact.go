package track

// FactKind is what a fact says.
type FactKind uint8

const (
	// Sent: a user wrote a message; with Fact.Passed it only takes its place in the order.
	Sent FactKind = iota
	// Received: the recipient's side has the message ID (receipt, ack), and by order every message before it.
	Received
	// Read: the recipient has read the message ID and every message before it (marker, XEP-0461 reply, reaction).
	Read
	// Replied: the recipient wrote to the sender: every earlier message that reached a client is read. No ID.
	Replied
	// Stored: the server keeps the message for a recipient who is away.
	Stored
	// Bounced: the recipient's side returned the message for good. It may be the doing of one device.
	Bounced
	// Deferred: a temporary error: noted, nothing changes.
	Deferred
	// Corrected: the sender replaced the text of message Original; ID is the correction's own.
	Corrected
	// Retracted: the sender took the message ID back.
	Retracted
	// Stopped: the sender, or an admin, stops the watching of message ID, or its recipient's account was deleted (by Ord).
	Stopped
	// Forced: the sender wants message ID escalated now.
	Forced
	// AlarmFired: the alarm of a message came due. Only Ord is set, and At: the instant it was set for.
	AlarmFired
	// SMSSent: an SMS about the message was reported sent by a person; or, with the basis BySMS, the component's own was taken
	// by a provider, or may have been: SMS says which. Only Ord is set.
	SMSSent
	// SMSEnded: what became of the component's own SMS after that, or that there is none: SMS is SMSStateDelivered, SMSStateFailed,
	// or "" for one that was not sent. Only Ord is set.
	SMSEnded
	// Aged: the message is older than what is kept. Only Ord is set.
	Aged
	// Handed: it was written to a session without stream management, which will acknowledge nothing. Resource is that
	// session's.
	Handed
	// Unacked: a session ended before it acknowledged the message: what it was handed may be lost. Resource is that
	// session's.
	Unacked
	// Synced: the recipient has read the message ID and every message before it, and has told their own devices (XEP-0490).
	Synced
	// Dropped: the server threw it away and tells its sender nothing (a block list).
	Dropped
	// RosterChanged: the sender's place in the recipient's roster is Standing from now on. No ID.
	RosterChanged
	// Named: the recipient's archive has the message ID under ArchiveID.
	Named

	factKinds
)

// String names the kind, for logs.
func (k FactKind) String() string {
	names := [factKinds]string{
		Sent: "sent", Received: "received", Read: "read", Replied: "replied", Stored: "stored", Bounced: "bounced", Deferred: "deferred",
		Corrected: "corrected", Retracted: "retracted", Stopped: "stopped", Forced: "forced", AlarmFired: "alarm-fired", SMSSent: "sms-sent", SMSEnded: "sms-ended",
		Aged: "aged", Handed: "handed", Unacked: "unacked", Synced: "synced", Dropped: "dropped", RosterChanged: "roster-changed", Named: "named",
	}
	if k >= factKinds {
		return "?"
	}
	return names[k]
}

// Fact is one thing that was observed about one message (or, for Read and Replied, about the messages up to one).
// Sender and Recipient are those of the message, not of the stanza that proves it: a receipt from Bob for Alice's
// message has Sender alice, Recipient bob.
type Fact struct {
	Kind FactKind
	Key
	Ord   int64 // for facts that come from inside: the row they are about, in place of Key
	At    Time  // when it was observed; by the tap's own <delay/> if it has one
	Basis Basis

	SMS   SMSState // of SMSSent and SMSEnded
	Acked bool     // of ByOrder: what arrived later was acked
	// Once: the tap tells of every message once (our Prosody module): the same id again is not another copy.
	Once bool
	// Passed: this Sent message is not watched, it only has a place in the order.
	Passed bool
	// Original is the id that a correction names.
	Original string
	// Refusal: this Bounced says that the recipient doesn't want the message, or its sender.
	Refusal bool
	// OriginID is another id by which the sender's client names a Sent or Corrected message, ArchiveID the one by which the
	// recipient's archive does (XEP-0359), of Named, too. Either may be empty.
	OriginID, ArchiveID string
	// Archived: this Stored message is in the archive only: nobody gets it but by asking for it (XEP-0313).
	Archived bool
	// WrittenAt is when a Replied was written, if that was earlier than At: it answers nothing that was sent after it.
	WrittenAt Time
	// Standing and Sessions are what only the server knows, of a Sent message, where the tap tells of it; Standing of
	// RosterChanged, too.
	Standing Standing
	Sessions Sessions
	// New content of Sent and Corrected. Resource is the sender's; of evidence, of Handed and of Unacked the recipient's.
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

// Reason is the reason why a message has no alarm, or why its sender was not prompted. Explain says more.
type Reason string

const (
	ReasonNotAsked     Reason = "not-asked"       // the message asked for no receipt and no marker
	ReasonNoMarkers    Reason = "no-markers"      // delivered, and the recipient is not known to send markers
	ReasonNoReceipts   Reason = "no-receipts"     // the recipient is not known to confirm anything to this sender
	ReasonNeverConfirm Reason = "never-confirms"  // the recipient reads, and sends no receipts
	ReasonNotMarkable  Reason = "not-markable"    // delivered, and the message asks for no marker
	ReasonNeverMarks   Reason = "never-marks"     // the recipient answers, and sends no markers
	ReasonHanded       Reason = "handed-over"     // to a client that confirms nothing
	ReasonFetched      Reason = "fetched"         // the recipient's client has come, and confirms nothing
	ReasonMaybeHidden  Reason = "maybe-hidden"    // receipts and markers may be inside the encryption
	ReasonUntilReached Reason = "until-delivered" // the hint asked for delivery only
	ReasonTimedOut     Reason = "timed-out"       // the timeout was told, the chain has no further step
	ReasonPrompted     Reason = "prompted"        // a prompt asks about it
	ReasonTexting      Reason = "texting"         // an SMS about it is on its way
	ReasonEnded        Reason = "prompting-ended" // declined or answered
	ReasonExpired      Reason = "prompt-expired"  // nobody answered the prompt in time
	ReasonUnseen       Reason = "prompt-unseen"   // nobody was there to be shown the prompt in time
	ReasonNeverMode    Reason = "mode-never"
	ReasonMuted        Reason = "muted"
	ReasonQuiet        Reason = "quiet-hours"
	ReasonCap          Reason = "cap"
	ReasonPaused       Reason = "paused"      // an admin paused all prompts
	ReasonOptedOut     Reason = "opted-out"   // the recipient is not to be watched
	ReasonNotWatched   Reason = "not-watched" // the policy or the message's hint leaves it out
	ReasonSettled      Reason = "settled"

	// Only of Explain: the message has an alarm, and this is what it waits for.
	ReasonAwaitsDelivery Reason = "awaits-delivery"
	ReasonAwaitsReading  Reason = "awaits-reading"
	ReasonNextStep       Reason = "next-step" // of the chain
	ReasonWithheld       Reason = "withheld"  // whatever it is, it is the recipient's own affair
)
