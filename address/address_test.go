package address

import (
	"strings"
	"testing"
	"unicode/utf8"

	"mellium.im/xmpp/jid"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("a", maxPart)
	for _, tt := range []struct{ in, want string }{ // "": not an address
		{"alice@example.org", "alice@example.org"},
		{"alice@example.org/phone", "alice@example.org/phone"},
		{"example.org", "example.org"},
		{"Alice@Example.ORG./Phone", "alice@example.org/Phone"},
		{"eße@example.org", "esse@example.org"},
		{"ΟΔΥΣΣΕΎΣ@example.org", "οδυσσεύσ@example.org"},
		{"οδυσσεύς@example.org", "οδυσσεύσ@example.org"},
		{"ﬁ@example.org", "fi@example.org"},
		{"ａｌｉｃｅ@example.org", "alice@example.org"},
		{"Å@example.org", "å@example.org"},
		{"al\u00adice@example.org", "alice@example.org"},
		{"al\u1806ice@example.org", "alice@example.org"},
		{"i♥x@example.org", "i♥x@example.org"},
		{"😀@example.org", "😀@example.org"},
		{"Ⴀ@example.org", "Ⴀ@example.org"}, // a capital without a lower-case form in Unicode 3.2: not the same account as ⴀ
		{"Ꭰ@example.org", "Ꭰ@example.org"},
		{"ⴀ@example.org", "ⴀ@example.org"},
		{"李@例子.example", "李@例子.example"},
		{"+8613800138000@sms.example.org", "+8613800138000@sms.example.org"},
		{`d\27artagnan@example.org`, `d\27artagnan@example.org`},
		{"a@exa_mple.com", "a@exa_mple.com"},
		{"a@xn--fsqu00a.example", "a@例子.example"},
		{"a@XN--FSQU00A.example", "a@例子.example"},
		{"a@straße.example", "a@strasse.example"},
		{"a@xn--strae-oqa.example", "a@xn--strae-oqa.example"},
		{"a@xn--0.example", "a@xn--0.example"},
		{"a@192.0.2.1", "a@192.0.2.1"},
		{"a@[2001:DB8::1]/x", "a@[2001:db8::1]/x"},
		{"bob@example.org/de\u00adsk", "bob@example.org/de\u00adsk"},
		{"bob@example.org/\U0001FAE8", "bob@example.org/\U0001FAE8"},
		{"bob@example.org/a/b@c ", "bob@example.org/a/b@c "},
		{long + "@" + long + "/" + long, long + "@" + long + "/" + long},
		{"", ""}, {"@example.org", ""}, {"alice@", ""}, {"/phone", ""}, {"alice@/phone", ""}, {"alice@example.org/", ""},
		{"a b@example.org", ""}, {"a\u00a0b@example.org", ""}, {"a\tb@example.org", ""}, {"a'b@example.org", ""}, {"a&b@example.org", ""},
		{"a@b@example.org", ""}, {"alice@exa mple.org", ""}, {"alice@example.org:5222", ""}, {"\u00ad@example.org", ""}, {"a@.", ""}, {"*.example.org", ""}, {"a@example.org+b", ""},
		{"a@[2001:db8::1", ""}, {"a@[fe80::1%eth0]", ""}, {"a@[192.0.2.1]", ""},
		{"㏆@example.org", ""},
		{"a\u0301\u0302\u0323@example.org", ""}, // ejabberd puts them in one order, Prosody in another
		{"\xff@example.org", ""}, {"a@\xff", ""}, {"a@example.org/\xff", ""}, {"\ue000@example.org", ""},
		{long + "a@example.org", ""}, {"a@" + long + "a", ""}, {"a@example.org/" + long + "a", ""},
	} {
		t.Run(tt.in[:min(len(tt.in), 40)], func(t *testing.T) {
			j, err := Parse(tt.in)
			if got := j.String(); got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q: %q, %v; want %q", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestUser(t *testing.T) {
	for in, want := range map[string]string{
		"Alice@example.org": "alice@example.org", "example.org": "", "alice@example.org/phone": "", "@example.org": "",
	} {
		if got, err := User(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	if got, err := Bare("Example.ORG"); got != "example.org" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// FuzzParse: a parsed address parses to itself, its parts keep to the limits of RFC 7622, and a resource does not change the
// bare address.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"Alice@Example.org/x", "eße@straße.example", "a@xn--fsqu00a", "i♥x@[::1]/y", "a\u0323\u0301@b", "\u1806\u00ad@\u3002", "ᾈ\u0345@b"} {
		f.Add(s, "r")
	}
	f.Fuzz(func(t *testing.T, s, resource string) {
		j, err := Parse(s)
		if err != nil {
			if !j.Equal(jid.JID{}) {
				t.Fatalf("%q is %q and %v", s, j, err)
			}
			return
		}
		if again, err := Parse(j.String()); err != nil || again.String() != j.String() {
			t.Fatalf("%q is %q, which is %q, %v", s, j, again, err)
		}
		for _, part := range []string{j.Localpart(), j.Domainpart(), j.Resourcepart()} {
			if len(part) > maxPart || !utf8.ValidString(part) {
				t.Fatalf("%q has the part %q", s, part)
			}
		}
		if strings.ContainsAny(j.Localpart()+j.Domainpart(), "@/ ") {
			t.Fatalf("%q is %q", s, j)
		}
		bare, _, _ := strings.Cut(s, "/")
		full, err := Parse(bare + "/" + resource)
		if valid := resource != "" && len(resource) <= maxPart && utf8.ValidString(resource); valid != (err == nil) {
			t.Fatalf("resource %q: %v", resource, err)
		} else if valid && (full.Bare().String() != j.Bare().String() || full.Resourcepart() != resource) {
			t.Fatalf("%q with %q is %q", bare, resource, full)
		}
	})
}
