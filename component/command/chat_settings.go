package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"tocsin/component/numbers"
	"tocsin/component/phrase"
	"tocsin/track"
)

// settingFields are the commands that change settings: they turn what was written into alternating names and values of
// the form preferences.
var settingFields = map[phrase.Verb]func(rest string) []string{
	phrase.SetMode:     func(rest string) []string { return []string{"mode", word(rest, modeWords)} },
	phrase.SetText:     func(rest string) []string { return []string{"text", word(rest, textWords)} },
	phrase.SetLanguage: func(rest string) []string { return []string{"language", word(rest, languageWords)} },
	phrase.SetZone:     func(rest string) []string { return []string{"time_zone", word(rest, nil)} },
	phrase.SetSync:     func(rest string) []string { return []string{"read_sync", word(rest, syncWords)} },
	phrase.SetGateway: func(rest string) []string {
		if denies[strings.ToLower(rest)] {
			rest = noGateway
		}
		return []string{"gateway", word(rest, nil)}
	},
	phrase.SetWatching: func(rest string) []string { return []string{"watch_me", box(rest)} },
	phrase.SetTimes: func(rest string) []string {
		times := strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == ',' || r == '、' || r == '/' })
		if len(times) == 1 && isDefault(word(times[0], nil)) {
			times = append(times, times[0])
		}
		if len(times) != 2 {
			return []string{"undelivered_after", rest}
		}
		return []string{"undelivered_after", word(times[0], nil), "unread_after", word(times[1], nil)}
	},
	phrase.SetQuiet: func(rest string) []string {
		if denies[strings.ToLower(rest)] {
			rest = track.NoQuiet
		}
		text := norm.NFKC.String(rest)
		if span := spans.FindStringSubmatch(text); span != nil {
			if zone := strings.TrimSpace(text[len(span[0]):]); zone != "" {
				return []string{"quiet_hours", span[1] + "-" + span[2], "time_zone", zone}
			}
		}
		return []string{"quiet_hours", word(rest, nil)}
	},
}

// Words that people use for the options of lists, besides the options themselves.
var (
	modeWords     = map[string]string{"询问": "ask", "问": "ask", "自动": "auto", "从不": "never", "不问": "never", "off": "never"}
	syncWords     = map[string]string{"静默": "quiet", "告知": "tell", "关": "off", "关闭": "off", "read": "tell"}
	textWords     = map[string]string{"原文": "message", "内容": "message", "通知": "notice"}
	languageWords = map[string]string{"english": "en", "chinese": "zh", "中文": "zh", "汉语": "zh", "英文": "en", "英语": "en"}
)

func word(text string, known map[string]string) string {
	lower := strings.ToLower(strings.TrimSpace(text))
	if value, ok := known[lower]; ok {
		return value
	}
	if lower == byDefault || known != nil {
		return lower
	}
	return strings.TrimSpace(text)
}

func box(text string) string {
	switch lower := strings.ToLower(text); {
	case affirms[lower]:
		return "true"
	case denies[lower]:
		return "false"
	}
	return "?" // neither: the form reports it
}

// chatSet changes settings, and repeats the new values.
func (c *Commands) chatSet(ctx context.Context, r request, o phrase.Command) (string, error) {
	fields := settingFields[o.Verb](o.Rest)
	var lines []string
	if o.Rest != "" {
		note, err := c.fill(ctx, r, (*Commands).preferences, fields...)
		if err != nil {
			return "", err
		}
		if note != r.say.Form.Saved && note != r.say.Form.Unchanged {
			lines = append(lines, note)
		}
	}
	p := c.deps.Settings.Stored(r.user).Strict()
	for s := range r.settings() {
		if slices.Contains(fields, s.name) {
			lines = append(lines, s.words(r, &p))
		}
	}
	if o.Rest == "" {
		return r.say.Commands.Example(strings.Join(lines, "\n"), o.Verb), nil
	}
	return strings.Join(lines, "\n"), nil
}

// chatSettings lists all settings.
func (c *Commands) chatSettings(ctx context.Context, r request, _ phrase.Command) (string, error) {
	number, err := c.numberLines(ctx, r)
	if err != nil {
		return "", err
	}
	stored := c.deps.Settings.Stored(r.user)
	p := stored.Strict()
	lines := []string{r.say.Commands.Settings}
	if names := stored.Unreadable(); len(names) > 0 {
		lines = append(lines, r.say.Form.Preferences.Unreadable(names))
	}
	for s := range r.settings() {
		if s.hidden == nil || !s.hidden(r.o) {
			lines = append(lines, s.words(r, &p))
		}
	}
	lines = append(lines, number...)
	link, err := c.deps.Links.SettingsLink(ctx, r.user)
	if err != nil {
		return "", fmt.Errorf("make a link: %w", err)
	}
	if link == "" {
		return strings.Join(lines, "\n"), nil
	}
	lines = append(lines, r.say.Pair(r.say.Commands.Change, link))
	if c.isAdmin(r.From) {
		if link, err = c.deps.Links.AdminLink(ctx, r.user); err != nil {
			return "", fmt.Errorf("make a link: %w", err)
		}
		lines = append(lines, r.say.Pair(r.say.Web.Admin, link))
	}
	return strings.Join(lines, "\n"), nil
}

// numberLines returns which number a user has bound, and who may see it.
func (c *Commands) numberLines(ctx context.Context, r request) ([]string, error) {
	n, bound, err := c.deps.Directory.Number(ctx, r.user)
	if err != nil {
		return nil, fmt.Errorf("look up a number: %w", err)
	}
	if !bound {
		return []string{r.say.Form.Number.NotBound}, nil
	}
	lines := []string{r.say.Form.Number.Bound(n)}
	more, _, err := c.phoneLines(ctx, r, n)
	if err != nil {
		return nil, err
	}
	lines = append(lines, more...)
	if c.deps.Settings.Stored(r.user).Strict().Share == track.ShareContacts && n.Consent {
		lines = append(lines, r.say.Commands.SharedContacts)
	}
	for _, who := range c.hiddenFrom(r.user) {
		if who == "" {
			who = r.say.Commands.Everybody
		}
		lines = append(lines, r.say.Commands.HiddenFrom(who))
	}
	return lines, nil
}

// hiddenFrom lists whom a user's number is hidden from; "" is everybody.
func (c *Commands) hiddenFrom(user string) (hidden []string) {
	for _, contact := range c.deps.Settings.ContactsOf(user) {
		if contact.Hidden {
			hidden = append(hidden, contact.Contact)
		}
	}
	slices.Sort(hidden)
	return hidden
}

func (c *Commands) chatNumber(ctx context.Context, r request, o phrase.Command) (string, error) {
	switch strings.ToLower(o.Rest) {
	case "":
		lines, err := c.numberLines(ctx, r)
		return r.say.Commands.Example(strings.Join(lines, "\n"), o.Verb), err
	case "remove", "delete", "删除":
		return c.fill(ctx, r, (*Commands).number, "remove", "true")
	}
	n, _, err := c.deps.Directory.Number(ctx, r.user)
	if err != nil {
		return "", fmt.Errorf("look up a number: %w", err)
	}
	same, err := numbers.Parse(o.Rest, r.o.Region)
	again := err == nil && same == n.E164 && r.verifies(n)
	note, err := c.fill(ctx, r, (*Commands).number, "number", o.Rest, "resend", truth(again))
	if err != nil {
		return "", err
	}
	n, bound, err := c.deps.Directory.Number(ctx, r.user)
	if err != nil {
		return "", fmt.Errorf("look up a number: %w", err)
	}
	if bound && note == r.say.Form.Saved {
		note = r.say.Form.Number.Now(n)
	}
	if bound && !n.Consent {
		note += "\n" + r.say.Commands.ShareHint
	}
	return note, nil
}

// sharedWith are the words for who may see a number.
var sharedWith = map[string]string{
	"everybody": everybody, "everyone": everybody, "all": everybody, "所有人": everybody, "大家": everybody,
	"contacts": "contacts", "my contacts": "contacts", "联系人": "contacts",
	"nobody": nobody, "no one": nobody, "noone": nobody, "不公开": nobody, "没有人": nobody, "无人": nobody,
}

func (c *Commands) chatShare(ctx context.Context, r request, o phrase.Command) (string, error) {
	with, known := sharedWith[strings.ToLower(o.Rest)]
	if !known {
		return "", faults{r.say.Form.Fault.NotOneOf(r.say.Form.Number.Consent.Label, quote(o.Rest))}
	}
	if _, err := c.fill(ctx, r, (*Commands).number, "consent", truth(with != nobody)); err != nil {
		return "", err
	}
	if with != nobody {
		if _, err := c.fill(ctx, r, (*Commands).preferences, "share", with); err != nil {
			return "", err
		}
	}
	switch with {
	case everybody:
		return r.say.Commands.SharedAll, nil
	case nobody:
		return r.say.Commands.SharedNobody, nil
	}
	return r.say.Commands.SharedContacts, nil
}

func (c *Commands) chatHide(ctx context.Context, r request, o phrase.Command) (string, error) {
	hidden := c.hiddenFrom(r.user)
	if o.Rest == "" {
		return "", faults{r.say.Form.Fault.Missing(r.say.Form.Number.HideFrom.Label)}
	}
	who, name := "", r.say.Commands.Everybody
	if sharedWith[strings.ToLower(o.Rest)] != everybody {
		var err error
		if who, err = r.contact(strings.TrimPrefix(o.Rest, "from "), hidden); err != nil {
			return "", err
		}
		name = who
	}
	all := map[string]bool{}
	for _, other := range hidden {
		all[other] = true
	}
	if o.Verb == phrase.Hide {
		all[who] = true
	} else {
		delete(all, who)
	}
	if err := c.hide(ctx, r, all); err != nil {
		return "", err
	}
	if o.Verb == phrase.Hide {
		return r.say.Commands.HiddenFrom(name), nil
	}
	return r.say.Commands.VisibleTo(name), nil
}

func (c *Commands) chatWho(ctx context.Context, r request, _ phrase.Command) (string, error) {
	releases, err := c.deps.Directory.Releases(ctx, r.user, maxLines)
	if err != nil {
		return "", fmt.Errorf("load releases: %w", err)
	}
	if len(releases) == 0 {
		return r.say.Form.Number.NoReleases, nil
	}
	lines := []string{strings.TrimSpace(r.say.Pair(r.say.Form.Number.Releases, ""))}
	for _, release := range releases {
		lines = append(lines, r.say.Form.Number.Release(release.To, quote(release.ID), r.local(release.At), r.now))
	}
	return strings.Join(lines, "\n"), nil
}
