package tap

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

const (
	fastDepth = 32
	fastAttrs = 32
	fastNames = 64 // namespace declarations in force
)

// fast reads frames without allocating. It accepts only what it understands: well-formed XML with plain names, without
// CDATA sections, comments and instructions, which is what servers send.
type fast struct {
	b       []byte // the frame, up to the next "<"
	i       int
	escapes bool // there is a "&" in the frame
	names   [fastDepth][]byte
	bound   [fastDepth]int // names bound before the element
	binds   [fastNames]binding
	nbinds  int
	attrs   [fastAttrs]attr
	nattrs  int
	scratch []byte // unescaped text
}

// name is a qualified name.
type name struct {
	bytes []byte
	colon int // where it is; 0 if there is no prefix
}

type binding struct {
	prefix []byte
	space
}

// read reports whether it could read the frame. If not, that says nothing about the frame.
func (r *fast) read(frame []byte, f *fields) bool {
	f.reset()
	if len(frame) == 0 || frame[0] != '<' || !plain(frame) || bytes.Contains(frame, []byte("]]>")) {
		return false
	}
	r.nbinds, r.scratch = 0, r.scratch[:0]
	r.escapes = bytes.IndexByte(frame, '&') >= 0
	for depth, start := 0, 0; ; {
		next := len(frame) // the "<" after the one at start: no value of the tag may hold it
		if n := bytes.IndexByte(frame[start+1:], '<'); n >= 0 {
			next = start + 1 + n
		}
		if start+1 == next {
			return false
		}
		r.b, r.i = frame[:next], start+1
		if frame[r.i] == '/' {
			if depth == 0 {
				return false
			}
			depth--
			if !r.endTag(r.names[depth]) {
				return false
			}
			r.nbinds = r.bound[depth]
			f.end(depth)
		} else {
			if depth == fastDepth {
				return false
			}
			r.bound[depth] = r.nbinds
			name, empty, ok := r.startTag()
			if !ok {
				return false
			}
			s, local, ok := r.resolve(name)
			if !ok {
				return false
			}
			f.start(depth, s, local, r.attrs[:r.nattrs])
			if empty {
				r.nbinds = r.bound[depth]
				f.end(depth)
			} else {
				r.names[depth] = name.bytes
				depth++
			}
		}
		if depth == 0 {
			return r.i == len(frame)
		}
		if next == len(frame) {
			return false
		}
		if r.i < next {
			text, ok := r.unescape(r.b[r.i:])
			if !ok {
				return false
			}
			f.text(text)
		}
		start = next
	}
}

// endTag reads the end tag of name, from its "/" on.
func (r *fast) endTag(name []byte) bool {
	r.i++
	b := r.b[r.i:]
	if len(b) <= len(name) || string(b[:len(name)]) != string(name) {
		return false
	}
	r.i += len(name)
	r.blanks()
	if r.i == len(r.b) || r.b[r.i] != '>' {
		return false
	}
	r.i++
	return true
}

// startTag reads a start tag from its name on, and the attributes and namespace bindings in it.
func (r *fast) startTag() (tag name, empty, ok bool) {
	nothing := name{}
	if tag, ok = r.name(); !ok {
		return nothing, false, false
	}
	r.nattrs = 0
	prefixed := false
	for {
		r.blanks()
		if r.i+1 >= len(r.b) {
			if r.i < len(r.b) && r.b[r.i] == '>' {
				r.i++
				break
			}
			return nothing, false, false
		}
		if r.b[r.i] == '>' {
			r.i++
			break
		}
		if r.b[r.i] == '/' {
			if r.b[r.i+1] != '>' {
				return nothing, false, false
			}
			r.i += 2
			empty = true
			break
		}
		key, ok := r.name()
		r.blanks()
		if !ok || r.i == len(r.b) || r.b[r.i] != '=' {
			return nothing, false, false
		}
		r.i++
		r.blanks()
		value, ok := r.value()
		if !ok {
			return nothing, false, false
		}
		if len(key.bytes) >= 5 && string(key.bytes[:5]) == "xmlns" {
			if !r.bind(key.bytes[5:], value) {
				return nothing, false, false
			}
			continue
		}
		if r.nattrs == fastAttrs {
			return nothing, false, false
		}
		a := &r.attrs[r.nattrs]
		r.nattrs++
		a.space, a.local, a.value = noSpace, key.bytes, value
		prefixed = prefixed || key.colon > 0
	}
	if prefixed { // by a prefix that may be bound in the same tag
		for i := range r.attrs[:r.nattrs] {
			a := &r.attrs[i]
			colon := bytes.IndexByte(a.local, ':')
			if colon < 0 {
				continue
			}
			if a.space, a.local, ok = r.resolve(name{a.local, colon}); !ok {
				return nothing, false, false
			}
		}
	}
	return tag, empty, true
}

// bind takes in a namespace declaration, of which rest is what follows "xmlns".
func (r *fast) bind(rest, uri []byte) bool {
	if r.nbinds == fastNames {
		return false
	}
	var prefix []byte
	if len(rest) > 0 {
		if prefix = rest[1:]; rest[0] != ':' || string(prefix) == "xml" || string(prefix) == "xmlns" {
			return false
		}
	}
	r.binds[r.nbinds] = binding{prefix, spaceOf(uri)}
	r.nbinds++
	return true
}

// resolve finds the namespace of a name, and its local part.
func (r *fast) resolve(n name) (space, []byte, bool) {
	prefix, local := n.bytes[:0], n.bytes
	if n.colon > 0 {
		prefix, local = n.bytes[:n.colon], n.bytes[n.colon+1:]
		switch string(prefix) {
		case "xml":
			return xmlSpace, local, true
		case "xmlns":
			return noSpace, nil, false
		}
	} else if string(local) == "xmlns" {
		return noSpace, nil, false
	}
	for i := r.nbinds - 1; i >= 0; i-- {
		if b := &r.binds[i]; string(b.prefix) == string(prefix) {
			return b.space, local, true
		}
	}
	if n.colon > 0 {
		return otherSpace, local, true // encoding/xml takes an unbound prefix for the namespace
	}
	return noSpace, local, true
}

// name reads a name: letters, digits, "-", "_" and "." and at most one ":" between two parts of it. It leaves any other to
// encoding/xml.
func (r *fast) name() (name, bool) {
	b := r.b[r.i:]
	colon := 0
	for i, c := range b {
		switch class[c] {
		case letter:
		case inName:
			if i == 0 {
				return name{}, false
			}
		case ':':
			if i == 0 || colon > 0 {
				return name{}, false
			}
			colon = i
		default:
			if i == 0 || c >= utf8.RuneSelf || colon == i-1 && colon > 0 {
				return name{}, false
			}
			r.i += i
			return name{b[:i], colon}, true
		}
	}
	return name{}, false
}

const (
	letter = 1
	inName = 2
)

// class tells what a byte may be in a name.
var class = func() (t [256]byte) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = letter, letter
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = inName
	}
	t['_'], t['-'], t['.'], t[':'] = letter, inName, inName, ':'
	return t
}()

// value reads an attribute's value with its quotes.
func (r *fast) value() ([]byte, bool) {
	if r.i == len(r.b) {
		return nil, false
	}
	quote := r.b[r.i]
	if quote != '\'' && quote != '"' {
		return nil, false
	}
	r.i++
	n := bytes.IndexByte(r.b[r.i:], quote)
	if n < 0 {
		return nil, false
	}
	v := r.b[r.i : r.i+n]
	r.i += n + 1
	return r.unescape(v)
}

// blanks skips white space.
func (r *fast) blanks() {
	for r.i < len(r.b) && (r.b[r.i] == ' ' || r.b[r.i] == '\n' || r.b[r.i] == '\t') {
		r.i++
	}
}

// unescape returns b without escapes, in the scratch buffer if it has some.
func (r *fast) unescape(b []byte) ([]byte, bool) {
	if !r.escapes {
		return b, true
	}
	n := bytes.IndexByte(b, '&')
	if n < 0 {
		return b, true
	}
	from := len(r.scratch)
	for n >= 0 {
		r.scratch = append(r.scratch, b[:n]...)
		b = b[n+1:]
		end := bytes.IndexByte(b[:min(len(b), 12)], ';')
		if end < 0 {
			return nil, false
		}
		c, ok := reference(b[:end])
		if !ok {
			return nil, false
		}
		r.scratch = utf8.AppendRune(r.scratch, c)
		b = b[end+1:]
		n = bytes.IndexByte(b, '&')
	}
	r.scratch = append(r.scratch, b...)
	return r.scratch[from:len(r.scratch):len(r.scratch)], true
}

// reference returns what stands between "&" and ";" stands for.
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

// plain reports whether b is valid UTF-8 of characters that XML allows. Carriage returns are left to encoding/xml.
func plain(b []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	var wide uint64 // has a high bit if b is not ASCII
	rest := b
	for ; len(rest) >= 32; rest = rest[32:] {
		x0, x1 := binary.LittleEndian.Uint64(rest), binary.LittleEndian.Uint64(rest[8:])
		x2, x3 := binary.LittleEndian.Uint64(rest[16:]), binary.LittleEndian.Uint64(rest[24:])
		wide |= x0 | x1 | x2 | x3
		control := (x0-ones*' ')&^x0 | (x1-ones*' ')&^x1 | (x2-ones*' ')&^x2 | (x3-ones*' ')&^x3
		if control&high != 0 && !printable(rest[:32]) {
			return false
		}
	}
	for _, c := range rest {
		wide |= uint64(c)
	}
	if !printable(rest) {
		return false
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

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}
