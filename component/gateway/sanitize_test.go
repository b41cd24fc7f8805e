package gateway

import (
	"strings"
	"testing"
)

func TestSanitize(t *testing.T) {
	for text, want := range map[string]string{"A0000001": "A0000001", "": "", "a\x00b": "", "a\nb": "", "\xff": "", strings.Repeat("x", maxID): strings.Repeat("x", maxID), strings.Repeat("x", maxID+1): ""} {
		if got := ID(text); got != want {
			t.Errorf("ID(%q) = %q", text, got)
		}
	}
	for text, want := range map[string]string{"好\nb": "好\nb", "a\x00b": "ab", "a\xff\xfeb": "a\ufffdb", strings.Repeat("好", maxText+5): strings.Repeat("好", maxText)} {
		if got := Text(text); got != want {
			t.Errorf("Text(%q) = %q", text, got)
		}
	}
}
