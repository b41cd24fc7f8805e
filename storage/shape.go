package storage

import (
	"slices"
	"strconv"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// shape is a way to write a row: the columns that are passed as parameters, and those of which the statement has the values in its
// text. Of a message, most columns have no value, and those that an update changes usually get the same values: fewer parameters
// mean less to pass, and fewer columns fewer indexes to touch. But each shape is a statement per batch.
type shape struct {
	table
	columns     uint64 // bits: the indexes of all its columns in the whole table
	ints, texts []int  // the same as indexes, of those that are passed
	fixedInts   []fixed[int64]
	fixedTexts  []fixed[string]
	stmt        *sqlx.Stmt
}

// fixed is the value that a shape has for a column, by its index in the whole table among those of its type.
type fixed[T any] struct {
	column int
	value  T
}

// values are the values of columns, by name: integers or texts.
type values map[string]any

// What is usual, by far: a message is delivered by its receipt, and settled by its marker.
var (
	isPending = values{"kind": int(track.Watched), "unsettled": 1}
	isSettled = values{"unsettled": 0, "due": 0, "text": "", "further": ""}
	byReceipt = values{"status": int(track.Delivered), "why": "", "state": string(track.StateDelivered), "basis": string(track.ByReceipt), "further": ""}
	byMarker  = values{
		"kind": int(track.Watched), "unsettled": 0, "status": int(track.Displayed), "due": 0, "text": "", "why": string(track.ReasonSettled),
		"state": string(track.StateDisplayed), "basis": string(track.ByMarker), "further": "",
	}
)

// insertShapes returns the shapes of new messages, smallest first: opened; opened and read in the same batch; opened and settled
// otherwise; anything else.
func insertShapes(t *table) []*shape {
	sent := []string{"hash", "conv", "ord", "marks", "standing", "there", "delivery_rule", "reading_rule", "sent_at", "handed_at", "sender", "recipient", "id", "resource", "lang"}
	read := append(slices.Clone(sent), "delivered_at", "settled_at", "seq", "rev", "notice_at")
	settled := append(slices.Clone(read), "kind", "status", "why", "state", "basis")
	none := values{}
	for i, column := range t.columns() {
		if none[column] = 0; i >= len(t.ints) {
			none[column] = ""
		}
	}
	return []*shape{
		shapeOf(t, append(slices.Clone(sent), "due", "text"), isPending, none),
		shapeOf(t, read, byMarker, none),
		shapeOf(t, settled, none),
		shapeOf(t, t.columns()),
	}
}

// updateShapes returns the shapes of changed messages, smallest first: delivered by a receipt, or read by a marker, with the same
// expectations as before; delivered or timed out; settled; anything else.
func updateShapes(t *table) []*shape {
	proven := []string{"ord", "marks", "delivered_at", "seq", "rev", "notice_at"}
	arrived := append(slices.Clone(proven), "status", "delivery_rule", "reading_rule", "why", "state", "basis")
	return []*shape{
		shapeOf(t, append(slices.Clone(proven), "due"), byReceipt),
		shapeOf(t, append(slices.Clone(proven), "handed_at", "settled_at"), byMarker),
		shapeOf(t, append(slices.Clone(arrived), "due", "further")),
		shapeOf(t, append(slices.Clone(arrived), "handed_at", "settled_at"), isSettled),
		shapeOf(t, t.columns()),
	}
}

// shapeOf returns the shape that passes some columns of a table; of the others it sets those with a fixed value, the first that is
// found.
func shapeOf(whole *table, passed []string, others ...values) *shape {
	s := &shape{table: table{name: whole.name, key: whole.key}}
	for i, column := range whole.columns() {
		isInt := i < len(whole.ints)
		j := i - len(whole.ints) // of a text
		if slices.Contains(passed, column) {
			s.columns |= 1 << i
			if isInt {
				s.table.ints, s.ints = append(s.table.ints, column), append(s.ints, i)
			} else {
				s.table.texts, s.texts = append(s.table.texts, column), append(s.texts, j)
			}
			continue
		}
		for _, of := range others {
			value, ok := of[column]
			if !ok {
				continue
			}
			s.columns |= 1 << i
			switch v := value.(type) {
			case int:
				s.fixedInts = append(s.fixedInts, fixed[int64]{i, int64(v)})
				s.table.fixed = append(s.table.fixed, literal{column, strconv.Itoa(v)})
			case string:
				s.fixedTexts = append(s.fixedTexts, fixed[string]{j, v})
				s.table.fixed = append(s.table.fixed, literal{column, "'" + v + "'"})
			}
			break
		}
	}
	return s
}

// fits reports whether a row can be written in this shape, given the columns that must be written.
func (s *shape) fits(columns uint64, ints []int64, texts []string) bool {
	return columns&^s.columns == 0 &&
		!slices.ContainsFunc(s.fixedInts, func(f fixed[int64]) bool { return ints[f.column] != f.value }) &&
		!slices.ContainsFunc(s.fixedTexts, func(f fixed[string]) bool { return texts[f.column] != f.value })
}

// shaped groups rows by the first shape that fits: it writes every column that differs from that of the row which is replaced.
// was has these rows, one for each; without them, as in an insert, all columns are written.
func shaped(shapes []*shape, t *table, is, was rows) []rows {
	parts, fits := make([]rows, len(shapes)), make([]int, is.n) // fits: the shape of each row
	for i := range is.n {
		ints, texts := is.row(t, i)
		changed := ^uint64(0) >> (64 - len(ints) - len(texts))
		if was.n > 0 {
			wasInts, wasTexts := was.row(t, i)
			changed = difference(ints, wasInts) | difference(texts, wasTexts)<<len(ints)
		}
		fits[i] = slices.IndexFunc(shapes, func(s *shape) bool { return s.fits(changed, ints, texts) })
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
