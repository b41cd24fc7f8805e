package storage

import (
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/track"
)

// A walk visits the columns of one value after another: to collect their names, to read values from a struct, or to set
// them. So each column of a type is named in one place. Columns are integers or texts; in every statement the integers come
// first.
type walk struct {
	mode  mode
	names *table
	ints  []int64
	texts []string
	convs map[track.Conv]halves // of the messages so far
}

type mode uint8

const (
	naming mode = iota
	packing
	unpacking
)

// table is what the SQL needs to know about a type.
type table struct {
	name        string
	ints, texts []string
	fixed       []literal // further columns, which are always set to the same
	key         string    // the column by which an update finds its rows
}

// literal is the value of a column, in SQL.
type literal struct{ column, value string }

func (t *table) columns() []string { return slices.Concat(t.ints, t.texts) }

func (t *table) list() string { return strings.Join(t.columns(), ", ") }

// all returns the columns that are written, and values their values: those given for its own columns, and the fixed ones.
func (t *table) all() []string {
	all := t.columns()
	for _, f := range t.fixed {
		all = append(all, f.column)
	}
	return all
}

func (t *table) values(own []string) []string {
	all := slices.Clone(own)
	for _, f := range t.fixed {
		all = append(all, f.value)
	}
	return all
}

// kind is a table whose rows are values of T.
type kind[T any] struct {
	table
	visit func(*walk, *T)
}

func kindOf[T any](name string, visit func(*walk, *T)) *kind[T] {
	k := &kind[T]{table{name: name}, visit}
	visit(&walk{mode: naming, names: &k.table}, new(T))
	return k
}

// keyed is a kind for updates, which find their rows by the column key.
func keyed[T any](name, key string, visit func(*walk, *T)) *kind[T] {
	k := kindOf(name, visit)
	k.key = key
	return k
}

// pack reads the values of vs.
func (k *kind[T]) pack(vs ...T) rows {
	w := walk{mode: packing, ints: make([]int64, 0, len(vs)*len(k.ints)), texts: make([]string, 0, len(vs)*len(k.texts))}
	for i := range vs {
		k.visit(&w, &vs[i])
	}
	return rows{n: len(vs), ints: w.ints, texts: w.texts}
}

// rows are the values of n rows, one row after another.
type rows struct {
	n     int
	ints  []int64
	texts []string
}

// row returns the i-th row.
func (r rows) row(t *table, i int) (ints []int64, texts []string) {
	return r.ints[i*len(t.ints) : (i+1)*len(t.ints)], r.texts[i*len(t.texts) : (i+1)*len(t.texts)]
}

// read yields the rows of a query. Its columns must be those of the table.
func (k *kind[T]) read(found *sql.Rows, err error, yield func(*T) error) error {
	if err != nil {
		return err
	}
	defer found.Close()
	ints, texts := make([]int64, len(k.ints)), make([]string, len(k.texts))
	dest := make([]any, 0, len(ints)+len(texts))
	for i := range ints {
		dest = append(dest, &ints[i])
	}
	for i := range texts {
		dest = append(dest, &texts[i])
	}
	for found.Next() {
		if err := found.Scan(dest...); err != nil {
			return err
		}
		var v T
		k.visit(&walk{mode: unpacking, ints: ints, texts: texts}, &v)
		if err := yield(&v); err != nil {
			return err
		}
	}
	return found.Err()
}

type integer interface {
	~int | ~int32 | ~int64 | ~uint8 | ~uint32
}

func num[T integer](w *walk, name string, v *T) {
	switch w.mode {
	case naming:
		w.names.ints = append(w.names.ints, name)
	case packing:
		w.ints = append(w.ints, int64(*v))
	case unpacking:
		*v = T(w.ints[0])
		w.ints = w.ints[1:]
	}
}

func flag(w *walk, name string, v *bool) {
	var n int64
	if *v {
		n = 1
	}
	num(w, name, &n)
	*v = n != 0
}

// choice is a setting with few values. An unknown number that is too large for its type is read as the largest, so that it
// is not mistaken for a known one.
func choice[T ~uint8](w *walk, name string, v *T) {
	n := int64(*v)
	num(w, name, &n)
	if *v = T(n); int64(*v) != n {
		*v = ^T(0)
	}
}

// span is a duration. One that is too large or negative is read as -1 ms.
func span(w *walk, name string, v *time.Duration) {
	ms := v.Milliseconds()
	num(w, name, &ms)
	if *v = time.Duration(ms) * time.Millisecond; ms < 0 || v.Milliseconds() != ms {
		*v = -time.Millisecond
	}
}

// derived is a number that is computed when the value is written, and not read: a hash.
func derived(w *walk, name string, of func() int64) {
	var n int64
	if w.mode == packing {
		n = of()
	}
	num(w, name, &n)
}

func str[T ~string](w *walk, name string, v *T) {
	switch w.mode {
	case naming:
		w.names.texts = append(w.names.texts, name)
	case packing:
		w.texts = append(w.texts, clean(string(*v)))
	case unpacking:
		*v = T(w.texts[0])
		w.texts = w.texts[1:]
	}
}

func list[T any](w *walk, name string, v *[]T) {
	var text string
	if w.mode == packing && len(*v) > 0 {
		b, _ := json.Marshal(*v) // numbers and strings: never an error
		text = string(b)
	}
	str(w, name, &text)
	if w.mode == unpacking {
		*v = nil
		if text != "" {
			json.Unmarshal([]byte(text), v) // was written above
		}
	}
}

// clean makes s storable in every database: one bad byte from the wire must not fail a whole batch.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func cleaned(all []string) []string {
	all = slices.Clone(all)
	for i := range all {
		all[i] = clean(all[i])
	}
	return all
}

func cleanKey(k track.Key) track.Key {
	return track.Key{Sender: clean(k.Sender), Recipient: clean(k.Recipient), ID: clean(k.ID)}
}

func cleanConv(c track.Conv) track.Conv {
	return track.Conv{Sender: clean(c.Sender), Recipient: clean(c.Recipient)}
}
