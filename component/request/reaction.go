package request

import (
	"context"

	"tocsin/component/phrase"
	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/reactions"
)

// react handles reactions to a prompt by chat: an answer, or its withdrawal (XEP-0444, protocol §7). The reaction
// itself shows the answer, so only additional information is sent.
func (r *Router) react(ctx context.Context, m *session.Stanza) {
	var to reactions.Reactions
	if p := m.Child(reactions.NS, "reactions"); p == nil || p.Decode(&to) != nil {
		return
	}
	command := phrase.Command{For: phrase.DefaultSnooze}
	for _, emoji := range to.Emoji {
		if verb := phrase.Reaction(emoji); verb != phrase.Unknown {
			command.Verb = verb
		}
	}
	prompt := track.PromptOf(to.ID)
	if prompt == "" || command.Verb == phrase.Unknown && len(to.Emoji) > 0 {
		return
	}
	owner := m.From.Bare().String()
	say := phrase.In(r.Locales.Language(owner, m.Lang))
	r.runChatCommand(ctx, m, say, func(ctx context.Context) (string, error) {
		p, err := r.promptOf(ctx, owner, prompt)
		if err != nil || p == nil {
			return "", err
		}
		by := m.From.String()
		if command.Verb == phrase.Unknown {
			return r.revokeAnswer(ctx, by, p, say)
		}
		verdict, err := r.answer(ctx, by, p, command)
		if err == nil && verdict == track.Conflict && p.State != track.PromptClaimed { // the reaction was changed
			if text, err := r.revokeAnswer(ctx, by, p, say); text != "" || err != nil {
				return text, err
			}
			verdict, err = r.answer(ctx, by, p, command)
		}
		if err != nil || verdict == track.OK && command.Verb != phrase.Snooze && command.Verb != phrase.SendIt {
			return "", err
		}
		return r.outcomeText(ctx, p, verdict, command, say), nil
	})
}

// revokeAnswer takes an answer back, and replies only if it is too late.
func (r *Router) revokeAnswer(ctx context.Context, by string, p *track.Prompt, say *phrase.Phrases) (string, error) {
	back := &track.TakeBack{Prompt: p.ID, By: by}
	if err := r.Inputs.Do(ctx, back); err != nil {
		return "", err
	}
	if back.Verdict != track.OK {
		return say.Chat.TooLate(r.Server.Name(ctx, p.Sender, p.Recipient)), nil
	}
	return "", nil
}
