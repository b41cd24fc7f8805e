package outbox

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tocsin/component/sms"
	"tocsin/track"
	"tocsin/xep/escalation"
)

// prompter sends prompts and the other outbox entries for people.
type prompter struct {
	*Options
	sender *sender
}

// nobody reports whether a prompt for the user has to wait.
func (p *prompter) nobody(owner string) bool {
	to, _, ok := p.targets(owner)
	return !ok || len(to) == 0
}

// targets returns where a prompt goes: to the resources that can open a composer, else to those that can show it, else, as a
// chat message, to the bare JID. ok is false until the resources' features are known.
func (p *prompter) targets(owner string) (to []string, chat, ok bool) {
	v := p.Presence.View(owner)
	switch {
	case !v.Ready: // a resource that answers a moment later must not miss it
		return nil, false, false
	case len(v.SMS) > 0:
		return v.SMS, false, true
	case len(v.Capable) > 0:
		return v.Capable, false, true
	case p.allowed(owner) && (v.Online || !v.Reported):
		return []string{owner}, true, true
	}
	return nil, false, true
}

// show sends a prompt to its targets, which are recorded before the first byte is sent.
func (p *prompter) show(ctx context.Context, out track.Outgoing) error {
	to, chat, ok := p.targets(out.Owner)
	if !ok || len(to) == 0 {
		return errNobody
	}
	return p.showTo(ctx, out, to, chat)
}

func (p *prompter) showTo(ctx context.Context, out track.Outgoing, to []string, chat bool) error {
	snap := &track.Snapshot{Prompt: out.Prompt}
	if err := p.Inputs.Do(ctx, snap); err != nil {
		return err
	}
	if !snap.Found || snap.Was.State != track.PromptOpen || len(snap.Messages) == 0 {
		return nil // answered, withdrawn or snoozed in the meantime
	}
	shown := &track.Shown{Prompt: out.Prompt, To: to}
	if chat {
		shown.Chat = chatID(out, &snap.Was)
	}
	var err error
	if shown.Releases, err = p.releases(ctx, snap); err != nil {
		return err
	}
	if err := p.Inputs.Do(ctx, shown); err != nil {
		return err
	}
	if !shown.OK || len(shown.Messages) == 0 {
		return nil
	}
	payload, err := p.escalate(ctx, shown.Was, shown.Messages, released(shown.Releases))
	if err != nil {
		return err
	}
	if chat {
		m, err := p.chatPrompt(ctx, out, shown, payload)
		if err != nil {
			return err
		}
		return p.sender.send(ctx, m)
	}
	for _, full := range to {
		if err := p.sender.send(ctx, p.sender.private(full, stanzaID(out, full), payload)); err != nil {
			return err
		}
	}
	p.Backlog.showed(out.Owner, out.Prompt, to)
	return nil
}

// releases returns the number that a prompt would disclose to its sender; Apply may still refuse it.
func (p *prompter) releases(ctx context.Context, snap *track.Snapshot) ([]track.Release, error) {
	number, err := p.Privacy.Number(ctx, snap.Was.Conv, knownStanding(snap.Messages))
	if err != nil || number == "" {
		return nil, err
	}
	return []track.Release{{
		Owner: snap.Was.Recipient, To: snap.Was.Sender, Number: number, ID: newest(snap.Messages).ID, At: track.At(p.Clock.Now()),
	}}, nil
}

// knownStanding returns the sender's standing in the recipient's roster, from the newest message that has one.
func knownStanding(messages []track.Message) (s track.Standing) {
	ord := int64(0)
	for i := range messages {
		if m := &messages[i]; m.Standing != track.StandingUnknown && m.Ord >= ord {
			s, ord = m.Standing, m.Ord
		}
	}
	return s
}

// released is the number that a prompt discloses, or "".
func released(releases []track.Release) string {
	if len(releases) == 0 {
		return ""
	}
	return releases[0].Number
}

// showOpen shows a user's resources the open prompts they have not been shown. New resources have none, as prompts are not
// stored for them.
func (p *prompter) showOpen(ctx context.Context, owner string, g *greeting) error {
	prompts, err := p.Store.Prompts(ctx, owner)
	if err != nil {
		return fmt.Errorf("load prompts: %w", err)
	}
	to, chat, ok := p.targets(owner)
	if !ok || chat {
		return nil
	}
	for _, prompt := range prompts {
		lacking := g.lacking(&prompt, to)
		if prompt.State != track.PromptOpen || len(prompt.Shown) == 0 || len(lacking) == 0 {
			continue
		}
		out := track.Outgoing{ID: fmt.Sprintf("%s-%d", prompt.ID, prompt.Sends), Owner: owner, Prompt: prompt.ID}
		if err := p.showTo(ctx, out, lacking, false); err != nil {
			return err
		}
	}
	return nil
}

// escalate returns the element that clients process (protocol §5).
func (p *prompter) escalate(ctx context.Context, was track.Prompt, messages []track.Message, number string) (*escalation.Escalate, error) {
	m := newest(messages)
	draft, lang, err := p.draft(messages, number)
	if err != nil {
		return nil, err
	}
	e := &escalation.Escalate{
		Test: m.Marks.Has(track.Test), Prompt: was.ID, ID: m.ID, With: m.Recipient, Reason: escalation.State(p.Privacy.State(ctx, m, timeoutOf(messages))),
		Priority: priorities[was.Priority], Expires: escalation.Time(was.ExpiresAt), Text: &escalation.Text{Value: draft.Text},
	}
	if slices.ContainsFunc(messages, func(m track.Message) bool { return p.Privacy.Status(ctx, &m).Doubt != "" }) {
		e.Doubt = escalation.DoubtGap
	}
	e.Sends = p.Settings.Get().Policy.SMS != nil && !e.Test
	e.Tried = escalation.OwnSMS(tried(messages))
	if draft.Text != "" {
		e.Text.Lang = lang
	}
	if number != "" {
		e.Number = &escalation.Number{URI: draft.Tel}
		e.SMS = &escalation.SMS{URI: draft.URI}
		if draft.Text != "" {
			e.SMS.Segments, e.SMS.Encoding = draft.Segments, draft.Encoding
		}
		if gateway := p.People.Of(m.Sender).Strict().Gateway; gateway != "" && !e.Test {
			e.Via = &escalation.Via{URI: sms.ChatURI(number, gateway, draft.Text)}
		}
	}
	for _, also := range messages[:len(messages)-1] {
		e.Also = append(e.Also, escalation.Also{ID: also.ID})
	}
	return e, nil
}

// newest is the message that a prompt names; the others come before it.
func newest(messages []track.Message) *track.Message { return &messages[len(messages)-1] }

// tried returns the outcome of the component's own SMS about the messages as reported to their sender: failed, unsure, or "".
func tried(messages []track.Message) track.SMSState {
	for i := range slices.Backward(messages) {
		if sms := messages[i].Notice.SMS; sms == track.SMSStateFailed || sms == track.SMSStateUnsure {
			return sms
		}
	}
	return ""
}

// timeoutOf returns the newest timeout of the messages of a prompt; there is none if they were escalated by command.
func timeoutOf(messages []track.Message) track.State {
	for i := range slices.Backward(messages) {
		switch m := &messages[i]; {
		case m.Marks.Has(track.TimedOutUnread):
			return track.StateTimeoutUnread
		case m.Marks.Has(track.TimedOutUndelivered):
			return track.StateTimeoutUndelivered
		}
	}
	return ""
}

var priorities = map[track.Priority]escalation.Priority{
	track.Low: escalation.Low, track.PriorityUnset: escalation.Normal, track.Normal: escalation.Normal,
	track.High: escalation.High, track.Urgent: escalation.Urgent,
}

// draft composes the text of the SMS: the messages' own, or a notice. If the text of any message is unknown, as when it is
// encrypted, the client fills in all of it.
func (p *prompter) draft(messages []track.Message, number string) (sms.Draft, string, error) {
	settings := p.Settings.Get()
	m := newest(messages)
	lang := p.People.Language(m.Sender, m.Lang)
	fill := sms.Fill{Sender: m.Sender, Domain: track.Domain(m.Sender), Burst: len(messages) > 1}
	notice := settings.Notice
	if own := p.People.Of(m.Sender).Text; own != "" {
		notice = own == "notice"
	}
	if !notice {
		var texts []string
		for i := range messages {
			if messages[i].Text == "" || messages[i].Marks.Has(track.Encrypted) {
				return sms.Blank(number), lang, nil
			}
			texts = append(texts, messages[i].Text)
		}
		fill.Text = strings.Join(texts, "\n")
	}
	draft, err := sms.Compose(settings.Templates[lang], fill, number, settings.TextLimit)
	if err != nil {
		return sms.Draft{}, "", fmt.Errorf("%w: %w", errUnsendable, err)
	}
	return draft, lang, nil
}

// reasonOf returns the reason of a withdrawal as sent to clients, for whom an SMS sent by the component is an answer.
func reasonOf(out track.Outgoing) escalation.Withdrawal {
	if out.Withdrawal == track.WithdrawTexted {
		return escalation.BecauseAnswered
	}
	return escalation.Withdrawal(out.Withdrawal)
}

// withdraw withdraws a prompt from those it was sent to.
func (p *prompter) withdraw(ctx context.Context, out track.Outgoing) error {
	for _, to := range out.To {
		switch {
		case to == out.Owner:
			if err := p.correct(ctx, out); err != nil {
				return err
			}
		case p.Presence.Online(to): // otherwise a status on return says so
			w := escalation.Withdraw{Prompt: out.Prompt, Reason: reasonOf(out)}
			if err := p.sender.send(ctx, p.sender.private(to, stanzaID(out, to), w)); err != nil {
				return err
			}
		}
	}
	return nil
}

// allowed reports whether an ordinary client of the user may be sent chat messages (protocol §7).
func (p *prompter) allowed(owner string) bool {
	prefs := p.People.Of(owner)
	switch p.Settings.Policy().Fallback {
	case track.FallbackAll:
		return prefs.Fallback != track.Off
	case track.FallbackOptedIn:
		return prefs.Fallback == track.On
	}
	return false
}
