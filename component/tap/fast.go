package tap

import (
	"bytes"
	"unicode/utf8"
)

// Anything beyond these bounds is left to encoding/xml. The limits of intake are not larger.
const (
	fastDepth = 64
	fastAttrs = 128
	fastNames = 256 // namespace declarations in force
)

// fast reads frames without allocating. It accepts only what it understands: well-formed XML with plain names, without
// CDATA sections, comments and processing instructions, which is what servers send.
type fast struct {
	frame   []byte
	b       []byte // the frame up to the next "<"
	i       int
	escape  int // index of the next "&"; len(frame) if there is none
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

// read reports whether it could read the relevant part of the frame. If not, the frame may still be valid.
func (r *fast) read(frame []byte, f *fields) bool {
	f.reset()
	if len(frame) == 0 || frame[0] != '<' || !plain(frame) || bytes.Contains(frame, []byte("]]>")) {
		return false
	}
	r.frame, r.nbinds, r.scratch = frame, 0, r.scratch[:0]
	r.escape = next(frame, '&', 0)
	for depth, start := 0, 0; ; {
		end := next(frame, '<', start+1) // no attribute value may contain it
		if start+1 == end {
			return false
		}
		r.b, r.i = frame[:end], start+1
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
			tag, empty, ok := r.startTag()
			if !ok {
				return false
			}
			s, local, ok := r.resolve(tag)
			if !ok {
				return false
			}
			f.start(depth, s, local, r.attrs[:r.nattrs])
			if f.dull {
				return true
			}
			if empty {
				r.nbinds = r.bound[depth]
				f.end(depth)
			} else {
				r.names[depth] = tag.bytes
				depth++
			}
		}
		if depth == 0 {
			return r.i == len(frame)
		}
		if end == len(frame) {
			return false
		}
		if r.i < end {
			text := r.b[r.i:]
			if r.escape < end {
				var ok bool
				if text, ok = r.unescape(r.i, end); !ok {
					return false
				}
			}
			f.text(text)
		}
		start = end
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
	if prefixed { // the prefix may be bound in the same tag
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

// bind handles a namespace declaration; rest is what follows "xmlns".
func (r *fast) bind(rest, uri []byte) bool {
	if r.nbinds == fastNames {
		return false
	}
	var prefix []byte
	if len(rest) > 0 {
		if rest[0] != ':' {
			return false
		}
		prefix = rest[1:]
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
		return otherSpace, local, true // encoding/xml uses an unbound prefix as the namespace
	}
	return noSpace, local, true
}

// name reads a name: letters, digits, "-", "_" and "." and at most one ":" between two parts of it. Others are left to
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

// class is the role of a byte in a name.
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
	from := r.i
	r.i += n + 1
	if r.escape < from+n {
		return r.unescape(from, from+n)
	}
	return r.b[from : from+n], true
}

// blanks skips white space.
func (r *fast) blanks() {
	for r.i < len(r.b) && (r.b[r.i] == ' ' || r.b[r.i] == '\n' || r.b[r.i] == '\t') {
		r.i++
	}
}
