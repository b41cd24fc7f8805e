package command

import (
	"context"
	"fmt"

	"tocsin/component/phrase"
	"tocsin/track"
	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
)

const (
	maxShown  = 50 // messages that watching shows
	maxChoice = 20 // messages that a form offers
)

// watching shows the user's watched messages, and for each why there was or was not a prompt. Every message is a line
// of text: profanity shows no tables.
func (c *Commands) watching(ctx context.Context, r request) (response, error) {
	list, err := c.deps.Watch.Watching(ctx, r.user, maxShown+1)
	if err != nil {
		return response{}, fmt.Errorf("load watched messages: %w", err)
	}
	say := &r.say.Form.Watching
	if len(list) == 0 {
		return done(say.Nothing), nil
	}
	var lines []forms.Field
	for i := range list[:min(len(list), maxShown)] {
		m := &list[i]
		lines = append(lines, forms.Fixed(say.Line(m.Recipient, r.local(m.SentAt), r.now, r.say.Watch.State(m.State), r.say.Watch.Reason(m.Reason, r.now))))
	}
	if len(list) > maxShown {
		lines = append(lines, forms.Fixed(say.More))
	}
	return r.result("watching", say.Title, say.Count(len(lines)), lines...), nil
}

// escalate prompts the user about one of their messages now.
func (c *Commands) escalate(ctx context.Context, r request) (response, error) {
	return c.oneMessage(ctx, r, "escalate", &r.say.Form.Escalate, c.deps.Watch.Escalate)
}

// cancel stops watching one of the user's messages.
func (c *Commands) cancel(ctx context.Context, r request) (response, error) {
	return c.oneMessage(ctx, r, "cancel", &r.say.Form.Cancel, c.deps.Watch.Cancel)
}

// oneMessage lets the user choose a message, and then acts on it.
func (c *Commands) oneMessage(ctx context.Context, r request, name string, say *phrase.MessageForm, do func(context.Context, track.Key) error) (response, error) {
	if r.Stage == 0 {
		id, err := c.choose(ctx, r, say)
		if err != nil {
			return response{}, err
		}
		return r.form(name, say.Title, id, labelled(forms.JID("with", "", ""), say.With)), nil
	}
	if r.nothing() {
		return r.unchanged(), nil
	}
	a := r.answers()
	id, _ := a.text("id")
	id, with := a.needed("id", id, say.ID), a.person("with")
	if err := a.err(); err != nil {
		return response{}, err
	}
	key, err := c.find(ctx, r, r.user, id, with)
	if err != nil {
		return response{}, err
	}
	if err := do(ctx, key); err != nil {
		return response{}, fmt.Errorf("%s a message: %w", name, err)
	}
	return done(say.Done(key.Recipient)), nil
}

// choose returns the field for the id of a message: a list of the pending ones, since nobody knows ids by heart. It fails if
// there are none.
func (c *Commands) choose(ctx context.Context, r request, say *phrase.MessageForm) (forms.Field, error) {
	list, err := c.deps.Watch.Watching(ctx, r.user, maxChoice)
	if err != nil {
		return forms.Field{}, fmt.Errorf("load watched messages: %w", err)
	}
	var options []forms.Option
	offered := map[string]bool{}
	for _, m := range list {
		if !offered[m.ID] {
			offered[m.ID] = true
			options = append(options, forms.Option{Value: m.ID, Label: say.Choice(phrase.Waiting{With: m.Recipient, Sent: r.local(m.SentAt), State: m.State}, r.now)})
		}
	}
	if len(options) == 0 {
		return forms.Field{}, adhoc.Failure(r.say.Form.Watching.Nothing)
	}
	return labelled(forms.List("id", "", options[0].Value, options...), say.ID).Needed(), nil
}

// find returns the sender's message with an id, if it is still watched.
func (c *Commands) find(ctx context.Context, r request, sender, id, with string) (track.Key, error) {
	list, err := c.deps.Watch.Find(ctx, sender, id, with)
	if err != nil {
		return track.Key{}, fmt.Errorf("find a message: %w", err)
	}
	fault := &r.say.Form.Fault
	var open, settled []track.Message
	for _, m := range list {
		switch {
		case m.Kind != track.Watched:
		case m.Status.Settled():
			settled = append(settled, m)
		default:
			open = append(open, m)
		}
	}
	switch {
	case len(open) == 1:
		return open[0].Key, nil
	case len(open) > 1:
		return track.Key{}, adhoc.Failure(fault.Several)
	case len(settled) > 0:
		return track.Key{}, adhoc.Failure(fault.Settled(settled[0].Recipient, stateOf(&settled[0])))
	}
	return track.Key{}, adhoc.Failure(fault.NoMessage)
}
