package sms

import (
	"regexp"
	"strings"
	"unicode"
)

// maxMarks is how many combining marks may follow a character: the limit of the Stream-Safe Text Format (UAX #15 §13), more than
// any language needs.
const maxMarks = 30

const (
	zwnj      = '\u200c'
	zwj       = '\u200d'
	blackFlag = '\U0001f3f4'
)

// Clean removes what could deceive or disturb a reader: control characters, bidirectional overrides and isolates, invisible
// characters that join nothing. Line ends become "\n", at most two in a row; all spaces except the ideographic one become plain
// spaces. It keeps what languages and emoji need: joiners between characters, one variation selector after a character, the tags
// of a flag, left-to-right and right-to-left marks.
func Clean(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	text = lineEnds.Replace(text)
	c := cleaner{}
	c.b.Grow(len(text))
	for i, r := range text {
		c.add(r, text[i:])
	}
	return trimLines(c.b.String())
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n", "\v", "\n", "\f", "\n")

type cleaner struct {
	b     strings.Builder
	last  rune // the last character written
	joins bool // a joiner is pending
	join  rune // the joiner
	marks int  // combining marks since the last base character
	tags  int  // remaining bytes of a flag's tags
}

func (c *cleaner) add(r rune, rest string) {
	switch {
	case c.tags > 0:
		c.tags -= len(string(r))
		c.b.WriteRune(r)
	case r == '\n':
		c.write(r)
	case r == zwj || r == zwnj:
		c.joins, c.join = visible(c.last), r
	case unicode.Is(unicode.Variation_Selector, r):
		if visible(c.last) && !unicode.Is(unicode.Variation_Selector, c.last) && !c.joins {
			c.write(r)
		}
	case invisible(r):
	case unicode.Is(unicode.Zs, r) && r != '\u3000', r == '\t':
		c.write(' ')
	case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
		if c.marks < maxMarks {
			c.write(r)
			c.marks++
		}
	case r == blackFlag:
		c.write(r)
		c.tags = len(flagTags.FindString(rest[len(string(r)):]))
	default:
		c.write(r)
	}
}

// flagTags matches the tags of a subdivision flag, such as Scotland's (UTS #51, ED-14a).
var flagTags = regexp.MustCompile(`^[\x{e0030}-\x{e0039}\x{e0061}-\x{e007a}]{1,6}\x{e007f}`)

// write writes r, preceded by a pending joiner.
func (c *cleaner) write(r rune) {
	if c.joins && visible(r) {
		c.b.WriteRune(c.join)
	}
	c.b.WriteRune(r)
	c.last, c.joins = r, false
	if !unicode.Is(unicode.M, r) {
		c.marks = 0
	}
}

// visible reports whether a joiner can join r to something.
func visible(r rune) bool { return r != 0 && !unicode.IsSpace(r) && !direction(r) }

// direction reports whether r is only a direction mark.
func direction(r rune) bool { return r == '\u200e' || r == '\u200f' || r == '\u061c' }

// invisible reports whether r is to be removed. Visible format characters, as in Arabic, are kept.
func invisible(r rune) bool {
	switch {
	case direction(r):
		return false
	case unicode.Is(unicode.Cf, r):
		return !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
	}
	return r != '\t' && unicode.Is(unicode.Cc, r) ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) ||
		unicode.Is(unicode.Noncharacter_Code_Point, r)
}

// trimLines removes trailing spaces, and collapses consecutive empty lines.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	kept := lines[:0]
	for _, line := range lines {
		line = strings.TrimRight(line, " ")
		if line == "" && len(kept) > 0 && kept[len(kept)-1] == "" {
			continue
		}
		kept = append(kept, line)
	}
	return strings.Trim(strings.Join(kept, "\n"), "\n ")
}
