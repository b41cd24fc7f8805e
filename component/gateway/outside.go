package gateway

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxID   = 128      // octets of an id, a reference, a number
	maxText = 10 * 160 // characters of a reply: ten segments
)

// ID returns an id, a reference or a number as it came from outside, or "" for what can be none: it is longer than any, no
// UTF-8, or has control characters.
func ID(text string) string {
	if len(text) > maxID || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return ""
	}
	return text
}

// Text returns a reply's text as UTF-8 without NUL, which databases don't take, cut at ten segments.
func Text(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "")
	if r := []rune(text); len(r) > maxText {
		return string(r[:maxText])
	}
	return text
}
