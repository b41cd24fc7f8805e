package request

import (
	"context"

	"mellium.im/xmpp/stanza"

	"tocsin/component/session"
	"tocsin/component/sms"
	"tocsin/track"
	"tocsin/xep/escalation"
)

// pageBytes limits the size of the statuses in a response: the rest is for addresses.
const pageBytes = session.MaxStanza - 64<<10

// sync answers with the states after a token (protocol §4). Tokens stay valid across restarts.
func (r *Router) sync(ctx context.Context, iq *session.Stanza, p *session.Payload) any {
	var ask escalation.Sync
	bad := session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	if p.Decode(&ask) != nil {
		return bad
	}
	page, err := ask.Page()
	if err != nil {
		return bad
	}
	sender := iq.From.Bare().String()
	var after int64
	if ask.After != "" {
		var ok bool
		if after, ok = r.tokens.revision(sender, ask.After); !ok || after > r.Revision() { // the database was restored from a backup
			return session.Error(iq, stanza.ItemNotFound, stanza.Cancel, nil)
		}
	}
	list, err := r.Store.Messages(ctx, sender, track.Filter{AfterRev: after, Limit: page + 1})
	if err != nil {
		return r.failed(iq, err)
	}
	var answer escalation.Sync
	for i := range list[:min(page, len(list))] {
		answer.Status = append(answer.Status, r.Privacy.Status(ctx, &list[i]))
	}
	answer.Status = answer.Status[:escalation.Fit(answer.Status, pageBytes)]
	sent := len(answer.Status)
	if sent > 0 {
		after = list[sent-1].Notice.Rev
	}
	answer.Last, answer.Complete = r.tokens.of(sender, after), sent == len(list)
	return session.Result(iq, answer)
}

// answered handles the answer of a sender's device to a prompt (protocol §6).
func (r *Router) answered(ctx context.Context, iq *session.Stanza, p *session.Payload) any {
	var in escalation.Answer
	if p.Decode(&in) != nil || in.Check() != nil {
		return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	}
	a := &track.Answer{Prompt: in.Prompt, By: iq.From.String(), Action: track.AnswerAction(in.Action), For: in.Pause()}
	if a.Action == track.SendIt {
		a.Text = sms.Clean(in.Text)
	}
	if err := r.Inputs.Do(ctx, a); err != nil {
		return r.failed(iq, err)
	}
	switch a.Verdict {
	case track.OK:
		return session.Result(iq, nil)
	case track.Conflict:
		return session.Error(iq, stanza.Conflict, stanza.Cancel, nil)
	case track.AlreadyDisplayed:
		return session.Error(iq, stanza.NotAcceptable, stanza.Cancel, escalation.AlreadyDisplayed{})
	case track.Gone:
		return session.Error(iq, stanza.Gone, stanza.Cancel, escalation.Expired{})
	case track.NotAllowed:
		return session.Error(iq, stanza.NotAllowed, stanza.Cancel, nil)
	case track.BadRequest:
		return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	case track.TooOften:
		return session.Error(iq, stanza.ResourceConstraint, stanza.Wait, nil)
	}
	return session.Error(iq, stanza.ItemNotFound, stanza.Cancel, nil)
}
