package component

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tocsin/component/phrase"
	"tocsin/component/session"
	"tocsin/component/sms"
	"tocsin/track"
	"tocsin/xep/carbons"
	"tocsin/xep/escalation"
	"tocsin/xep/hints"
)

// errGone says that what an entry of the outbox is about can't be sent, now or later.
var errGone = errors.New("it can't be sent")

// nobody reports whether a prompt for the user has to wait.
func (o *outflow) nobody(owner string) bool {
	to, _, ok := o.targets(owner)
	return !ok || len(to) == 0
}

// targets returns whom a prompt goes to: the resources that can open a composer, else those that can show it, else, as a
// chat message, the bare JID. ok is false while that is being found out.
func (o *outflow) targets(owner string) (to []string, chat, ok bool) {
	v := o.svc.presence.Look(owner)
	switch {
	case !v.Ready: // one that answers a moment later must not miss it
		return nil, false, false
	case len(v.SMS) > 0:
		return v.SMS, false, true
	case len(v.Capable) > 0:
		return v.Capable, false, true
	case o.allowed(owner) && (v.Online || !v.Told):
		return []string{owner}, true, true
	}
	return nil, false, true
}

// show sends a prompt to everybody it is for. Who gets it is recorded before the first byte leaves.
func (o *outflow) show(ctx context.Context, out track.Outgoing) error {
	to, chat, ok := o.targets(out.Owner)
	if !ok || len(to) == 0 {
		return errNobody
	}
	return o.showTo(ctx, out, to, chat)
}

func (o *outflow) showTo(ctx context.Context, out track.Outgoing, to []string, chat bool) error {
	peek := &track.Snapshot{Prompt: out.Prompt}
	if err := o.svc.queue.Do(ctx, peek); err != nil {
		return err
	}
	if !peek.Found || peek.Was.State != track.PromptOpen || len(peek.Messages) == 0 {
		return nil // answered, withdrawn or snoozed meanwhile
	}
	shown := &track.Shown{Prompt: out.Prompt, To: to}
	if chat {
		shown.Chat = chatID(out, &peek.Was)
	}
	number, err := o.svc.numberFor(ctx, peek.Was.Conv)
	if err != nil {
		return err
	}
	if number != "" {
		shown.Releases = []track.Release{{
			Owner: peek.Was.Recipient, To: peek.Was.Sender, Number: number, ID: newest(peek.Messages).ID, At: track.At(o.svc.clock.Now()),
		}}
	}
	if err := o.svc.queue.Do(ctx, shown); err != nil {
		return err
	}
	if !shown.OK || len(shown.Messages) == 0 {
		return nil
	}
	payload, err := o.escalate(ctx, shown, number)
	if err != nil {
		return err
	}
	if chat {
		return o.say(ctx, o.chatPrompt(out, shown, payload))
	}
	for _, full := range to {
		if err := o.say(ctx, o.private(full, stanzaID(out, full), payload)); err != nil {
			return err
		}
	}
	return nil
}

// private is a chat message from the contact for one resource: no-copy and private go together (XEP-0280 §9).
func (o *outflow) private(full, id string, payload any) session.Message {
	return o.message(full, id, payload, hints.NoStore{}, hints.NoCopy{}, carbons.Private{})
}

// showOpen shows a user's resources the open prompts that they have not been shown. Those that have just come know of
// none: nothing stores prompts for them.
func (o *outflow) showOpen(ctx context.Context, owner string, come []string) error {
	prompts, err := o.svc.opts.Store.Prompts(ctx, owner)
	if err != nil {
		return fmt.Errorf("load the prompts: %w", err)
	}
	to, chat, ok := o.targets(owner)
	if !ok || chat {
		return nil
	}
	for _, p := range prompts {
		missing := slices.DeleteFunc(slices.Clone(to), func(jid string) bool {
			return slices.Contains(p.Shown, jid) && !slices.Contains(come, jid)
		})
		if p.State != track.PromptOpen || len(p.Shown) == 0 || len(missing) == 0 {
			continue
		}
		out := track.Outgoing{ID: fmt.Sprintf("%s-%d", p.ID, p.Sends), Owner: owner, Prompt: p.ID}
		if err := o.showTo(ctx, out, missing, false); err != nil {
			return err
		}
	}
	return nil
}

// escalate makes the element that a client acts on (protocol §5).
func (o *outflow) escalate(ctx context.Context, shown *track.Shown, number string) (*escalation.Escalate, error) {
	m := newest(shown.Messages)
	draft, lang, err := o.draft(shown.Messages, number)
	if err != nil {
		return nil, err
	}
	e := &escalation.Escalate{
		Prompt: shown.Was.ID, ID: m.ID, With: m.Recipient, Reason: o.stateOf(ctx, m, timeoutOf(shown.Messages)),
		Priority: priorities[shown.Was.Priority], Expires: escalation.Time(shown.Was.ExpiresAt), Text: &escalation.Text{Value: draft.Text},
	}
	if draft.Text != "" {
		e.Text.Lang = lang
	}
	if number != "" {
		e.Number = &escalation.Number{URI: draft.Tel}
		e.SMS = &escalation.SMS{URI: draft.URI}
		if draft.Text != "" {
			e.SMS.Segments, e.SMS.Encoding = draft.Segments, draft.Encoding
		}
	}
	for _, also := range shown.Messages[:len(shown.Messages)-1] {
		e.Also = append(e.Also, escalation.Also{ID: also.ID})
	}
	return e, nil
}

// newest is the message that a prompt names; the others stand before it.
func newest(messages []track.Message) *track.Message { return &messages[len(messages)-1] }

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

// draft makes the text of the SMS: the messages' own, or a notice. With a message whose text is not known, as of an
// encrypted one, the client fills in all of it.
func (o *outflow) draft(messages []track.Message, number string) (sms.Draft, string, error) {
	settings := o.svc.settings.Get()
	m := newest(messages)
	lang := o.language(m.Sender, m.Lang)
	fill := sms.Fill{Sender: m.Sender, Domain: track.Domain(m.Sender), Burst: len(messages) > 1}
	notice := settings.Notice
	if own := o.svc.people.Of(m.Sender).Text; own != "" {
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
		return sms.Draft{}, "", fmt.Errorf("%w: %w", errGone, err)
	}
	return draft, lang, nil
}

// language is the one to speak to a user: the message's, the user's, the domain's. Servers stamp every stanza with the
// language of its stream, mostly "en" whoever writes: the domain's own language on a message is no choice of its writer.
func (o *outflow) language(owner, lang string) string {
	usual := o.svc.settings.Get().Language
	if lang != "" && phrase.Language(lang) == usual {
		lang = ""
	}
	return phrase.Language(lang, o.svc.people.Of(owner).Language, usual)
}

// withdraw takes a prompt back from those it was sent to.
func (o *outflow) withdraw(ctx context.Context, out track.Outgoing) error {
	for _, to := range out.To {
		switch {
		case to == out.Owner:
			if err := o.retract(ctx, out); err != nil {
				return err
			}
		case o.svc.presence.Online(to): // else it is told by a status on return
			w := escalation.Withdraw{Prompt: out.Prompt, Reason: escalation.Withdrawal(out.Reason)}
			if err := o.say(ctx, o.private(to, stanzaID(out, to), w)); err != nil {
				return err
			}
		}
	}
	return nil
}
