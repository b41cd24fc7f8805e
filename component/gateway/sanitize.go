package gateway

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxID   = 128      // bytes of an id, a reference, a number
	maxText = 10 * 160 // characters of a reply: ten segments
)

// ID returns an id, reference or number received from a provider, or "" if it is too long, not UTF-8, or contains control
// characters.
func ID(text string) string {
	if len(text) > maxID || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return ""
	}
	return text
}

// Text returns a reply's text as valid UTF-8 without NUL (databases reject that), cut to ten segments.
func Text(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "")
	if r := []rune(text); len(r) > maxText {
		return string(r[:maxText])
	}
	return text
}
