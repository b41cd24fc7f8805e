package sms

import (
	"net/url"
	"strings"
	"testing"
	"text/template"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"tocsin/internal/expect"
	"tocsin/xep/escalation"
)

func TestClean(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"plain":                   {"Hello, Bob!", "Hello, Bob!"},
		"ends are trimmed":        {" \n Hello \t\n", "Hello"},
		"line ends":               {"a\r\nb\rc\u2028d\u0085e", "a\nb\nc\nd\ne"},
		"one empty line":          {"a\n\n\n\nb\n \nc", "a\n\nb\n\nc"},
		"control characters":      {"a\x00\x07b\x1b[31mc\x7f", "ab[31mc"},
		"tabs and odd spaces":     {"a\tb\u00a0c\u2009d", "a b c d"},
		"ideographic space":       {"你好\u3000世界", "你好\u3000世界"},
		"bidi override":           {"safe\u202egnp.exe", "safegnp.exe"},
		"bidi isolates":           {"\u2066a\u2069\u2068b\u2069", "ab"},
		"right-to-left mark":      {"مرحبا\u200f!", "مرحبا\u200f!"},
		"zero width":              {"pass\u200bword\ufeff\u2060\u00ad", "password"},
		"joiner that joins":       {"می\u200cخواهم", "می\u200cخواهم"},
		"joiners that join none":  {"\u200da \u200d b\u200d", "a  b"},
		"joiners in a row":        {"a\u200d\u200d\u200cb", "a\u200cb"},
		"family":                  {"👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"},
		"heart on fire":           {"❤️‍🔥", "❤️‍🔥"},
		"flag of Scotland":        {"🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f!", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f!"},
		"tags without a flag":     {"hi\U000e0068\U000e0069", "hi"},
		"flag without an end":     {"🏴\U000e0067\U000e0062x", "🏴x"},
		"hidden in selectors":     {"😀\U000e0100\U000e0101\U000e0102", "😀\U000e0100"},
		"selector of nothing":     {"\ufe0fa", "a"},
		"Hangul filler":           {"a\u3164b", "ab"},
		"Arabic number sign":      {"\u0600١٢", "\u0600١٢"},
		"stacked marks":           {"a" + strings.Repeat("\u0301", 500) + "b", "a" + strings.Repeat("\u0301", 30) + "b"},
		"no UTF-8":                {"a\xff\xfeb", "a\ufffdb"},
		"characters XML can't do": {"a\ufffe\uffffb", "ab"},
		"nothing left":            {"\u200b\u202e\x01", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Clean(tc.text)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		})
	}
}

func TestCut(t *testing.T) {
	family, flag := "👨‍👩‍👧‍👦", "🇨🇳"
	for _, tc := range []struct {
		text string
		n    int
		want string
	}{
		{"Hello", 5, "Hello"},
		{"Hello, Bob", 8, "Hello..."},
		{"Hello Bob, hello", 9, "Hello..."}, // no space before the ellipsis
		{"Hello", 3, "He…"},
		{"Hello", 1, "…"},
		{"Hello", 0, ""},
		{"", 0, ""},
		{"你好世界", 4, "你好世界"},
		{"你好世界", 3, "你好…"},
		{"مرحبا بالعالم", 8, "مرحبا ب…"},
		{family + family + family, 3, family + family + family},
		{family + family + family, 2, family + "…"},
		{flag + flag + flag, 2, flag + "…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"ab" + strings.Repeat("\u0301", 40), 3, "a…"}, // stacked marks do not evade the limit
	} {
		if got := Cut(tc.text, tc.n); got != tc.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", tc.text, tc.n, got, tc.want)
		}
	}
}

func TestCutMiddle(t *testing.T) {
	flag := "🇨🇳"
	for _, tc := range []struct {
		text string
		n    int
		want string
	}{
		{"Hi Bob\ncall me", 14, "Hi Bob\ncall me"},
		{"Hi Bob\nThe pump has failed\nplease call me", 23, "Hi Bob\nThe...se call me"},
		{"你好\n水泵坏了\n请打电话", 9, "你好\n水…请打电话"},
		{flag + flag + flag + flag, 3, flag + "…" + flag},
		{"Hello", 1, "…"},
		{"Hello", 0, ""},
	} {
		if got := cutMiddle(tc.text, tc.n); got != tc.want {
			t.Errorf("cutMiddle(%q, %d) = %q, want %q", tc.text, tc.n, got, tc.want)
		}
	}
}

func TestCount(t *testing.T) {
	const gsm7, ucs2 = escalation.GSM7, escalation.UCS2
	x := strings.Repeat
	for name, tc := range map[string]struct {
		text     string
		segments int
		encoding escalation.Encoding
	}{
		"nothing":                     {"", 0, gsm7},
		"one":                         {"a", 1, gsm7},
		"whole alphabet":              {basic, 1, gsm7},
		"160":                         {x("a", 160), 1, gsm7},
		"161":                         {x("a", 161), 2, gsm7},
		"two full":                    {x("a", 306), 2, gsm7},
		"three":                       {x("a", 307), 3, gsm7},
		"extension counts two":        {x("€", 80), 1, gsm7},
		"extension over one":          {x("€", 80) + "a", 2, gsm7},
		"no escape pair is split":     {x("a", 152) + "€" + x("a", 152), 3, gsm7},
		"pairs fit":                   {x("a", 151) + "€" + x("a", 153), 2, gsm7},
		"all pairs":                   {x("[", 152), 2, gsm7}, // 76 in a segment: 152 places of 153
		"all pairs and one":           {x("[", 153), 3, gsm7},
		"accents of the alphabet":     {"Grüße, señor à Ñandø", 1, gsm7},
		"accent beyond it":            {"ú", 1, ucs2},
		"c with cedilla":              {"ç", 1, ucs2}, // only the capital is in the alphabet
		"tab":                         {"\t", 1, ucs2},
		"Chinese 70":                  {x("好", 70), 1, ucs2},
		"Chinese 71":                  {x("好", 71), 2, ucs2},
		"Chinese 134":                 {x("好", 134), 2, ucs2},
		"Chinese 135":                 {x("好", 135), 3, ucs2},
		"Arabic":                      {"مرحبا", 1, ucs2},
		"one emoji in a latin text":   {x("a", 69) + "😀", 2, ucs2},
		"emoji take two units":        {x("😀", 35), 1, ucs2},
		"no surrogate pair is split":  {x("😀", 66), 2, ucs2}, // 33 in a segment: 66 units of 67
		"surrogates need one more":    {x("😀", 67), 3, ucs2},
		"latin then emoji at the end": {x("好", 66) + "😀" + x("好", 66), 3, ucs2},
	} {
		t.Run(name, func(t *testing.T) {
			segments, encoding := Count(tc.text)
			if segments != tc.segments || encoding != tc.encoding {
				t.Errorf("%s: %d %s, want %d %s", name, segments, encoding, tc.segments, tc.encoding)
			}
		})
	}
}

// The examples of RFC 5724 §2.5, except the one with two recipients, and others.
func TestURI(t *testing.T) {
	for _, tc := range []struct{ number, body, want string }{
		{"+15105550101", "", "sms:+15105550101"},
		{"+15105550101", "hello there", "sms:+15105550101?body=hello%20there"},
		{"+1 (510) 555-01.01", "", "sms:+15105550101"},
		{"+8613800138000", "你好", "sms:+8613800138000?body=%E4%BD%A0%E5%A5%BD"},
		{"+971501234567", "مرحبا", "sms:+971501234567?body=%D9%85%D8%B1%D8%AD%D8%A8%D8%A7"},
		{"+4915112345678", "👩‍💻", "sms:+4915112345678?body=%F0%9F%91%A9%E2%80%8D%F0%9F%92%BB"},
		{"+4915112345678", "1+1=2 & 50% off? #1;a,b/c\n\"x\"", "sms:+4915112345678?body=1%2B1%3D2%20%26%2050%25%20off%3F%20%231%3Ba%2Cb%2Fc%0A%22x%22"},
		{"+4915112345678", "-._~aZ9", "sms:+4915112345678?body=-._~aZ9"},
		{"5105550101", "no global number", ""},
		{"+", "", ""},
		{"", "", ""},
		{"+1510;ext=5", "", ""},
		{"+1510?body=x", "", ""},
		{"+١٥", "", ""},
	} {
		if got := URI(tc.number, tc.body); got != tc.want {
			t.Errorf("URI(%q, %q) = %q, want %q", tc.number, tc.body, got, tc.want)
		}
	}
	if got := Tel("+1 510-555-0101"); got != "tel:+15105550101" {
		t.Errorf("Tel = %q", got)
	}
	if got := Tel("110"); got != "" {
		t.Errorf("Tel of a short number = %q", got)
	}
}

func TestChatURI(t *testing.T) {
	for _, tc := range []struct{ number, gateway, body, want string }{
		{"+8613800138000", "cheogram.com", "Hi & bye; 你", "xmpp:+8613800138000@cheogram.com?message;type=chat;body=Hi%20%26%20bye%3B%20%E4%BD%A0"},
		{"+8613800138000", "cheogram.com", "", "xmpp:+8613800138000@cheogram.com?message;type=chat"},
		{"+1", "sms.müller.example", "x", "xmpp:+1@sms.m%C3%BCller.example?message;type=chat;body=x"},
		{"10086", "cheogram.com", "x", ""},
		{"+8613800138000", "", "x", ""},
	} {
		if got := ChatURI(tc.number, tc.gateway, tc.body); got != tc.want {
			t.Errorf("ChatURI(%q, %q, %q) = %q, want %q", tc.number, tc.gateway, tc.body, got, tc.want)
		}
	}
}

func TestCompose(t *testing.T) {
	en := template.Must(template.New("").Parse("{{.Sender}} wrote on {{.Domain}}: {{.Text}}"))
	zh := template.Must(template.New("").Parse("{{.Sender}} 在 {{.Domain}} 上发来消息：{{.Text}}"))
	tail := template.Must(template.New("").Parse("{{.Text}} -- {{.Sender}}, reply in chat"))
	fill := func(text string) Fill { return Fill{Sender: "alice@example.org", Domain: "example.org", Text: text} }
	const number = "+8613800138000"
	const tel, link = "tel:" + number, "sms:" + number
	for name, tc := range map[string]struct {
		template *template.Template
		fill     Fill
		number   string
		limit    int
		want     Draft
	}{
		"english": {en, fill("Call me"), number, 480, Draft{"alice@example.org wrote on example.org: Call me",
			link + "?body=alice%40example.org%20wrote%20on%20example.org%3A%20Call%20me", tel, 1, "gsm7"}},
		"chinese": {zh, fill("开会"), number, 480, Draft{"alice@example.org 在 example.org 上发来消息：开会",
			link + "?body=alice%40example.org%20%E5%9C%A8%20example.org%20%E4%B8%8A%E5%8F%91%E6%9D%A5%E6%B6%88%E6%81%AF%EF%BC%9A%E5%BC%80%E4%BC%9A", tel, 1, "ucs2"}},
		"notice":                               {en, fill(""), "", 480, Draft{"alice@example.org wrote on example.org", "", "", 1, "gsm7"}},
		"notice in chinese":                    {zh, fill(""), "", 480, Draft{"alice@example.org 在 example.org 上发来消息", "", "", 1, "ucs2"}},
		"the message alone":                    {nil, fill("a\u202eb"), "", 480, Draft{"ab", "", "", 1, "gsm7"}},
		"cut before the tail":                  {tail, fill("one two three"), "", 46, Draft{"one two... -- alice@example.org, reply in chat", "", "", 1, "gsm7"}},
		"no room for the message":              {tail, fill("one two three"), "", 10, Draft{"one two...", "", "", 1, "gsm7"}},
		"a message that looks like a template": {en, fill("{{.Secret}}"), "", 480, Draft{"alice@example.org wrote on example.org: {{.Secret}}", "", "", 1, "gsm7"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Compose(tc.template, tc.fill, tc.number, tc.limit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if diff := cmp.Diff(Draft{URI: link, Tel: tel}, Blank(number)); diff != "" {
		t.Error(diff)
	}
	broken := template.Must(template.New("").Parse("{{.Nothing}}"))
	if _, err := Compose(broken, fill(""), "", 480); err == nil {
		t.Error("a template with an unknown field is no error")
	}
}

// nasty draws texts from difficult parts: joiners, selectors, marks, flags, directions, line ends.
var nasty = rapid.Custom(func(t *rapid.T) string {
	parts := rapid.SliceOf(rapid.OneOf(
		rapid.SampledFrom([]string{"a", " ", "\n", "\r", "€", "[", "好", "م", "😀", "👨‍👩‍👧‍👦", "🇨🇳", "🇩", "❤️‍🔥", "🏴", "\U000e0067", "\U000e007f",
			"\u200d", "\u200c", "\ufe0f", "\u0301", "\u202e", "\u2066", "\u200b", "\u200f", "\u3000", "\x00", "\xff", "क्ष", "한", "\u1112"}),
		rapid.String(),
	)).Draw(t, "parts")
	return strings.Join(parts, "")
})

// isBoundary reports whether a grapheme of text begins or ends at a byte.
func isBoundary(text string, at int) bool {
	if at == 0 {
		return true
	}
	for g := uniseg.NewGraphemes(text); g.Next(); {
		if _, end := g.Positions(); end == at {
			return true
		}
	}
	return false
}

// White space that belongs to a grapheme is not trimmed from it.
func TestCutKeepsSpacesOfGraphemes(t *testing.T) {
	expect.Equal(t, "after a number sign", Cut("\u0600 AA", 2), "\u0600 …")
	expect.Equal(t, "below an accent", cutMiddle("好好好 \u0301A", 4), "好…\u0020\u0301A")
	expect.Equal(t, "between words", Cut("好 好好好", 3), "好…")
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := nasty.Draw(t, "text")
		n := rapid.IntRange(0, 40).Draw(t, "limit")

		text := Clean(raw)
		if again := Clean(text); again != text {
			t.Fatalf("Clean(%q) = %q, and again %q", raw, text, again)
		}
		if !utf8.ValidString(text) || strings.ContainsAny(text, "\r\t\x00\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff") {
			t.Fatalf("Clean(%q) = %q", raw, text)
		}

		cut := Cut(text, n)
		if got := uniseg.GraphemeClusterCount(cut); got > n {
			t.Fatalf("Cut(%q, %d) = %q has %d graphemes", text, n, cut, got)
		}
		if cut != text {
			head := strings.TrimSuffix(strings.TrimSuffix(cut, "..."), "…")
			if !strings.HasPrefix(text, head) || !isBoundary(text, len(head)) {
				t.Fatalf("Cut(%q, %d) = %q cuts a grapheme", text, n, cut)
			}
			head, tail := ends(text, n)
			if !strings.HasPrefix(text, head) || !isBoundary(text, len(head)) || !strings.HasSuffix(text, tail) || !isBoundary(text, len(text)-len(tail)) {
				t.Fatalf("ends(%q, %d) = %q, %q cuts a grapheme", text, n, head, tail)
			}
		}

		segments, encoding := Count(text)
		size := len(text) // septets are at least bytes/4, units at least bytes/3
		if segments > size || text != "" && segments == 0 || (encoding == escalation.GSM7) != isGSM(text) {
			t.Fatalf("Count(%q) = %d %s", text, segments, encoding)
		}
		if more, _ := Count(text + "好"); encoding == escalation.UCS2 && more < segments {
			t.Fatalf("%q takes %d, with a character more %d", text, segments, more)
		}

		link := URI("+4915112345678", text)
		if u, err := url.Parse(link); err != nil || u.Query().Get("body") != text || strings.ContainsAny(u.RawQuery, "+&") {
			t.Fatalf("URI(%q) = %q", text, link)
		}
	})
}
