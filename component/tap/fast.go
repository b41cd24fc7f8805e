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
	b       []byte
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

type binding struct {
	prefix []byte
	space
}

// read reports whether it could read the frame. If not, that says nothing about the frame.
func (r *fast) read(frame []byte, f *fields) bool {
	f.reset()
	if len(frame) == 0 || frame[0] != '<' || !plain(frame) {
		return false
	}
	r.b, r.i, r.nbinds, r.scratch = frame, 0, 0, r.scratch[:0]
	r.escapes = bytes.IndexByte(frame, '&') >= 0
	brackets := bytes.Contains(frame, []byte("]]>"))
	if brackets {
		return false
	}
	for depth := 0; ; {
		// b[i] is "<"
		r.i++
		if r.i >= len(frame) {
			return false
		}
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
				r.names[depth] = name
				depth++
			}
		}
		if depth == 0 {
			return r.i == len(frame)
		}
		n := bytes.IndexByte(frame[r.i:], '<')
		if n < 0 {
			return false
		}
		if n > 0 {
			text := frame[r.i : r.i+n]
			if r.escapes {
				var ok bool
				if text, ok = r.unescape(text); !ok {
					return false
				}
			}
			f.text(text)
		}
		r.i += n
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
func (r *fast) startTag() (name []byte, empty, ok bool) {
	if name = r.name(); name == nil {
		return nil, false, false
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
			return nil, false, false
		}
		if r.b[r.i] == '>' {
			r.i++
			break
		}
		if r.b[r.i] == '/' {
			if r.b[r.i+1] != '>' {
				return nil, false, false
			}
			r.i += 2
			empty = true
			break
		}
		key := r.name()
		r.blanks()
		if key == nil || r.i == len(r.b) || r.b[r.i] != '=' {
			return nil, false, false
		}
		r.i++
		r.blanks()
		value, ok := r.value()
		if !ok {
			return nil, false, false
		}
		if len(key) >= 5 && string(key[:5]) == "xmlns" {
			if !r.bind(key[5:], value) {
				return nil, false, false
			}
			continue
		}
		if r.nattrs == fastAttrs {
			return nil, false, false
		}
		a := &r.attrs[r.nattrs]
		r.nattrs++
		a.space, a.local, a.value = noSpace, key, value
		prefixed = prefixed || bytes.IndexByte(key, ':') >= 0
	}
	if prefixed {
		for i := range r.attrs[:r.nattrs] {
			a := &r.attrs[i]
			if bytes.IndexByte(a.local, ':') < 0 {
				continue
			}
			if a.space, a.local, ok = r.resolve(a.local); !ok {
				return nil, false, false
			}
		}
	}
	return name, empty, true
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

// resolve divides a name into its namespace and the local part.
func (r *fast) resolve(name []byte) (space, []byte, bool) {
	var prefix []byte
	if c := bytes.IndexByte(name, ':'); c >= 0 {
		prefix, name = name[:c], name[c+1:]
		switch string(prefix) {
		case "xml":
			return xmlSpace, name, true
		case "xmlns":
			return noSpace, nil, false
		}
	} else if string(name) == "xmlns" {
		return noSpace, nil, false
	}
	for i := r.nbinds - 1; i >= 0; i-- {
		if b := &r.binds[i]; string(b.prefix) == string(prefix) {
			return b.space, name, true
		}
	}
	if prefix == nil {
		return noSpace, name, true
	}
	return otherSpace, name, true // encoding/xml takes an unbound prefix for the namespace
}

// name reads a name: letters, digits, "-", "_" and "." and at most one ":" between two parts of it. It returns nil for any
// other.
func (r *fast) name() []byte {
	b := r.b[r.i:]
	colon := 0
	for i, c := range b {
		switch class[c] {
		case letter:
		case inName:
			if i == 0 {
				return nil
			}
		case ':':
			if i == 0 || colon > 0 {
				return nil
			}
			colon = i
		default:
			if i == 0 || c >= utf8.RuneSelf || colon == i-1 && colon > 0 {
				return nil
			}
			r.i += i
			return b[:i]
		}
	}
	return nil
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
	if bytes.IndexByte(v, '<') >= 0 {
		return nil, false
	}
	if r.escapes {
		return r.unescape(v)
	}
	return v, true
}

func (r *fast) blanks() {
	for r.i < len(r.b) {
		switch r.b[r.i] {
		case ' ', '\n', '\t':
			r.i++
		default:
			return
		}
	}
}

// unescape returns b without escapes, in the scratch buffer if it has some.
func (r *fast) unescape(b []byte) ([]byte, bool) {
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
	var wide uint64
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		wide |= x & high
		if (x-ones*0x20)&^x&high != 0 && !printable(b[i:i+8]) {
			return false
		}
	}
	for _, c := range b[i:] {
		wide |= uint64(c & 0x80)
	}
	if !printable(b[i:]) {
		return false
	}
	if wide == 0 {
		return true
	}
	if !utf8.Valid(b) {
		return false
	}
	for {
		n := bytes.Index(b, []byte("\uFFFE"[:2]))
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
