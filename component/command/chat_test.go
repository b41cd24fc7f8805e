package command

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"

	"tocsin/component/phrase"
	"tocsin/track"
)

// TestChat: everything that forms do can be done by a line to the contact, and each answer repeats the new setting.
func TestChat(t *testing.T) {
	for name, tc := range map[string]struct {
		lang  string
		lines []string // inputs and answers, alternately
		after track.Prefs
		did   []string
	}{
		"hello":               {"en", []string{"hello", phrase.In("en").Commands.About}, track.Prefs{}, nil},
		"help":                {"en", []string{"help", phrase.In("en").Commands.Help}, track.Prefs{}, nil},
		"help about a topic":  {"en", []string{"help quiet", phrase.In("en").Commands.Usage(phrase.SetQuiet)}, track.Prefs{}, nil},
		"mode":                {"en", []string{"mode never", "When a message is not read in time: do nothing"}, track.Prefs{Mode: track.Never}, nil},
		"mode, Chinese":       {"zh", []string{"方式 从不", phrase.In("zh").Form.Preferences.Mode.Label + "：" + phrase.In("zh").Form.Preferences.Never}, track.Prefs{Mode: track.Never}, nil},
		"not a mode":          {"en", []string{"mode perhaps", `"perhaps" is not a choice for "When a message is not read in time".` + "\nExample: " + phrase.In("en").Commands.Usage(phrase.SetMode)}, track.Prefs{}, nil},
		"times":               {"en", []string{"times 2m 10m", "Overdue if not delivered within: 2m\nOverdue if not read within: 10m"}, track.Prefs{UndeliveredAfter: 2 * time.Minute, UnreadAfter: 10 * time.Minute}, nil},
		"times, out of bound": {"en", []string{"times 1s, 10m", "Saved. Durations are limited to between 10 seconds and 72 hours.\nOverdue if not delivered within: 10s\nOverdue if not read within: 10m"}, track.Prefs{UndeliveredAfter: 10 * time.Second, UnreadAfter: 10 * time.Minute}, nil},
		"two bad times":       {"en", []string{"times soon later", `"soon" is not a duration (example: 10m).` + "\n" + `"later" is not a duration (example: 10m).` + "\nExample: " + phrase.In("en").Commands.Usage(phrase.SetTimes)}, track.Prefs{}, nil},
		"quiet hours":         {"en", []string{"Quiet 22:00 - 7:00 Europe/Berlin", "Quiet hours (nobody is asked to send me an SMS): 22:00-07:00\nTime zone: Europe/Berlin"}, track.Prefs{Quiet: "22:00-07:00", Zone: "Europe/Berlin"}, nil},
		"quiet hours, none":   {"en", []string{"quiet off", "Quiet hours (nobody is asked to send me an SMS): never"}, track.Prefs{Quiet: track.NoQuiet}, nil},
		"quiet hours, asked":  {"en", []string{"quiet", "Quiet hours (nobody is asked to send me an SMS): server default\nExample: " + phrase.In("en").Commands.Usage(phrase.SetQuiet)}, track.Prefs{}, nil},
		"text":                {"en", []string{"text notice", "Text of an SMS: only that I wrote"}, track.Prefs{Text: "notice"}, nil},
		"language":            {"en", []string{"language chinese", "Language: Chinese"}, track.Prefs{Language: "zh"}, nil},
		"my devices":          {"en", []string{"my devices quiet", "When I have read a message on one of my devices without confirming it: nobody is asked or notified"}, track.Prefs{Sync: track.SyncQuiet}, nil},
		"watch me":            {"en", []string{"watch me off", "Messages to me may be watched: no"}, track.Prefs{Watch: track.Off}, nil},
		"number":              {"en", []string{"number", phrase.In("en").Form.Number.NotBound + "\nExample: " + phrase.In("en").Commands.Usage(phrase.Number), "number +86 138 0013 8000", "Your number is +8613800138000. Senders may not see it.\n" + phrase.In("en").Commands.ShareHint, "share with everybody", phrase.In("en").Commands.SharedAll, "number remove", "Your number has been removed."}, track.Prefs{}, nil},
		"share with contacts": {"en", []string{"number 13800138000", "Your number is +8613800138000. Senders may not see it.\n" + phrase.In("en").Commands.ShareHint, "share with contacts", phrase.In("en").Commands.SharedContacts}, track.Prefs{Share: track.ShareContacts}, nil},
		"share, no number":    {"en", []string{"share with everybody", "Bind a number first."}, track.Prefs{}, nil},
		"hide":                {"en", []string{"hide from bob", "Your number is hidden from bob@example.org.", "unhide Bob@example.org", "Your number is no longer hidden from bob@example.org.", "hide from everybody", "Your number is hidden from everybody."}, track.Prefs{}, nil},
		"mute":                {"en", []string{"mute bob", "You won't be asked about bob@example.org.", "unmute bob", "You may be asked about bob@example.org again."}, track.Prefs{}, nil},
		"mute nobody":         {"en", []string{"mute", `"Contact" must be filled in.` + "\nExample: " + phrase.In("en").Commands.Usage(phrase.Mute)}, track.Prefs{}, nil},
		"who":                 {"en", []string{"who", "Nobody has been shown your number."}, track.Prefs{}, nil},
		"nothing to escalate": {"en", []string{"send now", "None of your messages is being watched.", "send now eve", "None of your messages to eve@example.org is being watched."}, track.Prefs{}, nil},
		"forget me":           {"en", []string{"forget me", phrase.In("en").Commands.Sure, "forget me yes", phrase.In("en").Commands.Forgotten}, track.Prefs{}, []string{"forget alice@example.org"}},
		"forget me, Chinese":  {"zh", []string{"忘记我", phrase.In("zh").Commands.Sure, "忘记我 是", phrase.In("zh").Commands.Forgotten}, track.Prefs{}, []string{"forget alice@example.org"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			if tc.lang == "zh" {
				w.prefs["alice@example.org"] = track.Prefs{JID: "alice@example.org", Language: "zh"}
				tc.after.Language = "zh"
			}
			for i := 0; i < len(tc.lines); i += 2 {
				if diff := cmp.Diff(tc.lines[i+1], w.chat(t, tc.lines[i])); diff != "" {
					t.Errorf("%q: %s", tc.lines[i], diff)
				}
			}
			tc.after.JID = "alice@example.org"
			if diff := cmp.Diff(tc.after, w.Stored("alice@example.org")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.did, w.did); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func (w *world) chat(t *testing.T, line string, change ...func(*Options)) string {
	t.Helper()
	c := newClient(t, w, change...).c
	text, ok, err := c.Chat(context.Background(), start, jid.MustParse(alice), "", phrase.Parse(line))
	if err != nil || !ok {
		t.Fatalf("%q: %t, %v", line, ok, err)
	}
	return text
}

// TestChatAboutMessages: a name is enough; if it is ambiguous, the answer asks which one.
func TestChatAboutMessages(t *testing.T) {
	w := newWorld()
	w.messages = []Watched{
		watched("m3", "bob@example.org", track.Delivered, track.StateDelivered, track.Explanation{Reason: track.ReasonAwaitsReading, Until: track.At(start.Add(time.Minute))}),
		watched("m2", "carol@second.example", track.Pending, track.StatePending, track.Explanation{Reason: track.ReasonMuted}),
		watched("m1", "bob@example.org", track.Pending, track.StatePending, track.Explanation{Reason: track.ReasonMuted}),
	}
	for _, tc := range []struct{ line, want string }{
		{"send now", `Which one? "send now bob@example.org", "send now carol@second.example".`},
		{"send now bob", "You will be asked about bob@example.org now."},
		{"escalate carol", "You will be asked about carol@second.example now."},
		{"cancel bob", "2 messages to bob@example.org are no longer watched."},
		{"cancel dave.example", `"dave.example" is not a user address (example: bob@example.org).` + "\nExample: " + phrase.In("en").Commands.Usage(phrase.Cancel)},
	} {
		if diff := cmp.Diff(tc.want, w.chat(t, tc.line)); diff != "" {
			t.Errorf("%q: %s", tc.line, diff)
		}
	}
	if diff := cmp.Diff([]string{"escalate m3 to bob@example.org", "escalate m2 to carol@second.example", "cancel m3 to bob@example.org", "cancel m1 to bob@example.org"}, w.did); diff != "" {
		t.Error(diff)
	}
	status := w.chat(t, "status")
	if lines := strings.Split(status, "\n"); len(lines) != 3 || !strings.Contains(lines[0], "bob@example.org") || !strings.Contains(lines[1], "muted") {
		t.Error(status)
	}
}

// TestChatSettings: the list has every setting of the form, with its verb.
func TestChatSettings(t *testing.T) {
	w := newWorld()
	w.prefs["alice@example.org"] = track.Prefs{Mode: track.Never, Quiet: "22:00-07:00", Watch: track.Off}
	want := []string{"Your settings:", "When a message is not read in time: do nothing", "Overdue if not delivered within: server default",
		"Overdue if not read within: server default", "Text of an SMS: default: what I wrote", "My SMS gateway: none", "Ask me by chat if none of my apps can show prompts: no",
		"If I share my number, it is shown to: every sender whose message I have not read",
		"Quiet hours (nobody is asked to send me an SMS): 22:00-07:00", "Messages to me may be watched: no",
		"When I have read a message on one of my devices without confirming it: it still counts as unread",
		"Time zone: server default", "Language: server default", "You have not bound a number."}
	if diff := cmp.Diff(strings.Join(want, "\n"), w.chat(t, "settings")); diff != "" {
		t.Error(diff)
	}
}

// TestChatIsForUsers: only users can give commands.
func TestChatIsForUsers(t *testing.T) {
	c := newClient(t, newWorld()).c
	for _, from := range []string{"alice@elsewhere.example/x", "example.org"} {
		if text, ok, err := c.Chat(context.Background(), start, jid.MustParse(from), "", phrase.Parse("settings")); ok || err != nil {
			t.Errorf("%s: %q, %v", from, text, err)
		}
	}
}
