package command

import (
	"context"
	"errors"
	"time"

	"mellium.im/xmpp/jid"

	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
)

// ErrForbidden is the error of a command that its user may not run.
var ErrForbidden = errors.New("forbidden")

// Page shows the form of a command on a web page, or runs it with a submitted one. A form returned with notes of type
// adhoc.Fault is invalid. user is a bare JID. An error is ErrForbidden, or internal.
func (c *Commands) Page(ctx context.Context, now time.Time, user jid.JID, lang, name string, filled *forms.Form) (*forms.Form, []adhoc.Note, error) {
	r := c.request(adhoc.Request[forms.Form]{From: user, Lang: c.language(user.String(), lang), Now: now, Form: filled})
	if filled != nil {
		r.Stage = 1
	}
	for _, cmd := range commands {
		if cmd.name != name {
			continue
		}
		if cmd.admin && !c.isAdmin(user) || !cmd.admin && !c.isUser(user) {
			return nil, nil, ErrForbidden
		}
		resp, err := c.run(ctx, cmd.run, r)
		if why := adhoc.Failure(""); errors.As(err, &why) {
			return nil, []adhoc.Note{{Type: adhoc.Fault, Text: string(why)}}, nil
		}
		return resp.Form, resp.Notes, err
	}
	return nil, nil, ErrForbidden
}

// AdminPages are the commands for admins, by name, in the order of a list.
func AdminPages() (names []string) {
	for _, cmd := range commands {
		if cmd.admin {
			names = append(names, cmd.name)
		}
	}
	return names
}
