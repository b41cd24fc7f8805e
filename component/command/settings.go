package command

import (
	"cmp"
	"regexp"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"tocsin/address"
	"tocsin/component/phrase"
	"tocsin/track"
	"tocsin/xep/forms"
)

// setting is one thing that a user can choose. It is defined here once, for forms, chat and pages alike.
type setting struct {
	name  string // of the field
	label func(*phrase.PreferencesForm) phrase.Label
	// value is the value in p as a form shows it: "true" or "false" for a box, one of the options for a list.
	value func(r request, p *track.Prefs) string
	// options are the choices of a list, the first being the default; nil: not a list.
	options func(r request) []forms.Option
	box     bool
	// read sets p from the field, if given, and returns what else to say about it.
	read func(r request, a *answers, p *track.Prefs) (remark string)
	// hidden reports that it cannot work on this server, and is not offered.
	hidden func(*Options) bool
}

// section is a part of the form.
type section struct {
	head     func(*phrase.PreferencesForm) string
	settings []setting
}

var sections = []section{
	{func(f *phrase.PreferencesForm) string { return f.AsSender }, []setting{modeSetting, undeliveredSetting, unreadSetting, textSetting, gatewaySetting, fallbackSetting}},
	{func(f *phrase.PreferencesForm) string { return f.AsRecipient }, []setting{shareSetting, quietSetting, watchSetting, syncSetting}},
	{func(f *phrase.PreferencesForm) string { return f.Both }, []setting{zoneSetting, languageSetting}},
}

// field is the setting as a field of a form.
func (s *setting) field(r request, p *track.Prefs) forms.Field {
	value := s.value(r, p)
	var f forms.Field
	switch {
	case s.box:
		f = forms.Bool(s.name, "", value == "true")
	case s.options != nil:
		f = forms.List(s.name, "", value, s.options(r)...)
	default:
		f = forms.Text(s.name, "", value)
	}
	return labelled(f, s.label(&r.say.Form.Preferences))
}

// words returns the setting in words: "label: value".
func (s *setting) words(r request, p *track.Prefs) string {
	value := s.value(r, p)
	switch {
	case s.box && value == "true":
		value = r.say.Form.Yes
	case s.box:
		value = r.say.Form.No
	case s.options != nil:
		for _, o := range s.options(r) {
			if o.Value == value {
				value = o.Label
			}
		}
	case value == byDefault:
		value = r.say.Form.Default
	}
	return r.say.Pair(s.label(&r.say.Form.Preferences).Label, value)
}

func option(label, value string) forms.Option { return forms.Option{Label: label, Value: value} }

// words are the words for the values of an enumeration in a form.
type words[T comparable] []struct {
	value T
	word  string
}

// of returns the word for a value, or other if there is none.
func (l words[T]) of(value T, other string) string {
	for _, w := range l {
		if w.value == value {
			return w.word
		}
	}
	return other
}

// read returns the value of a field, if given; any other word is the zero value, the default.
func (l words[T]) read(a *answers, name string, label phrase.Label) (value T, given bool) {
	all := make([]string, len(l))
	for i, w := range l {
		all[i] = w.word
	}
	word, given := a.choice(name, label, all...)
	for _, w := range l {
		if w.word == word {
			value = w.value
		}
	}
	return value, given
}

var (
	modes  = words[track.Mode]{{track.Ask, "ask"}, {track.Auto, "auto"}, {track.Never, "never"}}
	shares = words[track.Share]{{track.ShareAll, everybody}, {track.ShareContacts, "contacts"}}
	syncs  = words[track.Sync]{{track.SyncOff, "off"}, {track.SyncQuiet, "quiet"}, {track.SyncTold, "tell"}}
)

var modeSetting = setting{
	name:  "mode",
	label: func(f *phrase.PreferencesForm) phrase.Label { return f.Mode },
	value: func(_ request, p *track.Prefs) string { return modes.of(p.Mode, byDefault) },
	options: func(r request) []forms.Option {
		say := &r.say.Form.Preferences
		names := map[track.Mode]string{track.Ask: say.Ask, track.Auto: say.Auto, track.Never: say.Never}
		usual := max(r.o.Policy.Mode, track.Ask)
		if usual == track.Auto && !r.o.SMS {
			usual = track.Ask // the effective mode
		}
		list := []forms.Option{option(say.DefaultIs(names[usual]), byDefault)}
		for _, m := range modes {
			if m.value != track.Auto || r.o.SMS {
				list = append(list, option(names[m.value], m.word))
			}
		}
		return list
	},
	read: func(r request, a *answers, p *track.Prefs) (remark string) {
		mode, given := modes.read(a, "mode", r.say.Form.Preferences.Mode)
		if !given {
			return ""
		}
		p.Mode = mode
		if p.Mode == track.Auto && !r.o.SMS { // by a client that knows the protocol, but not this server
			return r.say.Form.Preferences.AutoAsks
		}
		return ""
	},
}

var undeliveredSetting = after("undelivered_after", func(f *phrase.PreferencesForm) phrase.Label { return f.UndeliveredAfter },
	func(p *track.Prefs) *time.Duration { return &p.UndeliveredAfter })

var unreadSetting = after("unread_after", func(f *phrase.PreferencesForm) phrase.Label { return f.UnreadAfter },
	func(p *track.Prefs) *time.Duration { return &p.UnreadAfter })

// after is a setting for the time after which a message is overdue, clamped to the policy's bounds.
func after(name string, label func(*phrase.PreferencesForm) phrase.Label, of func(*track.Prefs) *time.Duration) setting {
	return setting{
		name: name, label: label,
		value: func(_ request, p *track.Prefs) string { return duration(*of(p)) },
		read: func(r request, a *answers, p *track.Prefs) (remark string) {
			said, given := a.duration(name)
			if !given {
				return ""
			}
			if *of(p) = r.bounded(said); *of(p) != said {
				return r.say.Form.Preferences.Bounded(r.say.Duration(r.o.Policy.MinAfter), r.say.Duration(r.o.Policy.MaxAfter))
			}
			return ""
		},
	}
}

var textSetting = setting{
	name:  "text",
	label: func(f *phrase.PreferencesForm) phrase.Label { return f.Text },
	value: func(_ request, p *track.Prefs) string { return orDefault(p.Text) },
	options: func(r request) []forms.Option {
		say := &r.say.Form.Preferences
		usual := say.Message
		if r.o.Notice {
			usual = say.Notice
		}
		return []forms.Option{option(say.DefaultIs(usual), byDefault), option(say.Message, "message"), option(say.Notice, "notice")}
	},
	read: func(r request, a *answers, p *track.Prefs) string {
		if word, given := a.choice("text", r.say.Form.Preferences.Text, "message", "notice"); given {
			p.Text = word
		}
		return ""
	},
}

// noGateway stands for no gateway.
const noGateway = "none"

var gatewaySetting = setting{
	name:  "gateway",
	label: func(f *phrase.PreferencesForm) phrase.Label { return f.Gateway },
	value: func(_ request, p *track.Prefs) string { return cmp.Or(p.Gateway, noGateway) },
	read: func(_ request, a *answers, p *track.Prefs) string {
		text, given := a.text("gateway")
		if !given {
			return ""
		}
		p.Gateway = a.domain(text)
		return ""
	},
}

// domain reads the domain of a gateway.
func (a *answers) domain(text string) string {
	if text == "" || text == noGateway || isDefault(text) {
		return ""
	}
	domain, err := address.Parse(text)
	if err != nil || domain.Localpart() != "" || domain.Resourcepart() != "" || !strings.Contains(domain.Domainpart(), ".") {
		a.fail(a.say.Form.Fault.NotADomain(quote(text)))
		return ""
	}
	return domain.Domainpart()
}

// A box left as it was shown is not a choice: the default may change later.

var fallbackSetting = setting{
	name: "fallback", box: true,
	label:  func(f *phrase.PreferencesForm) phrase.Label { return f.Fallback },
	value:  func(r request, p *track.Prefs) string { return truth(r.fallback(p)) },
	hidden: func(o *Options) bool { return o.Policy.Fallback == track.FallbackNever },
	read: func(r request, a *answers, p *track.Prefs) string {
		if on, given := a.truth("fallback", r.say.Form.Preferences.Fallback); given && on != r.fallback(p) {
			p.Fallback = toSwitch(on)
		}
		return ""
	},
}

// fallback reports whether the user gets prompts by chat; the admin's default applies to users who have not chosen.
func (r request) fallback(p *track.Prefs) bool {
	if p.Fallback == track.Unset {
		return r.o.Policy.Fallback == track.FallbackAll
	}
	return p.Fallback == track.On
}

var watchSetting = setting{
	name: "watch_me", box: true,
	label: func(f *phrase.PreferencesForm) phrase.Label { return f.WatchMe },
	value: func(_ request, p *track.Prefs) string { return truth(p.Watch != track.Off) },
	read: func(r request, a *answers, p *track.Prefs) string {
		if on, given := a.truth("watch_me", r.say.Form.Preferences.WatchMe); given && on != (p.Watch != track.Off) {
			p.Watch = toSwitch(on)
		}
		return ""
	},
}

var shareSetting = setting{
	name:  "share",
	label: func(f *phrase.PreferencesForm) phrase.Label { return f.Share },
	value: func(_ request, p *track.Prefs) string { return shares.of(p.Share, everybody) },
	options: func(r request) []forms.Option {
		say := &r.say.Form.Preferences
		return []forms.Option{option(say.ShareAll, everybody), option(say.ShareContacts, "contacts")}
	},
	read: func(r request, a *answers, p *track.Prefs) string {
		if share, given := shares.read(a, "share", r.say.Form.Preferences.Share); given {
			p.Share = share
		}
		return ""
	},
}

var syncSetting = setting{
	name:  "read_sync",
	label: func(f *phrase.PreferencesForm) phrase.Label { return f.ReadSync },
	value: func(_ request, p *track.Prefs) string { return syncs.of(p.Sync, "off") },
	options: func(r request) []forms.Option {
		say := &r.say.Form.Preferences
		return []forms.Option{option(say.SyncOff, "off"), option(say.SyncQuiet, "quiet"), option(say.SyncTell, "tell")}
	},
	read: func(r request, a *answers, p *track.Prefs) string {
		if sync, given := syncs.read(a, "read_sync", r.say.Form.Preferences.ReadSync); given {
			p.Sync = sync
		}
		return ""
	},
}

var quietSetting = setting{
	name:  "quiet_hours",
	label: func(f *phrase.PreferencesForm) phrase.Label { return f.QuietHours },
	value: func(_ request, p *track.Prefs) string { return orDefault(p.Quiet) },
	read: func(r request, a *answers, p *track.Prefs) (remark string) {
		text, given := a.text("quiet_hours")
		if !given {
			return ""
		}
		p.Quiet = a.quiet(text)
		unzoned := p.Quiet != "" && p.Quiet != track.NoQuiet && !strings.Contains(p.Quiet, " ")
		zone, _ := a.text("time_zone")
		if unzoned && p.Zone == "" && isDefault(zone) && r.o.Policy.Quiet.Zone == nil {
			return r.say.Form.Preferences.ZoneNeeded
		}
		return ""
	},
}

var zoneSetting = setting{
	name:  "time_zone",
	label: func(f *phrase.PreferencesForm) phrase.Label { return f.TimeZone },
	value: func(_ request, p *track.Prefs) string { return orDefault(p.Zone) },
	read: func(_ request, a *answers, p *track.Prefs) string {
		if zone, given := a.text("time_zone"); given {
			p.Zone = a.zone(zone)
		}
		return ""
	},
}

var languageSetting = setting{
	name:  "language",
	label: func(f *phrase.PreferencesForm) phrase.Label { return f.Language },
	value: func(_ request, p *track.Prefs) string { return orDefault(p.Language) },
	options: func(r request) []forms.Option {
		say := &r.say.Form.Preferences
		return []forms.Option{option(r.say.Form.Default, byDefault), option(say.English, "en"), option(say.Chinese, "zh")}
	},
	read: func(r request, a *answers, p *track.Prefs) string {
		if word, given := a.choice("language", r.say.Form.Preferences.Language, "en", "zh"); given {
			p.Language = word
		}
		return ""
	},
}

// bounded clamps a timeout to the policy's limits; 0 means not set.
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
	if strings.EqualFold(text, track.NoQuiet) || strings.EqualFold(text, "off") || text == a.say.Form.Preferences.NoQuiet {
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

func truth(on bool) string {
	if on {
		return "true"
	}
	return "false"
}

func orDefault(value string) string {
	if value == "" {
		return byDefault
	}
	return value
}

// duration formats d as answers.duration reads it: "1h30m".
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
