package numbers

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/track"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"13800138000", "+8613800138000"},
		{" 138 0013-8000 ", "+8613800138000"},
		{"(+86) 138.0013.8000", "+8613800138000"},
		{"008613800138000", "+8613800138000"},
		{"8613800138000", "+8613800138000"},
		{"\u202a+86\u00a0138 0013 8000\u202c", "+8613800138000"}, // as copied from address books
		{"＋８６ １３８ ００１３ ８０００", "+8613800138000"},
		{"+٨٦١٣٨٠٠١٣٨٠٠٠", "+8613800138000"},
		{"+33 6\u202f12\u202f34\u202f56\u202f78", "+33612345678"}, // as in French typography
		{"+86\u2009138\u20090013\u20098000", "+8613800138000"},
		{"+86\u2011138\u20070013\u301c8000\u200b", "+8613800138000"},
		{"138\t0013\t8000", "+8613800138000"},
		{"tel:+86-138-0013-8000", "+8613800138000"},
		{"+49 (151) 12345678", "+4915112345678"},
		{"+39 312 345 6789", "+393123456789"},
		{"+54 9 11 1234 5678", "+5491112345678"},
		{"+1 650 253 0000", "+16502530000"}, // fixed line or mobile, indistinguishable
		{"+683 8884002", "+6838884002"},
		{"+683 4002", "a fixed line, which receives no SMS"},
		{"021 6234 5678", "a fixed line, which receives no SMS"},
		{"+44 20 7946 0958", "a fixed line, which receives no SMS"},
		{"110", "a short number"},
		{"10086", "a short number"},
		{"800 810 8888", "a toll-free number, which receives no SMS"},
		{"+1 800 555 0199", "a toll-free number, which receives no SMS"},
		{"+1 900 555 0199", "a premium-rate or shared-cost number"},
		{"400 810 8888", "a premium-rate or shared-cost number"},
		{"+44 70 1234 5678", "not a mobile number"},
		{"+86 138 0013 80001", "not a number in use"},
		{"12345678901", "not a number in use"},
		{"+86 138 0013 8000;ext=5", "an extension, which receives no SMS"},
		{"+999 123456789", "not a phone number"},
		{"1-800-FLOWERS", "not a phone number"},
		{"call 13800138000", "not a phone number"},
		{"138+00138000", "not a phone number"},
		{"++8613800138000", "not a phone number"},
		{"0", "not a phone number"},
		{"+", "not a phone number"},
		{"", "not a phone number"},
		{strings.Repeat("1", 1000), "not a phone number"},
	} {
		got, err := Parse(tc.text, "CN")
		var refused Refusal
		if errors.As(err, &refused) {
			got = refused.Error()
		}
		if got != tc.want {
			t.Errorf("Parse(%q) = %q, want %q", tc.text, got, tc.want)
		}
	}
	if got, _ := Parse("0151 12345678", "DE"); got != "+4915112345678" {
		t.Errorf("a national number of another region: %q", got)
	}
}

func TestFromVCard(t *testing.T) {
	if got, ok := FromVCard([]string{"ask me", "021 6234 5678", "138 0013 8000", "138 0013 8001"}, "CN"); got != "+8613800138000" || !ok {
		t.Errorf("FromVCard = %q, %t", got, ok)
	}
	if got, ok := FromVCard([]string{"021 6234 5678"}, "CN"); got != "" || ok {
		t.Errorf("FromVCard = %q, %t", got, ok)
	}
}

func TestCSV(t *testing.T) {
	text := "\ufeffJID,number,consent\r\n" +
		"Bob@Example.org,13800138000\r\n" +
		"\r\n" +
		"carol@example.org, +49 151 12345678 ,no\r\n" +
		"dave@example.org,\"+1 650 253 0000\",YES\r\n"
	bob := track.Number{JID: "bob@example.org", E164: "+8613800138000", Source: track.FromAdmin, Consent: true}
	carol := track.Number{JID: "carol@example.org", E164: "+4915112345678", Source: track.FromAdmin}
	dave := track.Number{JID: "dave@example.org", E164: "+16502530000", Source: track.FromAdmin, Consent: true}
	got, err := ReadCSV(strings.NewReader(text), Terms{Region: "CN"})
	if diff := cmp.Diff([]track.Number{bob, carol, dave}, got); diff != "" || err != nil {
		t.Fatal(err, diff)
	}

	var b bytes.Buffer
	if err := WriteCSV(&b, got); err != nil {
		t.Fatal(err)
	}
	want := "jid,number,consent\nbob@example.org,+8613800138000,yes\ncarol@example.org,+4915112345678,no\ndave@example.org,+16502530000,yes\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	back, err := ReadCSV(&b, Terms{Region: "DE"})
	if diff := cmp.Diff(got, back); diff != "" || err != nil {
		t.Error(err, diff)
	}

	bob.Consent, dave.Consent = false, false
	got, err = ReadCSV(strings.NewReader(text), Terms{Region: "CN", Private: true})
	if diff := cmp.Diff([]track.Number{bob, carol, dave}, got); diff != "" || err != nil {
		t.Error("private:", err, diff)
	}
	if got, err := ReadCSV(strings.NewReader(""), Terms{Region: "CN"}); len(got) != 0 || err != nil {
		t.Error("empty file:", got, err)
	}
}

func TestCSVFaults(t *testing.T) {
	text := `bob@example.org,13800138000
example.org,13800138000
carol@example.org/phone,13800138000
dave@example.org,021 6234 5678
erin@example.org
bob@example.org,13800138001
frank@example.org,"13800138000
`
	got, err := ReadCSV(strings.NewReader(text), Terms{Region: "CN"})
	want := `line 2: invalid user JID "example.org" (example: bob@example.org)
line 3: invalid user JID "carol@example.org/phone" (example: bob@example.org)
line 4: "021 6234 5678" is a fixed line, which receives no SMS
line 5: expected jid,number[,consent] (example: bob@example.org,+8613800138000,no)
line 6: bob@example.org is already on line 1
line 7: extraneous or missing " in quoted-field`
	if err == nil || got != nil {
		t.Fatalf("%v, %v", got, err)
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	_, err = ReadCSV(strings.NewReader("a\"b,1\nbob@example.org,13800138000,perhaps\nc@example.org,1380013800\n"), Terms{Region: "CN"})
	want = "line 1: bare \" in non-quoted-field\nline 2: invalid consent \"perhaps\" (yes or no)\nline 3: \"1380013800\" is not a number in use"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if _, err := ReadCSV(broken{}, Terms{Region: "CN"}); !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// file returns a CSV file of n numbers.
func file(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "user%d@example.org,138%08d\n", i, i)
	}
	return b.String()
}

func TestCSVOfMany(t *testing.T) {
	got, err := ReadCSV(strings.NewReader(file(10_000)), Terms{Region: "CN"})
	if err != nil || len(got) != 10_000 || got[9_999].JID != "user9999@example.org" || got[9_999].E164 != "+8613800009999" {
		t.Fatal(len(got), err)
	}
}

// The target is 100,000 lines in a few seconds.
func BenchmarkReadCSV(b *testing.B) {
	text := file(100_000)
	for b.Loop() {
		if _, err := ReadCSV(strings.NewReader(text), Terms{Region: "CN"}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRelease(t *testing.T) {
	const consented, roster, all = track.DiscloseConsented, track.DiscloseRoster, track.DiscloseAll
	number := func(source track.NumberSource, consent bool) track.Number {
		return track.Number{JID: "bob@example.org", E164: "+8613800138000", Source: source, Consent: consent}
	}
	agreed, private, vcard := number(track.FromUser, true), number(track.FromUser, false), number(track.FromVCard, false)
	for name, tc := range map[string]struct {
		policy Policy
		c      Case
		want   Reason
	}{
		"agreed":                              {Policy{Disclose: consented}, Case{Number: agreed}, Shown},
		"none known":                          {Policy{Disclose: all}, Case{}, NoNumber},
		"not agreed":                          {Policy{Disclose: consented}, Case{Number: private, Standing: track.StandingFrom}, NotConsented},
		"not agreed, policy roster, stranger": {Policy{Disclose: roster}, Case{Number: private}, NotConsented},
		"not agreed, policy roster, friend":   {Policy{Disclose: roster}, Case{Number: private, Standing: track.StandingFrom}, Shown},
		"agreed, policy roster, stranger":     {Policy{Disclose: roster}, Case{Number: agreed}, Shown},
		"not agreed, policy all":              {Policy{Disclose: all}, Case{Number: private}, Shown},
		"admin's":                             {Policy{Disclose: consented}, Case{Number: number(track.FromAdmin, true)}, Shown},
		"admin's, private":                    {Policy{Disclose: consented}, Case{Number: number(track.FromAdmin, false)}, NotConsented},

		"vcard, no such source":          {Policy{Disclose: all}, Case{Number: vcard}, NoNumber},
		"vcard, policy consented":        {Policy{Disclose: consented, VCards: true}, Case{Number: vcard, Standing: track.StandingFrom}, VCardOnly},
		"vcard cannot consent":           {Policy{Disclose: consented, VCards: true}, Case{Number: number(track.FromVCard, true)}, VCardOnly},
		"vcard, policy roster, stranger": {Policy{Disclose: roster, VCards: true}, Case{Number: vcard}, VCardOnly},
		"vcard, policy roster, friend":   {Policy{Disclose: roster, VCards: true}, Case{Number: vcard, Standing: track.StandingFrom}, Shown},
		"vcard, policy all":              {Policy{Disclose: all, VCards: true}, Case{Number: vcard}, Shown},

		"hidden from the sender":       {Policy{Disclose: all}, Case{Number: agreed, Standing: track.StandingFrom, Hidden: true}, Hidden},
		"opted out":                    {Policy{Disclose: all}, Case{Number: agreed, Owner: track.Prefs{Watch: track.Off}}, OptedOut},
		"not confirmed":                {Policy{Disclose: all, Verify: true}, Case{Number: agreed}, Unverified},
		"an admin need not confirm":    {Policy{Disclose: consented, Verify: true}, Case{Number: number(track.FromAdmin, true)}, Shown},
		"a vcard has nothing to agree": {Policy{Disclose: all, VCards: true, Verify: true}, Case{Number: vcard}, Shown},
	} {
		t.Run(name, func(t *testing.T) {
			got, why := tc.policy.Release(tc.c)
			want := ""
			if tc.want == Shown {
				want = "+8613800138000"
			}
			if got != want || why != tc.want {
				t.Errorf("%s: %q, because %q, want %q, %q", name, got, why, want, tc.want)
			}
		})
	}
}
