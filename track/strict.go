package track

import "time"

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
	if p.Text != "" && p.Text != "message" && p.Text != "notice" {
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

// Strict returns the settings with what can't be read on its stricter side. Of quiet hours that is seen to where they are
// applied.
func (p Prefs) Strict() Prefs {
	p.Mode = min(p.Mode, Never)
	p.UndeliveredAfter, p.UnreadAfter = max(p.UndeliveredAfter, 0), max(p.UnreadAfter, 0)
	if p.Text != "" && p.Text != "message" {
		p.Text = "notice"
	}
	p.Fallback, p.Watch, p.Share = min(p.Fallback, Off), min(p.Watch, Off), min(p.Share, ShareContacts)
	if p.Sync > SyncTold {
		p.Sync = SyncOff
	}
	return p
}
