package request

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"tocsin/component/phrase"
	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/hints"
)

// helpEvery is how often a user is told how to answer at most, when what the user writes is not understood.
const helpEvery = time.Minute

// helped is who was told how to answer, and when.
type helped struct {
	mu sync.Mutex
	at map[string]time.Time // by bare JID
}

// maxHelped is how many users of helped are remembered.
const maxHelped = 10_000

// may reports whether it is time to tell a user, and notes it.
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

// chat takes in what a user wrote to the contact, and answers in one line (protocol §7).
func (r *Router) chat(ctx context.Context, m *session.Stanza) {
	owner := m.From.Bare().String()
	say := phrase.In(r.People.Language(owner, m.Lang))
	order := phrase.Parse(m.Body())
	if order.Verb == phrase.Unknown && !r.helped.may(owner, r.Clock.Now()) {
		return
	}
	doing, cancel := context.WithTimeout(ctx, workWithin)
	defer cancel()
	text, err := r.obey(doing, m.From.String(), owner, order, say)
	if err != nil {
		r.Log.Error("could not carry out an order by chat", "err", err)
		text = say.Chat.Broken
	}
	answer := session.Message{From: r.Contact, To: m.From.String(), Type: "chat", Lang: say.Lang, Body: text, Payload: []any{hints.Store{}}}
	if err := r.Stream.Send(ctx, answer); err != nil && ctx.Err() == nil {
		r.Log.Warn("could not answer by chat", "err", err)
	}
}

func (r *Router) obey(ctx context.Context, by, owner string, order phrase.Order, say *phrase.Phrases) (string, error) {
	switch order.Verb {
	case phrase.Sent, phrase.No, phrase.Snooze:
		return r.answerPrompt(ctx, by, owner, order, say)
	case phrase.Status:
		return r.watching(ctx, owner, say)
	case phrase.Start, phrase.Stop:
		return r.opt(ctx, owner, order.Verb == phrase.Start, say)
	}
	return say.Chat.Help, nil
}

var actions = map[phrase.Verb]track.AnswerAction{phrase.Sent: track.SentSMS, phrase.No: track.Declined, phrase.Snooze: track.Snooze}

// answerPrompt answers the prompt of a code, or without one the only prompt that is open.
func (r *Router) answerPrompt(ctx context.Context, by, owner string, order phrase.Order, say *phrase.Phrases) (string, error) {
	prompts, err := r.Store.Prompts(ctx, owner)
	if err != nil {
		return "", fmt.Errorf("load the prompts: %w", err)
	}
	if order.Code != "" {
		prompts = slices.DeleteFunc(prompts, func(p track.Prompt) bool { return p.Code != order.Code })
	} else {
		prompts = slices.DeleteFunc(prompts, func(p track.Prompt) bool { return len(p.Shown) == 0 })
	}
	switch {
	case len(prompts) == 0 && order.Code != "":
		return say.Chat.NoSuchCode(order.Code), nil
	case len(prompts) == 0:
		return say.Chat.NothingOpen, nil
	case len(prompts) > 1:
		var open []phrase.Open
		for _, p := range prompts {
			open = append(open, phrase.Open{Code: p.Code, With: p.Recipient})
		}
		return say.Chat.WhichOne(open), nil
	}
	p := prompts[0]
	a := &track.Answer{Prompt: p.ID, By: by, Action: actions[order.Verb], For: order.For}
	if err := r.Inputs.Do(ctx, a); err != nil {
		return "", err
	}
	switch a.Verdict {
	case track.Conflict:
		return say.Chat.Elsewhere(p.Recipient), nil
	case track.AlreadyDisplayed:
		return say.Chat.AlreadyRead(p.Recipient), nil
	case track.TooOften:
		return say.Chat.TooOften(p.Recipient), nil
	case track.Gone, track.NotFound:
		return say.Chat.Over(p.Recipient), nil
	}
	switch order.Verb {
	case phrase.Sent:
		return say.Chat.Sent(p.Recipient), nil
	case phrase.No:
		return say.Chat.Declined(p.Recipient), nil
	}
	snap := &track.Snapshot{Prompt: p.ID}
	if err := r.Inputs.Do(ctx, snap); err != nil {
		return "", err
	}
	zone := r.People.Zone(owner)
	return say.Chat.Snoozed(p.Recipient, snap.Was.Until.Std().In(zone), r.Clock.Now().In(zone)), nil
}

// watching names what is being watched of a user.
func (r *Router) watching(ctx context.Context, owner string, say *phrase.Phrases) (string, error) {
	list, err := r.Store.Messages(ctx, owner, track.Filter{Unsettled: true, Newest: true, Limit: 50})
	if err != nil {
		return "", fmt.Errorf("load what is watched: %w", err)
	}
	zone := r.People.Zone(owner)
	var waiting []phrase.Waiting
	for i := range list {
		m := &list[i]
		state := m.Notice.State
		if m.Notice.Seq == 0 {
			state = track.StatePending
		}
		waiting = append(waiting, phrase.Waiting{With: m.Recipient, Sent: m.SentAt.Std().In(zone), State: r.Privacy.State(ctx, m, state)})
	}
	return say.Chat.Status(waiting, r.Clock.Now().In(zone)), nil
}

// opt switches the chat messages of a user on or off.
func (r *Router) opt(ctx context.Context, owner string, on bool, say *phrase.Phrases) (string, error) {
	prefs := r.People.Of(owner)
	prefs.Fallback = track.Off
	if on {
		prefs.Fallback = track.On
	}
	if err := r.People.Set(ctx, prefs); err != nil {
		return "", err
	}
	switch {
	case !on:
		return say.Chat.Stopped, nil
	case r.Settings.Get().Policy.Fallback == track.FallbackNever:
		return say.Chat.StartedOnly, nil
	}
	return say.Chat.Started, nil
}
