package track

import (
	"errors"
	"fmt"
)

// ErrFenced is returned by a store whose holder is no longer the one live instance: nothing of the batch was written.
var ErrFenced = errors.New("another instance has taken over")

// ErrRefused is returned by a store that works and can't take what it was given: trying again will not help.
var ErrRefused = errors.New("rejected by the database")

// BehindError is returned by a store whose database has lost commits that it had acknowledged: a replica that did not have
// them was promoted, or a backup was restored. What is in memory is ahead of it.
type BehindError struct{ Commits int64 }

func (e *BehindError) Error() string {
	return fmt.Sprintf("the database has lost %d commits", e.Commits)
}

// Want names what a batch of facts touches, so that the store can load it in few queries.
// The store may load more than is wanted, never less.
type Want struct {
	Keys    []Key    // rows of these keys, newest first per key, with the originals of aliases
	Open    []Conv   // all watched rows of these conversations that are Pending, Delivered or Failed
	Ords    []int64  // these rows, and for their conversations what Open, Senders and Peers load
	Prompts []string // these prompts, with all their messages, and for their conversations what Pairs loads
	Rows    []int64  // the same, by Prompt.Row
	Senders []string // all open prompts of these senders, with all their messages
	Of      []string // all watched rows of these senders that are Pending or Delivered
	Peers   []string // what is known about the clients of these bare JIDs
	Pairs   []Conv   // what these recipients have shown to these senders
	// Recipients are those of whom it matters which number is bound to them; those of Ords do, too.
	Recipients []string
	// Texts are these SMS by ID, with all their messages, and for their conversations what Ords load but Peers and Opened; Parts those
	// that these parts are of. The live one of a conversation is also loaded for Ords, Prompts and Rows.
	Texts []string
	Parts []PartKey
	// Phones are numbers: the SMS to them that were queued within MaxReplyWindow, with what Texts have. Replies are those of which it
	// matters whether they were taken in.
	Phones  []string
	Replies []ReplyKey
	// Codes asks for the newest code of users, for CodeUse, and for the SMS to these users that are on their way. Those that SMS are about
	// are loaded with these.
	Codes []CodeKey
	// Usage is wanted of these numbers, too, if SMS is.
	Numbers []string
	Alerts  []Alert // when they were told last; those about the budget are loaded with SMS
	// SMS asks for what a decision on SMS needs, for what Ords, Prompts and Texts are about: numbers, who has stopped, usage.
	SMS bool
}

// Loaded is what the store found. Messages and prompts that belong together are both there: a prompt's messages,
// and the live prompt of every loaded message that names one. A row stands here once, however often it was wanted.
type Loaded struct {
	Messages []Message
	Prompts  []Prompt
	Peers    []Peer
	Pairs    []Pair
	Numbers  []Number // of Want.Recipients
	Open     []Conv   // Want.Open: every message that it names is there
	// The prompts that count for the caps of the conversations of Want.Ords, Want.Prompts and Want.Senders.
	Opened []Opened
	Texts  []Text
	Parts  []Part // all of Texts
	Seen   []ReplyKey
	Codes  []Code
	Alerts []Alerted
	Usage
	CodeUse
}

// Opened is one prompt that was opened in the last 24 hours and shown to somebody (its Shown is not empty). At is its
// OpenedAt. PromptCapped and PromptReminded are no prompts: they count for what they say.
type Opened struct {
	Conv
	At    Time
	State PromptState
}

// Changes is what a batch made of it: written in one transaction.
type Changes struct {
	Insert   []Message   // new rows
	Update   []Message   // all columns but Ord and Key
	Was      []Message   // what Update replaces, one for one; or none, if that is not known
	Prompts  []Prompt    // inserted or replaced, by ID
	Peers    []Peer      // inserted or replaced, by JID
	Pairs    []Pair      // inserted or replaced, by Conv
	Outbox   []Outgoing  // inserted; one with a known ID is left as it is
	Done     []string    // ids of outbox entries to remove
	Attempts []Attempt   // failed ones of outbox entries; of entries that are not there they are nothing
	Told     []Told      // notices that reached their sender
	Releases []Release   // numbers that were handed out
	Texts    []Text      // inserted or replaced, by ID
	Parts    []Part      // inserted or replaced, by PartKey
	Replies  []ReplySeen // inserted; one with a known key is left as it is
	Stops    []Stop      // inserted or replaced, by Number
	Codes    []Code      // inserted, or changed in what is not given for good, by Row
	Numbers  []Number    // inserted or replaced, by JID: the last one counts
	Alerts   []Alerted   // inserted or replaced, by Alert
	Taken    []int64     // what was handed over and is taken in, by Pos
	Removed  []Removal   // accounts that were deleted: before all else everything of theirs goes
	Marks    []Mark      // how far sources were taken in: raised, by Run
}

// Empty reports whether a batch has changed nothing.
func (c *Changes) Empty() bool {
	return len(c.Insert)+len(c.Update)+len(c.Prompts)+len(c.Peers)+len(c.Pairs)+len(c.Outbox)+len(c.Done)+len(c.Attempts)+len(c.Told)+len(c.Releases)+len(c.Texts)+len(c.Parts)+len(c.Replies)+len(c.Stops)+len(c.Codes)+len(c.Numbers)+len(c.Alerts)+len(c.Taken)+len(c.Removed)+len(c.Marks) == 0
}

// Removal is an account that was deleted: its settings, its number and who was shown it, what was learned of its clients, what
// waits for it, and its messages and prompts up to Ord.
type Removal struct {
	JID string
	Ord int64
}

// Attempt records that an outbox entry could not be sent.
type Attempt struct {
	ID    string
	Tries int  // so far
	After Time // the next one comes not before this instant
}

// Told says that the notice Seq of a message has reached its sender. It never lowers Notice.Told.
type Told struct {
	Ord int64
	Seq uint32
}

// Release records that a number was handed to a sender.
type Release struct {
	Owner  string // whose number
	To     string // to whom
	Number string // E.164
	ID     string // stanza id of the message
	At     Time
}

// OutKind is what an outbox entry does.
type OutKind string

const (
	OutShow     OutKind = "show"     // send the prompt to the sender's devices
	OutWithdraw OutKind = "withdraw" // take it back
	OutRemind   OutKind = "remind"   // one gentle repeat to the recipient
	OutWebhook  OutKind = "webhook"  // tell the admin's system
	OutChat     OutKind = "chat"     // one line from the contact to the sender
	OutAlert    OutKind = "alert"    // one line from the contact to an admin
	OutText     OutKind = "text"     // send an SMS: the entry stays until nothing is to be done about it any more
	OutReply    OutKind = "reply"    // tell the sender what the recipient has answered by SMS
)

// CapReason says whose limit holds prompts back.
type CapReason string

const (
	CapConversation CapReason = "cap-conversation" // so many prompts about one recipient a day
	CapRecipient    CapReason = "cap-recipient"    // so many of all senders, and this one had one
	CapSender       CapReason = "cap-sender"       // so many an hour
)

// Outgoing is an outbox entry: it is sent at least once. Its ID is deterministic: a repeat after a crash
// carries the same stanza id.
type Outgoing struct {
	ID     string
	Kind   OutKind
	Owner  string   // bare JID of the sender it is about: order and fairness are kept per owner
	Prompt string   // OutShow, OutWithdraw; OutText: the ID of the Text
	Ord    int64    // OutRemind, OutWebhook: the message; OutReply: the newest one that is answered
	To     []string // OutWithdraw: full JIDs of the devices, or the bare JID of an ordinary client; OutReply: the recipient, who has answered
	Text   string   // OutReply: in their words
	After  Time     // not before this instant
	Step   int      // OutWebhook: index of the step of the chain
	Tries  int

	// Why: one of them is set, by Kind.
	Withdrawal Withdrawal // OutWithdraw
	State      State      // OutWebhook: the timeout
	Cap        CapReason  // OutChat
	Alert      Alert      // OutAlert
	More       bool       // OutShow: further messages have joined an open prompt
}

// Alarm is an entry of the alarm heap: Ref is a message's Ord, or the negated Row of a prompt.
type Alarm struct {
	Due Time
	Ref int64
}

// Pruned is what one step of pruning has come to.
type Pruned struct {
	Removed int
	// Stale are the Ords of messages that are past their retention, neither settled nor with an alarm: they are to be Aged.
	Stale []int64
	More  bool // there is more to do at once
}

// Seed is what an instance must know of the past when it starts.
type Seed struct {
	LastOrd int64            // greatest Ord, and Prompt.Row
	LastRev int64            // greatest Notice.Rev
	Secret  []byte           // 32 random bytes of this database: prompt ids are derived from it
	Pepper  []byte           // a secret that is not in the database
	Pending map[string]int32 // watched, not settled messages per sender
	Prompts int              // that are live
}

// Summary is what "tocsin status" and admins are shown.
type Summary struct {
	Pending, Overdue, OpenPrompts, Outbox int64
	OldestDue                             Time

	SMS       SMSUse   // of the last day
	SMSBudget int64    // segments a day; 0: the component sends no SMS itself
	SMSDown   []string // routes that are down
}

// SMSUse is what SMS of the component's own have used.
type SMSUse struct {
	SMS, Segments int64 // that were given to providers
	Unsure        int64 // of these, the SMS of which nobody knows whether they were sent
}

// Device is a resource that was seen with our features: kept so that a sender who stays online is found again after
// a restart of the component.
type Device struct {
	JID      string // full JID
	Features Features
	At       Time
}

// Features are what a resource can do for us (protocol §9).
type Features uint8

const (
	CanStatus   Features = 1 << iota // urn:tocsin:escalation:0: shows states and prompts
	CanSMS                           // urn:tocsin:escalation:0#sms: can open a composer
	CanMarkers                       // urn:xmpp:chat-markers:0
	CanReceipts                      // urn:xmpp:receipts
)

// Filter chooses messages of a sender; its zero value chooses all that are watched.
type Filter struct {
	Untold    bool   // Notice.Told < Notice.Seq
	AfterRev  int64  // Notice.Rev > AfterRev
	Unsettled bool   // Pending or Delivered
	With      string // the recipient
	ID        string // stanza id
	Limit     int    // 0: no limit
	Newest    bool   // by Ord, newest first; else by Notice.Rev, oldest first
}
