package storage

import (
	"slices"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// shape is a set of columns of a message that are written together. An update writes the first shape that contains every
// changed column: fewer columns mean fewer values to pass and fewer indexes to touch; fewer shapes mean fewer statements per
// batch.
type shape struct {
	table
	has         uint64 // bits: the indexes of its columns in updates
	ints, texts []int  // the same as indexes
	stmt        *sqlx.Stmt
}

// newShapes returns the shapes, smallest first: delivered or timed out; settled; anything else.
func newShapes() []*shape {
	arrived := []string{"ord", "status", "marks", "delivery_rule", "reading_rule", "delivered_at", "due", "seq", "rev", "notice_at", "why", "state", "basis", "further"}
	settled := append(slices.Clone(arrived), "unsettled", "settled_at", "text")
	return []*shape{shapeOf(arrived), shapeOf(settled), shapeOf(updates.columns())}
}

func shapeOf(columns []string) *shape {
	s := &shape{table: table{name: updates.name}}
	for i, column := range updates.columns() {
		if !slices.Contains(columns, column) {
			continue
		}
		s.has |= 1 << i
		if i < len(updates.ints) {
			s.table.ints, s.ints = append(s.table.ints, column), append(s.ints, i)
		} else {
			s.table.texts, s.texts = append(s.table.texts, column), append(s.texts, i-len(updates.ints))
		}
	}
	return s
}

// shaped groups messages by the shape in which they are written. was is the rows they replace, or nil if unknown.
func shaped(shapes []*shape, is, was []track.Message) []rows {
	all, before := updates.pack(is...), rows{}
	if len(was) == len(is) {
		before = updates.pack(was...)
	}
	parts := make([]rows, len(shapes))
	ints, texts := len(updates.ints), len(updates.texts)
	for i := range is {
		values, words := all.ints[i*ints:(i+1)*ints], all.texts[i*texts:(i+1)*texts]
		changed := ^uint64(0) >> (64 - ints - texts)
		if before.n > 0 {
			changed = difference(values, before.ints[i*ints:]) | difference(words, before.texts[i*texts:])<<ints
		}
		n := slices.IndexFunc(shapes, func(s *shape) bool { return changed&^s.has == 0 })
		part := &parts[n]
		part.n++
		for _, j := range shapes[n].ints {
			part.ints = append(part.ints, values[j])
		}
		for _, j := range shapes[n].texts {
			part.texts = append(part.texts, words[j])
		}
	}
	return parts
}

// difference returns the indexes at which two rows differ, as bits; b may be longer.
func difference[T comparable](a, b []T) (bits uint64) {
	for i := range a {
		if a[i] != b[i] {
			bits |= 1 << i
		}
	}
	return bits
}
