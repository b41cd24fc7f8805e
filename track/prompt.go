package track

// PromptState is the state of a prompt (protocol §6).
type PromptState uint8

const (
	PromptOpen PromptState = iota
	PromptClaimed
	PromptSnoozed
	PromptSent
	PromptDeclined
	PromptFailed
	PromptExpired
	PromptWithdrawn
	// PromptCapped is not a prompt: it records that the sender was told about a cap, once per conversation and day. Its one
	// message is the first that was held back.
	PromptCapped
	// PromptReminded is not a prompt: it records that the recipient was reminded of the conversation.
	PromptReminded
)

// isNote reports whether it is not a prompt but a record.
func (s PromptState) isNote() bool { return s >= PromptCapped }

// Live reports whether the prompt may still be shown or answered.
func (s PromptState) Live() bool { return s <= PromptSnoozed }

// Withdrawal is the reason for withdrawing a prompt from devices (protocol §5).
type Withdrawal string

const (
	WithdrawDisplayed Withdrawal = "displayed"
	WithdrawDelivered Withdrawal = "delivered"
	WithdrawClaimed   Withdrawal = "claimed"
	WithdrawAnswered  Withdrawal = "answered"
	WithdrawSnoozed   Withdrawal = "snoozed"
	WithdrawCancelled Withdrawal = "cancelled"
	WithdrawExpired   Withdrawal = "expired"
	WithdrawRetracted Withdrawal = "retracted"
	WithdrawTexted    Withdrawal = "texted" // the component has sent an SMS itself
)

// Prompt asks the sender of a conversation whether to continue by SMS. There is at most one live prompt per conversation; it
// may be about several messages.
type Prompt struct {
	ID  string // unguessable, at least 128 bits: the prompt attribute on the wire
	Row int64  // from the same sequence as Message.Ord
	Conv
	State       PromptState
	Withdrew    Withdrawal // why it is PromptWithdrawn
	Messages    []int64    // Ords in the order in which they were added; on the wire the newest is id='', the others <also/>
	Covered     int        // how many of Messages it had when it was last shown
	Undelivered bool       // it is only about undelivered messages
	Priority    Priority

	OpenedAt  Time
	ExpiresAt Time
	Until     Time   // end of the lease or snooze; of an open prompt: not to be shown before; of an answered one: end of the time to take the answer back
	Claimer   string // full JID that claimed, snoozed or answered
	Snoozes   uint8

	Code   string   // the four characters of the chat answers (protocol §7), unique among the sender's live prompts
	Shown  []string // full JIDs to which it was sent; the bare JID for an ordinary client
	Sends  uint32   // how often it was sent to all devices: part of the stanza id
	SentAt Time     // when it was last put into the outbox
	Chat   string   // stanza id of the chat message to an ordinary client, for its correction and retraction

	Resend bool // something was added or changed since it was last sent
	Due    Time // its one alarm: expiry, lease, snooze, collected additions
}

// rebase moves a prompt that was opened after now back to now, with all its times: the clock was ahead then. It reports
// whether it did.
func (p *Prompt) rebase(now Time) bool {
	ahead := p.OpenedAt - now
	if ahead <= 0 {
		return false
	}
	p.OpenedAt, p.ExpiresAt, p.SentAt = now, p.ExpiresAt-ahead, min(p.SentAt, now)
	if p.Until != 0 {
		p.Until = max(p.Until-ahead, now)
	}
	return true
}
