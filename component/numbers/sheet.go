package numbers

import (
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// sheet reads a table as spreadsheets write it: UTF-8 or UTF-16 with a byte order mark (Excel, PowerShell), lines ending in CR only,
// cells forced to be text (="…"), and columns separated by commas, semicolons or tabs.
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
	sepLine  = regexp.MustCompile(`^(sep=([,;\t]))(?:\n|$)`) // for Excel; replaced by an empty line
	textCell = regexp.MustCompile(`(?m)(^|[,;\t])="([^"\n]*)"`)
)

// cell returns the content of a cell without the marks that make it text.
func cell(field string) string {
	field = strings.TrimPrefix(strings.TrimSpace(field), "'")
	if inner, ok := strings.CutPrefix(field, `="`); ok {
		field = strings.TrimSuffix(inner, `"`)
	}
	return field
}

// firstSeparator returns the first column separator in the text. None of them occurs in a JID or number.
func firstSeparator(text string) rune {
	if i := strings.IndexAny(text, ",;\t"); i >= 0 {
		return rune(text[i])
	}
	return ','
}
