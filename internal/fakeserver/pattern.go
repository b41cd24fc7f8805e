package fakeserver

import (
	"fmt"
	"regexp"
	"strings"
)

// vars are the values captured by patterns, by name with the dollar sign.
type vars map[string]string

var variable = regexp.MustCompile(`\$[a-z][a-z0-9]*`)

// fill inserts the captured values.
func (v vars) fill(s string) string {
	return variable.ReplaceAllStringFunc(s, func(name string) string {
		if value, ok := v[name]; ok {
			return value
		}
		return name
	})
}

// text matches a string: "…" matches anything, $name captures (no white space or quotes), "∅" matches the empty string.
func (v vars) text(pattern, s string) bool {
	if pattern == "∅" {
		return s == ""
	}
	var re strings.Builder
	var names []string
	for part := range strings.SplitSeq(pattern, "…") {
		if re.Len() > 0 {
			re.WriteString("(?s:.*)")
		} else {
			re.WriteString("^")
		}
		at := 0
		for _, i := range variable.FindAllStringIndex(part, -1) {
			re.WriteString(regexp.QuoteMeta(part[at:i[0]]) + `([^\s"“”]+)`)
			names = append(names, part[i[0]:i[1]])
			at = i[1]
		}
		re.WriteString(regexp.QuoteMeta(part[at:]))
	}
	found := regexp.MustCompile(re.String() + "$").FindStringSubmatch(s)
	if found == nil {
		return false
	}
	for i, name := range names {
		if known, ok := v[name]; ok && known != found[i+1] {
			return false
		}
		v[name] = found[i+1]
	}
	return true
}

// match reports whether an element matches a pattern: it has the pattern's name, attributes, text and children, in any
// order, and possibly more. <not:name/> in a pattern matches if there is no such child. A name without a namespace matches
// any namespace.
func (v vars) match(pattern, e *Element) bool {
	if pattern.Name.Local != e.Name.Local || pattern.Name.Space != nsComponent && pattern.Name.Space != e.Name.Space {
		return false
	}
	for name, want := range pattern.Attr {
		got, ok := e.Attr[name]
		if want == "∅" && !ok {
			continue
		}
		if !ok || !v.text(want, got) {
			return false
		}
	}
	if want := strings.TrimSpace(pattern.Text); want != "" && !v.text(want, strings.TrimSpace(e.Text)) {
		return false
	}
	taken := make(map[*Element]bool)
	for _, child := range pattern.Children {
		if child.Name.Space == "not" {
			absent := *child
			absent.Name.Space = nsComponent
			if v.child(&absent, e, nil) {
				return false
			}
			continue
		}
		if !v.child(child, e, taken) {
			return false
		}
	}
	return true
}

func (v vars) child(pattern, e *Element, taken map[*Element]bool) bool {
	for _, c := range e.Children {
		if !taken[c] && v.try(pattern, c) {
			if taken != nil {
				taken[c] = true
			}
			return true
		}
	}
	return false
}

// try is match, but captures nothing unless it matches.
func (v vars) try(pattern, e *Element) bool {
	caught := make(vars, len(v))
	for name, value := range v {
		caught[name] = value
	}
	if !caught.match(pattern, e) {
		return false
	}
	for name, value := range caught {
		v[name] = value
	}
	return true
}

// pattern makes a pattern from the words after "expect": XML, or one of the short forms.
func pattern(words []string) (*Element, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("missing pattern")
	}
	if strings.HasPrefix(words[0], "<") {
		return ParseElement(words[0])
	}
	short, ok := shorts[words[0]]
	if !ok || len(words)-1 < short.least {
		return nil, fmt.Errorf("incomplete pattern (%s needs %d words)", words[0], short.least)
	}
	options := make(map[string]string)
	for _, word := range words[1+short.least:] {
		name, value, _ := strings.Cut(word, "=")
		options[name] = value
	}
	xml := short.xml(words[1:], options)
	for name := range options {
		return nil, fmt.Errorf("unknown option %q", name)
	}
	return ParseElement(xml)
}

// shorts are the short forms of patterns.
var shorts = map[string]struct {
	least int
	xml   func(words []string, options map[string]string) string
}{
	// status WHO ID STATE [with=] [by=] [further=] [seq=]
	"status": {3, func(w []string, o map[string]string) string {
		return fmt.Sprintf("<message from='%s' to='%s' type='headline'><status xmlns='%s' id='%s' state='%s'%s/><no-store/><not:body/></message>",
			component, address(w[0]), nsTocsin, w[1], w[2], attrs(o, "with", "by", "further", "seq"))
	}},
	// prompt WHO ID REASON [as=$p] [with=] [priority=] [also=m2,m3] [expires=] [text="…"]; \n in a text is a line break
	"prompt": {3, func(w []string, o map[string]string) string {
		var inner strings.Builder
		if also, ok := take(o, "also"); ok {
			for id := range strings.SplitSeq(also, ",") {
				fmt.Fprintf(&inner, "<also id='%s'/>", id)
			}
		} else {
			inner.WriteString("<not:also/>")
		}
		if text, ok := take(o, "text"); ok {
			fmt.Fprintf(&inner, "<text>%s</text>", strings.ReplaceAll(escape(strings.Trim(text, `"`)), `\n`, "\n"))
		}
		return fmt.Sprintf("<message from='%s' to='%s' type='chat'><escalate xmlns='%s' id='%s' reason='%s'%s>%s</escalate>"+
			"<no-store/><no-copy/><private/><not:body/><not:request/><not:markable/></message>",
			contact, address(w[0]), nsTocsin, w[1], w[2], attrs(o, "as", "with", "priority", "expires"), inner.String())
	}},
	// withdraw WHO PROMPT REASON
	"withdraw": {3, func(w []string, o map[string]string) string {
		return fmt.Sprintf("<message from='%s' to='%s' type='chat'><withdraw xmlns='%s' prompt='%s' reason='%s'/><no-store/><no-copy/><private/></message>",
			contact, address(w[0]), nsTocsin, w[1], w[2])
	}},
	// chat WHO "TEXT" [id=]
	"chat": {2, func(w []string, o map[string]string) string {
		return fmt.Sprintf("<message from='%s' to='%s' type='chat'%s><body>%s</body><not:request/><not:markable/></message>",
			contact, address(w[0]), attrs(o, "id"), escape(strings.Trim(w[1], `"`)))
	}},
	// settled WHO CHAT-ID "TEXT": a prompt by chat is corrected to one line (XEP-0308)
	"settled": {3, func(w []string, o map[string]string) string {
		return fmt.Sprintf("<message from='%s' to='%s' type='chat'><body>%s</body><replace xmlns='urn:xmpp:message-correct:0' id='%s'/><not:escalate/></message>",
			contact, address(w[0]), escape(strings.Trim(w[2], `"`)), w[1])
	}},
}

const nsTocsin = "urn:tocsin:escalation:0"

// attrs formats the options of these names as attributes; by stands for "basis", as for "prompt".
func attrs(options map[string]string, names ...string) string {
	var b strings.Builder
	for _, name := range names {
		value, ok := take(options, name)
		if !ok {
			continue
		}
		switch name {
		case "by":
			name = "basis"
		case "as":
			name = "prompt"
		case "with":
			value = address(value)
		}
		fmt.Fprintf(&b, " %s='%s'", name, escape(value))
	}
	return b.String()
}

func take(options map[string]string, name string) (string, bool) {
	value, ok := options[name]
	delete(options, name)
	return value, ok
}
