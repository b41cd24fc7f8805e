package command

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/track"
	"tocsin/xep/forms"
)

func watched(id, to string, status track.Status, state track.State, reason track.Explanation) Watched {
	return Watched{Message: track.Message{Key: track.Key{Sender: "alice@example.org", Recipient: to, ID: id}, Status: status,
		SentAt: track.At(start.Add(-10 * time.Minute)), Notice: track.Notice{State: state}}, State: state, Reason: reason}
}

func TestWatching(t *testing.T) {
	w := newWorld()
	c := newClient(t, w)
	if got := note(c.begin(alice, "watching")); got != "info: None of your messages is waiting to be read." {
		t.Error(got)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	w.messages = []Watched{
		watched("m3", "carol@example.org", track.Pending, track.StatePending, track.Explanation{Reason: track.ReasonAwaitsDelivery, Until: track.At(start.Add(time.Minute))}),
		watched("m2", "bob@example.org", track.Delivered, track.StateTimeoutUnread, track.Explanation{Reason: track.ReasonQuiet, Until: track.At(time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)), Zone: berlin, Whose: track.TierRecipient}),
		watched("m1", "bob@example.org", track.Displayed, track.StateDisplayed, track.Explanation{Reason: track.ReasonSettled}),
	}
	w.prefs["alice@example.org"] = track.Prefs{Zone: "Asia/Shanghai"}
	out := c.begin(alice, "watching")
	want := []string{
		"carol@example.org, 10:02: not delivered yet. Overdue if not delivered by 10:13.",
		"bob@example.org, 10:02: not read in time. Not asked yet: the recipient's quiet hours until 07:00 Europe/Berlin.",
	}
	if diff := cmp.Diff(want, lines(out.Form)); diff != "" || note(out) != "info: 2 messages are waiting to be read." || out.Form.Type != "result" {
		t.Error(note(out), diff)
	}
	c.lang = "zh-Hans"
	want = []string{
		"carol@example.org，10:02：尚未送达。如果到 10:13 还未送达，即为超时。",
		"bob@example.org，10:02：未按时阅读。暂未询问：对方的免打扰时段，到 07:00 Europe/Berlin 为止。",
	}
	out = c.begin(alice, "watching")
	if diff := cmp.Diff(want, lines(out.Form)); diff != "" || note(out) != "info: 有 2 条消息等待对方阅读。" || out.Lang != "zh" {
		t.Error(note(out), diff)
	}
	if got := note(c.begin(bob, "watching")); got != "info: 没有等待对方阅读的消息。" {
		t.Error(got)
	}

	w.messages = nil
	for i := range 60 {
		w.messages = append(w.messages, watched(fmt.Sprint(i), "bob@example.org", track.Pending, track.StatePending, track.Explanation{Reason: track.ReasonMuted}))
	}
	c.lang = ""
	if got := lines(c.begin(alice, "watching").Form); len(got) != 51 || got[50] != "There are older ones, too." {
		t.Errorf("%d lines: %q", len(got), got)
	}
}

func TestEscalateAndCancel(t *testing.T) {
	for name, tc := range map[string]struct {
		fields []string
		note   string // of escalate
		did    string
	}{
		"by id":            {[]string{"id=m1"}, "info: You will be asked about bob@example.org now.", "m1 to bob@example.org"},
		"by id and to":     {[]string{"id=m2", "with=Carol@example.org/x"}, "info: You will be asked about carol@example.org now.", "m2 to carol@example.org"},
		"which of two":     {[]string{"id=m2"}, `error: Nothing was changed. Several messages have this id: fill in "To", too.`, ""},
		"to somebody else": {[]string{"id=m1", "with=carol@example.org"}, "error: Nothing was changed. None of your watched messages has this id.", ""},
		"unknown":          {[]string{"id=m9"}, "error: Nothing was changed. None of your watched messages has this id.", ""},
		"read":             {[]string{"id=m3"}, "error: Nothing was changed. The message to bob@example.org is settled: read.", ""},
		"somebody else's":  {[]string{"id=b1"}, "error: Nothing was changed. None of your watched messages has this id.", ""},
		"without an id":    {[]string{"id=", "with=bob@example.org"}, `error: Nothing was changed. "Message" must be filled in.`, ""},
		"bad address":      {[]string{"id=m1", "with=example.org"}, `error: Nothing was changed. "example.org" is not a user address (example: bob@example.org).`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, command := range []string{"escalate", "cancel"} {
				w := newWorld()
				w.messages = []Watched{
					watched("m1", "bob@example.org", track.Delivered, track.StateDelivered, track.Explanation{}),
					watched("m2", "bob@example.org", track.Delivered, track.StateDelivered, track.Explanation{}),
					watched("m2", "carol@example.org", track.Pending, track.StatePending, track.Explanation{}),
					watched("m3", "bob@example.org", track.Displayed, track.StateDisplayed, track.Explanation{}),
				}
				theirs := watched("b1", "alice@example.org", track.Pending, track.StatePending, track.Explanation{})
				theirs.Sender = "bob@example.org"
				w.messages = append(w.messages, theirs)
				c := newClient(t, w)
				want := tc.note
				if command == "cancel" && tc.did != "" {
					_, to, _ := strings.Cut(tc.did, " to ")
					want = "info: Your message to " + to + " is no longer watched."
				}
				if diff := cmp.Diff(want, note(c.complete(alice, command, tc.fields...))); diff != "" {
					t.Error(diff)
				}
				var did []string
				if tc.did != "" {
					did = []string{command + " " + tc.did}
				}
				if diff := cmp.Diff(did, w.did); diff != "" {
					t.Error(diff)
				}

				id := c.begin(alice, command).Form.Fields[1]
				if diff := cmp.Diff([]forms.Option{{Label: "bob@example.org, 02:02 UTC, delivered", Value: "m1"}, {Label: "bob@example.org, 02:02 UTC, delivered", Value: "m2"}}, id.Options); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	if got := note(newClient(t, newWorld()).begin(alice, "escalate")); got != "error: Nothing was changed. None of your messages is waiting to be read." {
		t.Errorf("with nothing to choose from: %s", got)
	}
}

func TestMute(t *testing.T) {
	w := newWorld()
	c := newClient(t, w)
	for _, tc := range []struct {
		fields []string
		note   string
		muted  bool
	}{
		{[]string{"jid=Bob@example.org/desk", "muted=1"}, "info: You won't be asked about bob@example.org.", true},
		{[]string{"jid=bob@example.org", "muted=0"}, "info: You may be asked about bob@example.org again.", false},
		{[]string{"jid=bob@example.org"}, "info: You won't be asked about bob@example.org.", true},
		{[]string{"jid=", "muted=0"}, `error: Nothing was changed. "Contact" must be filled in.`, true},
		{[]string{"jid=example.org"}, `error: Nothing was changed. "example.org" is not a user address (example: bob@example.org).`, true},
		{[]string{"jid=alice@example.org"}, "error: Nothing was changed. That is you.", true},
	} {
		if diff := cmp.Diff(tc.note, note(c.complete(alice, "mute", tc.fields...))); diff != "" {
			t.Error(diff)
		}
		if got := w.contacts[[2]string{"alice@example.org", "bob@example.org"}].Muted; got != tc.muted {
			t.Errorf("after %q: muted %t", tc.fields, got)
		}
	}
	says(t, c.begin(alice, "mute").Form, " Muted: bob@example.org")
	for i := range maxContacts {
		w.SetContact(context.Background(), track.Contact{Owner: "alice@example.org", Contact: fmt.Sprintf("u%d@example.org", i), Muted: true})
	}
	if got := note(c.complete(alice, "mute", "jid=carol@example.org")); got != "error: Nothing was changed. You can save at most 500 contacts." {
		t.Error(got)
	}
	if got := note(c.complete(alice, "number", "hide_from=carol@example.org")); got != "error: Nothing was changed. You can save at most 500 contacts." {
		t.Error(got)
	}
}
