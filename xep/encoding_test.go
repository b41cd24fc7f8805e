package xep_test

import (
	"encoding/xml"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/xep/carbons"
	"tocsin/xep/correct"
	"tocsin/xep/fallback"
	"tocsin/xep/forms"
	"tocsin/xep/hints"
	"tocsin/xep/markers"
	"tocsin/xep/reactions"
	"tocsin/xep/receipts"
	"tocsin/xep/register"
	"tocsin/xep/reply"
	"tocsin/xep/vcard"
)

type registration = register.Query[forms.Form]

// Every payload encodes as expected, and decodes to the same.
func TestEncoding(t *testing.T) {
	for _, tc := range []struct {
		value any
		xml   string
	}{
		{&hints.Store{}, `<store xmlns="urn:xmpp:hints"></store>`},
		{&hints.NoStore{}, `<no-store xmlns="urn:xmpp:hints"></no-store>`},
		{&hints.NoCopy{}, `<no-copy xmlns="urn:xmpp:hints"></no-copy>`},
		{&carbons.Private{}, `<private xmlns="urn:xmpp:carbons:2"></private>`},
		{fallback.Body("urn:tocsin:escalation:0"),
			`<fallback xmlns="urn:xmpp:fallback:0" for="urn:tocsin:escalation:0"><body></body></fallback>`},
		{&fallback.Fallback{}, `<fallback xmlns="urn:xmpp:fallback:0"></fallback>`},
		{&fallback.Fallback{For: reply.NS, Body: &fallback.Part{Start: new(uint(0)), End: new(uint(33))}},
			`<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="0" end="33"></body></fallback>`},
		{&reply.Reply{To: "sms@tocsin.example.org", ID: "p-1"}, `<reply xmlns="urn:xmpp:reply:0" to="sms@tocsin.example.org" id="p-1"></reply>`},
		{&reactions.Reactions{ID: "p-1", Emoji: []string{"👍"}}, `<reactions xmlns="urn:xmpp:reactions:0" id="p-1"><reaction>👍</reaction></reactions>`},
		{&correct.Replace{ID: "p-1"}, `<replace xmlns="urn:xmpp:message-correct:0" id="p-1"></replace>`},
		{&receipts.Request{}, `<request xmlns="urn:xmpp:receipts"></request>`},
		{&receipts.Received{ID: "m1"}, `<received xmlns="urn:xmpp:receipts" id="m1"></received>`},
		{&markers.Markable{}, `<markable xmlns="urn:xmpp:chat-markers:0"></markable>`},
		{&markers.Displayed{ID: "m1"}, `<displayed xmlns="urn:xmpp:chat-markers:0" id="m1"></displayed>`},
		{&markers.Received{ID: "m1"}, `<received xmlns="urn:xmpp:chat-markers:0" id="m1"></received>`},
		{&markers.Acknowledged{ID: "m1"}, `<acknowledged xmlns="urn:xmpp:chat-markers:0" id="m1"></acknowledged>`},
		{&vcard.Temp{}, `<vCard xmlns="vcard-temp"></vCard>`},
		{&vcard.VCard4{}, `<vcard xmlns="urn:ietf:params:xml:ns:vcard-4.0"></vcard>`},
		{&registration{}, `<query xmlns="jabber:iq:register"></query>`},
		{&registration{Remove: &register.Flag{}}, `<query xmlns="jabber:iq:register"><remove></remove></query>`},
		{&registration{Phone: new("")}, `<query xmlns="jabber:iq:register"><phone></phone></query>`},
		{&registration{Registered: &register.Flag{}, Instructions: "Your number.", Phone: new("+8613800138000"),
			Form: &forms.Form{Type: forms.Ask, Fields: []forms.Field{forms.Hidden(forms.FormType, register.NS)}}},
			`<query xmlns="jabber:iq:register"><registered></registered><instructions>Your number.</instructions>` +
				`<phone>+8613800138000</phone><x xmlns="jabber:x:data" type="form">` +
				`<field var="FORM_TYPE" type="hidden"><value>jabber:iq:register</value></field></x></query>`},
	} {
		got, err := xml.Marshal(tc.value)
		if err != nil {
			t.Errorf("%T: %v", tc.value, err)
			continue
		}
		if diff := cmp.Diff(tc.xml, string(got)); diff != "" {
			t.Errorf("%T: %s", tc.value, diff)
		}
		back := reflect.New(reflect.TypeOf(tc.value).Elem()).Interface()
		if err := xml.Unmarshal(got, back); err != nil {
			t.Errorf("%T: %v", tc.value, err)
		}
		if diff := cmp.Diff(tc.value, back, ignoreNames); diff != "" {
			t.Errorf("%T read back: %s", tc.value, diff)
		}
	}
}

// XMLName is set on decoding, and may be empty on encoding.
var ignoreNames = cmp.FilterValues(func(a, b xml.Name) bool { return a == xml.Name{} || b == xml.Name{} }, cmp.Ignore())
