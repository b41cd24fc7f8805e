package tap

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"unicode"
	"unicode/utf8"
)

// bodyKind is the kind of text in a body.
type bodyKind uint8

const (
	noBody      bodyKind = iota
	textBody             // written by a person, or a placeholder for encrypted text
	blankBody            // empty, white space or invisible characters
	otrBody              // OTR: a message
	otrAutoBody          // OTR: sent automatically by the plugin
)

// bodyKind returns the kind of the body, from its text or as reported by a tap that withholds the text.
func (f *fields) bodyKind() bodyKind {
	switch {
	case !f.any(hasBody):
		return noBody
	case f.toldBody != noBody:
		return f.toldBody
	case hasPrefix(f.body, "?OTR"):
		return otrKind(f.body)
	case isBlank(f.body):
		return blankBody
	case len(f.fallbacks) > 0 && isBlank(f.ownWords()):
		return blankBody
	}
	return textBody
}

// ownWords returns the body without the parts that quote another message (XEP-0461 §3.1, XEP-0428).
func (f *fields) ownWords() []byte {
	if len(f.fallbacks) == 0 {
		return f.body
	}
	var own []byte
	at := 0 // in code points
	for i := 0; i < len(f.body); at++ {
		_, n := utf8.DecodeRune(f.body[i:])
		if !slices.ContainsFunc(f.fallbacks, func(p part) bool { return p.start <= at && at < p.end }) {
			own = append(own, f.body[i:i+n]...)
		}
		i += n
	}
	return own
}

// isWritten reports whether a person wrote the message: protocol §1, "tracked kinds". Stanzas that clients send automatically
// may have a body, too: chat states with an empty one, receipts and markers with a text for clients that don't know them, OTR's
// key exchange.
func (f *fields) isWritten() bool {
	body := f.bodyKind()
	switch {
	case f.any(hasProof | hasRinging), body == otrAutoBody:
		return false
	case f.any(hasOMEMO) && f.any(hasSealed): // without a body it contains chat states, receipts or markers (OMEMO 2)
		return body == textBody
	case f.any(hasOMEMO): // without a payload it carries keys (XEP-0384 §4.6)
		return f.any(hasPayload)
	case f.any(hasCiphertext):
		return true
	case f.any(hasEncryptionName) && body == noBody:
		return !f.any(hasSealed)
	}
	return body == textBody || body == otrBody
}

// isEncrypted reports whether the text of a written message is not in the body, which is a placeholder.
func (f *fields) isEncrypted() bool {
	return f.any(hasOMEMO|hasCiphertext|hasEncryptionName) || f.bodyKind() == otrBody
}

// isContent reports whether a client may show the stanza, and thus mark it as displayed.
func (f *fields) isContent() bool {
	if f.any(hasOMEMO) {
		return f.isWritten()
	}
	body := f.bodyKind()
	return f.any(hasContent) || body != noBody && body != blankBody
}

// isBlank reports whether a text has only invisible characters.
func isBlank(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if !isInvisible(r) {
			return false
		}
		b = b[n:]
	}
	return true
}

func isInvisible(r rune) bool {
	switch {
	case r == ' ', r == '\n', r == '\t':
		return true
	case r < 0x80:
		return unicode.IsControl(r)
	case r == '\u2800': // the blank Braille pattern
		return true
	}
	return unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Cc, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// The OTR data message, and the flag of data messages that may be ignored if they can't be read, such as heartbeats.
const (
	otrData             = 0x03
	otrIgnoreUnreadable = 0x01
)

// otrKind distinguishes messages from what the plugin sends automatically: queries, key exchange, errors, heartbeats
// (https://otr.cypherpunks.ca/Protocol-v3-4.1.1.html). Of a fragmented message, only the first fragment shows the kind.
func otrKind(b []byte) bodyKind {
	if hasPrefix(b, "?OTR,") || hasPrefix(b, "?OTR|") {
		if b = firstPiece(b[len("?OTR"):]); b == nil {
			return otrAutoBody
		}
	}
	if !hasPrefix(b, "?OTR:") {
		return otrAutoBody
	}
	b = b[len("?OTR:"):]
	var data [12]byte
	n, err := base64.StdEncoding.Decode(data[:], b[:min(16, len(b))&^3])
	if err != nil || n < 4 || data[2] != otrData {
		return otrAutoBody
	}
	flags := 3
	switch version := binary.BigEndian.Uint16(data[:]); {
	case version == 1:
		return otrBody // has no flags
	case version >= 3: // instance tags of both sides
		flags += 8
	}
	if flags >= n || data[flags]&otrIgnoreUnreadable != 0 {
		return otrAutoBody
	}
	return otrBody
}

// firstPiece returns the piece in the first fragment of several, nil for any other: ",1,3,PIECE," or "|from|to,1,3,PIECE,".
func firstPiece(b []byte) []byte {
	parts := bytes.SplitN(b, []byte{','}, 4)
	if len(parts) < 4 || !slices.Contains([]string{"1", "01", "001", "0001", "00001"}, string(parts[1])) {
		return nil
	}
	return parts[3]
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}
