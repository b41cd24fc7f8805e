package track

import (
	"slices"
	"time"
)

// Unreadable names the settings that can't be read, as the form of the preferences does: hours or a time zone that this program
// does not know (any more), a value that another version has written. What can't be read counts on its stricter side.
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
	return names
}

// isOneOf reports whether a text is one of some, or not set.
func isOneOf(text string, all ...string) bool { return text == "" || slices.Contains(all, text) }

// strictAfter is the time to wait where that can't be read: as long as the policy lets anybody wait, for most.
const strictAfter = 30 * 24 * time.Hour

// Strict returns the settings with what can't be read on its stricter side: of a language, which has none, that of everybody. Of
// quiet hours and their zone that is seen to where they are applied.
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
	return p
}
