package command

import (
	"context"
	"fmt"
	"slices"

	"tocsin/track"
	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
)

// mute turns prompts about one contact off, or on again.
func (c *Commands) mute(ctx context.Context, r request) (response, error) {
	say := &r.say.Form.Mute
	contacts := c.deps.Settings.ContactsOf(r.user)
	if r.Stage == 0 {
		var muted []string
		for _, contact := range contacts {
			if contact.Muted {
				muted = append(muted, contact.Contact)
			}
		}
		slices.Sort(muted)
		return r.form("mute", r.adding(say.Title, say.Now(muted)),
			labelled(forms.JID("jid", "", "").Needed(), say.JID),
			labelled(forms.Bool("muted", "", true), say.Muted)), nil
	}
	if r.nothing() {
		return r.unchanged(), nil
	}
	a := r.answers()
	who := a.needed("jid", a.person("jid"), say.JID)
	muted, given := a.truth("muted", say.Muted)
	muted = muted || !given // that is the command's purpose
	if who == r.user {
		a.fail(r.say.Form.Fault.Yourself)
	}
	if err := a.err(); err != nil {
		return response{}, err
	}
	setting := track.Contact{Owner: r.user, Contact: who}
	if i := slices.IndexFunc(contacts, func(x track.Contact) bool { return x.Contact == who }); i >= 0 {
		setting = contacts[i]
	} else if muted && settings(contacts) >= maxContacts {
		return response{}, adhoc.Failure(r.say.Form.Fault.TooMany(maxContacts))
	}
	setting.Muted = muted
	if err := c.deps.Settings.SetContact(ctx, setting); err != nil {
		return response{}, fmt.Errorf("mute a contact: %w", err)
	}
	if muted {
		return done(say.On(who)), nil
	}
	return done(say.Off(who)), nil
}

// settings counts the contacts with settings.
func settings(contacts []track.Contact) (n int) {
	for _, contact := range contacts {
		if contact.Muted || contact.Hidden {
			n++
		}
	}
	return n
}
