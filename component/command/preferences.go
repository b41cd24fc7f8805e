package command

import (
	"context"
	"fmt"

	"tocsin/track"
	"tocsin/xep/forms"
)

// preferences shows and changes a user's settings, as sender and as recipient.
func (c *Commands) preferences(ctx context.Context, r request) (response, error) {
	p := c.deps.Settings.Stored(r.user)
	p.JID = r.user
	if r.Stage == 0 {
		return r.showPreferences(&p), nil
	}
	if r.nothing() {
		return r.unchanged(), nil
	}
	was, a, note := p, r.answers(), r.say.Form.Saved
	for s := range r.settings() {
		if remark := s.read(r, a, &p); remark != "" {
			note = remark
		}
	}
	if err := a.err(); err != nil {
		return response{}, err
	}
	if p == was {
		return r.unchanged(), nil
	}
	if err := c.deps.Settings.Set(ctx, p); err != nil {
		return response{}, fmt.Errorf("save preferences: %w", err)
	}
	return done(note), nil
}

func (r request) showPreferences(stored *track.Prefs) response {
	strict := stored.Strict()
	p := &strict
	say := &r.say.Form.Preferences
	policy := &r.o.Policy
	var fields []forms.Field
	for _, part := range sections {
		fields = append(fields, forms.Fixed(part.head(say)))
		for i := range part.settings {
			if s := &part.settings[i]; s.hidden == nil || !s.hidden(r.o) {
				fields = append(fields, s.field(r, p))
			}
		}
	}
	usual := say.Usual(policy.UndeliveredAfter, policy.UnreadAfter, policy.Quiet.String())
	if names := stored.Unreadable(); len(names) > 0 {
		usual = say.Unreadable(names) + " " + usual
	}
	return r.form("preferences", r.adding(say.Title, usual), fields...)
}

// settings ranges over all settings, in the order of the form. Clients that know the protocol can also set those not
// offered.
func (r request) settings() func(yield func(*setting) bool) {
	return func(yield func(*setting) bool) {
		for _, part := range sections {
			for i := range part.settings {
				if !yield(&part.settings[i]) {
					return
				}
			}
		}
	}
}
