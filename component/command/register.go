package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"tocsin/component/numbers"
	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
	"tocsin/xep/register"
)

// Register answers a registration IQ, a set or a get; a nil query is an empty result. A stanza.Error is for the
// requester, any other error is internal. Binding a number here means agreeing that senders may see it, as the
// instructions say: the legacy field has no other way to express that.
func (c *Commands) Register(ctx context.Context, now time.Time, from jid.JID, lang string, set bool, q register.Query[forms.Form]) (*register.Query[forms.Form], error) {
	if !c.isUser(from) {
		return nil, stanza.Error{Type: stanza.Auth, Condition: stanza.Forbidden}
	}
	user := from.Bare().String()
	r := c.request(adhoc.Request[forms.Form]{From: from, Lang: c.language(user, lang), Now: now, Form: q.Form})
	switch {
	case !r.o.SelfService:
		return nil, r.refuse(stanza.Cancel, stanza.NotAllowed, r.say.Form.Fault.ByAdminOnly)
	case !set:
		return c.registration(ctx, r)
	case q.Remove != nil:
		if err := c.deps.Forget(ctx, user); err != nil {
			return nil, fmt.Errorf("forget a user: %w", err)
		}
		return nil, nil
	case q.Form != nil && q.Form.Type == forms.Cancel:
		return nil, nil
	}
	return nil, c.enrol(ctx, r, q)
}

// registration returns a form, and the legacy field for clients without forms (XEP-0077 §4). Gajim rejects instructions
// without fields.
func (c *Commands) registration(ctx context.Context, r request) (*register.Query[forms.Form], error) {
	n, bound, err := c.deps.Directory.Number(ctx, r.user)
	if err != nil {
		return nil, fmt.Errorf("look up a number: %w", err)
	}
	say := &r.say.Form.Register
	q := &register.Query[forms.Form]{Instructions: say.Intro, Phone: &n.E164, Form: &forms.Form{
		Type: forms.Ask, Title: say.Title.Title, Instructions: []string{say.Intro},
		Fields: []forms.Field{
			forms.Hidden(forms.FormType, register.NS),
			labelled(forms.Text("phone", "", n.E164), say.Phone),
			labelled(forms.Bool("consent", "", n.Consent || !bound), say.Consent),
		},
	}}
	_, phone, err := c.phoneLines(ctx, r, n)
	if err != nil {
		return nil, err
	}
	if phone.Pending && r.o.Verify {
		q.Form.Fields = append(q.Form.Fields, labelled(forms.Text("code", "", ""), r.say.Form.Number.Code))
	}
	if bound {
		q.Registered = &register.Flag{}
	}
	return q, nil
}

// enrol binds, changes or removes the submitted number; a form with a number takes precedence.
func (c *Commands) enrol(ctx context.Context, r request, q register.Query[forms.Form]) error {
	a := r.answers()
	if code, _ := a.text("code"); code != "" {
		if _, err := c.tryCode(ctx, r, code); err != nil {
			return r.refused(err)
		}
		return nil
	}
	text, given := a.text("phone")
	if !given && q.Phone != nil {
		text, given = *q.Phone, true
	}
	consent, consentGiven, err := q.Form.Bool("consent")
	if err != nil || !given && !consentGiven {
		return r.refuse(stanza.Modify, stanza.BadRequest, "")
	}
	change := numberChange{numberGiven: given, consent: consent, consentGiven: consentGiven, consentImplied: true}
	if text = strings.TrimSpace(text); text != "" {
		change.number, err = numbers.Parse(text, r.o.Region)
		var refused numbers.Refusal
		if errors.As(err, &refused) {
			return r.refuse(stanza.Modify, stanza.NotAcceptable, r.say.Form.Fault.Refused(quote(text), refused))
		}
	}
	n, bound, err := c.deps.Directory.Number(ctx, r.user)
	if err != nil {
		return fmt.Errorf("look up a number: %w", err)
	}
	next, err := r.decide(n, bound, change)
	if err != nil {
		return r.refuse(stanza.Modify, stanza.NotAcceptable, err.Error())
	}
	again := false
	if r.verifies(n) && change.number == n.E164 { // the only way to request another code here
		_, phone, err := c.phoneLines(ctx, r, n)
		if err != nil {
			return err
		}
		again = !phone.Pending
	}
	_, err = c.carryOut(ctx, r, n, next, again)
	return r.refused(err)
}

// refused turns a Failure into an error for the requester.
func (r request) refused(err error) error {
	var why adhoc.Failure
	if errors.As(err, &why) {
		return r.refuse(stanza.Modify, stanza.NotAcceptable, string(why))
	}
	return err
}

func (r request) refuse(kind stanza.ErrorType, condition stanza.Condition, text string) error {
	e := stanza.Error{Type: kind, Condition: condition}
	if text != "" {
		e.Text = map[string]string{r.say.Lang: text}
	}
	return e
}
