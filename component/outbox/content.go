package outbox

import (
	"context"
	"strings"

	"tocsin/component/phrase"
	"tocsin/track"
	"tocsin/xep/escalation"
)

// content returns the content of a prompt in words: who has not read what, and how to answer.
func (p *prompter) content(ctx context.Context, was *track.Prompt, messages []track.Message, payload *escalation.Escalate) phrase.PromptContent {
	zone := p.People.Zone(was.Sender)
	content := phrase.PromptContent{Test: payload.Test, With: p.Names.Name(ctx, was.Sender, was.Recipient), Reason: track.State(payload.Reason), Doubt: payload.Doubt != "", Now: p.Clock.Now().In(zone), Text: payload.Text.Value}
	content.Sends, content.Tried = payload.Sends, track.SMSState(payload.Tried)
	known := true
	for i := range messages {
		m := &messages[i]
		content.Sent = append(content.Sent, m.SentAt.Std().In(zone))
		content.Quotes = append(content.Quotes, m.Text)
		content.Under = content.Under || m.Marks.Has(track.Texting)
		known = known && m.Text != "" && !m.Marks.Has(track.Encrypted)
	}
	if !known {
		content.Quotes = nil
	}
	if payload.SMS != nil {
		if payload.Via != nil {
			content.Via, content.Gateway = payload.Via.URI, p.People.Of(was.Sender).Strict().Gateway
		}
		content.Number, content.Link = strings.TrimPrefix(payload.Number.URI, "tel:"), payload.SMS.URI
	}
	return content
}

// PromptView returns a prompt as its sender may see it now, for a page; ok is false if it is unknown. If it is over, or has
// nothing left to ask, content says only whom it was about.
func (d *Dispatcher) PromptView(ctx context.Context, prompt string) (was track.Prompt, content phrase.PromptContent, ok bool, err error) {
	snap := &track.Snapshot{Prompt: prompt}
	if err := d.Inputs.Do(ctx, snap); err != nil || !snap.Found {
		return track.Prompt{}, phrase.PromptContent{}, false, err
	}
	viewed := &track.PromptViewed{Prompt: prompt}
	if len(snap.Messages) > 0 {
		viewed.Releases, err = d.prompter.releases(ctx, snap)
	}
	if err == nil {
		err = d.Inputs.Do(ctx, viewed)
	}
	if err != nil {
		return track.Prompt{}, phrase.PromptContent{}, false, err
	}
	if len(viewed.Messages) == 0 {
		return snap.Was, phrase.PromptContent{With: d.Names.Name(ctx, snap.Was.Sender, snap.Was.Recipient)}, true, nil
	}
	payload, err := d.prompter.escalate(ctx, snap.Was, viewed.Messages, released(viewed.Releases))
	if err != nil {
		return track.Prompt{}, phrase.PromptContent{}, false, err
	}
	return snap.Was, d.prompter.content(ctx, &snap.Was, viewed.Messages, payload), true, nil
}
