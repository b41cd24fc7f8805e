package numbers

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"tocsin/address"
	"tocsin/track"
)

// Fault is a line of a file that is not as it should be.
type Fault struct {
	Line int
	Text string
}

// Faults are all the bad lines of a file. As an error they have a line each.
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

var header = []string{"jid", "number", "consent"}

// ReadCSV reads lines of "jid,number[,consent]", of which the first may be a header of these names. It returns the
// numbers in the order of the file, as an admin's and without a time; or, if any line is bad, none but all Faults.
// A number has its owner's consent unless the line says "no", or private is set.
func ReadCSV(r io.Reader, region string, private bool) ([]track.Number, error) {
	lines := csv.NewReader(r)
	lines.FieldsPerRecord = -1
	lines.TrimLeadingSpace = true
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
		if first {
			fields[0] = strings.TrimPrefix(fields[0], "\ufeff") // as Excel writes it
			if isHeader(fields) {
				continue
			}
		}
		line, _ := lines.FieldPos(0)
		n, err := parseLine(fields, region)
		if earlier := seen[n.JID]; err == nil && earlier > 0 {
			err = fmt.Errorf("%s stands on line %d already", n.JID, earlier)
		}
		if err != nil {
			faults = append(faults, Fault{line, err.Error()})
			continue
		}
		seen[n.JID] = line
		n.Consent = n.Consent && !private
		all = append(all, n)
	}
}

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

func parseLine(fields []string, region string) (track.Number, error) {
	n := track.Number{Source: track.FromAdmin, Consent: true}
	if len(fields) < 2 || len(fields) > 3 {
		return n, errors.New(`needs two or three fields (say "bob@example.org,+8613800138000" or "bob@example.org,+8613800138000,no")`)
	}
	user, err := address.User(strings.TrimSpace(fields[0]))
	if err != nil {
		return n, fmt.Errorf(`%.100q is no JID of a user (say "bob@example.org")`, fields[0])
	}
	number, err := Parse(fields[1], region)
	if err != nil {
		return n, fmt.Errorf("%.100q is %w", fields[1], err)
	}
	if len(fields) == 3 {
		switch strings.ToLower(strings.TrimSpace(fields[2])) {
		case "", "yes", "true", "1":
		case "no", "false", "0":
			n.Consent = false
		default:
			return n, fmt.Errorf("%.100q is neither yes nor no", fields[2])
		}
	}
	n.JID, n.E164 = user, number
	return n, nil
}

// WriteCSV writes numbers, with a header, in the form that ReadCSV reads.
func WriteCSV(w io.Writer, numbers []track.Number) error {
	lines := csv.NewWriter(w)
	lines.Write(header)
	for _, n := range numbers {
		consent := "no"
		if n.Consent {
			consent = "yes"
		}
		lines.Write([]string{n.JID, n.E164, consent})
	}
	lines.Flush()
	return lines.Error()
}
