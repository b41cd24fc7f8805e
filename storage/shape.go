package storage

import (
	"slices"

	"github.com/jmoiron/sqlx"
)

// shape is a way to write a row: the columns that are passed as parameters, and those that the statement sets to 0 or to the empty
// text itself. Of a message, most columns have no value, and an update changes few: fewer columns mean fewer values to pass and
// fewer indexes to touch. But each shape is a statement per batch.
type shape struct {
	table
	has, lacks  uint64 // bits: the indexes of its columns in the whole table
	ints, texts []int  // the same as indexes, of those that it has
	stmt        *sqlx.Stmt
}

// insertShapes returns the shapes of new messages, smallest first: opened; opened and settled in the same batch; anything else.
func insertShapes(t *table) []*shape {
	sent := []string{"hash", "conv", "ord", "kind", "marks", "standing", "there", "delivery_rule", "reading_rule", "sent_at", "handed_at", "sender", "recipient", "id", "resource", "lang"}
	opened := append(slices.Clone(sent), "unsettled", "due", "text")
	settled := append(slices.Clone(sent), "status", "delivered_at", "settled_at", "seq", "rev", "notice_at", "why", "state", "basis")
	all := t.columns()
	return []*shape{shapeOf(t, opened, all), shapeOf(t, settled, all), shapeOf(t, all, nil)}
}

// updateShapes returns the shapes of changed messages, smallest first: delivered or timed out; settled; anything else.
func updateShapes(t *table) []*shape {
	arrived := []string{"ord", "status", "marks", "delivery_rule", "reading_rule", "delivered_at", "seq", "rev", "notice_at", "why", "state", "basis"}
	return []*shape{
		shapeOf(t, append(slices.Clone(arrived), "due", "further"), nil),
		shapeOf(t, append(slices.Clone(arrived), "handed_at", "settled_at"), []string{"unsettled", "due", "text", "further"}),
		shapeOf(t, t.columns(), nil),
	}
}

// shapeOf returns the shape that has some columns of a table, and of the others lacks some.
func shapeOf(whole *table, has, lacks []string) *shape {
	s := &shape{table: table{name: whole.name, key: whole.key}}
	for i, column := range whole.columns() {
		isInt := i < len(whole.ints)
		if slices.Contains(has, column) {
			s.has |= 1 << i
			if isInt {
				s.table.ints, s.ints = append(s.table.ints, column), append(s.ints, i)
			} else {
				s.table.texts, s.texts = append(s.table.texts, column), append(s.texts, i-len(whole.ints))
			}
		} else if slices.Contains(lacks, column) {
			s.lacks |= 1 << i
			if isInt {
				s.table.zeros = append(s.table.zeros, column)
			} else {
				s.table.empties = append(s.table.empties, column)
			}
		}
	}
	return s
}

// shaped groups rows by the first shape that fits: it writes every column that differs from that of the row which is replaced.
// was has these rows, one for each; without them, as in an insert, all columns are written.
func shaped(shapes []*shape, t *table, is, was rows) []rows {
	parts, fits := make([]rows, len(shapes)), make([]int, is.n) // fits: the shape of each row
	zeroInts, zeroTexts := make([]int64, len(t.ints)), make([]string, len(t.texts))
	for i := range is.n {
		ints, texts := is.row(t, i)
		changed := ^uint64(0) >> (64 - len(ints) - len(texts))
		if was.n > 0 {
			wasInts, wasTexts := was.row(t, i)
			changed = difference(ints, wasInts) | difference(texts, wasTexts)<<len(ints)
		}
		value := difference(ints, zeroInts) | difference(texts, zeroTexts)<<len(ints)
		fits[i] = slices.IndexFunc(shapes, func(s *shape) bool { return changed&^(s.has|s.lacks) == 0 && value&s.lacks == 0 })
		parts[fits[i]].n++
	}
	for i, s := range shapes {
		parts[i].ints, parts[i].texts = make([]int64, 0, parts[i].n*len(s.ints)), make([]string, 0, parts[i].n*len(s.texts))
	}
	for i, n := range fits {
		ints, texts := is.row(t, i)
		for _, j := range shapes[n].ints {
			parts[n].ints = append(parts[n].ints, ints[j])
		}
		for _, j := range shapes[n].texts {
			parts[n].texts = append(parts[n].texts, texts[j])
		}
	}
	return parts
}

// difference returns the indexes at which two rows differ, as bits.
func difference[T comparable](a, b []T) (bits uint64) {
	for i := range a {
		if a[i] != b[i] {
			bits |= 1 << i
		}
	}
	return bits
}
