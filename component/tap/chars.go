package tap

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// unescape unescapes frame[from:to] into the scratch buffer.
func (r *fast) unescape(from, to int) ([]byte, bool) {
	frame, begin := r.frame, len(r.scratch)
	for r.escape < to {
		r.scratch = append(r.scratch, frame[from:r.escape]...)
		name := frame[r.escape+1 : min(to, r.escape+12)]
		end := bytes.IndexByte(name, ';')
		if end < 0 {
			return nil, false
		}
		c, ok := reference(name[:end])
		if !ok {
			return nil, false
		}
		r.scratch = utf8.AppendRune(r.scratch, c)
		from = r.escape + 1 + end + 1
		r.escape = next(frame, '&', from)
	}
	r.scratch = append(r.scratch, frame[from:to]...)
	return r.scratch[begin:len(r.scratch):len(r.scratch)], true
}

// next returns the index of the next c from i on, or len(b).
func next(b []byte, c byte, i int) int {
	if n := bytes.IndexByte(b[i:], c); n >= 0 {
		return i + n
	}
	return len(b)
}

// reference resolves the text between "&" and ";".
func reference(b []byte) (rune, bool) {
	switch string(b) {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "quot":
		return '"', true
	}
	if len(b) < 2 || b[0] != '#' {
		return 0, false
	}
	base, digits := 10, b[1:]
	if digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	n, err := strconv.ParseUint(string(digits), base, 32)
	c := rune(n)
	return c, err == nil && n <= utf8.MaxRune && utf8.ValidRune(c) && (c >= ' ' || c == '\n' || c == '\t') && c != 0xFFFE && c != 0xFFFF
}

// plain reports whether b is valid UTF-8 with only characters that XML allows. Carriage returns are left to
// encoding/xml.
func plain(b []byte) bool {
	const width = 32
	if len(b) < width {
		return false
	}
	var wide uint64 // has a high bit if b is not ASCII
	for i := 0; i < len(b); i += width {
		part := b[min(i, len(b)-width):][:width]
		x0, x1 := binary.LittleEndian.Uint64(part), binary.LittleEndian.Uint64(part[8:])
		x2, x3 := binary.LittleEndian.Uint64(part[16:]), binary.LittleEndian.Uint64(part[24:])
		wide |= x0 | x1 | x2 | x3
		if (control(x0)|control(x1)|control(x2)|control(x3))&high != 0 && !printable(part) {
			return false
		}
	}
	if wide&high == 0 {
		return true
	}
	if !utf8.Valid(b) {
		return false
	}
	for { // U+FFFE and U+FFFF
		n := bytes.Index(b, []byte("\xEF\xBF"))
		if n < 0 {
			return true
		}
		if b[n+2] >= 0xBE {
			return false
		}
		b = b[n+3:]
	}
}

// high are the high bits of eight bytes.
const high = 0x8080808080808080

// control sets the high bit of each of eight bytes that is a control character; if there is one, others may be set,
// too.
func control(x uint64) uint64 { return (x - high/0x80*' ') &^ x }

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}
