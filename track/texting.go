package track

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
)

// noText returns why the component cannot send an SMS about a message, or "". In every such case a prompt takes its place.
func (b *batch) noText(m *Message) NoText {
	p := b.policy.SMS
	if p == nil {
		return NoSMS
	}
	n, who := b.numbers[m.Recipient], b.parties(m.Conv())
	switch {
	case n.E164 == "" || n.Source == FromVCard:
		return NoNumber
	case p.Verify && n.Source == FromUser && !n.Verified:
		return Unverified
	case who.Hidden:
		return NumberHidden
	case !p.allows(n, first(m.Standing, who.Standing)):
		return SenderNotAllowed
	case b.isRefused(m.Conv()):
		return Rejected
	case b.isStopped(n.E164):
		return OptedOut
	case !p.Reaches(n.E164):
		return NoRoute
	}
	sender := 0
	for _, u := range b.usage.Used {
		if b.now < u.At.Add(day) && u.Sender == m.Sender && u.Kind == TextAbout {
			sender++
		}
	}
	switch {
	case reached(b.textsTo(n.E164), p.PerNumberDay):
		return NumberCap
	case reached(sender, p.PerSenderDay):
		return SenderCap
	case b.overBudget():
		return OverBudget
	}
	return ""
}

// textsTo counts the SMS of any kind to a number in the last day.
func (b *batch) textsTo(e164 string) (n int) {
	for _, u := range b.usage.Used {
		if b.now < u.At.Add(day) && u.Number == e164 {
			n++
		}
	}
	return n
}

func (b *batch) isStopped(e164 string) bool { return b.usage.Stopped[e164] != "" }

// allows reports whether a sender's messages may cause an SMS to a number.
func (p *SMSPolicy) allows(n Number, standing Standing) bool {
	switch p.Who {
	case WhoAll:
		return true
	case WhoConsented:
		return n.Consent
	}
	return standing.SeesPresence()
}

// textHold returns until when an SMS has to wait, and why: prompts are held back, as an SMS makes the phone ring; somebody is
// writing one; or another one is on its way.
func (b *batch) textHold(r *row, hold Time, held Reason) (Time, Reason) {
	if hold != 0 {
		return hold, held
	}
	if w := b.live[r.Conv()]; w != nil && w.State == PromptClaimed {
		return w.Until, ReasonTexting
	}
	if t := b.texting[r.Conv()]; t != nil && (t.State != TextQueued || t.Body != "") {
		return max(b.now, t.SentAt).Add(resendInterval), ReasonTexting
	}
	if until := b.undecided([]Message{r.Message}); until != 0 {
		return until, ReasonTexting // the message may still turn out to be rejected
	}
	return 0, ""
}

// text queues an SMS about a message and the rest of its burst, or adds it to the one already queued.
func (b *batch) text(r *row) {
	if t := b.texting[r.Conv()]; t != nil {
		b.include(t, r)
		return
	}
	rows := []*row{r}
	for _, o := range b.upTo(r.Conv(), math.MaxInt64) {
		if o != r && o.Marks&(SMSTried|Test) == 0 && o.Hint.Escalate != Ask && o.mayJoin(b.settings(&o.Message), b.now) {
			rows = append(rows, o)
		}
	}
	b.openText(rows, "", "")
}

// openText puts an SMS into the outbox. body is "" unless the sender has written it.
func (b *batch) openText(rows []*row, prompt, body string) *text {
	c := rows[0].Conv()
	t := b.queueText(&text{Text: Text{Conv: c, Prompt: prompt, Body: body, Number: b.numbers[c.Recipient].E164}})
	for _, r := range rows {
		b.include(t, r)
	}
	return t
}

// queueText assigns an SMS its ID and puts it into the outbox.
func (b *batch) queueText(t *text) *text {
	t.Row, t.QueuedAt, t.dirty = b.nextOrd(), b.now, true
	t.ID = b.textID(t.Row)
	b.addText(t)
	b.usage.Used = append(b.usage.Used, Used{Number: t.Number, Sender: t.Sender, Kind: t.Kind, At: b.now})
	b.out.Outbox = append(b.out.Outbox, Outgoing{ID: t.entry(), Kind: OutText, Owner: t.Sender, Prompt: t.ID, After: b.now})
	return t
}

// entry is the ID of its outbox entry.
func (t *Text) entry() string { return "t-" + t.ID }

// include adds a message to an SMS. Beyond maxAsked the oldest is dropped.
func (b *batch) include(t *text, r *row) {
	r.Marks = r.Marks&^(Wanted|Ordered|WantsSMS) | Texting
	r.Reason = ReasonTexting
	t.Messages, t.dirty = append(t.Messages, r.Ord), true
	slices.Sort(t.Messages)
	t.Messages = slices.Compact(t.Messages)
	if len(t.Messages) > maxAsked {
		if oldest := b.rows[t.Messages[0]]; oldest != nil {
			oldest.Marks = oldest.Marks&^Texting | PromptingEnded
			oldest.Reason = ReasonEnded
		}
		t.Messages = t.Messages[1:]
	}
}

func (b *batch) addText(t *text) *text {
	b.texts[t.ID] = t
	if t.State.Live() {
		b.texting[t.Conv] = t
	}
	return t
}

// textID derives an unguessable ID from the database's secret, as promptID does.
func (b *batch) textID(row int64) string {
	mac := hmac.New(sha256.New, b.secret)
	mac.Write([]byte("text"))
	binary.Write(mac, binary.BigEndian, row)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// about returns the messages of an SMS that are still worth mentioning.
func (b *batch) about(t *text) (rows []*row) {
	for _, ord := range t.Messages {
		if r := b.rows[ord]; r != nil && !r.Status.Settled() && r.Marks.Has(Texting) && r.Marks&(PromptingEnded|Hushed) == 0 {
			rows = append(rows, r)
		}
	}
	return rows
}

// raise moves an SMS to a later state and updates its messages. Earlier states are ignored.
func (b *batch) raise(t *text, state TextState) {
	was := t.State
	if state <= was {
		return
	}
	t.State, t.dirty = state, true
	if was.Live() && !state.Live() {
		b.ended(t, state)
	}
	if t.Kind == TextCode && (state == TextRefused || state == TextFailed || state == TextExpired) {
		b.out.Outbox = append(b.out.Outbox, Outgoing{ID: t.entry() + "-not", Kind: OutAlert, Owner: t.Recipient, Alert: Alert{Kind: AlertNoCode}, After: b.now})
	}
	switch state {
	case TextUnsure:
		b.each(t, SMSSent, SMSStateUnsure)
	case TextDropped, TextRefused, TextLost:
		b.each(t, SMSEnded, "")
	case TextTaken:
		b.each(t, SMSSent, SMSStateSent)
	case TextExpired, TextFailed:
		b.each(t, SMSEnded, SMSStateFailed)
	case TextDelivered:
		if was != TextTaken {
			b.each(t, SMSSent, SMSStateSent)
		}
		b.each(t, SMSEnded, SMSStateDelivered)
	}
}

// ended removes an SMS from the outbox and updates the prompt that it answered.
func (b *batch) ended(t *text, state TextState) {
	t.EndedAt, t.Body = b.now, ""
	if b.texting[t.Conv] == t {
		delete(b.texting, t.Conv)
	}
	b.out.Done = append(b.out.Done, t.entry())
	w := b.prompts[t.Prompt]
	switch {
	case w == nil || w.State != PromptClaimed:
	case state == TextTaken || state == TextDelivered:
		b.close(w, PromptSent)
		w.Until = 0 // it can't be taken back
		b.withdraw(w, WithdrawTexted, w.Shown)
		for _, ord := range w.Messages {
			if r := b.rows[ord]; r.belongs(w) && !slices.Contains(t.Messages, ord) { // joined meanwhile
				r.Marks |= Wanted
				r.Prompt, r.Due, r.Reason = "", b.now, ""
			}
		}
	default:
		w.Until = b.now
		b.handleAlarm(w)
	}
}

// each applies the state of an SMS to its messages.
func (b *batch) each(t *text, kind FactKind, state SMSState) {
	for _, ord := range t.Messages {
		r := b.rows[ord]
		if r == nil {
			continue
		}
		b.transit(r, &Fact{Kind: kind, Ord: ord, At: b.now, Basis: BySMS, SMS: state})
		switch {
		case r.Marks.Has(PromptingEnded):
			b.lost(r, WithdrawTexted)
		case r.Marks.Has(Wanted) && b.prompted(r): // a prompt asks about it already
			r.Marks &^= Wanted | Ordered | WantsSMS
			r.Reason = ReasonPrompted
			b.again(b.prompts[r.Prompt])
		}
	}
}

// send answers a prompt with an SMS sent by the component. The prompt stays claimed until the outcome is known.
func (b *batch) send(w *work, by, body string) Verdict {
	t := b.texting[w.Conv]
	switch {
	case b.policy.SMS == nil:
		return BadRequest // like any unknown action
	case w.State == PromptSent && w.Claimer == by && w.Until == 0, w.State == PromptClaimed && w.Claimer == by && t != nil && t.Prompt == w.ID:
		return OK // a repetition
	}
	before := w.Prompt
	if v, _ := w.answer(Claim, by, 0, false, b.policy, b.now); v != OK {
		return v
	}
	var rows []*row
	for _, ord := range slices.Sorted(slices.Values(w.Messages)) {
		if r := b.rows[ord]; w.isAbout(r) {
			rows = append(rows, r)
		}
	}
	v := b.maySend(w, rows)
	if t != nil {
		v = Conflict // one is on its way already
	}
	if v != OK {
		w.Prompt = before
		return v
	}
	b.openText(rows, w.ID, body)
	w.Until, w.dirty = b.now.Add(textLease), true
	w.ExpiresAt = max(w.ExpiresAt, w.Until.Add(b.policy.Expires)) // postponed, not dropped
	if before.State != PromptClaimed {
		b.withdraw(w, WithdrawClaimed, w.others(by))
	}
	return OK
}

// maySend says whether the component can send the SMS that a prompt asks for. The sender does not learn why not, just as they
// do not learn that a number is missing.
func (b *batch) maySend(w *work, rows []*row) Verdict {
	if len(rows) == 0 {
		return Gone
	}
	newest := rows[len(rows)-1]
	if b.policy.Paused || newest.Marks.Has(Test) {
		return NotAllowed
	}
	switch b.noText(&newest.Message) {
	case "":
		return OK
	case SenderCap:
		return TooOften
	}
	return NotAllowed
}

// detachText detaches a message from its SMS; it is decided on again.
func (b *batch) detachText(r *row, wanted Marks) {
	if r == nil || r.Status.Settled() || !r.Marks.Has(Texting) {
		return
	}
	r.Marks &^= Texting
	if r.Marks&(PromptingEnded|Hushed) != 0 {
		r.Reason = ReasonEnded
		return
	}
	r.Marks |= wanted
	r.Due, r.Reason = b.now, ""
}

// dropText drops an SMS that was never submitted; its messages are decided on again.
func (b *batch) dropText(t *text, wanted Marks) {
	for _, ord := range t.Messages {
		b.detachText(b.rows[ord], wanted)
	}
	t.State, t.dirty = TextDropped, true
	b.ended(t, TextDropped)
}
