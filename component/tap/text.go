package tap

import (
	"bytes"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// maxText bounds the text that is kept of a message, in bytes.
const maxText = 16 << 10

// isText reports whether a person could read something in the message.
func (f *fields) isText() bool { return f.any(hasBody) || f.isEncrypted() }

// isEncrypted reports whether the text is somewhere else than in the body. OMEMO without a payload carries keys only
// (XEP-0384 §4.6).
func (f *fields) isEncrypted() bool {
	if f.any(hasOMEMO) {
		return f.any(hasPayload)
	}
	return f.any(hasCiphertext|hasEncryptionName) || bytes.HasPrefix(f.body, []byte("?OTR"))
}

// cut returns the beginning of a text: one grapheme more than limit, so that who cuts it to the limit sees that there is
// more.
func cut(b []byte, limit int) []byte {
	if limit > 0 && len(b) > limit {
		rest, state := b, -1
		for range limit + 1 {
			if len(rest) == 0 || len(b)-len(rest) > maxText {
				break
			}
			_, rest, _, state = uniseg.FirstGraphemeCluster(rest, state)
		}
		b = b[:len(b)-len(rest)]
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
