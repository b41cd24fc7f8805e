package track

import (
	"slices"
	"strings"
	"time"
)

// Unreadable returns the names of invalid settings, as in the preferences form: hours or a time zone that this program does
// not know (any more), or a value written by another version. The stricter choice applies for them.
func (p Prefs) Unreadable() (names []string) {
	if p.Mode > Never {
		names = append(names, "mode")
	}
	if p.UndeliveredAfter < 0 {
		names = append(names, "undelivered_after")
	}
	if p.UnreadAfter < 0 {
		names = append(names, "unread_after")
	}
	if _, err := ParseQuiet(p.Quiet, time.UTC); err != nil {
		names = append(names, "quiet_hours")
	}
	if _, err := loadZone(p.Zone); p.Zone != "" && err != nil {
		names = append(names, "time_zone")
	}
	if !isOneOf(p.Language, "en", "zh") {
		names = append(names, "language")
	}
	if !isOneOf(p.Text, "message", "notice") {
		names = append(names, "text")
	}
	if p.Fallback > Off {
		names = append(names, "fallback")
	}
	if p.Watch > Off {
		names = append(names, "watch_me")
	}
	if p.Share > ShareContacts {
		names = append(names, "share")
	}
	if p.Sync > SyncTold {
		names = append(names, "read_sync")
	}
	if !isDomain(p.Gateway) {
		names = append(names, "gateway")
	}
	return names
}

// isDomain reports whether a text can be the domain of a JID, or is not set.
func isDomain(text string) bool { return text == "" || !strings.ContainsAny(text, "@/?; \t\n") }

// isOneOf reports whether a text is one of several, or not set.
func isOneOf(text string, all ...string) bool { return text == "" || slices.Contains(all, text) }

// strictAfter replaces an unreadable timeout: as long as the policy allows anybody to set.
const strictAfter = 30 * 24 * time.Hour

// Strict replaces invalid settings by the stricter choice; for the language, which has none, by the default. Quiet hours and
// their zone are handled where they are applied.
func (p Prefs) Strict() Prefs {
	p.Mode = min(p.Mode, Never)
	for _, after := range []*time.Duration{&p.UndeliveredAfter, &p.UnreadAfter} {
		if *after < 0 {
			*after = strictAfter
		}
	}
	if !isOneOf(p.Language, "en", "zh") {
		p.Language = ""
	}
	if !isOneOf(p.Text, "message", "notice") {
		p.Text = "notice"
	}
	p.Fallback, p.Watch, p.Share = min(p.Fallback, Off), min(p.Watch, Off), min(p.Share, ShareContacts)
	if p.Sync > SyncTold {
		p.Sync = SyncOff
	}
	if !isDomain(p.Gateway) {
		p.Gateway = ""
	}
	return p
}
