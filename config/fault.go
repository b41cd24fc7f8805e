package config

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one error in the configuration.
type Fault struct {
	File string // or the environment variable with the value
	Line int    // 0 for missing keys, and values from elsewhere
	Key  string // "track.unread_after"; "" if the fault concerns no key
	Text string
}

// Error returns the fault in one line: config.toml:12: track.unread_after: invalid duration "10x" (example: 10m).
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Text)
	return b.String()
}

// Faults are all faults of a file, by line.
type Faults []Fault

// Error returns one line per fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Key, b.Key)
	})
}

// nearest returns the word that was probably meant, if misspelt or abbreviated, or "".
func nearest(word string, words []string) string {
	best, least := "", 1+max(1, len(word)/4)
	if i := slices.IndexFunc(words, func(w string) bool { return len(word) > 2 && strings.HasPrefix(w, word) }); i >= 0 {
		best = words[i]
	}
	for _, w := range words {
		if d := distance(word, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance is the number of letters to insert, remove, replace or swap with a neighbour to turn a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
