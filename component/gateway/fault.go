package gateway

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a route.
type Fault struct {
	File string // "" for the route itself, or of a preset
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

// Faults are all that is wrong with a route.
type Faults []Fault

// Error gives one line a fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}
