package track

import (
	"slices"
	"time"
)

// Input is one input of a batch: a *Fact, or something about a prompt, the outbox or a notice.
type Input interface {
	want(*Ledger, *Want)
	apply(*batch)
}

// Answer is a device's answer to a prompt. Verdict is set by Apply.
type Answer struct {
	Prompt  string
	By      string // full JID, stamped by the server
	Action  AnswerAction
	For     time.Duration // Snooze
	Text    string        // SendIt: the SMS, as written by the sender; "": composed from the messages
	Renew   bool          // Snooze: a running snooze starts again; otherwise the answer counts as a repetition
	Verdict Verdict
}

func (a *Answer) want(_ *Ledger, w *Want) {
	w.Prompts, w.SMS = append(w.Prompts, a.Prompt), w.SMS || a.Action == SendIt
}

func (a *Answer) apply(b *batch) {
	w := b.prompts[a.Prompt]
	if w == nil || w.Sender != Bare(a.By) { // unknown and somebody else's get the same answer
		a.Verdict = NotFound
		return
	}
	if w.State != PromptOpen || w.ExpiresAt <= b.now {
		b.handleAlarm(w) // its alarm may be late
	}
	before := w.State
	if a.Action == SendIt {
		a.Verdict = b.send(w, a.By, a.Text)
		return
	}
	var changed bool
	if a.Verdict, changed = w.answer(a.Action, a.By, a.For, a.Renew, b.policy, b.now); !changed {
		return
	}
	w.dirty = true
	if !w.State.Live() {
		b.close(w, w.State)
		b.end(w)
	}
	if before.Live() {
		b.withdraw(w, withdrawals[w.State], w.others(a.By))
	}
}

// withdrawals is the reason given to the other devices.
var withdrawals = map[PromptState]Withdrawal{
	PromptClaimed: WithdrawClaimed, PromptSnoozed: WithdrawSnoozed,
	PromptSent: WithdrawAnswered, PromptDeclined: WithdrawAnswered, PromptFailed: WithdrawAnswered,
}

// TakeBack takes back an answer, within a minute, or a snooze while it lasts: the prompt is open again. Verdict is set by
// Apply; Gone means that it is too late.
type TakeBack struct {
	Prompt  string
	By      string // a JID of the one who answered, stamped by the server
	Verdict Verdict
}

func (t *TakeBack) want(_ *Ledger, w *Want) { w.Prompts = append(w.Prompts, t.Prompt) }

func (t *TakeBack) apply(b *batch) {
	w := b.prompts[t.Prompt]
	switch {
	case w == nil || w.Sender != Bare(t.By):
		t.Verdict = NotFound
		return
	case w.State == PromptOpen: // nothing to change
		return
	case w.State == PromptClaimed || w.State > PromptFailed || w.Until <= b.now || b.live[w.Conv] != nil && b.live[w.Conv] != w:
		t.Verdict = Gone
		return
	}
	if !b.reopen(w) {
		t.Verdict = Gone
	}
}

// PromptAlarm is the alarm of a prompt: a lease or snooze has ended, it has expired, or collected additions can be sent.
type PromptAlarm struct {
	Row int64
	Due Time // the instant for which it was set
}

func (l *PromptAlarm) want(_ *Ledger, w *Want) { w.Rows = append(w.Rows, l.Row) }

func (l *PromptAlarm) apply(b *batch) {
	for _, w := range b.prompts {
		if w.Row == l.Row {
			w.fired = w.fired || l.Due == 0 || l.Due >= w.Due
			w.dirty = w.rebase(b.now) || w.dirty
			b.handleAlarm(w)
			return
		}
	}
}

// Shown records, before the first byte is sent, to whom the prompt is about to be sent, so that a withdrawal reaches all of
// them. Apply sets OK if it may be sent, and its content.
type Shown struct {
	Prompt string
	To     []string // full JIDs; the bare JID for an ordinary client
	Chat   string   // stanza id of the chat message, if it is one
	// Releases are the numbers in it. Apply removes them if there was a refusal meanwhile.
	Releases []Release

	OK       bool
	Was      Prompt    // its previous state
	Messages []Message // those it asks about that are still open, oldest first
}

func (s *Shown) want(_ *Ledger, w *Want) { w.Prompts = append(w.Prompts, s.Prompt) }

func (s *Shown) apply(b *batch) {
	w := b.prompts[s.Prompt]
	if s.OK = w != nil && w.State == PromptOpen && b.now < w.ExpiresAt; !s.OK {
		return
	}
	if until := b.jointHold(w); until != 0 { // opened earlier, but held back now: postponed, not dropped
		s.OK = false
		w.postpone(until, b.policy.Expires)
		return
	}
	if len(w.Shown) == 0 && !b.recheck(w) {
		s.OK = false
		return
	}
	if b.withholds(w.Conv) {
		s.Releases = nil
	}
	s.Was, s.Messages = w.Prompt, b.openMessages(w)
	if until := b.undecided(s.Messages); until != 0 && len(s.Releases) > 0 {
		s.OK = false
		w.postpone(until, b.policy.Expires)
		return
	}
	if len(w.Shown) == 0 {
		b.opened = append(b.opened, Opened{w.Conv, w.OpenedAt, w.State})
	}
	for _, to := range s.To {
		if !slices.Contains(w.Shown, to) {
			w.Shown = append(slices.Clone(w.Shown), to)
		}
	}
	if s.Chat != "" {
		w.Chat = s.Chat
	}
	w.Covered, w.dirty = len(w.Messages), true
	b.out.Releases = append(b.out.Releases, s.Releases...)
}

// PromptViewed says that the sender is about to see a prompt on a page. Apply sets its content.
type PromptViewed struct {
	Prompt   string
	Releases []Release // as in Shown

	Messages []Message // those it asks about that are still open, oldest first; none: it is over
}

func (o *PromptViewed) want(_ *Ledger, w *Want) { w.Prompts = append(w.Prompts, o.Prompt) }

func (o *PromptViewed) apply(b *batch) {
	o.Messages = nil
	w := b.prompts[o.Prompt]
	if w == nil || !w.State.Live() {
		o.Releases = nil
		return
	}
	o.Messages = b.openMessages(w)
	if len(o.Messages) == 0 || b.withholds(w.Conv) || b.undecided(o.Messages) != 0 {
		o.Releases = nil
	}
	b.out.Releases = append(b.out.Releases, o.Releases...)
}

// NoticesDelivered says that notices have reached their senders.
type NoticesDelivered []NoticeKey

func (r *NoticesDelivered) want(*Ledger, *Want) {}
func (r *NoticesDelivered) apply(b *batch)      { b.out.Delivered = append(b.out.Delivered, *r...) }

// OutboxDone says that these outbox entries have been sent.
type OutboxDone []string

func (l *OutboxDone) want(*Ledger, *Want) {}
func (l *OutboxDone) apply(b *batch)      { b.out.Done = append(b.out.Done, *l...) }

// OutboxRetry says that outbox entries could not be sent, and when to retry.
type OutboxRetry []Attempt

func (l *OutboxRetry) want(*Ledger, *Want) {}
func (l *OutboxRetry) apply(b *batch)      { b.out.Attempts = append(b.out.Attempts, *l...) }

// Snapshot reads a prompt with its open messages, or a message, between two facts. It changes nothing.
type Snapshot struct {
	Prompt string // either
	Ord    int64  // or

	Found    bool
	Was      Prompt    // of Prompt
	Messages []Message // the unsettled ones; of Ord: the message, settled or not
}

func (p *Snapshot) want(_ *Ledger, w *Want) {
	if p.Prompt != "" {
		w.Prompts = append(w.Prompts, p.Prompt)
	} else {
		w.Ords = append(w.Ords, p.Ord)
	}
}

func (p *Snapshot) apply(b *batch) {
	p.Found, p.Messages = false, nil
	if p.Prompt == "" {
		if r := b.rows[p.Ord]; r != nil {
			p.Found, p.Messages = true, []Message{r.Message}
		}
		return
	}
	if w := b.prompts[p.Prompt]; w != nil {
		p.Found, p.Was, p.Messages = true, w.Prompt, b.openMessages(w)
	}
}
