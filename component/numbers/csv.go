package numbers

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"tocsin/address"
	"tocsin/track"
)

// Fault is an invalid line of a file.
type Fault struct {
	Line int
	Text string
}

// Faults are all invalid lines of a file. The error message has one line for each.
type Faults []Fault

// Error implements error.
func (f Faults) Error() string {
	var b strings.Builder
	for i, fault := range f {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "line %d: %s", fault.Line, fault.Text)
	}
	return b.String()
}

// Terms are options for importing numbers.
type Terms struct {
	Region  string // ISO 3166, for numbers without a country code
	Private bool   // import without the owners' consent, whatever the file says
	Force   bool   // also accept numbers that Parse refuses and ParseForced accepts
}

// ReadCSV reads lines of "jid,number[,consent[,forced]]", the first of which may be a header with these names. It also accepts
// what spreadsheets write: semicolons or tabs, UTF-16, quotes, a byte order mark. It returns the numbers in the order of the
// file, with an admin as their source and without a time; if any line is invalid, it returns only Faults. A number has its
// owner's consent unless the line says "no". With "yes" in the fourth column, a number that Parse refuses is accepted.
func ReadCSV(r io.Reader, terms Terms) ([]track.Number, error) {
	text, separator, err := sheet(r)
	if err != nil {
		return nil, fmt.Errorf("read numbers: %w", err)
	}
	lines := csv.NewReader(strings.NewReader(text))
	lines.Comma = separator
	lines.FieldsPerRecord = -1
	lines.TrimLeadingSpace = separator != '\t'
	lines.ReuseRecord = true
	var all []track.Number
	var faults Faults
	seen := make(map[string]int) // line by JID
	for first := true; ; first = false {
		fields, err := lines.Read()
		var broken *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if len(faults) > 0 {
				return nil, faults
			}
			return all, nil
		case errors.As(err, &broken):
			faults = append(faults, Fault{broken.Line, broken.Err.Error()})
			continue
		case err != nil:
			return nil, fmt.Errorf("read numbers: %w", err)
		}
		if first && isHeader(fields) {
			continue
		}
		line, _ := lines.FieldPos(0)
		n, err := parseLine(fields, terms)
		if earlier := seen[n.JID]; err == nil && earlier > 0 {
			err = fmt.Errorf("%s is already on line %d", n.JID, earlier)
		}
		if err != nil {
			faults = append(faults, Fault{line, err.Error()})
			continue
		}
		seen[n.JID] = line
		all = append(all, n)
	}
}

var header = []string{"jid", "number", "consent", "forced"}

func isHeader(fields []string) bool {
	if len(fields) < 2 || len(fields) > len(header) {
		return false
	}
	for i, f := range fields {
		if !strings.EqualFold(strings.TrimSpace(f), header[i]) {
			return false
		}
	}
	return true
}

func parseLine(fields []string, terms Terms) (track.Number, error) {
	n := track.Number{Source: track.FromAdmin}
	if len(fields) < 2 || len(fields) > len(header) {
		return n, errors.New("expected jid,number[,consent] (example: bob@example.org,+8613800138000,no)")
	}
	user, err := address.User(strings.TrimSpace(fields[0]))
	if err != nil {
		return n, fmt.Errorf("invalid user JID %.100q (example: bob@example.org)", fields[0])
	}
	n.JID = user
	consent, err := yesOrNo(fields, 2, true)
	if err != nil {
		return n, err
	}
	forced, err := yesOrNo(fields, 3, false)
	if err != nil {
		return n, err
	}
	n.Consent = consent && !terms.Private
	number := cell(fields[1])
	n.E164, n.Source, err = ParseAssigned(number, terms.Region, forced || terms.Force)
	switch {
	case err != nil && rounded.MatchString(number):
		return n, fmt.Errorf("%.100q was rounded by a spreadsheet: format the column as text", number)
	case err != nil:
		return n, fmt.Errorf("%.100q is %w", number, err)
	}
	return n, nil
}

// rounded matches long numbers that a spreadsheet has rounded.
var rounded = regexp.MustCompile(`^\+?[0-9]([.,][0-9]+)?[eE]\+?[0-9]+$`)

// ParseAssigned parses a number that an admin assigns to a user, and returns the source to record. With force, a number that Parse
// refuses is accepted.
func ParseAssigned(text, region string, force bool) (string, track.NumberSource, error) {
	number, err := Parse(text, region)
	if err == nil || !force {
		return number, track.FromAdmin, err
	}
	number, err = ParseForced(text)
	return number, track.FromAdminForced, err
}

// yesOrNo parses field i; otherwise is the value if it is missing or empty.
func yesOrNo(fields []string, i int, otherwise bool) (bool, error) {
	if i >= len(fields) {
		return otherwise, nil
	}
	switch strings.ToLower(strings.TrimSpace(fields[i])) {
	case "":
		return otherwise, nil
	case "yes", "true", "1":
		return true, nil
	case "no", "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("invalid %s %.100q (yes or no)", header[i], fields[i])
}

// WriteCSV writes numbers, with a header, in the format that ReadCSV reads.
func WriteCSV(w io.Writer, numbers []track.Number) error {
	word := map[bool]string{true: "yes", false: "no"}
	forced := func(n track.Number) bool { return n.Source == track.FromAdminForced }
	columns := len(header)
	if !slices.ContainsFunc(numbers, forced) {
		columns--
	}
	lines := csv.NewWriter(w)
	lines.Write(header[:columns])
	for _, n := range numbers {
		lines.Write([]string{n.JID, n.E164, word[n.Consent], word[forced(n)]}[:columns])
	}
	lines.Flush()
	return lines.Error()
}
