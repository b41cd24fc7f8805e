package component

import (
	"context"
	"encoding/xml"
	"errors"
	"slices"
	"strconv"

	"mellium.im/xmpp/stanza"

	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/adhoc"
	"tocsin/xep/escalation"
	"tocsin/xep/register"
)

// answer makes the answer to a request.
func (h *handler) answer(ctx context.Context, iq *session.Stanza) any {
	p := &iq.Payloads[0]
	from, to := iq.From.Bare().String(), iq.To.String()
	domain, contact := to == h.svc.opts.JID, to == h.svc.opts.Contact
	type route struct {
		space, local, kind string
	}
	switch (route{p.Name.Space, p.Name.Local, iq.Type}) {
	case route{nsInfo, "query", "get"}:
		return h.info(iq, p)
	case route{nsItems, "query", "get"}:
		return h.items(iq, p)
	case route{nsPing, "ping", "get"}:
		if domain || contact {
			return session.Result(iq, nil)
		}
	case route{nsVersion, "query", "get"}:
		if domain {
			return session.Result(iq, version{Name: "Tocsin", Version: h.svc.opts.Version})
		}
	}
	if domain {
		if h.svc.queue.Fault() != nil && slices.Contains(stored, p.Name.Space) { // who waits for the database holds up others
			return session.Error(iq, stanza.InternalServerError, stanza.Wait, nil)
		}
		switch (route{p.Name.Space, p.Name.Local, iq.Type}) {
		case route{escalation.NS, "sync", "get"}:
			if !h.local(from) { // has no messages
				return session.Error(iq, stanza.Forbidden, stanza.Auth, nil)
			}
			return h.sync(ctx, iq, p)
		case route{escalation.NS, "answer", "set"}:
			if !h.local(from) { // nor prompts
				return session.Error(iq, stanza.ItemNotFound, stanza.Cancel, nil)
			}
			return h.answered(ctx, iq, p)
		}
		if reply := h.command(ctx, iq, p); reply != nil {
			return reply
		}
	}
	return session.Error(iq, stanza.ServiceUnavailable, stanza.Cancel, nil)
}

// stored are the namespaces of requests that need the database.
var stored = []string{escalation.NS, adhoc.NS, register.NS}

const (
	nsPing    = "urn:xmpp:ping"
	nsVersion = "jabber:iq:version"
)

// version is the answer of XEP-0092.
type version struct {
	XMLName xml.Name `xml:"jabber:iq:version query"`
	Name    string   `xml:"name"`
	Version string   `xml:"version"`
}

// sync answers with the states after a token (protocol §4). Tokens are revisions: they hold across restarts.
func (h *handler) sync(ctx context.Context, iq *session.Stanza, p *session.Payload) any {
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
	list, err := h.svc.opts.Store.Messages(ctx, iq.From.Bare().String(), track.Filter{AfterRev: after, Limit: page + 1})
	if err != nil {
		return h.internal(iq, err)
	}
	answer := escalation.Sync{Last: strconv.FormatInt(after, 10), Complete: len(list) <= page}
	for i := range list[:min(page, len(list))] {
		answer.Status = append(answer.Status, h.svc.outflow.statusOf(ctx, &list[i]))
		answer.Last = strconv.FormatInt(list[i].Notice.Rev, 10)
	}
	return session.Result(iq, answer)
}

// answered takes in what a sender's device says about a prompt (protocol §6).
func (h *handler) answered(ctx context.Context, iq *session.Stanza, p *session.Payload) any {
	var in escalation.Answer
	if p.Decode(&in) != nil || in.Check() != nil {
		return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	}
	a := &track.Answer{Prompt: in.Prompt, By: iq.From.String(), Action: track.AnswerAction(in.Action), For: in.Pause()}
	if err := h.svc.queue.Do(ctx, a); err != nil {
		return h.internal(iq, err)
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

func (h *handler) internal(iq *session.Stanza, err error) any {
	if !errors.Is(err, context.Canceled) {
		h.svc.log.Error("could not answer a request", "err", err)
	}
	return session.Error(iq, stanza.InternalServerError, stanza.Wait, nil)
}
