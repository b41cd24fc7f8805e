package command

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"tocsin/track"
	"tocsin/xep/forms"
)

var modes = []struct {
	mode track.Mode
	word string
}{{track.Ask, "ask"}, {track.Auto, "auto"}, {track.Never, "never"}}

// preferences shows and changes what a user has chosen, as sender and as recipient.
func (c *Commands) preferences(ctx context.Context, r request) (response, error) {
	p := c.deps.Settings.Of(r.user)
	p.JID = r.user
	if r.Stage == 0 {
		return r.showPreferences(p), nil
	}
	if r.nothing() {
		return r.unchanged(), nil
	}
	was := p
	note, err := r.readPreferences(&p)
	if err != nil {
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

func (r request) showPreferences(p track.Prefs) response {
	say := &r.say.Form.Preferences
	option := func(label, value string) forms.Option { return forms.Option{Label: label, Value: value} }
	names := map[track.Mode]string{track.Ask: say.Ask, track.Auto: say.Auto, track.Never: say.Never}

	mode := byDefault
	modeOptions := []forms.Option{option(say.DefaultIs(names[max(r.o.Policy.Mode, track.Ask)]), byDefault)}
	for _, m := range modes {
		modeOptions = append(modeOptions, option(names[m.mode], m.word))
		if p.Mode == m.mode {
			mode = m.word
		}
	}
	text := say.Message
	if r.o.Notice {
		text = say.Notice
	}
	policy := &r.o.Policy
	usual := say.Usual(policy.UndeliveredAfter, policy.UnreadAfter, policy.Quiet.String())
	return r.ask("preferences", r.adding(say.Title, usual),
		forms.Fixed(say.AsSender),
		labelled(forms.List("mode", "", mode, modeOptions...), say.Mode),
		labelled(forms.Text("undelivered_after", "", duration(p.UndeliveredAfter)), say.UndeliveredAfter),
		labelled(forms.Text("unread_after", "", duration(p.UnreadAfter)), say.UnreadAfter),
		labelled(forms.List("text", "", orDefault(p.Text), option(say.DefaultIs(text), byDefault),
			option(say.Message, "message"), option(say.Notice, "notice")), say.Text),
		labelled(forms.Bool("fallback", "", r.fallback(p)), say.Fallback),
		forms.Fixed(say.AsRecipient),
		labelled(forms.Text("quiet_hours", "", orDefault(p.Quiet)), say.QuietHours),
		labelled(forms.Bool("watch_me", "", p.Watch != track.Off), say.WatchMe),
		forms.Fixed(say.Both),
		labelled(forms.Text("time_zone", "", orDefault(p.Zone)), say.TimeZone),
		labelled(forms.List("language", "", orDefault(p.Language), option(r.say.Form.Default, byDefault),
			option(say.English, "en"), option(say.Chinese, "zh")), say.Language),
	)
}

// fallback is whether prompts by chat are wanted: what holds for those who have not chosen is the admin's word.
func (r request) fallback(p track.Prefs) bool {
	if p.Fallback == track.Unset {
		return r.o.Policy.Fallback == track.FallbackAll
	}
	return p.Fallback == track.On
}

// readPreferences changes p by what was submitted, and returns what to say about it.
func (r request) readPreferences(p *track.Prefs) (note string, err error) {
	say, a := &r.say.Form.Preferences, r.answers()
	note = r.say.Form.Saved
	if word, given := a.choice("mode", say.Mode, "ask", "auto", "never"); given {
		p.Mode = track.ModeUnset
		for _, m := range modes {
			if m.word == word {
				p.Mode = m.mode
			}
		}
		if p.Mode == track.Auto && !r.o.SMS {
			note = say.AutoAsks
		}
	}
	after := func(name string, d *time.Duration) {
		if said, given := a.duration(name); given {
			if *d = r.bounded(said); *d != said {
				note = say.Bounded(r.say.Duration(r.o.Policy.MinAfter), r.say.Duration(r.o.Policy.MaxAfter))
			}
		}
	}
	after("undelivered_after", &p.UndeliveredAfter)
	after("unread_after", &p.UnreadAfter)
	if zone, given := a.text("time_zone"); given {
		p.Zone = a.zone(zone)
	}
	if hours, given := a.text("quiet_hours"); given {
		p.Quiet = a.quiet(hours)
		unzoned := p.Quiet != "" && p.Quiet != track.NoQuiet && !strings.Contains(p.Quiet, " ")
		if unzoned && p.Zone == "" && r.o.Policy.Quiet.Zone == nil {
			note = say.ZoneNeeded
		}
	}
	if word, given := a.choice("language", say.Language, "en", "zh"); given {
		p.Language = word
	}
	if word, given := a.choice("text", say.Text, "message", "notice"); given {
		p.Text = word
	}
	// A box that was left as it was shown was not chosen: what holds for everybody may change later.
	if on, given := a.truth("fallback", say.Fallback); given && on != r.fallback(*p) {
		p.Fallback = toSwitch(on)
	}
	if on, given := a.truth("watch_me", say.WatchMe); given && on != (p.Watch != track.Off) {
		p.Watch = toSwitch(on)
	}
	return note, a.err
}

// bounded brings a time within what the policy allows; 0 is no time.
func (r request) bounded(d time.Duration) time.Duration {
	if d == 0 {
		return 0
	}
	if longest := r.o.Policy.MaxAfter; longest > 0 {
		d = min(d, longest)
	}
	return max(d, r.o.Policy.MinAfter)
}

// zone reads the name of a time zone.
func (a *answers) zone(name string) string {
	if isDefault(name) {
		return ""
	}
	zone, err := time.LoadLocation(name)
	if err != nil || zone == time.Local {
		a.fail(a.say.Form.Fault.NotAZone(quote(name)))
		return ""
	}
	return zone.String()
}

// spans matches quiet hours as people write them.
var spans = regexp.MustCompile(`^(\d{1,2}:\d{2})\s*[-–—~至到]\s*(\d{1,2}:\d{2})(\s|$)`)

// quiet reads quiet hours, with or without a time zone.
func (a *answers) quiet(text string) string {
	if isDefault(text) {
		return ""
	}
	if strings.EqualFold(text, track.NoQuiet) || text == a.say.Form.Preferences.NoQuiet {
		return track.NoQuiet
	}
	text = spans.ReplaceAllString(norm.NFKC.String(text), "$1-$2$3")
	q, err := track.ParseQuiet(text, time.UTC)
	if err != nil {
		a.fail(a.say.Form.Fault.NotQuiet(quote(text)))
		return ""
	}
	if span, _, zoned := strings.Cut(q.String(), " "); zoned && !strings.Contains(text, " ") {
		return span
	}
	return q.String()
}

func toSwitch(on bool) track.Switch {
	if on {
		return track.On
	}
	return track.Off
}

func orDefault(value string) string {
	if value == "" {
		return byDefault
	}
	return value
}

// duration writes d as duration reads it: "1h30m".
func duration(d time.Duration) string {
	if d == 0 {
		return byDefault
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
