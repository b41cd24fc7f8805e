package manual

import (
	"fmt"
	"strings"
	"unicode"
)

// roff is a page in the macros of man(7).
type roff struct{ strings.Builder }

func (r *roff) head(p Page) {
	fmt.Fprintf(r, ".TH %s %d \"\" %q\n", escape(strings.ToUpper(p.Name)), p.Section, escape(p.Source))
	r.macro("SH", "NAME")
	fmt.Fprintf(r, "%s \\- %s\n", escape(p.Name), escape(p.Summary))
}

func (r *roff) sections(sections []Section) {
	for _, s := range sections {
		r.macro("SH", s.Title)
		for i, text := range s.Text {
			if term, description, found := strings.Cut(text, "\t"); found {
				r.macro("TP")
				r.line(bold(term))
				r.text(description)
				continue
			}
			if i > 0 {
				r.macro("PP")
			}
			r.text(text)
		}
	}
}

// macro writes a request with a single argument, whatever it contains.
func (r *roff) macro(name string, args ...string) {
	r.WriteString("." + name)
	for _, arg := range args {
		r.WriteString(` "` + strings.ReplaceAll(escape(arg), `"`, `\(dq`) + `"`)
	}
	r.WriteString("\n")
}

// text writes plain text.
func (r *roff) text(text string) { r.line(escape(text)) }

// line writes text formatted by bold, italic and escape.
func (r *roff) line(line string) {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	r.WriteString(line + "\n")
}

func bold(s string) string   { return `\fB` + escape(s) + `\fR` }
func italic(s string) string { return `\fI` + escape(s) + `\fR` }

// escape makes text literal: hyphens are for copying, not for line breaks, and characters beyond ASCII don't depend on an
// encoding.
func escape(s string) string {
	var b strings.Builder
	for _, c := range plain.Replace(s) {
		if c > unicode.MaxASCII {
			fmt.Fprintf(&b, `\[u%04X]`, c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

var plain = strings.NewReplacer(`\`, `\e`, "-", `\-`, "^", `\(ha`, "~", `\(ti`, "`", `\(ga`, "\n", " ")
