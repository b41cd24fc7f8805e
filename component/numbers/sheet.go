package numbers

import (
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// sheet reads the text of a table as programs write it: UTF-8 or UTF-16 with a byte order mark (Excel, PowerShell), lines
// that end with CR alone, cells forced to be text (="…"), and columns divided by commas, semicolons or tabs.
func sheet(r io.Reader) (text string, separator rune, err error) {
	data, err := io.ReadAll(transform.NewReader(r, unicode.BOMOverride(transform.Nop)))
	if err != nil {
		return "", 0, err
	}
	text = strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n")
	if hint := sepLine.FindStringSubmatch(text); hint != nil {
		text, separator = strings.TrimPrefix(text, hint[1]), rune(hint[2][0])
	} else {
		separator = firstSeparator(text)
	}
	return textCell.ReplaceAllString(text, "$1$2"), separator, nil
}

var (
	sepLine  = regexp.MustCompile(`^(sep=([,;\t]))(?:\n|$)`) // tells Excel; its line stays, empty
	textCell = regexp.MustCompile(`(?m)(^|[,;\t])="([^"\n]*)"`)
)

// cell is what a cell shows: without the marks that make it text.
func cell(field string) string {
	field = strings.TrimPrefix(strings.TrimSpace(field), "'")
	if inner, ok := strings.CutPrefix(field, `="`); ok {
		field = strings.TrimSuffix(inner, `"`)
	}
	return field
}

// firstSeparator is the first of the characters that divide columns; none of them is in a JID or number.
func firstSeparator(text string) rune {
	if i := strings.IndexAny(text, ",;\t"); i >= 0 {
		return rune(text[i])
	}
	return ','
}
