package track

// FactKind is the kind of a fact.
type FactKind uint8

const (
	// Sent: a user wrote a message; with Fact.Passed it only takes its position in the order.
	Sent FactKind = iota
	// Received: the recipient's side has the message ID (receipt, ack) and, by order, every message before it.
	Received
	// Read: the recipient has read the message ID and every message before it (marker, XEP-0461 reply, reaction).
	Read
	// Replied: the recipient wrote to the sender: every earlier message that reached a client is read. No ID.
	Replied
	// Stored: the server stores the message for a recipient who is offline.
	Stored
	// Bounced: the recipient's side rejected the message permanently. It may be a single device that did.
	Bounced
	// Deferred: a temporary error: changes nothing.
	Deferred
	// Corrected: the sender replaced the text of message Original; ID is the correction's own.
	Corrected
	// Retracted: the sender retracted the message ID.
	Retracted
	// Stopped: the sender, or an admin, stopped the watching of message ID, or its recipient's account was deleted (by Ord).
	Stopped
	// Forced: the sender wants message ID escalated now.
	Forced
	// AlarmFired: the alarm of a message came due. Only Ord is set, and At: the instant for which it was set.
	AlarmFired
	// SMSSent: a person reported that an SMS about the message was sent; or, with the basis BySMS, a provider accepted the
	// component's own, or may have: SMS says which. Only Ord is set.
	SMSSent
	// SMSEnded: the later fate of the component's own SMS, or that none was sent: SMS is SMSStateDelivered, SMSStateFailed,
	// or "" for one that was not sent. Only Ord is set.
	SMSEnded
	// Aged: the message is past its retention. Only Ord is set.
	Aged
	// Handed: it was written to a session without stream management, which will not acknowledge it. Resource is that
	// session's.
	Handed
	// Unacked: a session ended before it acknowledged the message, which may be lost. Resource is that session's.
	Unacked
	// Synced: the recipient has read the message ID and every message before it, as synchronised between their own devices
	// (XEP-0490).
	Synced
	// Dropped: the server discarded it without telling its sender (a block list).
	Dropped
	// RosterChanged: the sender's standing in the recipient's roster is Standing from now on. No ID.
	RosterChanged
	// Named: the recipient's archive has the message ID under ArchiveID.
	Named

	factKinds
)

// String returns the name of the kind, for logs.
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

// Fact is one observation about one message (or, for Read and Replied, about the messages up to one). Sender and Recipient
// are those of the message, not of the stanza that proves it: a receipt from Bob for Alice's message has Sender alice,
// Recipient bob.
type Fact struct {
	Kind FactKind
	Key
	Ord   int64 // for internal facts: the row they are about, instead of Key
	At    Time  // when it was observed; by the tap's own <delay/> if there is one
	Basis Basis

	SMS   SMSState // of SMSSent and SMSEnded
	Acked bool     // of ByOrder: what arrived later was acknowledged
	// Once: the tap reports every message once (our Prosody module): the same id again is not another copy.
	Once bool
	// Passed: this Sent message is not watched, it only takes a position in the order.
	Passed bool
	// Original is the id of the corrected message.
	Original string
	// Refusal: this Bounced says that the recipient rejects the message, or its sender.
	Refusal bool
	// OriginID is another id that the sender's client gave a Sent or Corrected message, ArchiveID the recipient's archive's
	// (XEP-0359), also of Named. Either may be empty.
	OriginID, ArchiveID string
	// Archived: this Stored message is only in the archive: clients get it only on request (XEP-0313).
	Archived bool
	// WrittenAt is when a Replied was written, if that was earlier than At: it answers nothing that was sent after it.
	WrittenAt Time
	// Standing and Sessions are what only the server knows about a Sent message, if the tap reports it; Standing also of
	// RosterChanged.
	Standing Standing
	Sessions Sessions
	// New content of Sent and Corrected. Resource is the sender's; for evidence, Handed and Unacked it is the recipient's.
	Resource string
	Lang     string
	Text     string // body, cut to the policy's limit; empty for encrypted messages
	Marks    Marks  // AsksReceipt, Markable, Encrypted, NoStore
	Hint     Hint
}

// Hint is what the sender requested in the message itself (protocol §3). The zero Hint requests nothing.
type Hint struct {
	Until    Until
	Timeout  int32 // seconds; 0: not given
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

// Mode is what should happen after a timeout.
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
	ReasonNotAsked     Reason = "not-asked"       // the message requested neither receipt nor marker
	ReasonNoMarkers    Reason = "no-markers"      // delivered, and the recipient is not known to send markers
	ReasonNoReceipts   Reason = "no-receipts"     // the recipient is not known to confirm anything to this sender
	ReasonNeverConfirm Reason = "never-confirms"  // the recipient reads, but sends no receipts
	ReasonNotMarkable  Reason = "not-markable"    // delivered, and the message does not request a marker
	ReasonNeverMarks   Reason = "never-marks"     // the recipient answers, but sends no markers
	ReasonHanded       Reason = "handed-over"     // to a client that confirms nothing
	ReasonFetched      Reason = "fetched"         // the recipient's client has connected, but confirms nothing
	ReasonMaybeHidden  Reason = "maybe-hidden"    // receipts and markers may be inside the encryption
	ReasonUntilReached Reason = "until-delivered" // the hint asked to watch until delivery only
	ReasonTimedOut     Reason = "timed-out"       // the timeout was reported, and the chain has no further step
	ReasonPrompted     Reason = "prompted"        // a prompt asks about it
	ReasonTexting      Reason = "texting"         // an SMS about it is on its way
	ReasonEnded        Reason = "prompting-ended" // declined or answered
	ReasonExpired      Reason = "prompt-expired"  // nobody answered the prompt in time
	ReasonUnseen       Reason = "prompt-unseen"   // in time, nobody was online to be shown the prompt
	ReasonNeverMode    Reason = "mode-never"
	ReasonMuted        Reason = "muted"
	ReasonQuiet        Reason = "quiet-hours"
	ReasonCap          Reason = "cap"
	ReasonPaused       Reason = "paused"      // an admin paused all prompts
	ReasonOptedOut     Reason = "opted-out"   // the recipient opted out
	ReasonNotWatched   Reason = "not-watched" // excluded by the policy or the message's hint
	ReasonSettled      Reason = "settled"

	// Only for Explain: the message has an alarm, and this is what it waits for.
	ReasonAwaitsDelivery Reason = "awaits-delivery"
	ReasonAwaitsReading  Reason = "awaits-reading"
	ReasonNextStep       Reason = "next-step" // of the chain
	ReasonWithheld       Reason = "withheld"  // private to the recipient
)
