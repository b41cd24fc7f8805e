package request

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"tocsin/component/phrase"
	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/fallback"
	"tocsin/xep/hints"
	"tocsin/xep/reply"
)

// helpEvery is the minimum time between two help messages to a user whose messages are not understood.
const helpEvery = time.Minute

// helped records who was sent help, and when.
type helped struct {
	mu sync.Mutex
	at map[string]time.Time // by bare JID
}

// maxHelped limits the users remembered in helped.
const maxHelped = 10_000

// may reports whether a user may be sent help now, and records it.
func (h *helped) may(owner string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.at[owner]) < helpEvery {
		return false
	}
	if h.at == nil || len(h.at) >= maxHelped {
		h.at = map[string]time.Time{}
	}
	h.at[owner] = now
	return true
}

// chat handles what a user wrote to the contact, and answers in one message (protocol §7).
func (r *Router) chat(ctx context.Context, m *session.Stanza) {
	owner := m.From.Bare().String()
	text, prompt := written(m)
	command := phrase.Parse(text)
	if command.Verb == phrase.Unknown {
		if !r.helped.may(owner, r.Clock.Now()) {
			return
		}
		command.Verb = phrase.Help
	}
	say := phrase.In(r.languageOf(owner, m.Lang, text))
	r.runChatCommand(ctx, m, say, func(ctx context.Context) (string, error) {
		switch command.Verb {
		case phrase.Sent, phrase.No, phrase.Snooze, phrase.SendIt:
			return r.answerPrompt(ctx, m.From.String(), prompt, command, say)
		case phrase.Start, phrase.Stop:
			return r.opt(ctx, owner, command.Verb == phrase.Start, say)
		}
		text, _, err := r.ChatCommands.Chat(ctx, r.Clock.Now(), m.From, say.Lang, command)
		return text, err
	})
}

// written returns what a person wrote, without the quote in a reply, and the prompt replied to, or "" (XEP-0461 §3.1,
// XEP-0428).
func written(m *session.Stanza) (text, prompt string) {
	text = m.Body()
	var quotations []fallback.Fallback
	for i := range m.Payloads {
		var f fallback.Fallback
		p := &m.Payloads[i]
		if p.Name.Space == fallback.NS && p.Decode(&f) == nil && f.For == reply.NS && f.Body != nil && f.Body.End != nil {
			quotations = append(quotations, f)
		}
	}
	if len(quotations) > 0 {
		text = fallback.Cut(text, quotations...)
	}
	var to reply.Reply
	if p := m.Child(reply.NS, "reply"); p != nil && p.Decode(&to) == nil {
		prompt = track.PromptOf(to.ID)
	}
	return text, prompt
}

// languageOf returns the language of the answer to a text: Chinese if it contains Chinese.
func (r *Router) languageOf(owner, lang, text string) string {
	if strings.ContainsFunc(text, func(c rune) bool { return unicode.Is(unicode.Han, c) }) {
		return "zh"
	}
	return r.Locales.Language(owner, lang)
}

// runChatCommand executes a command given by chat, and sends the answer, unless it is "".
func (r *Router) runChatCommand(ctx context.Context, m *session.Stanza, say *phrase.Phrases, do func(context.Context) (string, error)) {
	doing, cancel := context.WithTimeout(ctx, workWithin)
	defer cancel()
	r.Locales.Locate(doing, m.From.Bare().String(), m.From.String())
	text, err := do(doing)
	if err != nil {
		r.Log.Error("chat command failed", "err", err)
		text = say.Chat.Broken
	}
	if text == "" {
		return
	}
	answer := session.Message{From: r.Contact, To: m.From.String(), Type: "chat", Lang: say.Lang, Body: text, Payload: []any{hints.Store{}}}
	if err := r.Stream.Send(ctx, answer); err != nil && ctx.Err() == nil {
		r.Log.Warn("could not reply by chat", "err", err)
	}
}

// answerPrompt answers the prompt replied to, the one with the given code, or the only open one.
func (r *Router) answerPrompt(ctx context.Context, by, prompt string, command phrase.Command, say *phrase.Phrases) (string, error) {
	owner := track.Bare(by)
	if prompt != "" {
		p, err := r.promptOf(ctx, owner, prompt)
		switch {
		case err != nil:
			return "", err
		case p != nil:
			verdict, err := r.answer(ctx, by, p, command)
			return r.outcomeText(ctx, p, verdict, command, say), err
		}
	}
	prompts, err := r.Store.Prompts(ctx, owner)
	if err != nil {
		return "", fmt.Errorf("load prompts: %w", err)
	}
	if command.Code != "" {
		prompts = slices.DeleteFunc(prompts, func(p track.Prompt) bool { return p.Code != command.Code })
	} else {
		prompts = slices.DeleteFunc(prompts, func(p track.Prompt) bool { return len(p.Shown) == 0 })
	}
	switch {
	case len(prompts) == 0 && command.Code != "":
		return say.Chat.NoSuchCode(command.Code), nil
	case len(prompts) == 0:
		return say.Chat.NothingOpen, nil
	case len(prompts) > 1:
		var open []phrase.Open
		for _, p := range prompts {
			open = append(open, phrase.Open{Code: p.Code, With: r.Server.Name(ctx, owner, p.Recipient)})
		}
		return say.Chat.WhichOne(open), nil
	}
	verdict, err := r.answer(ctx, by, &prompts[0], command)
	return r.outcomeText(ctx, &prompts[0], verdict, command, say), err
}

// promptOf returns a prompt of this user in any state, or nil.
func (r *Router) promptOf(ctx context.Context, owner, id string) (*track.Prompt, error) {
	snap := &track.Snapshot{Prompt: id}
	if err := r.Inputs.Do(ctx, snap); err != nil {
		return nil, err
	}
	if !snap.Found || snap.Was.Sender != owner {
		return nil, nil
	}
	return &snap.Was, nil
}

var actions = map[phrase.Verb]track.AnswerAction{phrase.Sent: track.SentSMS, phrase.No: track.Declined, phrase.Snooze: track.Snooze, phrase.SendIt: track.SendIt}

// answer answers a prompt, and updates p.
func (r *Router) answer(ctx context.Context, by string, p *track.Prompt, command phrase.Command) (track.Verdict, error) {
	a := &track.Answer{Prompt: p.ID, By: by, Action: actions[command.Verb], For: command.For, Renew: true}
	if err := r.Inputs.Do(ctx, a); err != nil {
		return "", err
	}
	if now, err := r.promptOf(ctx, p.Sender, p.ID); err != nil {
		return "", err
	} else if now != nil {
		*p = *now
	}
	return a.Verdict, nil
}

// outcomeText returns the confirmation of an answer.
func (r *Router) outcomeText(ctx context.Context, p *track.Prompt, verdict track.Verdict, command phrase.Command, say *phrase.Phrases) string {
	with := r.Server.Name(ctx, p.Sender, p.Recipient)
	switch verdict {
	case track.OK:
	case track.Conflict:
		return say.Chat.Elsewhere(with)
	case track.AlreadyDisplayed:
		return say.Chat.AlreadyRead(with)
	case track.NotAllowed, track.BadRequest:
		return say.Chat.NotFromHere(with)
	case track.TooOften:
		if command.Verb == phrase.SendIt {
			return say.Chat.NotFromHere(with)
		}
		return say.Chat.TooOften(with)
	default:
		return say.Chat.Over(with)
	}
	switch command.Verb {
	case phrase.Sent:
		return say.Chat.Sent(with)
	case phrase.SendIt:
		return say.Chat.Sending(with)
	case phrase.No:
		return say.Chat.Declined(with)
	}
	var most time.Duration
	if longest := r.Settings.Get().Policy.Expires; command.For > longest {
		most = longest
	}
	zone := r.Locales.Zone(p.Sender)
	return say.Chat.Snoozed(with, p.Until.Std().In(zone), r.Clock.Now().In(zone), most)
}

// opt turns a user's chat messages on or off.
func (r *Router) opt(ctx context.Context, owner string, on bool, say *phrase.Phrases) (string, error) {
	prefs := r.People.Stored(owner)
	prefs.Fallback = track.Off
	if on {
		prefs.Fallback = track.On
	}
	if err := r.People.Set(ctx, prefs); err != nil {
		return "", err
	}
	if on {
		r.sendPresence(owner)
	}
	switch {
	case !on:
		return say.Chat.Stopped, nil
	case r.Settings.Get().Policy.Fallback == track.FallbackNever:
		return say.Chat.StartedOnly, nil
	}
	return say.Chat.Started, nil
}
