package command

import (
	"context"
	"encoding/xml"
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/disco/items"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"tocsin/track"
	"tocsin/xep/forms"
	"tocsin/xep/register"
)

type item = items.Item

// register sends the content of a <query/>. The answer is XML, or the condition of an error and its text.
func (c *client) register(from string, set bool, inside string) string {
	c.t.Helper()
	var q register.Query[forms.Form]
	if err := xml.Unmarshal([]byte("<query xmlns='jabber:iq:register'>"+inside+"</query>"), &q); err != nil {
		c.t.Fatal(err)
	}
	out, err := c.c.Register(context.Background(), c.now, jid.MustParse(from), c.lang, set, q)
	var refused stanza.Error
	switch {
	case errors.As(err, &refused):
		text := string(refused.Type) + " " + string(refused.Condition)
		for lang, words := range refused.Text {
			text += " (" + lang + ": " + words + ")"
		}
		return text
	case err != nil:
		return "fault: " + err.Error()
	case out == nil:
		return ""
	}
	wire, err := xml.Marshal(out)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(wire)
}

func TestRegister(t *testing.T) {
	none := map[string]track.Number{}
	own := func(consent bool) map[string]track.Number {
		return map[string]track.Number{"bob@example.org": bound("bob@example.org", "+8613800138000", track.FromUser, consent)}
	}
	form := func(inside string) string { return "<x xmlns='jabber:x:data' type='submit'>" + inside + "</x>" }
	const phone, yes, no = "<field var='phone'><value>138 0013 8000</value></field>", "<field var='consent'><value>1</value></field>", "<field var='consent'><value>0</value></field>"
	for name, tc := range map[string]struct {
		before map[string]track.Number
		inside string
		answer string
		after  map[string]track.Number
	}{
		"legacy field":            {none, "<phone>138 0013 8000</phone>", "", own(true)},
		"form":                    {none, form(phone + yes), "", own(true)},
		"form without consent":    {none, form(phone + no), "", own(false)},
		"form says nothing of it": {none, form(phone), "", own(true)},
		"the form counts":         {none, "<phone>+4915112345678</phone>" + form(phone), "", own(true)},
		"consent alone":           {own(true), form(no), "", own(false)},
		"consent to no number":    {none, form(yes), "modify not-acceptable (en: Bind a number first.)", none},
		"consent is kept":         {own(false), "<phone>13800138000</phone>", "", own(false)},
		"empty removes":           {own(true), "<phone/>", "", none},
		"empty in the form":       {own(true), form("<field var='phone'><value/></field>"), "", none},
		"empty, none bound":       {none, "<phone> </phone>", "", none},
		"remove":                  {own(true), "<remove/>", "", own(true)}, // by Forget
		"no number":               {own(true), "<phone>call me</phone>", `modify not-acceptable (en: "call me" is not a phone number. Enter a mobile number with its country code, for example "+86 138 0013 8000".)`, own(true)},
		"nothing":                 {own(true), "", "modify bad-request", own(true)},
		"bad consent":             {own(true), form(phone + "<field var='consent'><value>x</value></field>"), "modify bad-request", own(true)},
		"given up":                {own(true), "<x xmlns='jabber:x:data' type='cancel'/>", "", own(true)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.numbers = maps.Clone(tc.before)
			if diff := cmp.Diff(tc.answer, newClient(t, w).register(bob, true, tc.inside)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.after, w.numbers); diff != "" {
				t.Error(diff)
			}
			var did []string
			if name == "remove" {
				did = []string{"forget bob@example.org"}
			}
			if diff := cmp.Diff(did, w.did); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRegistration(t *testing.T) {
	w := newWorld()
	c := newClient(t, w)
	const intro = "The number for an SMS when you have not read a message in time. Senders of such messages may see it. Leave it empty to remove it."
	const head = `<query xmlns="jabber:iq:register">`
	fields := func(number, consent string) string {
		return `<x xmlns="jabber:x:data" type="form"><title>Phone number</title><instructions>` + intro + `</instructions>` +
			`<field var="FORM_TYPE" type="hidden"><value>jabber:iq:register</value></field>` +
			`<field var="phone" type="text-single" label="Mobile number"><desc>for example &#34;+86 138 0013 8000&#34;</desc>` + number + `</field>` +
			`<field var="consent" type="boolean" label="Senders whose messages I have not read may see it"><value>` + consent + `</value></field></x></query>`
	}
	want := head + "<instructions>" + intro + "</instructions><phone></phone>" + fields("", "true")
	if diff := cmp.Diff(want, c.register(bob, false, "")); diff != "" {
		t.Error(diff)
	}
	w.numbers["bob@example.org"] = bound("bob@example.org", "+8613800138000", track.FromAdmin, false)
	want = head + "<registered></registered><instructions>" + intro + "</instructions><phone>+8613800138000</phone>" + fields("<value>+8613800138000</value>", "false")
	if diff := cmp.Diff(want, c.register(bob, false, "")); diff != "" {
		t.Error(diff)
	}

	for _, set := range []bool{false, true} {
		for _, from := range []string{"eve@example.com/x", "example.org", admin} {
			if got := c.register(from, set, "<phone>13800138000</phone>"); got != "auth forbidden" {
				t.Errorf("%s: %s", from, got)
			}
		}
		closed := newClient(t, w, func(o *Options) { o.SelfService = false })
		closed.lang = "zh"
		for _, inside := range []string{"", "<phone>13800138000</phone>", "<remove/>"} {
			if got := closed.register(bob, set, inside); got != "cancel not-allowed (zh: 号码由管理员维护，请联系管理员更改。)" {
				t.Errorf("%s: %s", inside, got)
			}
		}
	}
	if len(w.did) > 0 || len(w.numbers) != 1 {
		t.Errorf("%v %v", w.did, w.numbers)
	}
	w.broken = errors.New("disk full")
	for _, inside := range []string{"<phone>13800138000</phone>", "<remove/>"} {
		if got := c.register(bob, true, inside); got != "fault: look up a number: disk full" && got != "fault: forget a user: disk full" {
			t.Errorf("%s: %s", inside, got)
		}
	}
}
