package component

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"tocsin/component/phrase"
	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/correct"
	"tocsin/xep/escalation"
	"tocsin/xep/fallback"
	"tocsin/xep/hints"
	"tocsin/xep/retract"
)

// helpEvery is how often a user is told how to answer at most, when what the user writes is not understood.
const helpEvery = time.Minute

// contact is the address that people read in a chat, and write to (protocol §7).
type contact struct {
	svc *Service

	mu     sync.Mutex
	helped map[string]time.Time
}

func newContact(s *Service) *contact { return &contact{svc: s, helped: map[string]time.Time{}} }

// hear takes in what a local user wrote to the contact, and answers in one line.
func (c *contact) hear(ctx context.Context, m *session.Stanza) {
	owner := m.From.Bare().String()
	say := phrase.In(c.svc.outflow.language(owner, m.Lang))
	order := phrase.Parse(m.Body())
	if order.Verb == phrase.Unknown && !c.mayHelp(owner) {
		return
	}
	doing, cancel := context.WithTimeout(ctx, workWithin)
	defer cancel()
	text, err := c.obey(doing, m.From.String(), owner, order, say)
	if err != nil {
		c.svc.log.Error("could not do what a user asked for by chat", "err", err)
		text = say.Chat.Broken
	}
	answer := session.Message{From: c.svc.opts.Contact, To: m.From.String(), Type: "chat", Lang: say.Lang, Body: text, Payload: []any{hints.Store{}}}
	if err := c.svc.session.Send(ctx, answer); err != nil && ctx.Err() == nil {
		c.svc.log.Warn("could not answer a chat", "err", err)
	}
}

func (c *contact) mayHelp(owner string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.svc.clock.Now()
	if now.Sub(c.helped[owner]) < helpEvery {
		return false
	}
	if len(c.helped) >= cacheMax {
		clear(c.helped)
	}
	c.helped[owner] = now
	return true
}

func (c *contact) obey(ctx context.Context, by, owner string, order phrase.Order, say *phrase.Phrases) (string, error) {
	switch order.Verb {
	case phrase.Sent, phrase.No, phrase.Snooze:
		return c.answer(ctx, by, owner, order, say)
	case phrase.Status:
		return c.status(ctx, owner, say)
	case phrase.Start, phrase.Stop:
		return c.opt(ctx, owner, order.Verb == phrase.Start, say)
	}
	return say.Chat.Help, nil
}

var actions = map[phrase.Verb]track.AnswerAction{phrase.Sent: track.SentSMS, phrase.No: track.Declined, phrase.Snooze: track.Snooze}

// answer answers the prompt of a code, or without one the only prompt that is open.
func (c *contact) answer(ctx context.Context, by, owner string, order phrase.Order, say *phrase.Phrases) (string, error) {
	prompts, err := c.svc.opts.Store.Prompts(ctx, owner)
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
	if err := c.svc.queue.Do(ctx, a); err != nil {
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
	peek := &track.Snapshot{Prompt: p.ID}
	if err := c.svc.queue.Do(ctx, peek); err != nil {
		return "", err
	}
	zone := c.svc.zone(owner)
	return say.Chat.Snoozed(p.Recipient, peek.Was.Until.Std().In(zone), c.svc.clock.Now().In(zone)), nil
}

// status names what is being watched of a user.
func (c *contact) status(ctx context.Context, owner string, say *phrase.Phrases) (string, error) {
	list, err := c.svc.opts.Store.Messages(ctx, owner, track.Filter{Unsettled: true, Newest: true, Limit: 50})
	if err != nil {
		return "", fmt.Errorf("load what is watched: %w", err)
	}
	zone := c.svc.zone(owner)
	var waiting []phrase.Waiting
	for i := range list {
		m := &list[i]
		state := m.Notice.State
		if m.Notice.Seq == 0 {
			state = track.StatePending
		}
		waiting = append(waiting, phrase.Waiting{With: m.Recipient, Sent: m.SentAt.Std().In(zone), State: track.State(c.svc.outflow.stateOf(ctx, m, state))})
	}
	return say.Chat.Status(waiting, c.svc.clock.Now().In(zone)), nil
}

// opt switches the chat messages of a user on or off.
func (c *contact) opt(ctx context.Context, owner string, on bool, say *phrase.Phrases) (string, error) {
	prefs := c.svc.people.Of(owner)
	prefs.Fallback = track.Off
	if on {
		prefs.Fallback = track.On
	}
	if err := c.svc.people.Set(ctx, prefs); err != nil {
		return "", err
	}
	c.svc.outflow.wake(owner)
	switch {
	case !on:
		return say.Chat.Stopped, nil
	case c.svc.settings.Get().Policy.Fallback == track.FallbackNever:
		return say.Chat.StartedOnly, nil
	}
	return say.Chat.Started, nil
}

// zone is the time zone of a user, UTC if that is not known.
func (s *Service) zone(owner string) *time.Location {
	if zone, err := time.LoadLocation(s.people.Of(owner).Zone); err == nil && zone != time.Local {
		return zone
	}
	return time.UTC
}

// chatID is the stanza id of the chat message that a prompt is: what brings more corrects the message before, every other
// repetition is a message of its own.
func chatID(out track.Outgoing, p *track.Prompt) string {
	if out.Reason == track.ShowsMore && p.Chat != "" {
		return p.Chat
	}
	return stanzaID(out, out.Owner)
}

// chatPrompt is a prompt for an ordinary client.
func (o *outflow) chatPrompt(out track.Outgoing, shown *track.Shown, payload *escalation.Escalate) session.Message {
	p, zone := &shown.Was, o.svc.zone(out.Owner)
	say := phrase.In(o.language(out.Owner, newest(shown.Messages).Lang))
	ask := phrase.Ask{
		With: p.Recipient, Reason: track.State(payload.Reason), Now: o.svc.clock.Now().In(zone), Code: p.Code, NoText: payload.Text.Value == "",
	}
	for i := range shown.Messages {
		ask.Sent = append(ask.Sent, shown.Messages[i].SentAt.Std().In(zone))
	}
	if payload.SMS != nil {
		ask.URI = payload.SMS.URI
	}
	m := o.message(out.Owner, stanzaID(out, out.Owner), payload, fallback.Body(escalation.NS), hints.Store{})
	m.Lang, m.Body = say.Lang, say.Chat.Prompt(ask)
	if shown.Chat != m.ID {
		m.Payload = append(m.Payload, correct.Replace{ID: shown.Chat})
	}
	return m
}

// retracts are the reasons for which an ordinary client's prompt is taken back; of the others the user knows.
var retracts = map[string]bool{"displayed": true, "delivered": true, "expired": true, "cancelled": true, "retracted": true}

// retract takes a prompt back from an ordinary client (XEP-0424), with a line for one that does not know retractions.
func (o *outflow) retract(ctx context.Context, out track.Outgoing) error {
	if !retracts[out.Reason] {
		return nil
	}
	peek := &track.Snapshot{Prompt: out.Prompt}
	if err := o.svc.queue.Do(ctx, peek); err != nil {
		return err
	}
	if !peek.Found || peek.Was.Chat == "" {
		return nil
	}
	say := phrase.In(o.language(out.Owner, ""))
	m := o.message(out.Owner, stanzaID(out, out.Owner), retract.Retract{ID: peek.Was.Chat}, fallback.Body(retract.NS), hints.Store{})
	m.Lang, m.Body = say.Lang, say.Chat.Withdrawn(peek.Was.Recipient, out.Reason)
	return o.say(ctx, m)
}

// remind repeats a message gently to its recipient: from the contact, never in the sender's name.
func (o *outflow) remind(ctx context.Context, out track.Outgoing) error {
	peek := &track.Snapshot{Ord: out.Ord}
	if err := o.svc.queue.Do(ctx, peek); err != nil {
		return err
	}
	if !peek.Found || peek.Messages[0].Status.Settled() {
		return nil
	}
	m := &peek.Messages[0]
	zone := o.svc.zone(m.Recipient)
	say := phrase.In(o.language(m.Recipient, ""))
	reminder := o.message(m.Recipient, stanzaID(out, m.Recipient), hints.NoStore{})
	reminder.Lang, reminder.Body = say.Lang, say.Chat.Remind(m.Sender, m.SentAt.Std().In(zone), o.svc.clock.Now().In(zone))
	return o.say(ctx, reminder)
}

// chat says one line to a sender: that a cap was reached.
func (o *outflow) chat(ctx context.Context, out track.Outgoing) error {
	// Whoever would have been asked is told why not.
	if !o.allowed(out.Owner) && len(o.svc.presence.Look(out.Owner).Capable) == 0 {
		return nil
	}
	peek := &track.Snapshot{Ord: out.Ord}
	if err := o.svc.queue.Do(ctx, peek); err != nil {
		return err
	}
	if !peek.Found {
		return nil
	}
	say := phrase.In(o.language(out.Owner, peek.Messages[0].Lang))
	line := o.message(out.Owner, stanzaID(out, out.Owner), hints.Store{})
	line.Lang, line.Body = say.Lang, say.Chat.Capped(peek.Messages[0].Recipient)
	return o.say(ctx, line)
}

// leaving is how long before the server told of it a user may have been gone.
const leaving = 5 * time.Second

// welcome tells a returning user of an ordinary client, who has asked for it, in one line what has become of the
// messages of before.
func (o *outflow) welcome(ctx context.Context, owner string, left time.Time) error {
	if o.svc.people.Of(owner).Fallback != track.On {
		return nil
	}
	untold, err := o.untold(ctx, owner)
	if err != nil {
		return err
	}
	var d phrase.Digest
	add := func(to *[]string, who string) {
		if !slices.Contains(*to, who) {
			*to = append(*to, who)
		}
	}
	for i := range untold {
		m := &untold[i]
		if m.Notice.At < track.At(left.Add(-leaving)) {
			continue
		}
		switch o.stateOf(ctx, m, m.Notice.State) {
		case escalation.Displayed:
			add(&d.Read, m.Recipient)
		case escalation.TimeoutUnread, escalation.Timeout:
			add(&d.Unread, m.Recipient)
		case escalation.TimeoutUndelivered:
			add(&d.Undelivered, m.Recipient)
		case escalation.Failed:
			add(&d.Failed, m.Recipient)
		}
	}
	if len(d.Read)+len(d.Unread)+len(d.Undelivered)+len(d.Failed) == 0 {
		return nil
	}
	say := phrase.In(o.language(owner, ""))
	m := o.message(owner, fmt.Sprintf("d-%x", untold[len(untold)-1].Notice.Rev), hints.Store{})
	m.Lang, m.Body = say.Lang, say.Chat.Digest(d)
	return o.sayTold(ctx, m, untold, func() { o.back[owner] = left })
}
