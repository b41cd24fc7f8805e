package command

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"tocsin/track"
	"tocsin/xep/adhoc"
)

// TestWhoMay checks that permissions are verified at every stage.
func TestWhoMay(t *testing.T) {
	w := newWorld()
	c := newClient(t, w)
	condition := func(err *adhoc.Error) string {
		if err == nil {
			return ""
		}
		return strings.TrimSuffix(string(err.Stanza.Condition)+" "+string(err.Condition), " ")
	}
	for _, cmd := range commands {
		for from, allowed := range map[string]bool{
			alice: !cmd.admin, admin: cmd.admin, "eve@example.com/x": false, "example.org": false, "alice@sub.example.org/x": false,
			"example.org/alice": false, "admin@example.net.evil.example/x": false,
		} {
			_, err := c.send(from, "node='"+Node(cmd.name)+"'", "")
			if want := map[bool]string{true: "", false: "forbidden"}[allowed]; condition(err) != want {
				t.Errorf("%s by %s: %q, want %q", cmd.name, from, condition(err), want)
			}
			listed := slices.ContainsFunc(c.c.Items(jid.MustParse(from), ""), func(i item) bool { return i.Node == Node(cmd.name) })
			if listed != allowed {
				t.Errorf("%s is listed for %s: %t", cmd.name, from, listed)
			}
			if _, err := c.c.Info(Node(cmd.name), jid.MustParse(from), ""); (err == nil) != allowed {
				t.Errorf("%s is described for %s: %v", cmd.name, from, err)
			}
		}
	}
	if _, err := c.send(alice, "node='"+Node("nothing")+"'", ""); condition(err) != "item-not-found" {
		t.Error(condition(err))
	}

	// At the second stage: another user, another device of the user, a former admin.
	stage2 := func(from, session, name string) string {
		_, err := c.send(from, "node='"+Node(name)+"' action='complete' sessionid='"+session+"'", submit("number=13800138000", "jid=bob@example.org"))
		return condition(err)
	}
	session := c.begin(alice, "number").SessionID
	for _, from := range []string{bob, "alice@example.org/laptop", "eve@example.com/x", admin} {
		if got := stage2(from, session, "number"); got != "bad-request bad-sessionid" {
			t.Errorf("%s goes on with the session of %s: %q", from, alice, got)
		}
	}
	adminSession := c.begin(admin, "admin-numbers").SessionID
	o := options()
	o.Admins = nil
	c.options = o
	if got := stage2(admin, adminSession, "admin-numbers"); got != "forbidden" {
		t.Errorf("one who is no admin any more: %q", got)
	}
	o.Domains = nil
	c.options = o
	if got := stage2(alice, session, "number"); got != "forbidden" {
		t.Errorf("one who is no user any more: %q", got)
	}
	if len(w.numbers) != 0 {
		t.Errorf("bound: %v", w.numbers)
	}

	// Sessions expire.
	c = newClient(t, w)
	session = c.begin(alice, "number").SessionID
	c.now = c.now.Add(11 * time.Minute)
	if got := stage2(alice, session, "number"); got != "not-allowed session-expired" {
		t.Errorf("after the session's time: %q", got)
	}
}

// TestClients runs a command as real clients do (clients.md).
func TestClients(t *testing.T) {
	form := submit("number=13800138000", "consent=1")
	for name, tc := range map[string]struct{ action, inside, note string }{
		"Gajim, profanity":    {"action='complete'", form, "info: Your number is +8613800138000. Senders whose messages you have not read may see it."},
		"Converse":            {"action='execute'", form, "info: Your number is +8613800138000. Senders whose messages you have not read may see it."},
		"Converse, older":     {"", form, "info: Your number is +8613800138000. Senders whose messages you have not read may see it."},
		"no form":             {"action='complete'", "", "info: Nothing was changed."},
		"a form given up":     {"action='complete'", "<x xmlns='jabber:x:data' type='cancel'/>", "info: Nothing was changed."},
		"a form sent back":    {"action='complete'", strings.Replace(form, "submit", "form", 1), "info: Your number is +8613800138000. Senders whose messages you have not read may see it."},
		"a cancelled command": {"action='cancel'", "", "0 notes"},
	} {
		c := newClient(t, newWorld())
		out, err := c.send(alice, "node='"+Node("number")+"' sessionid='"+c.begin(alice, "number").SessionID+"' "+tc.action, tc.inside)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(tc.note, note(out)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLanguage(t *testing.T) {
	title := func(iq, command, own, domain string) string {
		w := newWorld()
		w.prefs["alice@example.org"] = track.Prefs{Language: own}
		c := newClient(t, w, func(o *Options) { o.Language = domain })
		c.lang = iq
		out, err := c.send(alice, "node='"+Node("mute")+"' xml:lang='"+command+"'", "")
		if err != nil {
			t.Fatal(err)
		}
		// The language of a session does not change.
		c.lang = "en"
		done, err := c.send(alice, "node='"+Node("mute")+"' sessionid='"+out.SessionID+"'", submit("jid=bob@example.org"))
		if err != nil || done.Lang != out.Lang {
			t.Errorf("%v: %v", done, err)
		}
		return out.Lang + " " + out.Form.Title
	}
	const en, zh = "en Mute a contact", "zh 不再询问的联系人"
	for _, tc := range []struct{ iq, command, own, domain, want string }{
		{"", "", "", "en", en},
		{"", "", "", "zh", zh},
		{"", "", "zh", "en", zh},
		{"en", "", "zh", "zh", en},
		{"zh-CN", "", "en", "en", zh},
		{"en", "zh", "en", "en", zh},
		{"de", "", "zh", "en", zh},
	} {
		if got := title(tc.iq, tc.command, tc.own, tc.domain); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
	c := newClient(t, newWorld())
	if got := c.c.Items(jid.MustParse(alice), "zh")[0]; got.Name != "我的手机号码" || got.JID.String() != "tocsin.example.org" || got.Node != "urn:tocsin:escalation:0#number" {
		t.Errorf("%+v", got)
	}
}

func TestFaultsOfOurs(t *testing.T) {
	w := newWorld()
	w.broken = errors.New("disk full")
	_, err := newClient(t, w).send(alice, "node='"+Node("number")+"'", "")
	if err == nil || err.Stanza.Condition != stanza.InternalServerError || !errors.Is(err, w.broken) || err.Stanza.Text != nil {
		t.Errorf("%v", err)
	}
}
