package tap

import (
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// maxText limits the text kept of a message, in bytes.
const maxText = 16 << 10

// cut returns the beginning of a text: one grapheme more than limit, so that it is known later that the text was longer.
func cut(b []byte, limit int) []byte {
	if limit > 0 && len(b) > limit && utf8.RuneCount(b) > limit {
		i := 0
		for n := 0; n <= limit && i < min(len(b), maxText); n++ {
			if size := single(b[i:]); size > 0 {
				i += size
				continue
			}
			cluster, _, _, _ := uniseg.FirstGraphemeCluster(b[i:], -1)
			i += len(cluster)
		}
		b = b[:i]
	}
	if len(b) > maxText {
		end := maxText
		for !utf8.RuneStart(b[end]) {
			end--
		}
		b = b[:end]
	}
	return b
}

// single returns the size of the first grapheme if it is an ASCII character or an ideograph followed by another such
// character, else 0: these combine with nothing. Most texts never need the Unicode tables.
func single(b []byte) (size int) {
	switch c := b[0]; {
	case c < utf8.RuneSelf && c != '\r':
		size = 1
	case isIdeograph(c):
		size = 3
	default:
		return 0
	}
	if len(b) > size && b[size] >= utf8.RuneSelf && !isIdeograph(b[size]) {
		return 0
	}
	return size
}

// isIdeograph reports whether c begins a character from U+4000 to U+9FFF.
func isIdeograph(c byte) bool { return 0xE4 <= c && c <= 0xE9 }
