package escalation

import (
	"bytes"
	"encoding/xml"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var stamp = Time(time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC).UnixMilli())

// Every element encodes as expected, and decodes to the same.
var encodings = []struct {
	value any
	xml   string
}{
	{&Track{}, `<track xmlns="urn:tocsin:escalation:0"></track>`},
	{&Track{Until: UntilDisplayed, Timeout: "600", Priority: High, Escalate: Ask},
		`<track xmlns="urn:tocsin:escalation:0" until="displayed" timeout="600" priority="high" escalate="ask"></track>`},
	{&Status{ID: "m1", With: "bob@example.org", Seq: 3, State: Displayed, Stamp: stamp, Basis: ByMarker},
		`<status xmlns="urn:tocsin:escalation:0" id="m1" with="bob@example.org" seq="3" state="displayed" stamp="2026-11-24T02:00:00.000Z" basis="marker"></status>`},
	{&Status{ID: `a"<&'`, With: "bob@example.org", Seq: 1, State: Delivered, Stamp: stamp + 7, Basis: ByReceipt, Further: Unknown},
		`<status xmlns="urn:tocsin:escalation:0" id="a&#34;&lt;&amp;&#39;" with="bob@example.org" seq="1" state="delivered" stamp="2026-11-24T02:00:00.007Z" basis="receipt" further="unknown"></status>`},
	{&Statuses{Status: []Status{{ID: "m1", With: "bob@example.org", Seq: 1, State: Pending, Stamp: stamp}, {ID: "m2", With: "eve@example.org", Seq: 2, State: Timeout, Stamp: stamp, Basis: ByTimer}}},
		`<statuses xmlns="urn:tocsin:escalation:0"><status xmlns="urn:tocsin:escalation:0" id="m1" with="bob@example.org" seq="1" state="pending" stamp="2026-11-24T02:00:00.000Z"></status>` +
			`<status xmlns="urn:tocsin:escalation:0" id="m2" with="eve@example.org" seq="2" state="timeout" stamp="2026-11-24T02:00:00.000Z" basis="timer"></status></statuses>`},
	{&Sync{}, `<sync xmlns="urn:tocsin:escalation:0"></sync>`},
	{&Sync{After: "42", Max: "100"}, `<sync xmlns="urn:tocsin:escalation:0" after="42" max="100"></sync>`},
	{&Sync{Last: "43", Complete: true, Status: []Status{{ID: "m1", With: "bob@example.org", Seq: 1, State: Escalated, Stamp: stamp}}},
		`<sync xmlns="urn:tocsin:escalation:0" last="43" complete="true"><status xmlns="urn:tocsin:escalation:0" id="m1" with="bob@example.org" seq="1" state="escalated" stamp="2026-11-24T02:00:00.000Z"></status></sync>`},
	{&Escalate{Prompt: "p-1", ID: "m1", With: "bob@example.org", Reason: TimeoutUnread, Priority: High, Expires: stamp,
		Number: &Number{URI: "tel:+8613800138000"}, Text: &Text{Lang: "en", Value: "Hi & bye"},
		SMS: &SMS{URI: "sms:+8613800138000?body=Hi%20%26%20bye", Segments: 1, Encoding: GSM7}, Also: []Also{{"m2"}, {"m3"}}},
		`<escalate xmlns="urn:tocsin:escalation:0" prompt="p-1" id="m1" with="bob@example.org" reason="timeout-unread" priority="high" expires="2026-11-24T02:00:00.000Z">` +
			`<number uri="tel:+8613800138000"></number><text xml:lang="en">Hi &amp; bye</text>` +
			`<sms uri="sms:+8613800138000?body=Hi%20%26%20bye" segments="1" encoding="gsm7"></sms><also id="m2"></also><also id="m3"></also></escalate>`},
	{&Escalate{Prompt: "p-1", ID: "m1", With: "bob@example.org", Reason: Timeout, Priority: Normal, Expires: stamp, Text: &Text{}, SMS: &SMS{URI: "sms:+8613800138000"}},
		`<escalate xmlns="urn:tocsin:escalation:0" prompt="p-1" id="m1" with="bob@example.org" reason="timeout" priority="normal" expires="2026-11-24T02:00:00.000Z">` +
			`<text></text><sms uri="sms:+8613800138000"></sms></escalate>`},
	{&Withdraw{Prompt: "p-1", Reason: BecauseDisplayed}, `<withdraw xmlns="urn:tocsin:escalation:0" prompt="p-1" reason="displayed"></withdraw>`},
	{&Answer{Prompt: "p-1", Action: Claim}, `<answer xmlns="urn:tocsin:escalation:0" prompt="p-1" action="claim"></answer>`},
	{&Answer{Prompt: "p-1", Action: Snooze, For: "600"}, `<answer xmlns="urn:tocsin:escalation:0" prompt="p-1" action="snooze" for="600"></answer>`},
	{&AlreadyDisplayed{}, `<already-displayed xmlns="urn:tocsin:escalation:0"></already-displayed>`},
	{&Expired{}, `<expired xmlns="urn:tocsin:escalation:0"></expired>`},
}

var ignoreNames = cmp.FilterValues(func(a, b xml.Name) bool { return a == xml.Name{} || b == xml.Name{} }, cmp.Ignore())

func TestEncoding(t *testing.T) {
	for _, tc := range encodings {
		got, err := xml.Marshal(tc.value)
		if err != nil {
			t.Errorf("%T: %v", tc.value, err)
			continue
		}
		if diff := cmp.Diff(tc.xml, string(got)); diff != "" {
			t.Errorf("%T: %s", tc.value, diff)
		}
		back := fresh(tc.value)
		if err := xml.Unmarshal(got, back); err != nil {
			t.Errorf("%T: %v", tc.value, err)
		}
		if diff := cmp.Diff(tc.value, back, ignoreNames); diff != "" {
			t.Errorf("%T read back: %s", tc.value, diff)
		}
	}
}

func fresh(v any) any { return reflect.New(reflect.TypeOf(v).Elem()).Interface() }

func TestUnknownIsIgnored(t *testing.T) {
	for _, tc := range []struct {
		xml  string
		want any
	}{
		{`<track xmlns='urn:tocsin:escalation:0' xmlns:until='urn:example' xmlns:x='urn:x' x:timeout='no' colour='red' priority='low'><x:new/></track>`,
			&Track{Priority: Low}},
		{`<answer xmlns='urn:tocsin:escalation:0' xmlns:x='urn:x' xml:action='sent' prompt='p' action='claim' x:for='1'>text<x:new><deep/></x:new></answer>`,
			&Answer{Prompt: "p", Action: Claim}},
		{`<sync xmlns='urn:tocsin:escalation:0' xmlns:x='urn:x' x:complete='perhaps' max='5'><status xmlns='urn:x' seq='many'/></sync>`,
			&Sync{Max: "5"}},
		{`<status xmlns='urn:tocsin:escalation:0' id='m1' with='bob@example.org' seq='1' state='pending' stamp='2026-11-24T03:00:00+01:00' new='1'><new/></status>`,
			&Status{ID: "m1", With: "bob@example.org", Seq: 1, State: Pending, Stamp: stamp}},
	} {
		got := fresh(tc.want)
		if err := xml.Unmarshal([]byte(tc.xml), got); err != nil {
			t.Errorf("%s: %v", tc.xml, err)
		}
		if diff := cmp.Diff(tc.want, got, ignoreNames); diff != "" {
			t.Errorf("%s: %s", tc.xml, diff)
		}
	}
}

func TestTrackCheck(t *testing.T) {
	for attrs, want := range map[string]string{
		``: "", `until='none'`: "", `timeout='1'`: "", `timeout='999999999'`: "", `timeout='007'`: "", `escalate='auto'`: "",
		`until=''`:             "invalid until",
		`until='seen'`:         "invalid until",
		`until='Displayed'`:    "invalid until",
		`priority='highest'`:   "invalid priority",
		`priority=''`:          "invalid priority",
		`escalate='yes'`:       "invalid escalate",
		`timeout=''`:           "invalid timeout: not a positive number of at most 9 digits",
		`timeout='0'`:          "invalid timeout: not a positive number of at most 9 digits",
		`timeout='000000000'`:  "invalid timeout: not a positive number of at most 9 digits",
		`timeout='-5'`:         "invalid timeout: not a positive number of at most 9 digits",
		`timeout='+5'`:         "invalid timeout: not a positive number of at most 9 digits",
		`timeout=' 5'`:         "invalid timeout: not a positive number of at most 9 digits",
		`timeout='1e3'`:        "invalid timeout: not a positive number of at most 9 digits",
		`timeout='٣'`:          "invalid timeout: not a positive number of at most 9 digits",
		`timeout='1000000000'`: "invalid timeout: not a positive number of at most 9 digits",
	} {
		t.Run(attrs, func(t *testing.T) {
			var track Track
			if err := xml.Unmarshal([]byte(`<track xmlns='urn:tocsin:escalation:0' `+attrs+`/>`), &track); err != nil {
				t.Errorf("%s: %v", attrs, err)
			}
			if got := message(track.Check()); got != want {
				t.Errorf("%s: %q, want %q", attrs, got, want)
			}
		})
	}
	if got := (Track{Timeout: "0090"}).Seconds(); got != 90 {
		t.Errorf("Seconds() = %d", got)
	}
}

func TestAnswerCheck(t *testing.T) {
	for _, tc := range []struct {
		answer Answer
		want   string
		pause  time.Duration
	}{
		{Answer{Prompt: "p", Action: Claim}, "", 0},
		{Answer{Prompt: "p", Action: Sent}, "", 0},
		{Answer{Prompt: "p", Action: Decline, For: "soon"}, "", 0}, // "for" is ignored
		{Answer{Prompt: "p", Action: NotSent}, "", 0},
		{Answer{Prompt: "p", Action: Snooze, For: "600"}, "", 10 * time.Minute},
		{Answer{Prompt: "p", Action: Snooze, For: "999999999"}, "", 999999999 * time.Second},
		{Answer{Prompt: "p", Action: Snooze}, "invalid for: not a positive number of at most 9 digits", 0},
		{Answer{Prompt: "p", Action: Snooze, For: "10m"}, "invalid for: not a positive number of at most 9 digits", 0},
		{Answer{Prompt: "p", Action: "decline"}, "invalid action", 0},
		{Answer{Prompt: "p"}, "invalid action", 0},
		{Answer{Action: Claim}, "missing prompt", 0},
	} {
		if got := message(tc.answer.Check()); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.answer, got, tc.want)
		}
		if got := tc.answer.Pause(); got != tc.pause {
			t.Errorf("%+v: Pause() = %s", tc.answer, got)
		}
	}
}

func TestSyncPage(t *testing.T) {
	for _, tc := range []struct {
		sync Sync
		page int
		err  string
	}{
		{Sync{}, MaxSync, ""},
		{Sync{Max: "10", After: "77"}, 10, ""},
		{Sync{Max: "999999999"}, MaxSync, ""},
		{Sync{Max: "0"}, 0, "invalid max: not a positive number of at most 9 digits"},
		{Sync{Max: "all"}, 0, "invalid max: not a positive number of at most 9 digits"},
		{Sync{After: strings.Repeat("7", 129)}, 0, "after is longer than 128 bytes"},
	} {
		page, err := tc.sync.Page()
		if page != tc.page || message(err) != tc.err {
			t.Errorf("%+v: %d, %v", tc.sync, page, err)
		}
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-24T02:00:00Z":             "2026-11-24T02:00:00.000Z",
		"2026-11-24T02:00:00.123456Z":      "2026-11-24T02:00:00.123Z",
		"2026-11-24T04:30:00.5+02:30":      "2026-11-24T02:00:00.500Z",
		"1969-07-21T02:56:15Z":             "1969-07-21T02:56:15.000Z",
		"2026-11-24":                       "invalid stamp (XEP-0082)",
		"2026-11-24T02:00:00":              "invalid stamp (XEP-0082)",
		"9999-12-31T23:59:59-23:59":        "invalid stamp (XEP-0082)",
		"20261124T02:00:00":                "invalid stamp (XEP-0082)",
		"":                                 "invalid stamp (XEP-0082)",
		"2026-02-30T00:00:00Z":             "invalid stamp (XEP-0082)",
		"0000-01-01T00:00:00Z":             "invalid stamp (XEP-0082)",
		"2026-11-24T02:00:00.000Z trailer": "invalid stamp (XEP-0082)",
	} {
		t.Run(text, func(t *testing.T) {
			var at Time
			got := message(at.UnmarshalXMLAttr(xml.Attr{Name: xml.Name{Local: "stamp"}, Value: text}))
			if got == "" {
				got = at.String()
			}
			if got != want {
				t.Errorf("%s: %s, want %s", text, got, want)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Everything that can be decoded can be encoded, and decodes to the same again.
func FuzzUnmarshal(f *testing.F) {
	for _, tc := range encodings {
		f.Add([]byte(tc.xml))
	}
	f.Add([]byte(`<track xmlns='urn:tocsin:escalation:0' until='' xml:lang='x'/>`))
	f.Add([]byte(`<escalate xmlns='urn:tocsin:escalation:0' expires='9998-12-31T23:59:59-23:59'><text xml:lang='zh'>&#13;&#x2028;</text><text/></escalate>`))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, kind := range []any{&Track{}, &Status{}, &Statuses{}, &Sync{}, &Escalate{}, &Withdraw{}, &Answer{}, &AlreadyDisplayed{}, &Expired{}} {
			first := fresh(kind)
			if xml.Unmarshal(in, first) != nil {
				continue
			}
			once, err := xml.Marshal(first)
			if err != nil {
				t.Fatalf("%T: %v", first, err)
			}
			second := fresh(kind)
			if err := xml.Unmarshal(once, second); err != nil {
				t.Fatalf("%s: %v", once, err)
			}
			twice, err := xml.Marshal(second)
			if err != nil || !bytes.Equal(once, twice) {
				t.Fatalf("%s became %s (%v)", once, twice, err)
			}
			if diff := cmp.Diff(first, second); diff != "" {
				t.Fatalf("%s: %s", once, diff)
			}
			switch v := first.(type) {
			case *Track:
				if v.Check() == nil && v.Timeout != "" && v.Seconds() <= 0 {
					t.Fatalf("%+v has no time", v)
				}
			case *Answer:
				if v.Check() == nil && v.Action == Snooze && v.Pause() <= 0 {
					t.Fatalf("%+v has no time", v)
				}
			}
		}
	})
}
