package outbox

import (
	"context"
	"strings"

	"tocsin/component/phrase"
	"tocsin/track"
	"tocsin/xep/escalation"
)

// ask returns the content of a prompt in words: who has not read what, and how to answer.
func (p *prompter) ask(ctx context.Context, was *track.Prompt, messages []track.Message, payload *escalation.Escalate) phrase.Ask {
	zone := p.People.Zone(was.Sender)
	ask := phrase.Ask{Test: payload.Test, With: p.Names.Name(ctx, was.Sender, was.Recipient), Reason: track.State(payload.Reason), Doubt: payload.Doubt != "", Now: p.Clock.Now().In(zone), Text: payload.Text.Value}
	ask.Sends, ask.Tried = payload.Sends, track.SMSState(payload.Tried)
	known := true
	for i := range messages {
		m := &messages[i]
		ask.Sent = append(ask.Sent, m.SentAt.Std().In(zone))
		ask.Quotes = append(ask.Quotes, m.Text)
		ask.Under = ask.Under || m.Marks.Has(track.Texting)
		known = known && m.Text != "" && !m.Marks.Has(track.Encrypted)
	}
	if !known {
		ask.Quotes = nil
	}
	if payload.SMS != nil {
		if payload.Via != nil {
			ask.Via, ask.Gateway = payload.Via.URI, p.People.Of(was.Sender).Strict().Gateway
		}
		ask.Number, ask.Link = strings.TrimPrefix(payload.Number.URI, "tel:"), payload.SMS.URI
	}
	return ask
}

// Offer returns a prompt as its sender may see it now, for a page; ok is false if it is unknown. If it is over, or has
// nothing left to ask, Ask says only whom it was about.
func (d *Dispatcher) Offer(ctx context.Context, prompt string) (was track.Prompt, ask phrase.Ask, ok bool, err error) {
	snap := &track.Snapshot{Prompt: prompt}
	if err := d.Inputs.Do(ctx, snap); err != nil || !snap.Found {
		return track.Prompt{}, phrase.Ask{}, false, err
	}
	offered := &track.Offered{Prompt: prompt}
	if len(snap.Messages) > 0 {
		offered.Releases, err = d.prompter.releases(ctx, snap)
	}
	if err == nil {
		err = d.Inputs.Do(ctx, offered)
	}
	if err != nil {
		return track.Prompt{}, phrase.Ask{}, false, err
	}
	if len(offered.Messages) == 0 {
		return snap.Was, phrase.Ask{With: d.Names.Name(ctx, snap.Was.Sender, snap.Was.Recipient)}, true, nil
	}
	payload, err := d.prompter.escalate(ctx, snap.Was, offered.Messages, released(offered.Releases))
	if err != nil {
		return track.Prompt{}, phrase.Ask{}, false, err
	}
	return snap.Was, d.prompter.ask(ctx, &snap.Was, offered.Messages, payload), true, nil
}
