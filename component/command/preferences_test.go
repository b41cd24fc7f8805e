package command

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/track"
)

func TestPreferences(t *testing.T) {
	for name, tc := range map[string]struct {
		before track.Prefs
		fields []string
		note   string
		after  track.Prefs
	}{
		"all": {track.Prefs{}, []string{"mode=never", "undelivered_after=90s", "unread_after=1h", "quiet_hours=22:00-07:00", "time_zone=Europe/Berlin", "language=zh", "text=notice", "fallback=1", "watch_me=0"}, "info: Saved.",
			track.Prefs{Mode: track.Never, UndeliveredAfter: 90 * time.Second, UnreadAfter: time.Hour, Quiet: "22:00-07:00", Zone: "Europe/Berlin", Language: "zh", Text: "notice", Fallback: track.On, Watch: track.Off}},
		"one leaves the others":            {track.Prefs{Mode: track.Never, Zone: "Europe/Berlin"}, []string{"unread_after=20m"}, "info: Saved.", track.Prefs{Mode: track.Never, Zone: "Europe/Berlin", UnreadAfter: 20 * time.Minute}},
		"back to what is usual":            {track.Prefs{Mode: track.Never, UnreadAfter: time.Hour, Quiet: "22:00-07:00", Zone: "Europe/Berlin", Language: "en", Text: "notice"}, []string{"mode=default", "unread_after=default", "quiet_hours=Default", "time_zone=default", "language=default", "text=default"}, "info: Saved.", track.Prefs{}},
		"cleared":                          {track.Prefs{UnreadAfter: time.Hour, Quiet: "22:00-07:00", Zone: "Europe/Berlin"}, []string{"unread_after=", "quiet_hours=", "time_zone="}, "info: Saved.", track.Prefs{}},
		"untouched boxes":                  {track.Prefs{}, []string{"fallback=0", "watch_me=true"}, "info: Nothing was changed.", track.Prefs{}},
		"boxes":                            {track.Prefs{Fallback: track.On, Watch: track.Off}, []string{"fallback=false", "watch_me=true"}, "info: Saved.", track.Prefs{Fallback: track.Off, Watch: track.On}},
		"auto asks":                        {track.Prefs{}, []string{"mode=auto"}, "info: Saved. You will be asked as long as this server cannot send SMS itself.", track.Prefs{Mode: track.Auto}},
		"too short":                        {track.Prefs{}, []string{"unread_after=1s"}, "info: Saved. Durations are limited to between 10 seconds and 72 hours.", track.Prefs{UnreadAfter: 10 * time.Second}},
		"too long":                         {track.Prefs{}, []string{"undelivered_after=30d"}, "info: Saved. Durations are limited to between 10 seconds and 72 hours.", track.Prefs{UndeliveredAfter: 72 * time.Hour}},
		"quiet hours with a zone":          {track.Prefs{}, []string{"quiet_hours=22:00-07:00 Asia/Tokyo"}, "info: Saved.", track.Prefs{Quiet: "22:00-07:00 Asia/Tokyo"}},
		"quiet hours without a zone":       {track.Prefs{}, []string{"quiet_hours=22:00-7:00"}, "info: Saved. Set your time zone, too: until then your quiet hours are in UTC.", track.Prefs{Quiet: "22:00-07:00"}},
		"quiet hours as people write them": {track.Prefs{Zone: "Asia/Shanghai"}, []string{"quiet_hours=22：00 – 7:00"}, "info: Saved.", track.Prefs{Zone: "Asia/Shanghai", Quiet: "22:00-07:00"}},
		"devices":                          {track.Prefs{}, []string{"read_sync=tell"}, "info: Saved.", track.Prefs{Sync: track.SyncTold}},
		"no quiet hours":                   {track.Prefs{}, []string{"quiet_hours=Never"}, "info: Saved.", track.Prefs{Quiet: "never"}},

		"a gateway":  {track.Prefs{}, []string{"gateway=Cheogram.com"}, "info: Saved.", track.Prefs{Gateway: "cheogram.com"}},
		"no gateway": {track.Prefs{Gateway: "cheogram.com"}, []string{"gateway=none"}, "info: Saved.", track.Prefs{}},

		"several faults": {track.Prefs{}, []string{"mode=perhaps", "unread_after=soon", "quiet_hours=9"}, `error: Nothing was changed. "perhaps" is not a choice for "When a message is not read in time". "soon" is not a duration (example: 10m). "9" is not a range of hours (example: 22:00-07:00).`, track.Prefs{}},
		"bad mode":       {track.Prefs{}, []string{"mode=perhaps", "text=notice"}, `error: Nothing was changed. "perhaps" is not a choice for "When a message is not read in time".`, track.Prefs{}},
		"bad time":       {track.Prefs{}, []string{"unread_after=soon"}, `error: Nothing was changed. "soon" is not a duration (example: 10m).`, track.Prefs{}},
		"bare number":    {track.Prefs{}, []string{"unread_after=600"}, `error: Nothing was changed. "600" is not a duration (example: 10m).`, track.Prefs{}},
		"bad zone":       {track.Prefs{}, []string{"time_zone=Mars/Olympus"}, `error: Nothing was changed. "Mars/Olympus" is not a time zone (example: Europe/Berlin).`, track.Prefs{}},
		"local zone":     {track.Prefs{}, []string{"time_zone=Local"}, `error: Nothing was changed. "Local" is not a time zone (example: Europe/Berlin).`, track.Prefs{}},
		"bad hours":      {track.Prefs{}, []string{"quiet_hours=25:00-07:00"}, `error: Nothing was changed. "25:00-07:00" is not a range of hours (example: 22:00-07:00).`, track.Prefs{}},
		"bad box":        {track.Prefs{}, []string{"watch_me=no"}, `error: Nothing was changed. "Messages to me may be watched" is neither yes nor no.`, track.Prefs{}},
		"bad gateway":    {track.Prefs{}, []string{"gateway=me@cheogram.com"}, `error: Nothing was changed. "me@cheogram.com" is not a domain (example: cheogram.com).`, track.Prefs{}},
		"bad language":   {track.Prefs{}, []string{"language=de"}, `error: Nothing was changed. "de" is not a choice for "Language".`, track.Prefs{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			tc.before.JID, tc.after.JID = "alice@example.org", "alice@example.org"
			w.prefs["alice@example.org"] = tc.before
			c := newClient(t, w)
			c.lang = "en"
			if diff := cmp.Diff(tc.note, note(c.complete(alice, "preferences", tc.fields...))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.after, w.prefs["alice@example.org"]); diff != "" {
				t.Error(diff)
			}
		})
	}

	w := newWorld()
	w.prefs["alice@example.org"] = track.Prefs{UnreadAfter: 90 * time.Minute, UndeliveredAfter: 2 * time.Hour, Mode: track.Never}
	shown := newClient(t, w).begin(alice, "preferences").Form
	want := []string{"As a sender", "mode=never", "undelivered_after=2h", "unread_after=1h30m", "text=default", "gateway=none", "fallback=false",
		"As a recipient", "share=everybody", "quiet_hours=default", "watch_me=true", "read_sync=off", "General", "time_zone=default", "language=default"}
	if diff := cmp.Diff(want, lines(shown)); diff != "" {
		t.Error(diff)
	}

	says(t, shown, `"default" is the server default: no limit for delivery, no limit for reading, no quiet hours.`)

	// An unedited form changes nothing.
	var fields []string
	for _, f := range shown.Fields {
		if f.Type != "fixed" && f.Type != "hidden" {
			fields = append(fields, f.Var+"="+f.Values[0])
		}
	}
	if got := note(newClient(t, w).complete(alice, "preferences", fields...)); got != "info: Nothing was changed." {
		t.Error(got)
	}

	// A form with errors comes back as it was filled in, and can be corrected.
	c := newClient(t, w)
	back := c.complete(alice, "preferences", "mode=ask", "unread_after=soon", "quiet_hours=22:00-07:00", "watch_me=0", "text=poem")
	want = []string{"As a sender", "mode=ask", "undelivered_after=2h", "unread_after=soon", "text=default", "gateway=none", "fallback=false",
		"As a recipient", "share=everybody", "quiet_hours=22:00-07:00", "watch_me=false", "read_sync=off", "General", "time_zone=default", "language=default"}
	if diff := cmp.Diff(want, lines(back.Form)); diff != "" {
		t.Error(diff)
	}
	mended, refused := c.send(alice, "node='"+Node("preferences")+"' action='complete' sessionid='"+back.SessionID+"'", submit("unread_after=10m"))
	if refused != nil || note(mended) != "info: Saved." || w.prefs["alice@example.org"].UnreadAfter != 10*time.Minute {
		t.Errorf("mended: %v, %v", mended, refused)
	}
}

// Unreadable settings are named where the user can set them again, and shown with their effective value.
func TestPreferencesThatCannotBeRead(t *testing.T) {
	w := newWorld()
	w.prefs["alice@example.org"] = track.Prefs{Mode: 9, Share: 7, Language: "fr", Quiet: "22:00-07:00", Zone: "Europe/Nowhere"}
	form := newClient(t, w).begin(alice, "preferences").Form
	if text := strings.Join(form.Instructions, " "); !strings.Contains(text, "no longer valid") || !strings.Contains(text, ": mode, time_zone, language, share.") {
		t.Errorf("the form says %q", text)
	}
	want := []string{"As a sender", "mode=never", "undelivered_after=default", "unread_after=default", "text=default", "gateway=none", "fallback=false",
		"As a recipient", "share=contacts", "quiet_hours=22:00-07:00", "watch_me=true", "read_sync=off", "General", "time_zone=Europe/Nowhere", "language=default"}
	if diff := cmp.Diff(want, lines(form)); diff != "" {
		t.Error(diff)
	}
	// Untouched settings stay as stored.
	if got := note(newClient(t, w).complete(alice, "preferences", "unread_after=20m", "share=contacts")); got != "info: Saved." {
		t.Error(got)
	}
	after := track.Prefs{JID: "alice@example.org", Mode: 9, Share: track.ShareContacts, UnreadAfter: 20 * time.Minute, Language: "fr", Quiet: "22:00-07:00", Zone: "Europe/Nowhere"}
	if diff := cmp.Diff(after, w.prefs["alice@example.org"]); diff != "" {
		t.Error(diff)
	}
}
