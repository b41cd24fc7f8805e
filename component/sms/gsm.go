package sms

import (
	"strings"
	"unicode/utf16"
)

const escape = 0x1b // the next septet is from the extension table

// extensionCodes are the codes of the extension table, in the order of its characters.
const extensionCodes = "\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65"

// septets maps characters to codes, with the escape for those of the extension table; runes is the inverse.
var septets, runes = func() (map[rune]string, map[string]rune) {
	to, from := map[rune]string{}, map[string]rune{}
	put := func(r rune, code string) { to[r], from[code] = code, r }
	code := byte(0)
	for _, r := range basic {
		if code == escape {
			code++
		}
		put(r, string(rune(code)))
		code++
	}
	for i, r := range []rune(extension) {
		put(r, "\x1b"+extensionCodes[i:i+1])
	}
	return to, from
}()

// Septets encodes text in the GSM alphabet (3GPP TS 23.038 §6.2.1), one septet per octet; ok is false if a character is not in it.
func Septets(text string) (code []byte, ok bool) {
	for _, r := range text {
		s, known := septets[r]
		if !known {
			return nil, false
		}
		code = append(code, s...)
	}
	return code, true
}

// FromSeptets is the inverse of Septets. An escape before a code that is not in the extension table becomes a space (TS 23.038
// §6.2.1.1), octets that are not septets become U+FFFD.
func FromSeptets(code []byte) string {
	var b strings.Builder
	for i := 0; i < len(code); i++ {
		key := string(rune(code[i]))
		if code[i] == escape {
			if i+1 < len(code) {
				if r, ok := runes["\x1b"+string(rune(code[i+1]))]; ok {
					b.WriteRune(r)
					i++
					continue
				}
			}
			b.WriteByte(' ')
			continue
		}
		if r, ok := runes[key]; ok {
			b.WriteRune(r)
		} else {
			b.WriteRune('\ufffd')
		}
	}
	return b.String()
}

// UCS2 encodes text as UTF-16, big-endian, for SMS with characters outside the GSM alphabet.
func UCS2(text string) []byte {
	var code []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		code = append(code, byte(unit>>8), byte(unit))
	}
	return code
}

// FromUCS2 is the inverse of UCS2. An odd trailing octet is ignored.
func FromUCS2(code []byte) string {
	units := make([]uint16, len(code)/2)
	for i := range units {
		units[i] = uint16(code[2*i])<<8 | uint16(code[2*i+1])
	}
	return string(utf16.Decode(units))
}

// Split splits text into segments of whole characters, in the GSM alphabet if gsm is set, else in UTF-16.
func Split(text string, gsm bool) []string {
	single, part, size := ucsSingle, ucsPart, units
	if gsm {
		single, part, size = gsmSingle, gsmPart, func(r rune) int { return places[r] }
	}
	total := 0
	for _, r := range text {
		total += size(r)
	}
	if total <= single {
		return []string{text}
	}
	var segments []string
	start, used := 0, 0
	for i, r := range text {
		if n := size(r); used+n > part {
			segments = append(segments, text[start:i])
			start, used = i, n
		} else {
			used += n
		}
	}
	return append(segments, text[start:])
}

// units returns how many UTF-16 code units a character takes.
func units(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}
