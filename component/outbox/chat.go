package outbox

import (
	"context"
	"fmt"
	"slices"

	"tocsin/component/phrase"
	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/correct"
	"tocsin/xep/escalation"
	"tocsin/xep/fallback"
	"tocsin/xep/hints"
	"tocsin/xep/reply"
)

// chatID is the stanza id of a prompt's chat message: additions correct the earlier message, any other repetition is a
// new message.
func chatID(out track.Outgoing, p *track.Prompt) string {
	if out.More && p.Chat != "" {
		return p.Chat
	}
	return stanzaID(out, out.Owner)
}

// chatPrompt returns a prompt for an ordinary client.
func (p *prompter) chatPrompt(ctx context.Context, out track.Outgoing, shown *track.Shown, payload *escalation.Escalate) (session.Message, error) {
	p.People.Locate(ctx, out.Owner, "")
	content := p.content(ctx, &shown.Was, shown.Messages, payload)
	link, err := p.Links.PromptLink(ctx, &shown.Was)
	if err != nil {
		return session.Message{}, fmt.Errorf("make a link: %w", err)
	}
	if link != "" {
		content.Link, content.IsPage = link, true
	}
	prompts, err := p.Store.Prompts(ctx, out.Owner)
	if err != nil {
		return session.Message{}, fmt.Errorf("load prompts: %w", err)
	}
	if slices.ContainsFunc(prompts, func(other track.Prompt) bool { return other.ID != shown.Was.ID }) {
		content.Code = shown.Was.Code // "sent" alone would be ambiguous
	}
	say := phrase.In(p.People.Language(out.Owner, newest(shown.Messages).Lang))
	m := p.sender.chat(out.Owner, stanzaID(out, out.Owner), payload, fallback.Body(escalation.NS), hints.Store{})
	m.Lang, m.Body = say.Lang, say.Chat.Prompt(content)
	if shown.Chat != m.ID {
		m.Payload = append(m.Payload, correct.Replace{ID: shown.Chat})
	}
	return m, nil
}

// corrected are the reasons that end a prompt on an ordinary client; the others concern other devices.
var corrected = map[track.Withdrawal]bool{
	track.WithdrawDisplayed: true, track.WithdrawDelivered: true, track.WithdrawExpired: true, track.WithdrawCancelled: true,
	track.WithdrawRetracted: true, track.WithdrawAnswered: true, track.WithdrawTexted: true,
}

// correct corrects the prompt of an ordinary client to one line saying that it is over (XEP-0308). Clients without
// support for retractions would show one as a second message.
func (p *prompter) correct(ctx context.Context, out track.Outgoing) error {
	if !corrected[out.Withdrawal] {
		return nil
	}
	snap := &track.Snapshot{Prompt: out.Prompt}
	if err := p.Inputs.Do(ctx, snap); err != nil {
		return err
	}
	if !snap.Found || snap.Was.Chat == "" {
		return nil
	}
	last := &track.Snapshot{Ord: slices.Max(snap.Was.Messages)}
	if err := p.Inputs.Do(ctx, last); err != nil {
		return err
	}
	lang := "" // that of the prompt
	if last.Found {
		lang = last.Messages[0].Lang
	}
	say, now := phrase.In(p.People.Language(out.Owner, lang)), p.Clock.Now().In(p.People.Zone(out.Owner))
	m := p.sender.chat(out.Owner, stanzaID(out, out.Owner), correct.Replace{ID: snap.Was.Chat}, hints.Store{})
	m.Lang, m.Body = say.Lang, say.Chat.Settled(p.Names.Name(ctx, out.Owner, snap.Was.Recipient), out.Withdrawal, out.After.Std().In(now.Location()), now)
	return p.sender.send(ctx, m)
}

// sendReminder tells a recipient that messages are waiting to be read. It comes from the contact, never in the sender's name.
func (p *prompter) sendReminder(ctx context.Context, out track.Outgoing) error {
	overdue := &track.Overdue{Ord: out.Ord, Kind: out.Kind}
	if err := p.Inputs.Do(ctx, overdue); err != nil || !overdue.OK {
		return err
	}
	m := &overdue.Waiting[0]
	zone := p.People.Zone(m.Recipient)
	say := phrase.In(p.People.Language(m.Recipient, ""))
	reminder := p.sender.chat(m.Recipient, stanzaID(out, m.Recipient), hints.NoStore{})
	reminder.Lang, reminder.Body = say.Lang, say.Chat.Remind(p.Names.Name(ctx, m.Recipient, m.Sender), len(overdue.Waiting), m.SentAt.Std().In(zone), p.Clock.Now().In(zone))
	return p.sender.send(ctx, reminder)
}

// sendCapped sends a sender one line saying which cap was reached.
func (p *prompter) sendCapped(ctx context.Context, out track.Outgoing) error {
	// Only senders who would have been prompted are told.
	if !p.allowed(out.Owner) && len(p.Presence.View(out.Owner).Capable) == 0 {
		return nil
	}
	snap := &track.Snapshot{Ord: out.Ord}
	if err := p.Inputs.Do(ctx, snap); err != nil {
		return err
	}
	if !snap.Found {
		return nil
	}
	say := phrase.In(p.People.Language(out.Owner, snap.Messages[0].Lang))
	line := p.sender.chat(out.Owner, stanzaID(out, out.Owner), hints.Store{})
	line.Lang, line.Body = say.Lang, say.Chat.Capped(p.Names.Name(ctx, out.Owner, snap.Messages[0].Recipient), out.Cap)
	return p.sender.send(ctx, line)
}

// sendReply forwards a recipient's SMS reply to the sender. It comes from the contact, never in the recipient's name.
func (p *prompter) sendReply(ctx context.Context, out track.Outgoing) error {
	snap := &track.Snapshot{Ord: out.Ord}
	if err := p.Inputs.Do(ctx, snap); err != nil {
		return err
	}
	answer := escalation.SMSReply{With: out.To[0], Text: out.Text}
	payload, lang := []any{&answer, fallback.Body(escalation.NS), hints.Store{}}, ""
	if snap.Found { // otherwise it was pruned
		m := &snap.Messages[0]
		answer.ID, lang = m.ID, m.Lang
		payload = append(payload, reply.Reply{ID: m.ID, To: out.Owner})
	}
	say := phrase.In(p.People.Language(out.Owner, lang))
	line := p.sender.chat(out.Owner, stanzaID(out, out.Owner), payload...)
	line.Lang, line.Body = say.Lang, say.Chat.Replied(p.Names.Name(ctx, out.Owner, out.To[0]), out.Text)
	return p.sender.send(ctx, line)
}

// sendAlert sends one line to an admin about something that needs attention.
func (p *prompter) sendAlert(ctx context.Context, out track.Outgoing) error {
	say := phrase.In(p.People.Language(out.Owner))
	line := p.sender.chat(out.Owner, stanzaID(out, out.Owner), hints.Store{})
	line.Lang, line.Body = say.Lang, say.Chat.Alert(out.Alert)
	return p.sender.send(ctx, line)
}
