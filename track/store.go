package track

import (
	"errors"
	"fmt"
)

// ErrFenced is returned by a store that is no longer the leader's: nothing of the batch was written.
var ErrFenced = errors.New("another instance has taken over")

// ErrRefused is returned by a store that works but can't store its input: trying again will not help.
var ErrRefused = errors.New("rejected by the database")

// BehindError is returned by a store whose database has lost acknowledged commits: a replica without them was promoted, or a
// backup was restored. The state in memory is ahead of it.
type BehindError struct{ Commits int64 }

func (e *BehindError) Error() string {
	return fmt.Sprintf("the database has lost %d commits", e.Commits)
}

// Want says what a batch of facts concerns, so that the store can load it in few queries. The store may load more than is
// wanted, never less.
type Want struct {
	Keys    []Key    // rows of these keys, newest first per key, with the originals of aliases
	Open    []Conv   // all watched rows of these conversations that are Pending, Delivered or Failed
	Ords    []int64  // these rows, and for their conversations what Open, Senders and Peers load
	Prompts []string // these prompts, with all their messages, and for their conversations what Pairs loads
	Rows    []int64  // the same, by Prompt.Row
	Senders []string // all open prompts of these senders, with all their messages
	Of      []string // all watched rows of these senders that are Pending or Delivered
	Peers   []string // what is known about the clients of these bare JIDs
	Pairs   []Conv   // what these recipients have shown to these senders, and the Peers of these senders
	// Recipients are users whose bound numbers matter; those of the recipients of Ords are always loaded.
	Recipients []string
	// Texts are SMS by ID, with all their messages and, for their conversations, what Ords loads except Peers and Opened.
	// Parts selects the SMS with these parts. The live SMS of a conversation is also loaded for Ords, Prompts and Rows.
	Texts []string
	Parts []PartKey
	// Phones are numbers: selects the SMS queued to them within MaxReplyWindow, with all that Texts loads. Replies are looked
	// up in Seen.
	Phones  []string
	Replies []ReplyKey
	// Codes selects the newest code of these users, CodeUse, and the SMS to them that are on their way. The codes of loaded
	// SMS are always loaded.
	Codes []CodeKey
	// Numbers are further numbers to load Usage for, if SMS is set.
	Numbers []string
	Alerts  []Alert // when they were last sent; BudgetAlerts are loaded with SMS
	// SMS requests what a decision on SMS needs for Ords, Prompts and Texts: numbers, stops and usage.
	SMS bool

	covered map[Key]bool  // later inputs need not load these: loaded, or new in this batch
	known   map[Conv]bool // what was learned about both people is known, or wanted
}

// cover records that later inputs need not load a key.
func (w *Want) cover(k Key) { w.covered[k] = true }

// Loaded is what the store has found. Messages and prompts that belong together are all loaded: a prompt's messages, and the
// live prompt of every loaded message that has one. Each row is loaded once, however often it was wanted.
type Loaded struct {
	Messages []Message
	Prompts  []Prompt
	Peers    []Peer
	Pairs    []Pair
	Numbers  []Number // of Want.Recipients
	Open     []Conv   // of Want.Open: all of their messages are loaded
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
// OpenedAt. PromptCapped and PromptReminded are no prompts: they count for what they record.
type Opened struct {
	Conv
	At    Time
	State PromptState
}

// Changes are the changes of a batch: written in one transaction.
type Changes struct {
	Insert    []Message   // new rows
	Update    []Message   // all columns except Ord and Key
	Was       []Message   // the rows that Update replaces, one for one; or none, if unknown
	Prompts   []Prompt    // inserted or replaced, by ID
	Peers     []Peer      // inserted or replaced, by JID
	Pairs     []Pair      // inserted or replaced, by Conv
	Outbox    []Outgoing  // inserted; one with a known ID stays unchanged
	Done      []string    // ids of outbox entries to remove
	Attempts  []Attempt   // failed attempts of outbox entries; ignored for entries that no longer exist
	Delivered []NoticeKey // notices that have reached their sender
	Releases  []Release   // numbers that were disclosed
	Texts     []Text      // inserted or replaced, by ID
	Parts     []Part      // inserted or replaced, by PartKey
	Replies   []ReplySeen // inserted; one with a known key stays unchanged
	Stops     []Stop      // inserted or replaced, by Number
	Codes     []Code      // inserted or updated (the mutable columns), by Row
	Numbers   []Number    // inserted or replaced, by JID: the last one wins
	Alerts    []Alerted   // inserted or replaced, by Alert
	Taken     []int64     // positions of handed-over events that were processed
	Removed   []Removal   // deleted accounts: everything of theirs is removed before the rest is written
	Marks     []Mark      // positions up to which sources were processed, by Run: never lowered
}

// Empty reports whether a batch has changed nothing.
func (c *Changes) Empty() bool {
	return len(c.Insert)+len(c.Update)+len(c.Prompts)+len(c.Peers)+len(c.Pairs)+len(c.Outbox)+len(c.Done)+len(c.Attempts)+len(c.Delivered)+len(c.Releases)+len(c.Texts)+len(c.Parts)+len(c.Replies)+len(c.Stops)+len(c.Codes)+len(c.Numbers)+len(c.Alerts)+len(c.Taken)+len(c.Removed)+len(c.Marks) == 0
}

// Removal is the removal of an account: its settings, its number and who was shown it, what was learned about its clients,
// outbox entries for it, and its messages and prompts up to Ord.
type Removal struct {
	JID string
	Ord int64
}

// Attempt records a failed attempt to send an outbox entry.
type Attempt struct {
	ID    string
	Tries int  // so far
	After Time // no retry before this instant
}

// NoticeKey says that the notice Seq of a message has reached its sender. It never lowers Notice.Delivered.
type NoticeKey struct {
	Ord int64
	Seq uint32
}

// Release records that a number was disclosed to a sender.
type Release struct {
	Owner  string // whose number
	To     string // to whom
	Number string // E.164
	ID     string // stanza id of the message
	At     Time
}

// OutKind is the kind of an outbox entry.
type OutKind string

const (
	OutShow     OutKind = "show"     // send the prompt to the sender's devices
	OutWithdraw OutKind = "withdraw" // take it back
	OutRemind   OutKind = "remind"   // send one reminder to the recipient
	OutWebhook  OutKind = "webhook"  // notify the admin's system
	OutChat     OutKind = "chat"     // one line from the contact to the sender
	OutAlert    OutKind = "alert"    // one line from the contact to an admin
	OutText     OutKind = "text"     // send an SMS: the entry stays until its outcome is known
	OutReply    OutKind = "reply"    // forward the recipient's SMS reply to the sender
)

// CapReason says which cap holds prompts back.
type CapReason string

const (
	CapConversation CapReason = "cap-conversation" // prompts about one recipient per day
	CapRecipient    CapReason = "cap-recipient"    // prompts of all senders about a recipient per day, after this sender's first
	CapSender       CapReason = "cap-sender"       // prompts per hour
)

// Outgoing is an outbox entry: it is sent at least once. Its ID is deterministic: a repetition after a crash has the same
// stanza id.
type Outgoing struct {
	ID     string
	Kind   OutKind
	Owner  string   // bare JID of the sender it is about: order and fairness are per owner
	Prompt string   // OutShow, OutWithdraw; OutText: the ID of the Text
	Ord    int64    // OutRemind, OutWebhook: the message; OutReply: the newest message it answers
	To     []string // OutWithdraw: full JIDs of the devices, or the bare JID of an ordinary client; OutReply: the recipient, who replied
	Text   string   // OutReply: the reply
	After  Time     // not before this instant
	Step   int      // OutWebhook: index of the step of the chain
	Tries  int

	// The reason: one of them is set, depending on Kind.
	Withdrawal Withdrawal // OutWithdraw
	State      State      // OutWebhook: the timeout
	Cap        CapReason  // OutChat
	Alert      Alert      // OutAlert
	More       bool       // OutShow: further messages were added to an open prompt
}

// Alarm is an entry of the alarm heap: Ref is a message's Ord, or the negated Row of a prompt.
type Alarm struct {
	Due Time
	Ref int64
}

// Pruned is the result of one step of pruning.
type Pruned struct {
	Removed int
	// Stale are the Ords of messages past their retention that are neither settled nor have an alarm: they are to be Aged.
	Stale []int64
	More  bool // there is more to do immediately
}

// Seed is what an instance must know about the past when it starts.
type Seed struct {
	LastOrd int64            // greatest Ord, and Prompt.Row
	LastRev int64            // greatest Notice.Rev
	Secret  []byte           // 32 random bytes of this database: prompt ids are derived from it
	Pepper  []byte           // a secret that is not in the database
	Pending map[string]int32 // watched, not settled messages per sender
	Prompts int              // live ones
}

// Summary is what "tocsin status" and admins see.
type Summary struct {
	Pending, Overdue, OpenPrompts, Outbox int64
	OldestDue                             Time

	SMS       SMSUse   // of the last day
	SMSBudget int64    // segments a day; 0: the component sends no SMS itself
	SMSDown   []string // routes that are down
}

// SMSUse is the use of the component's own SMS.
type SMSUse struct {
	SMS, Segments int64 // passed to providers
	Unsure        int64 // of these, SMS that may or may not have been sent
}

// Device is a resource with some of our features: stored so that a sender who stays online is found again after a restart of
// the component.
type Device struct {
	JID      string // full JID
	Features Features
	At       Time
}

// Features are the features of a resource that matter to us (protocol §9).
type Features uint8

const (
	CanStatus   Features = 1 << iota // urn:tocsin:escalation:0: shows states and prompts
	CanSMS                           // urn:tocsin:escalation:0#sms: can open a composer
	CanMarkers                       // urn:xmpp:chat-markers:0
	CanReceipts                      // urn:xmpp:receipts
)

// Filter selects messages of a sender; its zero value selects all watched ones.
type Filter struct {
	PendingNotice bool   // Notice.Delivered < Notice.Seq
	AfterRev      int64  // Notice.Rev > AfterRev
	Unsettled     bool   // Pending or Delivered
	With          string // the recipient
	ID            string // stanza id
	Limit         int    // 0: no limit
	Newest        bool   // by Ord, newest first; otherwise by Notice.Rev, oldest first
}
