// Package track makes all decisions: what is known about a message, what a new fact changes, and when something may happen
// to it next. It does no I/O, reads no clock and starts no goroutines: time and policy are parameters, and what to say
// or do is returned as values.
//
// The Ledger turns batches of inputs into changes (ledger.go, apply.go, transition.go, prompting.go), and remembers what it is
// likely to need again (recent.go, cache.go). It knows neither XML nor SQL. Its tests are stories, a table of every fact in every state
// (transition_test.go, docs/TRANSITIONS.md), and properties of arbitrary histories (world_test.go, order_test.go);
// docs/design/states.md has the reasons.
package track

import "time"

// Time is an instant in Unix milliseconds. The zero Time means "none".
type Time int64

// At returns the instant of t, cut to milliseconds.
func At(t time.Time) Time { return Time(t.UnixMilli()) }

// Add returns the instant d after t.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Milliseconds()) }

// Std returns t as a UTC time.Time.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Status is how far a message has come. Facts are merged into it by rank, so that their order and repetition do not matter.
type Status uint8

const (
	Pending Status = iota
	Delivered
	Displayed
	Failed
	Cancelled
)

// Settled reports whether nothing more is due for a message with this status.
func (s Status) Settled() bool { return s >= Displayed }

// Final reports whether no evidence can change a message with this status. An error concerns one device: evidence from
// another one overrides it.
func (s Status) Final() bool { return s == Displayed || s == Cancelled }

// rank is the precedence of statuses: proof by the recipient's own clients outranks an error.
func (s Status) rank() int {
	return [...]int{Pending: 0, Failed: 1, Delivered: 2, Displayed: 3, Cancelled: 4}[s]
}

// Kind is the kind of a row for a stanza id.
type Kind uint8

const (
	// Watched is a message whose fate is reported to its sender.
	Watched Kind = iota
	// Passed is a message that is not watched: only its position in the conversation is known, so that a marker for it
	// settles the watched messages before it.
	Passed
	// Alias is a correction: evidence for its id counts for Original (XEP-0308 §4).
	Alias
)

// Marks are the yes-or-no properties of a message.
type Marks uint32

const (
	AsksReceipt         Marks = 1 << iota // carries <request/> (XEP-0184)
	Markable                              // carries <markable/> (XEP-0333)
	Encrypted                             // the text is not in <body/>
	Sealed                                // receipts and markers may be inside the encryption, too (XEP-0420)
	NoStore                               // carries <no-store/>: the text must not be kept (XEP-0334)
	StoredOffline                         // the server stores it for a recipient who is offline
	ExpectsDelivery                       // silence about delivery means something
	ExpectsReading                        // silence about reading means something
	TimedOutUndelivered                   // timeout-undelivered was reached
	TimedOutUnread                        // timeout-unread was reached
	Escalated                             // an SMS was reported sent
	PromptingEnded                        // declined or answered: later timeouts are status only
	OutOfTurn                             // escalation was requested by command
	Wanted                                // a prompt is wanted: by the chain, by command, or because the one it had joined ended before it was shown
	Ordered                               // wanted by command, which overrides mode, mute and quiet hours
	Reminded                              // the recipient was reminded, which happens once
	Asked                                 // a prompt was requested for this message in particular: requesting it again shows the prompt again
	StoredArchive                         // it is only in the archive
	Live                                  // a client of the recipient was online when it was sent
	Confirmed                             // a receipt has arrived for it
	Hushed                                // the recipient has read it, and wants nobody to be notified
	Inferred                              // delivered by order only: no proof names it
	_                                     // until schema 5 a refusal, which now belongs to the conversation: Pair.Refused
	Test                                  // a test of prompts, not a real message: no timeouts and no chain, only commands
	Discarded                             // the server discarded it without telling its sender: nothing can be expected
	Concealed                             // delivered, but only the server knows, and the sender may not learn it
	Posted                                // a webhook has reported it, together with another message of its conversation
	WantsSMS                              // what is wanted is the component's own SMS; a prompt if that is impossible
	Texting                               // such an SMS is on its way: no prompts meanwhile
	SMSTried                              // such an SMS was tried: no second one, unless the sender requests it
	ByPerson                              // with Escalated: a person has sent the SMS
)

// Has reports whether all of x are set.
func (m Marks) Has(x Marks) bool { return m&x == x }

// Basis is the evidence for a status (protocol §4).
type Basis string

const (
	ByReceipt  Basis = "receipt"
	ByMarker   Basis = "marker"
	ByReply    Basis = "reply"
	ByReaction Basis = "reaction"
	ByAck      Basis = "ack"
	ByOrder    Basis = "order" // a later message of the conversation arrived, so this one did, too
	ByError    Basis = "error"
	ByTimer    Basis = "timer"
	ByCommand  Basis = "command"
	ByHint     Basis = "hint"
	BySMS      Basis = "sms"       // the component's own SMS
	BySMSReply Basis = "sms-reply" // an SMS from the recipient's phone
)

// State is a message's state as reported to its sender (protocol §2, §4).
type State string

const (
	StatePending            State = "pending"
	StateUnknown            State = "unknown"
	StateDelivered          State = "delivered"
	StateDisplayed          State = "displayed"
	StateFailed             State = "failed"
	StateCancelled          State = "cancelled"
	StateTimeoutUndelivered State = "timeout-undelivered"
	StateTimeoutUnread      State = "timeout-unread"
	StateTimeout            State = "timeout" // either timeout, for a sender who may not distinguish them
	StateEscalated          State = "escalated"
)

// Key names a message as its sender and recipient do: stanza ids are scoped to the conversation (RFC 6120 §8.1.3).
type Key struct{ Sender, Recipient, ID string }

// Conv names one direction of a conversation by its bare JIDs.
type Conv struct{ Sender, Recipient string }

// Conv returns the conversation of the message.
func (k Key) Conv() Conv { return Conv{k.Sender, k.Recipient} }

// Notice is the latest state reported, or to be reported, to the sender of a message.
type Notice struct {
	Seq       uint32 // grows with every state of the message; 0: nothing to report yet
	Delivered uint32 // the Seq that reached the sender
	Rev       int64  // grows with every notice of all messages: the token of <sync/>; 0 while Seq is 0
	State     State
	Basis     Basis
	At        Time
	Further   State    // "unknown" on a delivered message whose reading can't be known, else ""
	SMS       SMSState // of an escalated message with the basis BySMS, else ""
}

// Message is everything stored about one stanza id of one direction of a conversation.
type Message struct {
	// Ord is the order of observation over all messages: unique, ascending, its upper bits the time
	// (see nextOrd). It is also the row's primary key.
	Ord int64
	Key
	Kind     Kind
	Original int64 // Ord of the corrected message, for an Alias

	Status   Status
	Marks    Marks
	Resource string // resource from which the sender sent it
	Lang     string // xml:lang of the stanza, may be empty

	Standing Standing    // the sender's in the recipient's roster, at the time of sending
	There    There       // the recipient's sessions at that time
	Expects  Expectation // the rules applied; Until is not stored

	SentAt      Time
	HandedAt    Time // when a session without stream management got it, if that session stayed
	DeliveredAt Time
	TimeoutAt   Time // of the newest timeout
	SettledAt   Time

	Hint Hint
	Text string // stored only while the message is not settled
	Step uint8  // the next step of the chain

	// Due is the message's one alarm: the next instant at which something may happen to it. Zero: never, for the reason in
	// Reason.
	Due Time
	// Reason is why there is no alarm, or why no prompt was sent: shown in "watching".
	Reason Reason

	Prompt string // the prompt that asks about it, or ""
	Notice Notice
}

// rebase moves instants that lie after now back to now: the clock was ahead when they were recorded. So the alarm comes no
// later than if the message had been sent now.
func (m *Message) rebase(now Time) {
	m.SentAt, m.DeliveredAt, m.TimeoutAt = min(m.SentAt, now), min(m.DeliveredAt, now), min(m.TimeoutAt, now)
}

// InDoubt reports whether evidence about the message may have been lost in a gap that ended at an instant, 0 for no gap: it
// was under way then, and nothing newer is known about it.
func (m *Message) InDoubt(gap Time) bool {
	return gap != 0 && m.Kind == Watched && !m.Status.Settled() && m.SentAt < gap && m.DeliveredAt < gap
}

// nextOrd returns the Ord of a message observed at now, after last.
func nextOrd(last int64, now Time) int64 { return max(last+1, int64(now)<<20) }

// OrdTime returns the smallest Ord of messages observed at t or later.
func OrdTime(t Time) int64 { return int64(t) << 20 }
