package track

import (
	"slices"
	"time"
)

const (
	// claimLease is how long a claim lasts (protocol §6).
	claimLease = 60 * time.Second
	// resendInterval is the minimum time between two sendings of one prompt (protocol §5), resendIntervalChat that between
	// corrections on an ordinary client (protocol §7).
	resendInterval     = 30 * time.Second
	resendIntervalChat = 5 * time.Minute
	// maxSnoozes is how often one prompt can be snoozed.
	maxSnoozes = 10
	// takeBackTime is how long an answer can be taken back (protocol §7).
	takeBackTime = time.Minute
)

// AnswerAction is the sender's decision on a prompt (protocol §6).
type AnswerAction string

const (
	Claim    AnswerAction = "claim"
	SentSMS  AnswerAction = "sent"
	Declined AnswerAction = "declined"
	NotSent  AnswerAction = "failed"
	Snooze   AnswerAction = "snooze"
	SendIt   AnswerAction = "send" // the component is to send the SMS itself
)

// Verdict is the response to an answer: the empty Verdict is success, any other one is the condition of the error (protocol
// §6).
type Verdict string

const (
	OK               Verdict = ""
	NotFound         Verdict = "item-not-found"
	Conflict         Verdict = "conflict"
	AlreadyDisplayed Verdict = "not-acceptable" // with <already-displayed/>
	Gone             Verdict = "gone"           // with <expired/>
	TooOften         Verdict = "resource-constraint"
	NotAllowed       Verdict = "not-allowed" // the component can't send this SMS itself
	BadRequest       Verdict = "bad-request" // no such action
)

// answer is the state machine of a prompt. It reports whether the answer changed anything: a repetition does not, except for
// renewing a snooze.
func (p *Prompt) answer(action AnswerAction, by string, d time.Duration, renew bool, policy *Policy, now Time) (v Verdict, changed bool) {
	end, ends := closes[action]
	switch {
	case !ends && action != Claim && action != Snooze:
		return BadRequest, false
	case p.State.isNote():
		return NotFound, false
	case ends && p.State == end && p.Claimer == by:
		return OK, false
	case action == SentSMS && !p.State.Live() && p.State != PromptSent:
		// The SMS has been sent, so it is recorded, whatever the state of the prompt.
	case p.State == PromptWithdrawn && p.Withdrew == WithdrawDisplayed:
		return AlreadyDisplayed, false
	case p.State == PromptWithdrawn || p.State == PromptExpired:
		return Gone, false
	case !p.State.Live() || p.State == PromptClaimed && p.Claimer != by:
		return Conflict, false
	}
	switch action {
	case Claim:
		if p.State == PromptClaimed {
			return OK, false
		}
		p.State, p.Until = PromptClaimed, now.Add(claimLease)
	case Snooze:
		switch again := p.State == PromptSnoozed && p.Claimer == by; {
		case again && !renew:
			return OK, false
		case again:
		case p.Snoozes >= maxSnoozes:
			return TooOften, false
		default:
			p.Snoozes++
		}
		p.State, p.Until = PromptSnoozed, now.Add(min(max(d, policy.MinAfter), policy.Expires))
		p.ExpiresAt = max(p.ExpiresAt, p.Until.Add(policy.Expires)) // postponed, not dropped
	default:
		p.State, p.Until = end, now.Add(takeBackTime)
	}
	p.Claimer = by
	return OK, true
}

var closes = map[AnswerAction]PromptState{SentSMS: PromptSent, Declined: PromptDeclined, NotSent: PromptFailed}

// schedule sets the prompt's one alarm.
func (p *Prompt) schedule() {
	switch p.State {
	case PromptOpen:
		p.Due = p.ExpiresAt
		if p.Resend {
			p.Due = min(p.Due, max(p.SentAt.Add(p.resendDelay()), p.Until))
		}
	case PromptClaimed, PromptSnoozed:
		p.Due = p.Until
	default:
		p.Due = 0
	}
}

// resendDelay is how long additions and changes are collected before the next sending. A prompt that was shown to nobody is sent
// as soon as possible.
func (p *Prompt) resendDelay() time.Duration {
	switch {
	case len(p.Shown) == 0:
		return 0
	case p.Chat != "":
		return resendIntervalChat
	}
	return resendInterval
}

// others returns the receivers of the prompt except the device by; an answer by chat counts for the chat.
func (p *Prompt) others(by string) []string {
	return slices.DeleteFunc(slices.Clone(p.Shown), func(to string) bool { return to == by || to == Bare(by) })
}
