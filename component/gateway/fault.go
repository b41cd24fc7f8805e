package gateway

import (
	"fmt"
	"strings"
)

// Fault is one error in a route's configuration.
type Fault struct {
	File string // a preset's file; "" for the route itself
	Line int    // in File
	Key  string // "query.text"
	Text string
}

func (f Fault) Error() string {
	at := ""
	if f.File != "" {
		at = fmt.Sprintf("%s:%d: ", f.File, f.Line)
	}
	return at + f.Key + ": " + f.Text
}

// Faults are all errors in a route's configuration.
type Faults []Fault

// Error returns one line per fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}
