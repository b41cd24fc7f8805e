package command

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/track"
)

func TestNumber(t *testing.T) {
	own := func(consent bool) map[string]track.Number {
		return map[string]track.Number{"bob@example.org": bound("bob@example.org", "+8613800138000", track.FromUser, consent)}
	}
	none := map[string]track.Number{}
	admins := map[string]track.Number{"bob@example.org": bound("bob@example.org", "+8613800138000", track.FromAdmin, true)}
	both := func(*Options) {}
	closed := func(o *Options) { o.SelfService = false }
	for name, tc := range map[string]struct {
		before map[string]track.Number
		option func(*Options)
		fields []string
		note   string
		after  map[string]track.Number
		hidden []string
	}{
		"bind":                       {none, both, []string{"number=138 0013 8000", "consent=1"}, "info: Your number is +8613800138000. Senders whose messages you have not read may see it.", own(true), nil},
		"bind, no consent":           {none, both, []string{"number=+8613800138000", "consent=false"}, "info: Your number is +8613800138000. Senders may not see it.", own(false), nil},
		"consent is not presumed":    {none, both, []string{"number=+8613800138000"}, "info: Your number is +8613800138000. Senders may not see it.", own(false), nil},
		"agree later":                {own(false), both, []string{"consent=true"}, "info: Your number is +8613800138000. Senders whose messages you have not read may see it.", own(true), nil},
		"disagree later":             {own(true), both, []string{"consent=0"}, "info: Your number is +8613800138000. Senders may not see it.", own(false), nil},
		"disagree with an admin":     {admins, both, []string{"consent=0"}, "info: Your number is +8613800138000. Senders may not see it.", map[string]track.Number{"bob@example.org": bound("bob@example.org", "+8613800138000", track.FromAdmin, false)}, nil},
		"same number":                {admins, both, []string{"number=13800138000", "consent=1"}, "info: Saved.", admins, nil},
		"other number keeps consent": {map[string]track.Number{"bob@example.org": bound("bob@example.org", "+4915112345678", track.FromAdmin, true)}, both, []string{"number=13800138000"}, "info: Your number is +8613800138000. Senders whose messages you have not read may see it.", own(true), nil},
		"nothing given":              {own(true), both, nil, "info: Saved.", own(true), nil},
		"unknown fields":             {own(true), both, []string{"colour=red"}, "info: Saved.", own(true), nil},
		"remove":                     {own(true), both, []string{"number=13800138000", "consent=1", "remove=1"}, "info: Your number has been removed.", none, nil},
		"remove none":                {none, both, []string{"remove=true"}, "info: You have not bound a number.", none, nil},
		"cleared":                    {own(true), both, []string{"number="}, "info: Your number has been removed.", none, nil},
		"consent to no number":       {none, both, []string{"number=", "consent=1"}, "error: Nothing was changed. Bind a number first.", none, nil},
		"fixed line":                 {own(true), both, []string{"number=021 6234 5678"}, `error: Nothing was changed. "021 6234 5678" is a fixed line, which receives no SMS. Enter a mobile number with its country code, for example "+86 138 0013 8000".`, own(true), nil},
		"a bad number hides nobody":  {none, both, []string{"number=110", "hide_from=alice@example.org"}, `error: Nothing was changed. "110" is a short number. Enter a mobile number with its country code, for example "+86 138 0013 8000".`, none, nil},
		"neither yes nor no":         {none, both, []string{"number=13800138000", "consent=maybe"}, `error: Nothing was changed. "Senders whose messages I have not read may see it" is neither yes nor no.`, none, nil},
		"a code":                     {own(true), both, []string{"code=1234"}, "error: Nothing was changed. No code is expected, or it has expired.", own(true), nil},
		"hide":                       {own(true), both, []string{"hide_from=Alice@example.org/phone", "hide_from=example.net"}, "info: Saved.", own(true), []string{"alice@example.org", "example.net"}},
		"hide in one value":          {own(true), both, []string{"hide_from= alice@example.org \n\n carol@example.org\n"}, "info: Saved.", own(true), []string{"alice@example.org", "carol@example.org"}},
		"hide from everybody":        {own(true), both, []string{"hide_from=everybody"}, "info: Saved.", own(true), []string{""}},
		"hide from a bad address":    {own(true), both, []string{"hide_from=a b@example.org"}, `error: Nothing was changed. "a b@example.org" is not a user address (example: bob@example.org).`, own(true), nil},

		"no self-service":          {none, closed, []string{"number=13800138000", "consent=1"}, "error: Nothing was changed. Only your admin can change numbers on this server.", none, nil},
		"no self-service, remove":  {admins, closed, []string{"remove=1"}, "error: Nothing was changed. Only your admin can change numbers on this server.", admins, nil},
		"no self-service, consent": {admins, closed, []string{"consent=0"}, "error: Nothing was changed. Only your admin can change numbers on this server.", admins, nil},
		"no self-service, hide":    {admins, closed, []string{"hide_from=*"}, "info: Saved.", admins, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.numbers = maps.Clone(tc.before)
			c := newClient(t, w, tc.option)
			if diff := cmp.Diff(tc.note, note(c.complete(bob, "number", tc.fields...))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.after, w.numbers); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.hidden, w.hidden()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNumberForm(t *testing.T) {
	w := newWorld()
	c := newClient(t, w)
	out := c.begin(bob, "number")
	if diff := cmp.Diff([]string{"number=", "consent=false", "hide_from="}, lines(out.Form)); diff != "" {
		t.Error(diff)
	}
	says(t, out.Form, "and who may see it. You have not bound a number.")
	if out.Form.Kind() != "urn:tocsin:escalation:0#number" || out.Form.Type != "form" || out.Actions == nil || out.Actions.Complete == nil {
		t.Errorf("%+v", out)
	}

	w.numbers["bob@example.org"] = bound("bob@example.org", "+8613800138000", track.FromAdmin, true)
	says(t, c.begin(bob, "number").Form, "senders may see it. Nobody has been shown your number.")
	w.releases = []track.Release{{Owner: "bob@example.org", To: "alice@example.org", Number: "+8613800138000", ID: "m1", At: track.At(start.Add(-time.Hour))}}
	w.contacts[[2]string{"bob@example.org", ""}] = track.Contact{Owner: "bob@example.org", Hidden: true}
	w.contacts[[2]string{"bob@example.org", "eve@example.org"}] = track.Contact{Owner: "bob@example.org", Contact: "eve@example.org", Hidden: true, Muted: true}
	w.contacts[[2]string{"bob@example.org", "dave@example.org"}] = track.Contact{Owner: "bob@example.org", Contact: "dave@example.org", Muted: true}
	w.prefs["bob@example.org"] = track.Prefs{Zone: "Asia/Shanghai"}
	want := []string{"number=+8613800138000", "consent=true",
		"hide_from=eve@example.org everybody", "remove=false", "Who was shown it", "alice@example.org, at 09:12, for the message m1"}
	form := c.begin(bob, "number").Form
	if diff := cmp.Diff(want, lines(form)); diff != "" {
		t.Error(diff)
	}
	says(t, form, " Your number is +8613800138000, bound by an admin; senders may see it.")

	// "nobody", or white space as submitted by Converse, clears the list; other settings about those people stay.
	c.complete(bob, "number", "hide_from=nobody")
	if got := w.hidden(); got != nil || !w.contacts[[2]string{"bob@example.org", "eve@example.org"}].Muted {
		t.Errorf("hidden from %q, %v", got, w.contacts)
	}
	c.complete(bob, "number", "hide_from=eve@example.org")
	c.complete(bob, "number", "hide_from=   ")
	if got := w.hidden(); got != nil {
		t.Errorf("hidden from %q", got)
	}

	closed := newClient(t, w, func(o *Options) { o.SelfService = false })
	want = []string{"hide_from=", "Who was shown it", "alice@example.org, at 09:12, for the message m1"}
	if diff := cmp.Diff(want, lines(closed.begin(bob, "number").Form)); diff != "" {
		t.Error(diff)
	}
}
