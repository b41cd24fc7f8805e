package outbox

import (
	"context"

	"tocsin/component/phrase"
	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/correct"
	"tocsin/xep/escalation"
	"tocsin/xep/fallback"
	"tocsin/xep/hints"
	"tocsin/xep/retract"
)

// chatID is the stanza id of the chat message that a prompt is: what brings more corrects the message before, every other
// repetition is a message of its own.
func chatID(out track.Outgoing, p *track.Prompt) string {
	if out.Reason == track.ShowsMore && p.Chat != "" {
		return p.Chat
	}
	return stanzaID(out, out.Owner)
}

// chatPrompt is a prompt for an ordinary client.
func (p *prompter) chatPrompt(out track.Outgoing, shown *track.Shown, payload *escalation.Escalate) session.Message {
	was, zone := &shown.Was, p.People.Zone(out.Owner)
	say := phrase.In(p.People.Language(out.Owner, newest(shown.Messages).Lang))
	ask := phrase.Ask{
		With: was.Recipient, Reason: track.State(payload.Reason), Now: p.Clock.Now().In(zone), Code: was.Code, NoText: payload.Text.Value == "",
	}
	for i := range shown.Messages {
		ask.Sent = append(ask.Sent, shown.Messages[i].SentAt.Std().In(zone))
	}
	if payload.SMS != nil {
		ask.URI = payload.SMS.URI
	}
	m := p.sender.chat(out.Owner, stanzaID(out, out.Owner), payload, fallback.Body(escalation.NS), hints.Store{})
	m.Lang, m.Body = say.Lang, say.Chat.Prompt(ask)
	if shown.Chat != m.ID {
		m.Payload = append(m.Payload, correct.Replace{ID: shown.Chat})
	}
	return m
}

// retracts are the reasons for which an ordinary client's prompt is taken back; of the others the user knows.
var retracts = map[track.Withdrawal]bool{
	track.WithdrawDisplayed: true, track.WithdrawDelivered: true, track.WithdrawExpired: true, track.WithdrawCancelled: true,
	track.WithdrawRetracted: true,
}

// retract takes a prompt back from an ordinary client (XEP-0424), with a line for one that does not know retractions.
func (p *prompter) retract(ctx context.Context, out track.Outgoing) error {
	if !retracts[track.Withdrawal(out.Reason)] {
		return nil
	}
	snap := &track.Snapshot{Prompt: out.Prompt}
	if err := p.Inputs.Do(ctx, snap); err != nil {
		return err
	}
	if !snap.Found || snap.Was.Chat == "" {
		return nil
	}
	say := phrase.In(p.People.Language(out.Owner, ""))
	m := p.sender.chat(out.Owner, stanzaID(out, out.Owner), retract.Retract{ID: snap.Was.Chat}, fallback.Body(retract.NS), hints.Store{})
	m.Lang, m.Body = say.Lang, say.Chat.Withdrawn(snap.Was.Recipient, out.Reason)
	return p.sender.send(ctx, m)
}

// remind repeats a message gently to its recipient: from the contact, never in the sender's name.
func (p *prompter) remind(ctx context.Context, out track.Outgoing) error {
	snap := &track.Snapshot{Ord: out.Ord}
	if err := p.Inputs.Do(ctx, snap); err != nil {
		return err
	}
	if !snap.Found || snap.Messages[0].Status.Settled() {
		return nil
	}
	m := &snap.Messages[0]
	zone := p.People.Zone(m.Recipient)
	say := phrase.In(p.People.Language(m.Recipient, ""))
	reminder := p.sender.chat(m.Recipient, stanzaID(out, m.Recipient), hints.NoStore{})
	reminder.Lang, reminder.Body = say.Lang, say.Chat.Remind(m.Sender, m.SentAt.Std().In(zone), p.Clock.Now().In(zone))
	return p.sender.send(ctx, reminder)
}

// chat says one line to a sender: that a cap snap reached.
func (p *prompter) capped(ctx context.Context, out track.Outgoing) error {
	// Whoever would have been asked is told why not.
	if !p.allowed(out.Owner) && len(p.Presence.Look(out.Owner).Capable) == 0 {
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
	line.Lang, line.Body = say.Lang, say.Chat.Capped(snap.Messages[0].Recipient)
	return p.sender.send(ctx, line)
}
