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

// Status is how far a message has come. Facts join it by its rank, so that their order and their repetition do not matter.
type Status uint8

const (
	Pending Status = iota
	Delivered
	Displayed
	Failed
	Cancelled
)

// Settled reports whether nothing is due any more about a message of this status.
func (s Status) Settled() bool { return s >= Displayed }

// Final reports whether no evidence can change a message of this status. A bounce is of one device: evidence of another one
// lifts it.
func (s Status) Final() bool { return s == Displayed || s == Cancelled }

// rank is the order in which statuses join: what the recipient's own clients prove outranks an error.
func (s Status) rank() int {
	return [...]int{Pending: 0, Failed: 1, Delivered: 2, Displayed: 3, Cancelled: 4}[s]
}

// Kind tells what a row about a stanza id is.
type Kind uint8

const (
	// Watched is a message whose fate is reported to its sender.
	Watched Kind = iota
	// Passed is a message that is not watched: only its place in the order of the conversation is known, so
	// that a marker for it settles the watched messages before it.
	Passed
	// Alias is a correction: evidence for its id counts for Original (XEP-0308 §4).
	Alias
)

// Marks are the facts about a message that are either so or not.
type Marks uint32

const (
	AsksReceipt         Marks = 1 << iota // carries <request/> (XEP-0184)
	Markable                              // carries <markable/> (XEP-0333)
	Encrypted                             // the text is not in <body/>
	Sealed                                // receipts and markers may be inside the encryption, too (XEP-0420)
	NoStore                               // carries <no-store/>: the text must not be kept (XEP-0334)
	StoredOffline                         // the server keeps it for a recipient who is away
	ExpectsDelivery                       // silence about delivery means something
	ExpectsReading                        // silence about reading means something
	TimedOutUndelivered                   // timeout-undelivered was reached
	TimedOutUnread                        // timeout-unread was reached
	Escalated                             // an SMS was reported sent
	PromptingEnded                        // declined or answered: later timeouts are status only
	OutOfTurn                             // escalation was asked for by command
	Wanted                                // a prompt is wanted: by the chain, by command, or because the one it joined ended before it was shown
	Ordered                               // it is wanted by command, which goes before mode, mute and quiet hours
	Reminded                              // the recipient was reminded: once is enough
	Asked                                 // a prompt was asked for about this message by itself: a further time shows it again
	StoredArchive                         // it is in the archive only
	Live                                  // a client of the recipient's was there when it was sent
	Confirmed                             // a receipt came for it
	Hushed                                // the recipient has read it, and wants nothing said of that
	Inferred                              // delivered by order only: no proof names it
	_                                     // until schema 5 a refusal, which is of the conversation: Pair.Refused
	Test                                  // nobody wrote it: it shows that prompts arrive. It has no times and no chain, only what is ordered
	Discarded                             // the server threw it away and tells its sender nothing: nothing can be expected
	Untold                                // delivered, by the server's word alone, which the sender may not know
	Posted                                // a webhook has told of it, together with another message of its conversation
	WantsSMS                              // what is wanted is an SMS of the component's own; a prompt, where that can't be
	Texting                               // such an SMS is on its way: nobody is asked meanwhile
	Texted                                // one was tried: there is no second one, unless a person asks for it
	ByPerson                              // of Escalated: a person has sent the SMS
)

// Has reports whether all of x are set.
func (m Marks) Has(x Marks) bool { return m&x == x }

// Basis is what a status rests on (protocol §4).
type Basis string

const (
	ByReceipt  Basis = "receipt"
	ByMarker   Basis = "marker"
	ByReply    Basis = "reply"
	ByReaction Basis = "reaction"
	ByAck      Basis = "ack"
	ByOrder    Basis = "order" // a later message of the conversation arrived: so did this one
	ByError    Basis = "error"
	ByTimer    Basis = "timer"
	ByCommand  Basis = "command"
	ByHint     Basis = "hint"
	BySMS      Basis = "sms"       // the component's own SMS
	BySMSReply Basis = "sms-reply" // an SMS from the recipient's phone
)

// State is a message's state as its sender is told (protocol §2, §4).
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
	StateTimeout            State = "timeout" // either timeout, for a sender who may not tell them apart
	StateEscalated          State = "escalated"
)

// Key names a message as its sender and recipient do: stanza ids are scoped to the conversation (RFC 6120 §8.1.3).
type Key struct{ Sender, Recipient, ID string }

// Conv names one direction of a conversation by its bare JIDs.
type Conv struct{ Sender, Recipient string }

// Conv returns the conversation of the message.
func (k Key) Conv() Conv { return Conv{k.Sender, k.Recipient} }

// Notice is the latest state told, or to be told, to the sender of a message.
type Notice struct {
	Seq     uint32 // grows with every state of the message; 0: nothing was ever to be told
	Told    uint32 // the Seq that reached the sender
	Rev     int64  // grows with every notice of all messages: the token of <sync/>; 0 as long as Seq is 0
	State   State
	Basis   Basis
	At      Time
	Further State    // "unknown" on a delivered message whose reading can't be known, else ""
	SMS     SMSState // of an escalated message with the basis BySMS, else ""
}

// Message is everything that is kept about one stanza id of one direction of a conversation.
type Message struct {
	// Ord is the order of observation over all messages: unique, ascending, its upper bits the time
	// (see NextOrd). It is also the row's primary key.
	Ord int64
	Key
	Kind     Kind
	Original int64 // Ord of the corrected message, for an Alias

	Status   Status
	Marks    Marks
	Resource string // the sender's resource that sent it
	Lang     string // xml:lang of the stanza, may be empty

	Standing Standing    // in the recipient's roster, when it was sent
	There    There       // whose sessions were there then
	Expects  Expectation // by which rules; Until is not kept

	SentAt      Time
	HandedAt    Time // when a session without stream management got it that has stayed
	DeliveredAt Time
	TimeoutAt   Time // of the newest timeout
	SettledAt   Time

	Hint Hint
	Text string // kept only while the message is not settled
	Step uint8  // the next step of the chain

	// Due is the message's one alarm: the next instant at which something may happen to it. Zero: never, for
	// the reason in Why.
	Due Time
	// Reason says in a word or two why there is no alarm, or why no prompt was sent: shown in "watching".
	Reason Reason

	Prompt string // the prompt that asks about it, or ""
	Notice Notice
}

// rebase takes back instants that lie after now: the clock stood ahead when they were noted. So the alarm comes no later
// than if the message had been sent now.
func (m *Message) rebase(now Time) {
	m.SentAt, m.DeliveredAt, m.TimeoutAt = min(m.SentAt, now), min(m.DeliveredAt, now), min(m.TimeoutAt, now)
}

// InDoubt reports whether evidence about the message may have been lost in a gap that ended at an instant, 0 for no gap: it was
// under way then, and nothing newer is known of it.
func (m *Message) InDoubt(gap Time) bool {
	return gap != 0 && m.Kind == Watched && !m.Status.Settled() && m.SentAt < gap && m.DeliveredAt < gap
}

// NextOrd returns the Ord of a message observed at now, after last.
func NextOrd(last int64, now Time) int64 { return max(last+1, int64(now)<<20) }

// OrdTime returns the smallest Ord of messages observed at t or later.
func OrdTime(t Time) int64 { return int64(t) << 20 }
