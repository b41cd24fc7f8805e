package request

import (
	"context"
	"errors"

	"mellium.im/xmpp/stanza"

	"tocsin/component/session"
	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
	"tocsin/xep/register"
)

// command runs a stage of an ad-hoc command (XEP-0050).
func (r *Router) command(ctx context.Context, iq *session.Stanza, p *session.Payload) any {
	var in adhoc.Payload[forms.Form]
	if p.Decode(&in) != nil {
		return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	}
	out, refused := r.Commands.Command(ctx, r.Clock.Now(), iq.From, iq.Lang, in)
	if refused != nil {
		if refused.Cause != nil {
			r.Log.Error("command failed", "err", refused.Cause)
		}
		return session.ErrorWith(iq, refused)
	}
	return session.Result(iq, out)
}

// register answers registration (XEP-0077).
func (r *Router) register(ctx context.Context, iq *session.Stanza, p *session.Payload) any {
	var in register.Query[forms.Form]
	if p.Decode(&in) != nil {
		return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	}
	out, err := r.Commands.Register(ctx, r.Clock.Now(), iq.From, iq.Lang, iq.Type == "set", in)
	var refused stanza.Error
	switch {
	case errors.As(err, &refused):
		return session.ErrorWith(iq, refused)
	case err != nil:
		return r.failed(iq, err)
	case out == nil:
		return session.Result(iq, nil)
	}
	return session.Result(iq, out)
}
