// Package command implements what users can do with ad-hoc commands (XEP-0050), registration (XEP-0077) and chat: bind a
// number, change preferences, see what is watched; and what admins can do for them (protocol §8). The list of commands is in
// this file, each command has a file of its own, and settings.go has every setting once, for forms and chat alike.
//
// Requesters are identified by the address stamped by the server, and authorised at every stage. The package owns the
// command sessions and nothing else; it reaches stores and the ledger through the small interfaces in deps.go, and never
// sees a stream. Its tests run against a world in memory (world_test.go).
package command

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/disco"
	"mellium.im/xmpp/disco/items"
	"mellium.im/xmpp/jid"

	"tocsin/component/people"
	"tocsin/component/phrase"
	"tocsin/track"
	"tocsin/xep/adhoc"
	"tocsin/xep/escalation"
	"tocsin/xep/forms"
)

// Options are the admin's settings. They may change at any time.
type Options struct {
	JID     jid.JID  // the component
	Domains []string // whose users may use the commands
	Admins  []string // bare JIDs, of any domain

	Language    string // default for users who have not chosen one
	Region      string // of national numbers
	SelfService bool   // users may bind their number
	SMS         bool   // the component sends SMS itself
	Verify      bool   // numbers bound by users must be confirmed by a code
	Notice      bool   // SMS do not contain the messages' text, unless their sender chose so
	Policy      track.Policy
}

// Commands answers all commands, and registration. It is safe for concurrent use, but of two concurrent changes by one
// user the last one wins.
type Commands struct {
	deps     Deps
	options  func() *Options // currently in force
	registry *adhoc.Registry[forms.Form]
}

type (
	response = adhoc.Response[forms.Form]
	payload  = adhoc.Payload[forms.Form]
)

// request is one stage of a command.
type request struct {
	adhoc.Request[forms.Form]
	user string    // bare JID
	now  time.Time // in the user's time zone
	say  *phrase.Phrases
	o    *Options
}

// commands are all commands, in the order of lists.
var commands = []struct {
	name  string
	admin bool
	title func(*phrase.Form) string
	run   func(*Commands, context.Context, request) (response, error)
}{
	{"number", false, func(f *phrase.Form) string { return f.Number.Title.Title }, (*Commands).number},
	{"preferences", false, func(f *phrase.Form) string { return f.Preferences.Title.Title }, (*Commands).preferences},
	{"watching", false, func(f *phrase.Form) string { return f.Watching.Title.Title }, (*Commands).watching},
	{"escalate", false, func(f *phrase.Form) string { return f.Escalate.Title.Title }, (*Commands).escalate},
	{"cancel", false, func(f *phrase.Form) string { return f.Cancel.Title.Title }, (*Commands).cancel},
	{"mute", false, func(f *phrase.Form) string { return f.Mute.Title.Title }, (*Commands).mute},
	{"admin-status", true, func(f *phrase.Form) string { return f.Admin.Status.Title }, (*Commands).adminStatus},
	{"admin-user", true, func(f *phrase.Form) string { return f.Admin.User.Title }, (*Commands).adminUser},
	{"admin-numbers", true, func(f *phrase.Form) string { return f.Admin.Numbers.Title }, (*Commands).adminNumbers},
	{"admin-cancel", true, func(f *phrase.Form) string { return f.Admin.Cancel.Title }, (*Commands).adminCancel},
	{"admin-announce-off", true, func(f *phrase.Form) string { return f.Admin.AnnounceOff.Title }, (*Commands).adminAnnounceOff},
	{"admin-reload", true, func(f *phrase.Form) string { return f.Admin.Reload.Title }, (*Commands).adminReload},
}

// Node returns the node of a command.
func Node(name string) string { return escalation.NS + "#" + name }

// New returns the commands. o returns the current options. bounds are the limits of command sessions; its Language is
// ignored.
func New(deps Deps, o func() *Options, bounds adhoc.Options) *Commands {
	c := &Commands{deps: deps, options: o}
	var list []adhoc.Command[forms.Form]
	for _, cmd := range commands {
		allowed := c.isUser
		if cmd.admin {
			allowed = c.isAdmin
		}
		list = append(list, adhoc.Command[forms.Form]{
			Node:    Node(cmd.name),
			Name:    func(lang string) string { return cmd.title(&phrase.In(phrase.Language(lang)).Form) },
			Allowed: allowed,
			Run: func(ctx context.Context, r adhoc.Request[forms.Form]) (response, error) {
				return c.run(ctx, cmd.run, c.request(r))
			},
		})
	}
	bounds.Language = nil // it is chosen before a session begins
	c.registry = adhoc.New(bounds, list...)
	return c
}

// run answers one stage of a command. An invalid form is returned as filled in, with all its faults.
func (c *Commands) run(ctx context.Context, cmd func(*Commands, context.Context, request) (response, error), r request) (response, error) {
	resp, err := cmd(c, ctx, r)
	var wrong faults
	var why adhoc.Failure
	switch {
	case errors.As(err, &wrong):
		text := r.say.Form.Unchanged
		for _, fault := range wrong {
			text = r.say.Join(text, fault)
		}
		blank := r
		blank.Stage, blank.Form = 0, nil
		if resp, err = cmd(c, ctx, blank); err != nil || resp.Form == nil || len(resp.Allow) == 0 {
			return response{}, adhoc.Failure(text)
		}
		refill(resp.Form, r.Form)
		resp.Notes = []adhoc.Note{{Type: adhoc.Fault, Text: text}}
		return resp, nil
	case errors.As(err, &why): // some clients show failures as successes
		return resp, adhoc.Failure(r.say.Join(r.say.Form.Unchanged, string(why)))
	}
	return resp, err
}

// refill puts submitted values into a form that is shown again, as far as its fields can hold them.
func refill(shown, submitted *forms.Form) {
	for i := range shown.Fields {
		f := &shown.Fields[i]
		values, given := submitted.Values(f.Var)
		fits := func(value string) bool {
			return len(f.Options) == 0 || slices.ContainsFunc(f.Options, func(o forms.Option) bool { return o.Value == value })
		}
		switch {
		case !given || f.Type == "fixed" || f.Type == "hidden":
		case f.Type == "boolean":
			if on, given, err := submitted.Bool(f.Var); given && err == nil {
				f.Values = []string{truth(on)}
			}
		case !slices.ContainsFunc(values, func(value string) bool { return !fits(value) }):
			f.Values = values
		}
	}
}

// isUser reports whether an address belongs to a user of the configured domains.
func (c *Commands) isUser(from jid.JID) bool {
	return from.Localpart() != "" && slices.Contains(c.options().Domains, from.Domainpart())
}

func (c *Commands) isAdmin(from jid.JID) bool {
	return from.Localpart() != "" && slices.Contains(c.options().Admins, from.Bare().String())
}

// language returns the language to use for a user.
func (c *Commands) language(user string, choices ...string) string {
	return people.Language(c.deps.Settings.Stored(user), c.options().Language, choices...)
}

func (c *Commands) request(r adhoc.Request[forms.Form]) request {
	user := r.From.Bare().String()
	return request{Request: r, user: user, now: r.Now.In(c.deps.Zone(user)), say: phrase.In(r.Lang), o: c.options()}
}

// Command answers the payload of an IQ set with that of its result, or with an error. lang is the xml:lang of the IQ.
func (c *Commands) Command(ctx context.Context, now time.Time, from jid.JID, lang string, in payload) (*payload, *adhoc.Error) {
	if in.Lang == "" { // a language on the command itself is a choice
		in.Lang = c.language(from.Bare().String(), lang)
	}
	in.Lang = phrase.Language(in.Lang)
	out, err := c.registry.Handle(ctx, now, from, in.Lang, in)
	if err != nil {
		return nil, err
	}
	for i := range out.Notes {
		// profanity (0.13) uses the text of a note as a format string.
		out.Notes[i].Text = strings.ReplaceAll(out.Notes[i].Text, "%", "％")
	}
	return out, nil
}

// Items lists the commands that from may run, for disco#items of the node adhoc.NS.
func (c *Commands) Items(from jid.JID, lang string) []items.Item {
	return c.registry.Items(c.options().JID, from, c.language(from.Bare().String(), lang))
}

// Info describes a command, or adhoc.NS, for disco#info.
func (c *Commands) Info(node string, from jid.JID, lang string) (disco.Info, *adhoc.Error) {
	return c.registry.Info(node, from, c.language(from.Bare().String(), lang))
}

// form shows a form of a command, to be filled in.
func (r request) form(name string, title phrase.Title, fields ...forms.Field) response {
	return adhoc.Continue(form(forms.Ask, name, title, fields))
}

// result completes a command with a read-only form. The note is a summary, and may be "".
func (r request) result(name string, title phrase.Title, note string, fields ...forms.Field) response {
	resp := response{Form: form(forms.Result, name, title, fields)}
	if note != "" {
		resp.Notes = []adhoc.Note{{Type: adhoc.Info, Text: note}}
	}
	return resp
}

// adding returns a title with the current state added to its introduction. A fixed field is unsuitable: Gajim renders
// every short one as a heading.
func (r request) adding(title phrase.Title, more string) phrase.Title {
	title.Intro = r.say.Join(title.Intro, more)
	return title
}

func form(kind, name string, title phrase.Title, fields []forms.Field) *forms.Form {
	f := &forms.Form{Type: kind, Title: title.Title, Fields: append([]forms.Field{forms.Hidden(forms.FormType, Node(name))}, fields...)}
	if title.Intro != "" && kind == forms.Ask {
		f.Instructions = []string{title.Intro}
	}
	return f
}

// nothing reports whether a stage was sent without a form, or with a cancelled one.
func (r request) nothing() bool { return r.Form == nil || r.Form.Type == forms.Cancel }

// unchanged completes a command that had nothing to do.
func (r request) unchanged() response { return done(r.say.Form.Unchanged) }

func done(text string) response { return adhoc.Done[forms.Form](text) }

// labelled adds an explanation to a field.
func labelled(f forms.Field, l phrase.Label) forms.Field {
	f.Label, f.Desc = l.Label, l.Hint
	return f
}

// local returns an instant in the user's time zone.
func (r request) local(t track.Time) time.Time { return t.Std().In(r.now.Location()) }

// stateOf returns the state of a settled message, to which no leak rule applies.
func stateOf(m *track.Message) track.State {
	return cmp.Or(m.Notice.State, track.StatePending)
}
