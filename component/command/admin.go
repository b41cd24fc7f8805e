package command

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"tocsin/component/numbers"
	"tocsin/component/phrase"
	"tocsin/track"
	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
)

// maxCancelled is how many messages an admin can cancel at once.
const maxCancelled = 1000

// adminStatus shows the component's status.
func (c *Commands) adminStatus(ctx context.Context, r request) (response, error) {
	sum, err := c.deps.Admin.Summary(ctx)
	if err != nil {
		return response{}, fmt.Errorf("count messages: %w", err)
	}
	say := &r.say.Form.Admin
	oldest := say.None
	if sum.OldestDue != 0 {
		oldest = r.say.Time(r.local(sum.OldestDue), r.now)
	}
	count := func(name, label string, n int64) forms.Field {
		return forms.Text(name, label, strconv.FormatInt(n, 10))
	}
	fields := []forms.Field{
		count("pending", say.Pending, sum.Pending),
		count("overdue", say.Overdue, sum.Overdue),
		count("open_prompts", say.OpenPrompts, sum.OpenPrompts),
		count("outbox", say.Outbox, sum.Outbox),
		forms.Text("oldest_due", say.Oldest, oldest),
		forms.Text("paused", say.Paused, r.yes(c.deps.Admin.Paused())),
	}
	if sum.SMSBudget > 0 {
		fields = append(fields, forms.Text("sms_segments", say.SMSSegments, fmt.Sprintf("%d / %d", sum.SMS.Segments, sum.SMSBudget)),
			count("sms_unsure", say.SMSUnsure, sum.SMS.Unsure),
			forms.Text("sms_down", say.SMSDown, cmp.Or(strings.Join(sum.SMSDown, ", "), say.None)))
	}
	return r.result("admin-status", say.Status, "", fields...), nil
}

func (r request) yes(is bool) string {
	if is {
		return r.say.Form.Yes
	}
	return r.say.Form.No
}

// adminUser shows what is known about a user, or deletes it if the account no longer exists.
func (c *Commands) adminUser(ctx context.Context, r request) (response, error) {
	say := &r.say.Form.Admin
	if r.Stage == 0 {
		return r.form("admin-user", say.User, labelled(forms.JID("jid", "", "").Needed(), say.JID), labelled(forms.Bool("forget", "", false), say.Forget)), nil
	}
	if r.nothing() {
		return r.unchanged(), nil
	}
	a := r.answers()
	user := a.needed("jid", a.person("jid"), say.JID)
	remove, _ := a.truth("forget", say.Forget)
	if err := a.err(); err != nil {
		return response{}, err
	}
	if remove {
		if err := c.deps.Remove(ctx, user); err != nil {
			return response{}, fmt.Errorf("forget a user: %w", err)
		}
		return done(say.Forgotten(user)), nil
	}
	n, bound, err := c.deps.Directory.Number(ctx, user)
	if err != nil {
		return response{}, fmt.Errorf("look up a number: %w", err)
	}
	number := say.None
	if bound {
		number = say.Bound(n)
	}
	waiting, err := c.deps.Watch.Watching(ctx, user, maxShown+1)
	if err != nil {
		return response{}, fmt.Errorf("load watched messages: %w", err)
	}
	many := strconv.Itoa(min(len(waiting), maxShown))
	if len(waiting) > maxShown {
		many += "+"
	}
	var devices []string
	for _, d := range c.deps.Devices(user) {
		devices = append(devices, d.JID)
	}
	p := c.deps.Settings.Stored(user).Strict()
	fields := []forms.Field{forms.Text("number", r.say.Form.Number.Number.Label, number)}
	for s := range r.settings() {
		value := s.value(r, &p)
		if s.box {
			value = r.yes(value == "true")
		}
		fields = append(fields, forms.Text(s.name, s.label(&r.say.Form.Preferences).Label, value))
	}
	return r.result("admin-user", phrase.Title{Title: user}, "", append(fields,
		forms.Text("waiting", say.Pending, many),
		forms.Text("devices", say.Devices, cmp.Or(strings.Join(devices, ", "), say.None)))...), nil
}

// adminNumbers binds one or many numbers for others, or shows or removes one.
func (c *Commands) adminNumbers(ctx context.Context, r request) (response, error) {
	say := &r.say.Form.Admin
	if r.Stage == 0 {
		return r.form("admin-numbers", say.Numbers,
			labelled(forms.JID("jid", "", ""), say.JID),
			labelled(forms.Text("number", "", ""), say.Phone),
			labelled(forms.Bool("consent", "", true), say.Consent),
			labelled(forms.Bool("remove", "", false), say.Remove),
			labelled(forms.Lines("lines", ""), say.Lines)), nil
	}
	if r.nothing() {
		return r.unchanged(), nil
	}
	a := r.answers()
	consent, given := a.truth("consent", say.Consent)
	consent = consent || !given // what an admin sets counts as consented
	remove, _ := a.truth("remove", say.Remove)
	if lines, _ := a.text("lines"); lines != "" && len(a.faults) == 0 {
		return c.bindLines(ctx, r, lines, consent)
	}
	user := a.needed("jid", a.person("jid"), say.JID)
	var number string
	if text, _ := a.text("number"); text != "" && !remove {
		number = a.phone(text, r.o.Region)
	}
	if err := a.err(); err != nil {
		return response{}, err
	}
	switch {
	case remove:
		was, err := c.deps.Directory.RemoveNumber(ctx, user)
		if err != nil {
			return response{}, fmt.Errorf("remove a number: %w", err)
		}
		if !was {
			return response{}, adhoc.Failure(say.NotBound(user))
		}
		return done(say.Removed(user)), nil
	case number == "":
		n, bound, err := c.deps.Directory.Number(ctx, user)
		if err != nil {
			return response{}, fmt.Errorf("look up a number: %w", err)
		}
		if !bound {
			return done(say.NotBound(user)), nil
		}
		return done(say.Bound(n)), nil
	}
	n := track.Number{JID: user, E164: number, Source: track.FromAdmin, Consent: consent, At: track.At(r.Now)}
	if err := c.deps.Directory.SetNumbers(ctx, n); err != nil {
		return response{}, fmt.Errorf("bind a number: %w", err)
	}
	return done(say.Bound(n)), nil
}

// bindLines binds the numbers in lines of CSV: all or none.
func (c *Commands) bindLines(ctx context.Context, r request, lines string, consent bool) (response, error) {
	list, err := numbers.ReadCSV(strings.NewReader(lines), numbers.Terms{Region: r.o.Region, Private: !consent})
	if faults, ok := err.(numbers.Faults); ok {
		return response{}, adhoc.Failure(r.say.Form.Fault.File(faults))
	}
	if err != nil {
		return response{}, err
	}
	for i := range list {
		list[i].At = track.At(r.Now)
	}
	if err := c.deps.Directory.SetNumbers(ctx, list...); err != nil {
		return response{}, fmt.Errorf("bind numbers: %w", err)
	}
	return done(r.say.Form.Admin.Imported(len(list))), nil
}

// adminCancel stops watching a user's messages: one, those to somebody, or all.
func (c *Commands) adminCancel(ctx context.Context, r request) (response, error) {
	say := &r.say.Form.Admin
	if r.Stage == 0 {
		return r.form("admin-cancel", say.Cancel,
			labelled(forms.JID("jid", "", "").Needed(), say.Sender),
			labelled(forms.Text("id", "", ""), say.CancelID),
			labelled(forms.JID("with", "", ""), say.With)), nil
	}
	if r.nothing() {
		return r.unchanged(), nil
	}
	a := r.answers()
	sender, with := a.needed("jid", a.person("jid"), say.Sender), a.person("with")
	id, _ := a.text("id")
	if err := a.err(); err != nil {
		return response{}, err
	}
	var keys []track.Key
	if id != "" {
		key, err := c.find(ctx, r, sender, id, with)
		if err != nil {
			return response{}, err
		}
		keys = append(keys, key)
	} else {
		list, err := c.deps.Watch.Watching(ctx, sender, maxCancelled)
		if err != nil {
			return response{}, fmt.Errorf("load watched messages: %w", err)
		}
		for _, m := range list {
			if with == "" || m.Recipient == with {
				keys = append(keys, m.Key)
			}
		}
	}
	for _, key := range keys {
		if err := c.deps.Watch.Cancel(ctx, key); err != nil {
			return response{}, fmt.Errorf("cancel a message: %w", err)
		}
	}
	return done(say.Cancelled(len(keys))), nil
}

// adminAnnounceOff pauses all prompts, or ends the pause.
func (c *Commands) adminAnnounceOff(ctx context.Context, r request) (response, error) {
	say := &r.say.Form.Admin
	if r.Stage == 0 {
		now := say.ResumedNow
		if c.deps.Admin.Paused() {
			now = say.PausedNow
		}
		return r.form("admin-announce-off", r.adding(say.AnnounceOff, now), labelled(forms.Bool("paused", "", true), say.Pause)), nil
	}
	if r.nothing() {
		return r.unchanged(), nil
	}
	a := r.answers()
	paused, given := a.truth("paused", say.Pause)
	if err := a.err(); err != nil {
		return response{}, err
	}
	if !given {
		return r.unchanged(), nil
	}
	if err := c.deps.Admin.Pause(ctx, paused); err != nil {
		return response{}, fmt.Errorf("pause all prompts: %w", err)
	}
	if paused {
		return done(say.PausedNow), nil
	}
	return done(say.ResumedNow), nil
}

// adminReload reads the configuration again.
func (c *Commands) adminReload(ctx context.Context, r request) (response, error) {
	if err := c.deps.Admin.Reload(ctx); err != nil {
		return response{}, adhoc.Failure(err.Error())
	}
	return done(r.say.Form.Admin.Reloaded), nil
}
