package track

// PromptState is where a prompt stands (protocol §6).
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
	// PromptCapped is no prompt: it records that the sender was told that a cap holds prompts back, once per
	// conversation and day. Its one message is the first that was held back.
	PromptCapped
	// PromptReminded is no prompt: it records that the recipient was reminded of the conversation.
	PromptReminded
)

// isNote reports whether it is no prompt.
func (s PromptState) isNote() bool { return s >= PromptCapped }

// Live reports whether the prompt may still be shown or answered.
func (s PromptState) Live() bool { return s <= PromptSnoozed }

// Withdrawal is why a prompt is taken back from devices (protocol §5).
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

// Prompt asks the sender of a conversation whether to go on by SMS. There is at most one live prompt per
// conversation; it may be about several messages.
type Prompt struct {
	ID  string // unguessable, 128 bits or more: it is the prompt attribute on the wire
	Row int64  // from the same sequence as Message.Ord
	Conv
	State       PromptState
	Withdrew    Withdrawal // why it is PromptWithdrawn
	Messages    []int64    // Ords in the order in which they came to be asked about; on the wire the newest is id='', the others <also/>
	Covered     int        // how many of Messages were in it when it was last shown
	Undelivered bool       // it is about undelivered messages only
	Priority    Priority

	OpenedAt  Time
	ExpiresAt Time
	Until     Time   // end of the lease, or of the snooze; of an open prompt: it must not be shown before; of an answered one: the answer can be taken back
	Claimer   string // full JID that holds the lease, that snoozed, or that answered
	Snoozes   uint8

	Code   string   // the four characters of the chat answers (protocol §7), unique among the sender's live prompts
	Shown  []string // full JIDs it was sent to; the bare JID if it went to an ordinary client
	Sends  uint32   // how often it was sent to all: part of the stanza id
	SentAt Time     // when it was last put into the outbox
	Chat   string   // stanza id of the chat message an ordinary client got, for its correction and retraction

	Resend bool // something joined or changed since it was last sent
	Due    Time // its one alarm: expiry, lease, snooze, gathered joins
}

// rebase moves a prompt back that was opened after now, with all its times: the clock stood ahead then. It reports whether
// it was.
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
