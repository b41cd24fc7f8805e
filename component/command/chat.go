package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"tocsin/component/phrase"
	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
)

// maxLines is how many messages or releases one chat message lists.
const maxLines = 10

// Chat executes a command given by chat message, and returns the answer; ok is false for commands that are not about settings,
// numbers or watched messages. Commands with an equivalent form run the form's command.
func (c *Commands) Chat(ctx context.Context, now time.Time, from jid.JID, lang string, o phrase.Command) (text string, ok bool, err error) {
	if !c.isUser(from) {
		return "", false, nil
	}
	r := c.request(adhoc.Request[forms.Form]{From: from, Lang: c.language(from.Bare().String(), lang), Now: now})
	do := chatVerbs[o.Verb]
	if do == nil {
		return "", false, nil
	}
	text, err = do(c, ctx, r, o)
	var wrong faults
	var why adhoc.Failure
	switch {
	case errors.As(err, &wrong):
		return r.say.Commands.Example(strings.Join(wrong, "\n"), o.Verb), true, nil
	case errors.As(err, &why):
		return string(why), true, nil
	}
	return text, true, err
}

// chatVerbs are the commands of a chat (protocol §7).
var chatVerbs map[phrase.Verb]func(*Commands, context.Context, request, phrase.Command) (string, error)

func init() { // it refers to itself through the help
	chatVerbs = map[phrase.Verb]func(*Commands, context.Context, request, phrase.Command) (string, error){
		phrase.Greeting: func(_ *Commands, _ context.Context, r request, _ phrase.Command) (string, error) {
			return r.say.Commands.About, nil
		},
		phrase.Help:     (*Commands).chatHelp,
		phrase.Status:   (*Commands).chatStatus,
		phrase.Escalate: (*Commands).chatEscalate,
		phrase.Cancel:   (*Commands).chatCancel,
		phrase.Mute:     (*Commands).chatMute,
		phrase.Unmute:   (*Commands).chatMute,
		phrase.Number:   (*Commands).chatNumber,
		phrase.Code:     (*Commands).chatCode,
		phrase.SMSTo:    (*Commands).chatSMS,
		phrase.Share:    (*Commands).chatShare,
		phrase.Hide:     (*Commands).chatHide,
		phrase.Unhide:   (*Commands).chatHide,
		phrase.Who:      (*Commands).chatWho,
		phrase.Settings: (*Commands).chatSettings,
		phrase.Forget:   (*Commands).chatForget,
	}
	for verb := range settingFields {
		chatVerbs[verb] = (*Commands).chatSet
	}
}

func (c *Commands) chatHelp(_ context.Context, r request, o phrase.Command) (string, error) {
	if usage := r.say.Commands.Usage(phrase.Topic(o.Rest)); usage != "" {
		return usage, nil
	}
	return r.say.Commands.Help, nil
}

func (c *Commands) chatStatus(ctx context.Context, r request, _ phrase.Command) (string, error) {
	list, err := c.deps.Watch.Watching(ctx, r.user, maxLines+1)
	if err != nil {
		return "", fmt.Errorf("load watched messages: %w", err)
	}
	say := &r.say.Form.Watching
	if len(list) == 0 {
		return say.Nothing, nil
	}
	var lines []string
	for i := range list[:min(len(list), maxLines)] {
		m := &list[i]
		lines = append(lines, say.Line(m.Recipient, r.local(m.SentAt), r.now, r.say.Watch.State(m.State), r.say.Watch.Reason(m.Reason, r.now)))
	}
	if len(list) > maxLines {
		lines = append(lines, say.More)
	}
	return strings.Join(lines, "\n"), nil
}

// chosen returns the user's watched messages to the contact meant: the named one, or the only one.
func (c *Commands) chosen(ctx context.Context, r request, o phrase.Command) ([]Watched, error) {
	list, err := c.deps.Watch.Watching(ctx, r.user, maxContacts)
	if err != nil {
		return nil, fmt.Errorf("load watched messages: %w", err)
	}
	var names []string
	for i := range list {
		if name := list[i].Recipient; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if o.Rest != "" {
		who, err := r.contact(o.Rest, names)
		if err != nil {
			return nil, err
		}
		names = []string{who}
	}
	list = slices.DeleteFunc(list, func(m Watched) bool { return len(names) == 1 && m.Recipient != names[0] })
	switch {
	case len(list) == 0 && len(names) == 1:
		return nil, adhoc.Failure(r.say.Commands.Nobody(names[0]))
	case len(list) == 0:
		return nil, adhoc.Failure(r.say.Commands.Nobody(""))
	case len(names) > 1:
		return nil, adhoc.Failure(r.say.Commands.WhichOf(o.Verb, names))
	}
	return list, nil
}

// contact resolves whom a user means: an address, or the localpart of a known contact, else of somebody in the user's
// own domain.
func (r request) contact(text string, known []string) (string, error) {
	j, err := jid.Parse(text)
	if err != nil || strings.ContainsAny(text, " \t\n") {
		return "", faults{r.say.Form.Fault.NotAUser(quote(text))}
	}
	if j.Localpart() != "" {
		return j.Bare().String(), nil
	}
	local, err := jid.New(text, r.From.Domainpart(), "")
	if err != nil || strings.Contains(text, ".") {
		return "", faults{r.say.Form.Fault.NotAUser(quote(text))}
	}
	var found []string
	for _, name := range known {
		if other, err := jid.Parse(name); err == nil && other.Localpart() == local.Localpart() {
			found = append(found, name)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return local.String(), nil
}

func (c *Commands) chatEscalate(ctx context.Context, r request, o phrase.Command) (string, error) {
	list, err := c.chosen(ctx, r, o)
	if err != nil {
		return "", err
	}
	if err := c.deps.Watch.Escalate(ctx, list[0].Key); err != nil { // the newest; the prompt includes the others
		return "", fmt.Errorf("escalate a message: %w", err)
	}
	return r.say.Form.Escalate.Done(list[0].Recipient), nil
}

func (c *Commands) chatCancel(ctx context.Context, r request, o phrase.Command) (string, error) {
	list, err := c.chosen(ctx, r, o)
	if err != nil {
		return "", err
	}
	for i := range list {
		if err := c.deps.Watch.Cancel(ctx, list[i].Key); err != nil {
			return "", fmt.Errorf("cancel a message: %w", err)
		}
	}
	return r.say.Commands.Cancelled(list[0].Recipient, len(list)), nil
}

func (c *Commands) chatMute(ctx context.Context, r request, o phrase.Command) (string, error) {
	var known []string
	for _, contact := range c.deps.Settings.ContactsOf(r.user) {
		known = append(known, contact.Contact)
	}
	if o.Rest == "" {
		return "", faults{r.say.Form.Fault.Missing(r.say.Form.Mute.JID.Label)}
	}
	who, err := r.contact(o.Rest, known)
	if err != nil {
		return "", err
	}
	return c.fill(ctx, r, (*Commands).mute, "jid", who, "muted", truth(o.Verb == phrase.Mute))
}

// fill runs a command with its form filled in, with alternating names and values. It returns the note.
func (c *Commands) fill(ctx context.Context, r request, cmd func(*Commands, context.Context, request) (response, error), fields ...string) (string, error) {
	r.Stage, r.Form = 1, &forms.Form{Type: forms.Submit}
	for i := 0; i < len(fields); i += 2 {
		r.Form.Fields = append(r.Form.Fields, forms.Field{Var: fields[i], Values: []string{fields[i+1]}})
	}
	resp, err := cmd(c, ctx, r)
	if err != nil {
		return "", err
	}
	var notes []string
	for _, note := range resp.Notes {
		notes = append(notes, note.Text)
	}
	return strings.Join(notes, "\n"), nil
}

func (c *Commands) chatForget(ctx context.Context, r request, o phrase.Command) (string, error) {
	if !affirms[strings.ToLower(o.Rest)] {
		return r.say.Commands.Sure, nil
	}
	if err := c.deps.Forget(ctx, r.user); err != nil {
		return "", fmt.Errorf("forget a user: %w", err)
	}
	return r.say.Commands.Forgotten, nil
}

// affirms and denies are words for on and off.
var (
	affirms = map[string]bool{"on": true, "yes": true, "true": true, "1": true, "开": true, "打开": true, "是": true, "好": true}
	denies  = map[string]bool{"off": true, "no": true, "false": true, "0": true, "关": true, "关闭": true, "否": true, "不": true}
)
