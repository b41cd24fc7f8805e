package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// path is a place in a document: keys, and the indexes of elements of arrays and arrays of tables.
type path []string

// maxDepth is the depth of a path below which places are not distinguished: no valid key is nested so deeply.
const maxDepth = 8

func (p path) add(part string) path {
	if len(p) >= maxDepth {
		return p
	}
	return append(p[:len(p):len(p)], part)
}

const indexMark = "\x00" // begins a part that is an index

func (p path) index(i int) path { return p.add(indexMark + strconv.Itoa(i)) }

func (p path) String() string { return strings.Join(p, "\x00") }

// key returns the name of a place for people: "escalate.step.do", without indexes.
func (p path) key() string {
	return toml.Key(slices.DeleteFunc(slices.Clone(p), func(part string) bool {
		return strings.HasPrefix(part, indexMark)
	})).String()
}

// lineScanner finds the lines of the keys of valid TOML: it need not detect errors, only where keys and values begin and
// end.
type lineScanner struct {
	doc    string
	pos    int
	line   int
	lines  map[string]int // path → line
	arrays map[string]int // path of an array of tables → tables seen
}

// keyLines returns the line of every table, key and array element of a valid document, by path.String().
func keyLines(doc string) map[string]int {
	s := lineScanner{doc: doc, line: 1, lines: map[string]int{}, arrays: map[string]int{}}
	var table path
	for s.space(); s.pos < len(s.doc); s.space() {
		switch {
		case s.skip("[["):
			table = s.resolve(s.key("]"), true)
			s.skip("]]")
		case s.skip("["):
			table = s.resolve(s.key("]"), false)
			s.skip("]")
		default:
			s.pair(table)
		}
	}
	return s.lines
}

// resolve turns a table's header into a path with the indexes of the arrays of tables it passes through.
func (s *lineScanner) resolve(header []string, array bool) path {
	var p path
	for i, part := range header {
		p = p.add(part)
		s.record(p)
		name := p.String()
		if array && i == len(header)-1 {
			s.arrays[name]++
		}
		if n := s.arrays[name]; n > 0 {
			p = p.index(n - 1)
			s.record(p)
		}
	}
	return p
}

func (s *lineScanner) pair(table path) {
	start := s.pos
	p := table
	for _, part := range s.key("=") {
		p = p.add(part)
		s.record(p)
	}
	s.skip("=")
	s.value(p)
	if s.pos == start {
		s.pos++ // not TOML: move on, so that the scan ends
	}
}

func (s *lineScanner) value(p path) {
	s.space()
	switch {
	case s.skip(`"""`):
		s.text(`"""`, true)
	case s.skip(`'''`):
		s.text(`'''`, false)
	case s.skip(`"`):
		s.text(`"`, true)
	case s.skip(`'`):
		s.text(`'`, false)
	case s.skip("["):
		for i := 0; s.more("]"); i++ {
			element := p.index(i)
			s.record(element)
			s.value(element)
		}
	case s.skip("{"):
		for s.more("}") {
			s.pair(p)
		}
	default:
		for s.pos < len(s.doc) && !strings.ContainsRune(",]}#\n", rune(s.doc[s.pos])) {
			s.pos++
		}
	}
}

// more moves to the next element of an array or inline table; at its end, it returns false.
func (s *lineScanner) more(end string) bool {
	for s.space(); s.skip(","); {
		s.space()
	}
	return s.pos < len(s.doc) && !s.skip(end)
}

// text skips a string including its closing quotes.
func (s *lineScanner) text(quotes string, escapes bool) {
	for s.pos < len(s.doc) && !s.skip(quotes) {
		if escapes && s.doc[s.pos] == '\\' && s.pos+1 < len(s.doc) {
			s.pos++
		}
		s.step()
	}
	for i := 0; len(quotes) == 3 && i < 2; i++ { // up to two quotes may precede the closing three
		s.skip(quotes[:1])
	}
}

// key parses a dotted key up to the character end.
func (s *lineScanner) key(end string) []string {
	start := s.pos
	for s.pos < len(s.doc) && !strings.HasPrefix(s.doc[s.pos:], end) && s.doc[s.pos] != '\n' {
		switch {
		case s.skip(`"`):
			s.text(`"`, true)
		case s.skip(`'`):
			s.text(`'`, false)
		default:
			s.pos++
		}
	}
	raw := strings.TrimSpace(s.doc[start:s.pos])
	if !strings.ContainsAny(raw, ". \t\"'") {
		return []string{raw}
	}
	var any map[string]any
	if meta, err := toml.Decode(raw+" = 0", &any); err == nil && len(meta.Keys()) == 1 {
		return meta.Keys()[0]
	}
	return []string{raw}
}

// space skips white space, newlines and comments.
func (s *lineScanner) space() {
	for s.pos < len(s.doc) {
		switch s.doc[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.step()
		case '#':
			for s.pos < len(s.doc) && s.doc[s.pos] != '\n' {
				s.pos++
			}
		default:
			return
		}
	}
}

func (s *lineScanner) skip(prefix string) bool {
	if !strings.HasPrefix(s.doc[s.pos:], prefix) {
		return false
	}
	s.pos += len(prefix)
	return true
}

func (s *lineScanner) step() {
	if s.doc[s.pos] == '\n' {
		s.line++
	}
	s.pos++
}

// record records where a path occurs first.
func (s *lineScanner) record(p path) {
	if _, ok := s.lines[p.String()]; !ok {
		s.lines[p.String()] = s.line
	}
}
