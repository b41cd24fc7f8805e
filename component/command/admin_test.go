package command

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/track"
)

func TestAdmin(t *testing.T) {
	w := newWorld()
	c := newClient(t, w)

	if diff := cmp.Diff([]string{"pending=5", "overdue=4", "open_prompts=3", "outbox=2", "oldest_due=02:12 UTC", "paused=no"}, lines(c.begin(admin, "admin-status").Form)); diff != "" {
		t.Error(diff)
	}

	w.sms = true
	if diff := cmp.Diff([]string{"sms_segments=12 / 500", "sms_unsure=1", "sms_down=carrier"}, lines(c.begin(admin, "admin-status").Form)[6:]); diff != "" {
		t.Error(diff)
	}

	for _, tc := range []struct {
		fields []string
		note   string
	}{
		{[]string{"jid=Bob@example.org", "number=138 0013 8000"}, "info: The number of bob@example.org is +8613800138000, bound by an admin; senders may see it."},
		{[]string{"jid=bob@example.org", "number=13800138000", "consent=0"}, "info: The number of bob@example.org is +8613800138000, bound by an admin; the owner has not agreed."},
		{[]string{"jid=bob@example.org", "number="}, "info: The number of bob@example.org is +8613800138000, bound by an admin; the owner has not agreed."},
		{[]string{"jid=bob@example.org", "number=110"}, `error: Nothing was changed. "110" is a short number. Enter a mobile number with its country code, for example "+86 138 0013 8000".`},
		{[]string{"jid=bob@example.org", "remove=1"}, "info: The number of bob@example.org has been removed."},
		{[]string{"jid=bob@example.org", "remove=1"}, "error: Nothing was changed. No number is bound to bob@example.org."},
		{[]string{"jid=bob@example.org"}, "info: No number is bound to bob@example.org."},
		{[]string{"number=13800138000"}, `error: Nothing was changed. "User" must be filled in.`},
		{[]string{"lines=bob@example.org,110", "lines=carol@example.org,13800138001", "lines=carol@example.org,13800138001"}, `error: Nothing was changed. Line 1: "110" is a short number; Line 3: carol@example.org is already on line 2.`},
	} {
		if diff := cmp.Diff(tc.note, note(c.complete(admin, "admin-numbers", tc.fields...))); diff != "" {
			t.Error(diff)
		}
	}
	if len(w.numbers) != 0 {
		t.Errorf("bound: %v", w.numbers)
	}
	if got := note(c.complete(admin, "admin-numbers", "lines=bob@example.org,13800138000\ncarol@example.org,13800138001,no")); got != "info: 2 numbers are bound." {
		t.Error(got)
	}
	want := map[string]track.Number{
		"bob@example.org":   bound("bob@example.org", "+8613800138000", track.FromAdmin, true),
		"carol@example.org": bound("carol@example.org", "+8613800138001", track.FromAdmin, false),
	}
	if diff := cmp.Diff(want, w.numbers); diff != "" {
		t.Error(diff)
	}

	w.prefs["bob@example.org"] = track.Prefs{Mode: track.Never, Quiet: "22:00-07:00", Zone: "Europe/Berlin", Watch: track.Off}
	shown := c.complete(admin, "admin-user", "jid=bob@example.org").Form
	if diff := cmp.Diff([]string{"number=The number of bob@example.org is +8613800138000, bound by an admin; senders may see it.", "mode=never", "undelivered_after=default", "unread_after=default",
		"text=default", "gateway=none", "fallback=no", "share=everybody", "quiet_hours=22:00-07:00", "watch_me=no", "read_sync=off", "time_zone=Europe/Berlin", "language=default", "waiting=0", "devices=bob@example.org/desk"}, lines(shown)); diff != "" {
		t.Error(diff)
	}

	if got := note(c.complete(admin, "admin-user", "jid=carol@example.org", "forget=1")); got != "info: All data about carol@example.org has been deleted." {
		t.Error(got)
	}
	w.messages = []Watched{
		watched("m1", "bob@example.org", track.Delivered, track.StateDelivered, track.Explanation{}),
		watched("m2", "carol@example.org", track.Pending, track.StatePending, track.Explanation{}),
		watched("m3", "bob@example.org", track.Displayed, track.StateDisplayed, track.Explanation{}),
	}
	for _, tc := range []struct {
		fields []string
		note   string
		did    []string
	}{
		{[]string{"jid=alice@example.org", "id=m2"}, "info: One message is no longer watched.", []string{"cancel m2 to carol@example.org"}},
		{[]string{"jid=alice@example.org"}, "info: 2 messages are no longer watched.", []string{"cancel m1 to bob@example.org", "cancel m2 to carol@example.org"}},
		{[]string{"jid=alice@example.org", "with=bob@example.org"}, "info: One message is no longer watched.", []string{"cancel m1 to bob@example.org"}},
		{[]string{"jid=alice@example.org", "id=m3"}, "error: Nothing was changed. The message to bob@example.org is settled: read.", nil},
		{[]string{"id=m2"}, `error: Nothing was changed. "Sender" must be filled in.`, nil},
	} {
		w.did = nil
		if diff := cmp.Diff(tc.note, note(c.complete(admin, "admin-cancel", tc.fields...))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(tc.did, w.did); diff != "" {
			t.Error(diff)
		}
	}

	if got := note(c.complete(admin, "admin-announce-off", "paused=1")); got != "info: All prompts are paused." || !w.paused {
		t.Error(got, w.paused)
	}
	if got := note(c.complete(admin, "admin-announce-off")); got != "info: Nothing was changed." || !w.paused {
		t.Error(got, w.paused)
	}
	if got := note(c.complete(admin, "admin-announce-off", "paused=0")); got != "info: Prompts have resumed." || w.paused {
		t.Error(got, w.paused)
	}

	w.did = nil
	if got := note(c.begin(admin, "admin-reload")); got != "info: Configuration reloaded." || len(w.did) != 1 {
		t.Error(got)
	}
	w.reload = errors.New(`config.toml:12: track.unread_after: invalid duration "10%x"`)
	if got := note(c.begin(admin, "admin-reload")); got != `error: Nothing was changed. config.toml:12: track.unread_after: invalid duration "10％x"` {
		t.Error(got)
	}
}
