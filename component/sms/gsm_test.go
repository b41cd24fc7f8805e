package sms

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tocsin/xep/escalation"
)

// Characters and their codes in TS 23.038 §6.2.1.
func TestSeptets(t *testing.T) {
	for text, want := range map[string]string{
		"@":                  "\x00",
		"É":                  "\x1f",
		"Æ":                  "\x1c",
		"Ξ":                  "\x1a",
		" ":                  "\x20",
		"¡":                  "\x40",
		"à":                  "\x7f",
		"Hello":              "Hello",
		"_":                  "\x11",
		"€[]{}~^|\\\f":       "\x1b\x65\x1b\x3c\x1b\x3e\x1b\x28\x1b\x29\x1b\x3d\x1b\x14\x1b\x40\x1b\x2f\x1b\x0a",
		"are you there? €[]": "are you there? \x1be\x1b<\x1b>",
	} {
		code, ok := Septets(text)
		if !ok || string(code) != want {
			t.Errorf("%q is %q, want %q", text, code, want)
		}
		if back := FromSeptets(code); back != text {
			t.Errorf("%q comes back as %q", text, back)
		}
	}
	if _, ok := Septets("好"); ok {
		t.Error("Chinese in septets")
	}
	if got := FromSeptets([]byte("a\x1bZb\x1b\x80")); got != "a Zb \ufffd" {
		t.Errorf("unknown codes are %q", got)
	}
}

func TestUCS2(t *testing.T) {
	if got := string(UCS2("A好🚒")); got != "\x00A\x59\x7d\xd8\x3d\xde\x92" {
		t.Errorf("got %q", got)
	}
	if got := FromUCS2([]byte("\x59\x7d\x00")); got != "好" {
		t.Errorf("got %q", got)
	}
}

// Split and Count agree, no segment is too long, and joined they are the text.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("ab€[好🚒é")), 1, 700, -1).Draw(t, "text")
		count, encoding := Count(text)
		gsm := encoding == escalation.GSM7
		segments := Split(text, gsm)
		if len(segments) != count || strings.Join(segments, "") != text {
			t.Fatalf("%d segments of %d", len(segments), count)
		}
		for _, s := range segments {
			code, limit := UCS2(s), 2*ucsPart
			if gsm {
				code, _ = Septets(s)
				limit = gsmPart
			}
			if len(segments) > 1 && len(code) > limit {
				t.Fatalf("a segment of %d octets", len(code))
			}
		}
	})
}
