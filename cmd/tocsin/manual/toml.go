package manual

import (
	"io"
	"regexp"
	"strings"
)

var (
	tableLine = regexp.MustCompile(`^(?:# )?(\[+[\w.-]+\]+)$`)
	keyLine   = regexp.MustCompile(`^(?:# )?([\w.-]+ = (?:"(?:[^"\\]|\\.)*"|\[.*\]|[^#"\[\s]+))\s*(?:# (.*))?$`)
)

// block is a unit of the example: a table, keys, or a separate paragraph, with its comment.
type block struct {
	table string   // with brackets
	keys  []string // with values
	text  string
}

// Configuration writes the page of a TOML file from an example whose comments precede the keys or follow them. Commented-out
// keys count as keys.
func Configuration(w io.Writer, example string, p Page) error {
	r := &roff{}
	r.head(p)
	r.sections(p.Before)
	r.macro("SH", "DESCRIPTION")
	inKeys := false
	for i, b := range blocks(example) {
		switch {
		case b.table != "":
			if !inKeys {
				inKeys = true
				r.macro("SH", "KEYS")
			}
			r.macro("SS", b.table)
		case len(b.keys) > 0:
			r.macro("TP")
			r.line(bold(b.keys[0]))
			for _, key := range b.keys[1:] {
				r.macro("TQ")
				r.line(bold(key))
			}
		case i > 0:
			r.macro("PP")
		}
		if b.text != "" {
			r.text(b.text)
		}
	}
	r.sections(p.After)
	_, err := io.WriteString(w, r.String())
	return err
}

func blocks(example string) (all []block) {
	var comment []string // belongs to what comes next
	take := func() string {
		text := strings.Join(comment, " ")
		comment = nil
		return text
	}
	adjacent := false // the previous line was a key
	for line := range strings.Lines(example) {
		line = strings.TrimRight(line, "\r\n")
		above := adjacent
		adjacent = false
		if table := tableLine.FindStringSubmatch(line); table != nil {
			all = append(all, block{table: table[1], text: take()})
			continue
		}
		if key := keyLine.FindStringSubmatch(line); key != nil {
			adjacent = true
			if key[2] != "" {
				comment = append(comment, key[2])
			}
			if last := len(all) - 1; above && len(comment) == 0 { // the comment of the previous key applies to this one, too
				all[last].keys = append(all[last].keys, key[1])
				continue
			}
			all = append(all, block{keys: []string{key[1]}, text: take()})
			continue
		}
		if text := strings.TrimSpace(strings.TrimPrefix(line, "#")); text != "" {
			comment = append(comment, text)
		} else if len(comment) > 0 {
			all = append(all, block{text: take()})
		}
	}
	if len(comment) > 0 {
		all = append(all, block{text: take()})
	}
	return all
}
