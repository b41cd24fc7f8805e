package track

import (
	"slices"
	"strings"
	"time"
)

const (
	// Lease is how long a claim holds (protocol §6).
	Lease = 60 * time.Second
	// Gather is the shortest time between two sendings of one prompt (protocol §5), GatherChat that of the
	// corrections an ordinary client gets (protocol §7).
	Gather     = 30 * time.Second
	GatherChat = 5 * time.Minute
	// MaxSnoozes is how often one prompt can be put off.
	MaxSnoozes = 10
)

// AnswerAction is what a sender does about a prompt (protocol §6).
type AnswerAction string

const (
	Claim    AnswerAction = "claim"
	SentSMS  AnswerAction = "sent"
	Declined AnswerAction = "declined"
	NotSent  AnswerAction = "failed"
	Snooze   AnswerAction = "snooze"
)

// Verdict is the answer to an answer: the empty Verdict is success, every other the condition of the error
// (protocol §6).
type Verdict string

const (
	OK               Verdict = ""
	NotFound         Verdict = "item-not-found"
	Conflict         Verdict = "conflict"
	AlreadyDisplayed Verdict = "not-acceptable" // with <already-displayed/>
	Gone             Verdict = "gone"           // with <expired/>
	TooOften         Verdict = "resource-constraint"
)

// answer is the state machine of a prompt. close reports that the messages of the prompt need no prompt any more.
func (p *Prompt) answer(action AnswerAction, by string, d time.Duration, policy *Policy, now Time) (v Verdict, closed bool) {
	if action == SentSMS && !p.State.Live() && p.State != PromptSent {
		// The SMS is out, whatever has become of the prompt: it is recorded.
		p.State, p.Claimer = PromptSent, by
		return OK, true
	}
	switch p.State {
	case PromptWithdrawn:
		if p.Withdrew == "displayed" {
			return AlreadyDisplayed, false
		}
		return Gone, false
	case PromptExpired:
		return Gone, false
	case PromptSent, PromptDeclined, PromptFailed:
		if p.Claimer == by && p.State == closes[action] {
			return OK, false
		}
		return Conflict, false
	case PromptClaimed:
		if p.Claimer != by {
			return Conflict, false
		}
	}
	switch action {
	case Claim:
		if p.State != PromptClaimed {
			p.State, p.Claimer, p.Until = PromptClaimed, by, now.Add(Lease)
		}
		return OK, false
	case Snooze:
		if p.Snoozes >= MaxSnoozes {
			return TooOften, false
		}
		p.Snoozes++
		p.State, p.Claimer, p.Until = PromptSnoozed, by, now.Add(min(max(d, policy.MinAfter), policy.Expires))
		p.ExpiresAt = max(p.ExpiresAt, p.Until.Add(policy.Expires)) // put off, not given up
		return OK, false
	}
	p.State, p.Claimer = closes[action], by
	return OK, true
}

var closes = map[AnswerAction]PromptState{SentSMS: PromptSent, Declined: PromptDeclined, NotSent: PromptFailed}

// schedule sets the prompt's one alarm.
func (p *Prompt) schedule() {
	switch p.State {
	case PromptOpen:
		p.Due = p.ExpiresAt
		if p.Resend {
			p.Due = min(p.Due, p.SentAt.Add(p.gather()))
		}
	case PromptClaimed, PromptSnoozed:
		p.Due = p.Until
	default:
		p.Due = 0
	}
}

func (p *Prompt) gather() time.Duration {
	if p.Chat != "" {
		return GatherChat
	}
	return Gather
}

// others returns those the prompt was sent to, without the device by; an answer by chat answers for the chat.
func (p *Prompt) others(by string) []string {
	return slices.DeleteFunc(slices.Clone(p.Shown), func(to string) bool { return to == by || to == bare(by) })
}

func bare(jid string) string {
	b, _, _ := strings.Cut(jid, "/")
	return b
}
