package tap

import (
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

// Texts are cut to one grapheme more than the limit, and to the maximum of bytes.
func TestCut(t *testing.T) {
	for _, text := range []string{
		"", "a", "hello world", "敏捷的棕色狐狸跳过", "e\u0301e\u0301e\u0301e\u0301", "a\r\nb\r\nc\r\n", "👩‍👩‍👧‍👦🇩🇪🇫🇷👍🏽ok", "狐\u3099狸", "狐狸🦊x", "नमस्ते", "a\u0301狐b\u0301",
		strings.Repeat("長", 20_000), strings.Repeat("x", 20_000), "x" + strings.Repeat("\u0301", 20_000), strings.Repeat("👍", 20_000),
	} {
		for _, limit := range []int{0, 1, 2, 3, 4, 7, 1000, 100_000} {
			got := string(cut([]byte(text), limit))
			if !strings.HasPrefix(text, got) || len(got) > maxText {
				t.Fatalf("%.20q cut to %d: %.20q…, %d bytes", text, limit, got, len(got))
			}
			want := uniseg.GraphemeClusterCount(text)
			if limit > 0 {
				want = min(want, limit+1)
			}
			if n := uniseg.GraphemeClusterCount(got); n != want && len(got) < maxText-3 {
				t.Errorf("%.20q cut to %d: %d graphemes, want %d", text, limit, n, want)
			}
		}
	}
}
