package lab

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// Element is a received XML element as a tree, with resolved namespaces.
type Element struct {
	Name     xml.Name
	Attrs    []xml.Attr
	Children []*Element
	Text     string // the element's own character data, joined
}

// Attr returns the value of an attribute without a namespace (or with any, if only that has the name), or "".
func (e *Element) Attr(name string) string {
	if e == nil {
		return ""
	}
	value := ""
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			if a.Name.Space == "" {
				return a.Value
			}
			value = a.Value
		}
	}
	return value
}

// Has reports whether there is an element at the path; see Find.
func (e *Element) Has(path string) bool { return e.Find(path) != nil }

// Find returns the first element at the path below e, or nil. A path is a small XPath:
//
//	body                                   a child by its local name, in any namespace
//	forwarded/message                      a grandchild
//	{urn:xmpp:receipts}received[@id='m1']  with its namespace and an attribute's value
//	*[@id]                                 any child that has the attribute
//	body[.='hello']                        with this text
//	//status                               at any depth
func (e *Element) Find(path string) *Element {
	if found := e.All(path); len(found) > 0 {
		return found[0]
	}
	return nil
}

// All returns every element at the path below e, in document order.
func (e *Element) All(path string) []*Element {
	if e == nil {
		return nil
	}
	s := parse(path)
	return s.below(e)
}

// Is reports whether e itself matches the path's first step and has the rest of the path below: the form for stanzas, as in
// "message[@type='headline']/status[@state='displayed']".
func (e *Element) Is(path string) bool {
	s := parse(path)
	if len(s) == 0 || !s[0].matches(e) {
		return false
	}
	return len(s) == 1 || len(s[1:].below(e)) > 0
}

// String formats e as readable XML: without prefixes, with namespaces where they change.
func (e *Element) String() string {
	var b strings.Builder
	e.write(&b, "")
	return b.String()
}

func (e *Element) write(b *strings.Builder, space string) {
	b.WriteString("<" + e.Name.Local)
	if e.Name.Space != space {
		fmt.Fprintf(b, " xmlns='%s'", Escape(e.Name.Space))
	}
	for _, a := range e.Attrs {
		if a.Name.Local == "xmlns" || a.Name.Space == "xmlns" {
			continue
		}
		name := a.Name.Local
		if a.Name.Space == "http://www.w3.org/XML/1998/namespace" {
			name = "xml:" + name
		}
		fmt.Fprintf(b, " %s='%s'", name, Escape(a.Value))
	}
	if e.Text == "" && len(e.Children) == 0 {
		b.WriteString("/>")
		return
	}
	b.WriteString(">" + Escape(e.Text))
	for _, c := range e.Children {
		c.write(b, e.Name.Space)
	}
	b.WriteString("</" + e.Name.Local + ">")
}

// Escape escapes text for character data and attribute values.
func Escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&apos;", `"`, "&quot;").Replace(s)
}

// step is one part of a path.
type step struct {
	deep   bool // at any depth
	space  string
	local  string // "*": any
	attrs  []attr
	text   string
	isText bool
}

type attr struct {
	name, value string
	any         bool // the attribute only has to exist
}

type steps []step

func (s step) matches(e *Element) bool {
	if s.local != "*" && e.Name.Local != s.local || s.space != "" && e.Name.Space != s.space || s.isText && e.Text != s.text {
		return false
	}
	for _, want := range s.attrs {
		if !slices.ContainsFunc(e.Attrs, func(a xml.Attr) bool {
			return a.Name.Local == want.name && (want.any || a.Value == want.value)
		}) {
			return false
		}
	}
	return true
}

// below returns the elements at the path s below e.
func (s steps) below(e *Element) (found []*Element) {
	for _, c := range e.Children {
		if s[0].matches(c) {
			if len(s) == 1 {
				found = append(found, c)
			} else {
				found = append(found, s[1:].below(c)...)
			}
		}
		if s[0].deep {
			found = append(found, s.below(c)...)
		}
	}
	return found
}

// parse parses a path; an invalid one is an error in the test's source, so it panics.
func parse(path string) (s steps) {
	bad := func() { panic(fmt.Sprintf("lab: bad path %q", path)) }
	rest := path
	for rest != "" {
		var p step
		if p.deep = strings.HasPrefix(rest, "//"); p.deep {
			rest = rest[2:]
		}
		if strings.HasPrefix(rest, "{") {
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				bad()
			}
			p.space, rest = rest[1:end], rest[end+1:]
		}
		end := strings.IndexAny(rest, "[/")
		if end < 0 {
			end = len(rest)
		}
		if p.local, rest = rest[:end], rest[end:]; p.local == "" {
			bad()
		}
		for strings.HasPrefix(rest, "[") {
			end := closing(rest)
			if end < 0 {
				bad()
			}
			p.condition(rest[1:end], bad)
			rest = rest[end+1:]
		}
		s = append(s, p)
		if strings.HasPrefix(rest, "//") {
			continue
		}
		if rest != "" && (rest[0] != '/' || len(rest) == 1) {
			bad()
		}
		rest = strings.TrimPrefix(rest, "/")
	}
	return s
}

// closing returns the index of the bracket that ends the condition at the start of s, which may contain quoted brackets.
func closing(s string) int {
	quoted := false
	for i, r := range s {
		switch {
		case r == '\'':
			quoted = !quoted
		case r == ']' && !quoted:
			return i
		}
	}
	return -1
}

func (s *step) condition(text string, bad func()) {
	name, value, valued := strings.Cut(text, "=")
	if valued {
		if len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
			bad()
		}
		value = value[1 : len(value)-1]
	}
	switch {
	case name == "." && valued:
		s.text, s.isText = value, true
	case strings.HasPrefix(name, "@") && len(name) > 1:
		s.attrs = append(s.attrs, attr{name: name[1:], value: value, any: !valued})
	default:
		bad()
	}
}
