package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/track"
)

func verify(o *Options) { o.SMS, o.Verify = true, true }

// TestNumberByCode: with codes, binding a number requests a code, which confirms it.
func TestNumberByCode(t *testing.T) {
	const user, number = "bob@example.org", "+8613800138000"
	unconfirmed, confirmed := bound(user, number, track.FromUser, false), bound(user, number, track.FromUser, false)
	confirmed.Verified = true
	admins, shared := bound(user, "+4915112345678", track.FromAdmin, false), bound(user, "+4915112345678", track.FromAdmin, true)
	pending := Phone{Code: track.Code{Number: number}, Pending: true}
	const being = "A code is being sent to +8613800138000 by SMS. Enter it here within 10 minutes to confirm the number."
	for name, tc := range map[string]struct {
		before  *track.Number
		phone   Phone
		verdict track.CodeVerdict
		fields  []string
		note    string
		did     string
		after   *track.Number
	}{
		"bound":                               {nil, Phone{}, track.CodeSent, []string{"number=138 0013 8000"}, "info: " + being, "code to +8613800138000 in CN, en", &unconfirmed},
		"none can be sent":                    {nil, Phone{}, track.CodeUnreachable, []string{"number=13800138000", "hide_from=*"}, "error: Nothing was changed. No code can be sent to this number. If you have ever replied STOP from it, text START; otherwise ask your admin.", "code to +8613800138000 in CN, en", nil},
		"the one in use stays":                {&admins, Phone{}, track.CodeSent, []string{"number=13800138000"}, "info: " + being, "code to +8613800138000 in CN, en", &admins},
		"its consent does not":                {&admins, Phone{}, track.CodeSent, []string{"number=13800138000", "consent=1"}, "info: " + being, "code to +8613800138000 in CN, en", &shared},
		"confirmed":                           {&unconfirmed, pending, track.CodeRight, []string{"code=１２３ 456"}, "info: The number is confirmed. Your number is +8613800138000. Senders may not see it.", "code 123456", &confirmed},
		"the form still has the old one":      {&admins, pending, track.CodeRight, []string{"number=+4915112345678", "code=123456"}, "info: The number is confirmed. Your number is +8613800138000. Senders may not see it.", "code 123456", &confirmed},
		"wrong":                               {&unconfirmed, pending, track.CodeWrong, []string{"code=123456", "consent=1"}, "error: Nothing was changed. This code is wrong. You have 2 tries left.", "code 123456", &unconfirmed},
		"the last try":                        {&unconfirmed, pending, track.CodeSpent, []string{"code=123456"}, "error: Nothing was changed. This code is wrong, and there are no tries left. Ask for a new code.", "code 123456", &unconfirmed},
		"too many have it":                    {&unconfirmed, pending, track.CodeFull, []string{"code=123456"}, "error: Nothing was changed. The code is right, but too many users have this number already. Ask your admin.", "code 123456", &unconfirmed},
		"none is expected":                    {&unconfirmed, Phone{}, track.CodeNone, []string{"code=123456"}, "error: Nothing was changed. No code is expected, or it has expired.", "code 123456", &unconfirmed},
		"again":                               {&admins, pending, track.CodeSent, []string{"number=+4915112345678", "resend=1"}, "info: " + being, "code to +8613800138000 in CN, en", &admins},
		"again, too soon":                     {&unconfirmed, pending, track.CodeTooSoon, []string{"resend=1"}, "error: Nothing was changed. A code was sent less than a minute ago. Wait for it before you ask for another one.", "code to +8613800138000 in CN, en", &unconfirmed},
		"bound before there were codes":       {&unconfirmed, Phone{}, track.CodeSent, []string{"resend=1"}, "info: " + being, "code to +8613800138000 in CN, en", &unconfirmed},
		"what is not asked for costs nothing": {&unconfirmed, Phone{}, track.CodeSent, []string{"number=13800138000", "hide_from=", "resend=0"}, "info: Saved.", "", &unconfirmed},
		"nothing to confirm":                  {&confirmed, Phone{}, track.CodeSent, []string{"resend=1"}, "error: Nothing was changed. No code is expected, or it has expired.", "", &confirmed},
		"removed":                             {&unconfirmed, pending, track.CodeSent, []string{"remove=1", "code=123456"}, "info: Your number has been removed.", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.phone, w.verdict = tc.phone, tc.verdict
			if tc.before != nil {
				w.numbers[user] = *tc.before
			}
			if diff := cmp.Diff(tc.note, note(newClient(t, w, verify).complete(bob, "number", tc.fields...))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.did, strings.Join(w.did, ", ")); diff != "" {
				t.Error(diff)
			}
			var after *track.Number
			if n, ok := w.numbers[user]; ok {
				after = &n
			}
			if diff := cmp.Diff(tc.after, after); diff != "" {
				t.Error(diff)
			}
			if len(w.hidden()) != 0 {
				t.Errorf("hidden from %q", w.hidden())
			}
		})
	}
}

// TestNumberFormWithCodes: the fields depend on whether a code is expected, and on opt-outs.
func TestNumberFormWithCodes(t *testing.T) {
	const user = "bob@example.org"
	w := newWorld()
	c := newClient(t, w, verify)
	form := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, lines(c.begin(bob, "number").Form)); diff != "" {
			t.Error(diff)
		}
	}
	form("number=", "consent=false", "hide_from=")
	w.numbers[user] = bound(user, "+8613800138000", track.FromUser, false)
	form("number=+8613800138000", "consent=false", "resend=false", "hide_from=", "remove=false")
	w.phone = Phone{Code: track.Code{Number: "+8613800138000"}, Pending: true}
	form("code=", "number=+8613800138000", "consent=false", "resend=false", "hide_from=", "remove=false")
	says(t, c.begin(bob, "number").Form, "It is not used until you have confirmed it with a code. A code was sent to +8613800138000: enter it to confirm the number. Nobody has been shown your number.")
	w.numbers[user], w.phone = bound(user, "+8613800138000", track.FromAdmin, false), Phone{Stopped: track.StopBySMS}
	form("number=+8613800138000", "consent=false", "no_sms=true", "hide_from=", "remove=false")
	says(t, c.begin(bob, "number").Form, "This server sends no SMS to your number, because STOP was received from it. Text START from your phone, or ask your admin. Nobody has been shown your number.")
}

// TestOwnStop: owners can opt out of SMS without the phone, and in again; but they can't undo a STOP by SMS, nor use this
// before the number is confirmed.
func TestOwnStop(t *testing.T) {
	const user = "bob@example.org"
	w := newWorld()
	c := newClient(t, w, verify)
	try := func(field, want string, stopped track.StopBy) {
		t.Helper()
		if got := note(c.complete(bob, "number", field)); got != want {
			t.Errorf("%s: %s", field, got)
		}
		if w.phone.Stopped != stopped {
			t.Errorf("%s: stopped by %q", field, w.phone.Stopped)
		}
	}
	try("no_sms=1", "error: Nothing was changed. Bind a number first.", "")
	w.numbers[user] = bound(user, "+8613800138000", track.FromUser, false)
	try("no_sms=1", "error: Nothing was changed. It is not used until you have confirmed it with a code.", "")
	try("no_sms=0", "info: Saved.", "")
	w.numbers[user] = bound(user, "+8613800138000", track.FromAdmin, false)
	try("no_sms=1", "info: This server sends no SMS to your number.", track.StopByOwner)
	try("no_sms=1", "info: Saved.", track.StopByOwner)
	try("no_sms=0", "info: This server may send SMS to your number.", "")
	w.phone.Stopped = track.StopBySMS
	try("no_sms=0", "error: Nothing was changed. This server sends no SMS to your number, because STOP was received from it. Text START from your phone, or ask your admin.", track.StopBySMS)
	try("no_sms=1", "info: Saved.", track.StopBySMS)
	if got := note(c.complete(bob, "number", "no_sms=0", "consent=1")); !strings.HasPrefix(got, "error: Nothing was changed.") || w.numbers[user].Consent {
		t.Errorf("%s %+v", got, w.numbers[user])
	}
	w.phone.Stopped = ""
	c.options.Verify = false
	const both = "info: Your number is +8613900139000. Senders may not see it. This server sends no SMS to your number."
	if got := note(c.complete(bob, "number", "no_sms=1", "number=13900139000")); got != both {
		t.Error(got)
	}
}

func TestNoCodeWithoutSelfService(t *testing.T) {
	const user = "bob@example.org"
	w := newWorld()
	w.verdict, w.numbers[user] = track.CodeSent, bound(user, "+8613800138000", track.FromUser, false)
	c := newClient(t, w, verify, func(o *Options) { o.SelfService = false })
	if got := note(c.complete(bob, "number", "resend=1")); got != "error: Nothing was changed. Only your admin can change numbers on this server." || len(w.did) > 0 {
		t.Errorf("%s %q", got, w.did)
	}
}

func TestCodeByChat(t *testing.T) {
	const user = "alice@example.org"
	w := newWorld()
	chat := func(line, want string) {
		t.Helper()
		if got := w.chat(t, line, verify); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	const being = "A code is being sent to +8613800138000 by SMS. Enter it here within 10 minutes to confirm the number."
	const hint = "\nWrite \"share with everybody\" or \"share with contacts\" to let senders see it."
	w.verdict = track.CodeSent
	chat("number 138 0013 8000", being+hint)
	w.phone = Phone{Code: track.Code{Number: "+8613800138000"}, Pending: true}
	chat("number 138 0013 8000", being+hint)
	w.verdict = track.CodeWrong
	chat("code 123456", "This code is wrong. You have 2 tries left.")
	w.verdict = track.CodeRight
	chat("123 456", "The number is confirmed. Your number is +8613800138000. Senders may not see it.")
	chat("sms off", "Your number is +8613800138000; senders may not see it.\nThis server sends no SMS to your number.")
	if w.phone.Stopped != track.StopByOwner {
		t.Error("not stopped")
	}
	chat("sms on", "Your number is +8613800138000; senders may not see it.")
	if diff := cmp.Diff([]string{"code to +8613800138000 in CN, en", "code to +8613800138000 in CN, en", "code 123456", "code 123456"}, w.did); diff != "" {
		t.Error(diff)
	}
	if !w.numbers[user].Verified {
		t.Error("not confirmed")
	}
}

// TestRegisterByCode: registration requests codes and accepts them, too.
func TestRegisterByCode(t *testing.T) {
	w := newWorld()
	c := newClient(t, w, verify)
	try := func(inside, want string) {
		t.Helper()
		if got := c.register(bob, true, inside); got != want {
			t.Errorf("%s: %s", inside, got)
		}
	}
	const phone = "<phone>138 0013 8000</phone>"
	w.verdict = track.CodePaused
	try(phone, "modify not-acceptable (en: No codes can be sent to this number today. Ask your admin.)")
	w.verdict = track.CodeSent
	try(phone, "")
	w.phone = Phone{Code: track.Code{Number: "+8613800138000"}, Pending: true}
	try(phone, "") // the same again, while the code is on its way
	if got := c.register(bob, false, ""); !strings.Contains(got, `<field var="code"`) {
		t.Errorf("no field for the code: %s", got)
	}
	w.phone.Pending = false
	try(phone, "") // it has expired
	if diff := cmp.Diff([]string{"code to +8613800138000 in CN, en", "code to +8613800138000 in CN, en", "code to +8613800138000 in CN, en"}, w.did); diff != "" {
		t.Error(diff)
	}
	w.verdict = track.CodeWrong
	code := "<x xmlns='jabber:x:data' type='submit'><field var='code'><value>123456</value></field></x>"
	try(code, "modify not-acceptable (en: This code is wrong. You have 2 tries left.)")
	w.verdict = track.CodeRight
	try(code, "")
	if n := w.numbers["bob@example.org"]; !n.Verified || !n.Consent {
		t.Errorf("%+v", n)
	}
}
