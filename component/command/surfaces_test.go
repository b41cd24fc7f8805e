package command

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"testing"

	"mellium.im/xmpp/jid"

	"tocsin/track"
	"tocsin/xep/forms"
	"tocsin/xep/register"
)

// surfaces lists all settings and the ways to change them: by a field, in a command's form and on the page; by a line in the
// chat, in either language; by a field of registration, where XEP-0077 has one. The table in docs/CLIENTS.md is the same.
var surfaces = []struct {
	command, field, value string
	english, chinese      string // "": "start" and "stop", which component/request reads; internal/scenarios has them
	register              string // the field
	holds                 func(*world) bool
}{
	{"number", "number", "+86 138 0013 8000", "number +86 138 0013 8000", "号码 138 0013 8000", "phone", number(func(n track.Number) bool { return n.E164 == "+8613800138000" })},
	{"number", "consent", "true", "share with everybody", "公开给 所有人", "consent", number(func(n track.Number) bool { return n.Consent })},
	{"number", "hide_from", "bob@example.org", "hide from bob", "隐藏 bob", "", func(w *world) bool { return strings.Join(w.hidden(), " ") == "bob@example.org" }},
	{"number", "no_sms", "true", "sms off", "短信 关", "", func(w *world) bool { return w.phone.Stopped == track.StopByOwner }},
	{"number", "remove", "true", "number remove", "号码 删除", "remove", func(w *world) bool {
		return len(w.numbers) == 0 || slices.Contains(w.did, "forget alice@example.org") // the effect of <remove/>
	}},
	{"preferences", "mode", "never", "mode never", "方式 从不", "", prefs(func(p track.Prefs) bool { return p.Mode == track.Never })},
	{"preferences", "undelivered_after", "2m", "times 2m default", "时限 2分钟 default", "", prefs(func(p track.Prefs) bool { return p.UndeliveredAfter.Minutes() == 2 })},
	{"preferences", "unread_after", "10m", "times default 10m", "时限 default 10分钟", "", prefs(func(p track.Prefs) bool { return p.UnreadAfter.Minutes() == 10 })},
	{"preferences", "text", "notice", "text notice", "短信内容 通知", "", prefs(func(p track.Prefs) bool { return p.Text == "notice" })},
	{"preferences", "gateway", "cheogram.com", "gateway cheogram.com", "短信网关 cheogram.com", "", prefs(func(p track.Prefs) bool { return p.Gateway == "cheogram.com" })},
	{"preferences", "fallback", "true", "", "", "", prefs(func(p track.Prefs) bool { return p.Fallback == track.On })},
	{"preferences", "share", "contacts", "share with contacts", "公开给 联系人", "", prefs(func(p track.Prefs) bool { return p.Share == track.ShareContacts })},
	{"preferences", "quiet_hours", "22:00-07:00", "quiet 22:00-07:00", "免打扰 22:00-07:00", "", prefs(func(p track.Prefs) bool { return p.Quiet == "22:00-07:00" })},
	{"preferences", "watch_me", "false", "watch me off", "跟踪我 关", "", prefs(func(p track.Prefs) bool { return p.Watch == track.Off })},
	{"preferences", "read_sync", "quiet", "my devices quiet", "我的设备 静默", "", prefs(func(p track.Prefs) bool { return p.Sync == track.SyncQuiet })},
	{"preferences", "time_zone", "Europe/Berlin", "time zone Europe/Berlin", "时区 Europe/Berlin", "", prefs(func(p track.Prefs) bool { return p.Zone == "Europe/Berlin" })},
	{"preferences", "language", "zh", "language chinese", "语言 中文", "", prefs(func(p track.Prefs) bool { return p.Language == "zh" })},
	{"mute", "jid", "bob@example.org", "mute bob", "不再询问 bob", "", func(w *world) bool {
		return w.contacts[[2]string{"alice@example.org", "bob@example.org"}].Muted
	}},
}

func sending(o *Options) { o.SMS = true }

func number(holds func(track.Number) bool) func(*world) bool {
	return func(w *world) bool { return holds(w.numbers["alice@example.org"]) }
}

func prefs(holds func(track.Prefs) bool) func(*world) bool {
	return func(w *world) bool { return holds(w.prefs["alice@example.org"]) }
}

// TestEverySettingEverywhere changes each setting on each surface.
func TestEverySettingEverywhere(t *testing.T) {
	told := map[string]bool{}
	user := jid.MustParse("alice@example.org")
	page, err := os.ReadFile("../../docs/CLIENTS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range surfaces {
		told[s.field] = true
		// A number is bound, unless the setting is the number itself.
		try := func(surface string, set func(*testing.T, *world)) {
			t.Run(s.field+" by "+surface, func(t *testing.T) {
				w := newWorld()
				if s.field != "number" {
					w.numbers[user.String()] = bound(user.String(), "+8613800138000", track.FromUser, false)
				}
				if s.holds(w) {
					t.Fatal("it is so from the beginning")
				}
				if set(t, w); !s.holds(w) {
					t.Errorf("it does not hold: %+v %+v %+v", w.prefs, w.numbers, w.contacts)
				}
			})
		}
		try("form", func(t *testing.T, w *world) { newClient(t, w, sending).complete(alice, s.command, s.field+"="+s.value) })
		try("page", func(t *testing.T, w *world) {
			c := newClient(t, w, sending)
			asked, _, err := c.c.Page(t.Context(), start, user, "en", s.command, nil)
			if err != nil || asked == nil {
				t.Fatalf("no form: %v", err)
			}
			if _, notes, err := c.c.Page(t.Context(), start, user, "en", s.command, &forms.Form{Type: forms.Submit, Fields: []forms.Field{forms.Text(s.field, "", s.value)}}); err != nil {
				t.Fatalf("%v %v", notes, err)
			}
		})
		for surface, line := range map[string]string{"chat": s.english, "Chinese chat": s.chinese} {
			if line != "" {
				try(surface, func(t *testing.T, w *world) { w.chat(t, line, sending) })
			}
		}
		if s.register != "" {
			try("registration", func(t *testing.T, w *world) {
				q := register.Query[forms.Form]{Form: &forms.Form{Type: forms.Submit, Fields: []forms.Field{forms.Text(s.register, "", s.value)}}}
				if s.register == "remove" {
					q = register.Query[forms.Form]{Remove: &register.Flag{}}
				}
				c := newClient(t, w, sending)
				if _, err := c.c.Register(t.Context(), start, jid.MustParse(alice), "", true, q); err != nil {
					t.Fatal(err)
				}
			})
		}
		row := "| `T#" + s.command + "`: `" + s.field + "` | `" + cmp.Or(s.english, "start")
		if !strings.Contains(string(page), row) {
			t.Errorf("CLIENTS.md has no row %s", row)
		}
	}
	for s := range (request{}).settings() {
		if !told[s.name] {
			t.Errorf("the setting %s is not in the table", s.name)
		}
	}
}
