package request

import (
	"context"
	"strconv"

	"mellium.im/xmpp/stanza"

	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/escalation"
)

// sync answers with the states after a token (protocol §4). Tokens are revisions: they hold across restarts.
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
	var after int64
	if ask.After != "" {
		if after, err = strconv.ParseInt(ask.After, 10, 64); err != nil || after < 0 {
			return session.Error(iq, stanza.ItemNotFound, stanza.Cancel, nil)
		}
	}
	list, err := r.Store.Messages(ctx, iq.From.Bare().String(), track.Filter{AfterRev: after, Limit: page + 1})
	if err != nil {
		return r.failed(iq, err)
	}
	answer := escalation.Sync{Last: strconv.FormatInt(after, 10), Complete: len(list) <= page}
	for i := range list[:min(page, len(list))] {
		answer.Status = append(answer.Status, r.Privacy.Status(ctx, &list[i]))
		answer.Last = strconv.FormatInt(list[i].Notice.Rev, 10)
	}
	return session.Result(iq, answer)
}

// answered takes in what a sender's device says about a prompt (protocol §6).
func (r *Router) answered(ctx context.Context, iq *session.Stanza, p *session.Payload) any {
	var in escalation.Answer
	if p.Decode(&in) != nil || in.Check() != nil {
		return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	}
	a := &track.Answer{Prompt: in.Prompt, By: iq.From.String(), Action: track.AnswerAction(in.Action), For: in.Pause()}
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
	case track.TooOften:
		return session.Error(iq, stanza.ResourceConstraint, stanza.Wait, nil)
	}
	return session.Error(iq, stanza.ItemNotFound, stanza.Cancel, nil)
}
