package storage

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
)

// dialect has the SQL that differs between the databases.
type dialect interface {
	// insert returns the statement that inserts rows into t, to be run by write; tail is its ON CONFLICT clause.
	insert(t *table, tail string) string
	// update returns the statement that changes rows of t, found by t.key, to be run by write. what returns the expression
	// for a column, given its name and its new value.
	update(t *table, what func(column, value string) string) string
	// write runs such a statement for many rows.
	write(ctx context.Context, stmt *sqlx.Stmt, t *table, r rows) error

	// among returns the condition that a column has one of the values of a parameter, made by integers or names.
	among(column string) string
	greater(a, b string) string // the greater value of two expressions
	integers([]int64) any
	names([]string) any
	// newest returns a query for the n newest rows, by ord, of each value of a column; its parameter is made by integers.
	newest(t *table, column string, n int) string

	unsettled() string // a query: senders, and how many unsettled messages they have

	bind() int // the style of placeholders, as a sqlx constant
	goose() goose.Dialect
	hasVersions() string           // a query: is there a table of migrations
	makes() bool                   // whether a missing schema is created even without Options.Migrate
	ddl(script string) string      // adapts a migration
	bytewise(column string) string // an expression that sorts by bytes
	row() string                   // the row id of a table without a single-column key
	erase() string                 // a script that overwrites the remains of deleted rows in the files, or ""
	lockRow() string               // the end of a SELECT that waits for other writers of its row
	staysOpen() bool               // whether a transaction may remain open after a failed commit
}

type sqlite struct{}

func (sqlite) insert(t *table, tail string) string {
	return insertInto(t, "VALUES ("+strings.Join(t.values(parameters(t)), ", ")+") "+tail)
}

func parameters(t *table) []string { return slices.Repeat([]string{"?"}, len(t.columns())) }

func insertInto(t *table, values string) string {
	return fmt.Sprintf("INSERT INTO %s (%s) %s", t.name, strings.Join(t.all(), ", "), values)
}

// update takes the values in the order of the columns, and then the key: parameters with numbers cost more to bind.
func (sqlite) update(t *table, what func(column, value string) string) string {
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s = ?", t.name, assignments(t, parameters(t), what), t.key)
}

// assignments are those of an update.
func assignments(t *table, values []string, what func(column, value string) string) string {
	var set []string
	values = t.values(values)
	for i, column := range t.all() {
		if column != t.key {
			set = append(set, column+" = "+what(column, values[i]))
		}
	}
	return strings.Join(set, ", ")
}

// write runs the statement once per row: without a network, multi-row statements are no faster.
func (sqlite) write(ctx context.Context, stmt *sqlx.Stmt, t *table, r rows) error {
	_, err := stmt.ExecContext(ctx, bulk{t, r})
	return err
}

func (sqlite) among(column string) string { return column + " IN (SELECT value FROM json_each(?))" }

func (sqlite) greater(a, b string) string { return fmt.Sprintf("max(%s, %s)", a, b) }

func (sqlite) integers(values []int64) any { return asJSON(values) }
func (sqlite) names(values []string) any   { return asJSON(cleaned(values)) }

func asJSON[T any](values []T) string {
	b, _ := json.Marshal(values) // numbers and strings: never an error
	return string(b)
}

func (sqlite) newest(t *table, column string, n int) string {
	return fmt.Sprintf("SELECT %[1]s FROM %[2]s WHERE ord IN (SELECT o.ord FROM json_each(?) AS v JOIN %[2]s AS o ON o.ord IN "+
		"(SELECT i.ord FROM %[2]s AS i WHERE i.%[3]s = v.value ORDER BY i.ord DESC LIMIT %[4]d))", t.list(), t.name, column, n)
}

// unsettled counts by conversation, using only the index, and then looks up the sender of each.
func (sqlite) unsettled() string {
	return "SELECT m.sender, sum(c.n) FROM (SELECT min(ord) AS ord, count(*) AS n FROM messages WHERE " + isOpen + " GROUP BY conv) AS c " +
		"JOIN messages AS m ON m.ord = c.ord GROUP BY m.sender"
}

// erase empties the WAL, unless a reader blocks it for longer than the writer may wait; then the next round will.
func (sqlite) erase() string {
	return "PRAGMA busy_timeout = 50; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = 5000"
}

func (sqlite) bind() int { return sqlx.QUESTION }

func (sqlite) goose() goose.Dialect { return goose.DialectSQLite3 }

func (sqlite) hasVersions() string {
	return "SELECT count(*) > 0 FROM sqlite_master WHERE name = 'goose_db_version'"
}

func (sqlite) makes() bool { return true }

// ddl: only an INTEGER PRIMARY KEY is the rowid; all integers of SQLite have 64 bits.
func (sqlite) ddl(script string) string {
	return without(strings.ReplaceAll(script, "BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY"), "-- postgres")
}

// without removes the lines that end with a mark.
func without(script, mark string) string {
	var kept []string
	for line := range strings.Lines(script) {
		if !strings.HasSuffix(strings.TrimSpace(line), mark) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func (sqlite) bytewise(column string) string { return column }
func (sqlite) row() string                   { return "rowid" }
func (sqlite) lockRow() string               { return "" }
func (sqlite) staysOpen() bool               { return true }

type postgres struct{}

func (postgres) source(t *table) string {
	var arrays []string
	for i := range t.columns() {
		typ := "bigint"
		if i >= len(t.ints) {
			typ = "text"
		}
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, typ))
	}
	return fmt.Sprintf("unnest(%s) AS v(%s)", strings.Join(arrays, ", "), t.list())
}

func (p postgres) insert(t *table, tail string) string {
	return insertInto(t, "SELECT "+strings.Join(t.values(t.columns()), ", ")+" FROM "+p.source(t)+" "+tail)
}

func (p postgres) update(t *table, what func(column, value string) string) string {
	var values []string
	for _, column := range t.columns() {
		values = append(values, "v."+column)
	}
	return fmt.Sprintf("UPDATE %[1]s SET %[2]s FROM %[3]s WHERE %[1]s.%[4]s = v.%[4]s", t.name, assignments(t, values, what), p.source(t), t.key)
}

func (postgres) write(ctx context.Context, stmt *sqlx.Stmt, t *table, r rows) error {
	var args []any
	for j := range t.ints {
		args = append(args, intArray{r.ints[j:], len(t.ints)})
	}
	for j := range t.texts {
		args = append(args, textArray{r.texts[j:], len(t.texts)})
	}
	_, err := stmt.ExecContext(ctx, args...)
	return err
}

func (postgres) among(column string) string { return column + " = ANY(?)" }

func (postgres) greater(a, b string) string { return fmt.Sprintf("greatest(%s, %s)", a, b) }

func (postgres) integers(values []int64) any { return intArray{values, 1} }
func (postgres) names(values []string) any   { return textArray{cleaned(values), 1} }
func (postgres) newest(t *table, column string, n int) string {
	return fmt.Sprintf("SELECT m.* FROM unnest(?::bigint[]) AS v(value) CROSS JOIN LATERAL "+
		"(SELECT %s FROM %s WHERE %s = v.value ORDER BY ord DESC LIMIT %d) AS m", t.list(), t.name, column, n)
}

func (postgres) unsettled() string {
	return "SELECT sender, count(*) FROM messages WHERE " + isOpen + " GROUP BY sender"
}

func (postgres) bind() int                { return sqlx.DOLLAR }
func (postgres) goose() goose.Dialect     { return goose.DialectPostgres }
func (postgres) hasVersions() string      { return "SELECT to_regclass('goose_db_version') IS NOT NULL" }
func (postgres) makes() bool              { return false }
func (postgres) ddl(script string) string { return without(script, "-- sqlite") }
func (postgres) bytewise(column string) string {
	return column + ` COLLATE "C"`
}
func (postgres) row() string     { return "ctid" }
func (postgres) erase() string   { return "" }
func (postgres) lockRow() string { return " FOR UPDATE" }
func (postgres) staysOpen() bool { return false }

// intArray is the array of every stride-th value, starting with the first.
type intArray struct {
	values []int64
	stride int
}

// Value implements driver.Valuer.
func (a intArray) Value() (driver.Value, error) {
	var b strings.Builder
	var digits [20]byte
	b.Grow(2 + len(a.values)/a.stride*8)
	for i := 0; i < len(a.values); i += a.stride {
		b.WriteByte(separator(i))
		b.Write(strconv.AppendInt(digits[:0], a.values[i], 10))
	}
	return closed(&b), nil
}

// textArray is the array of every stride-th value, starting with the first.
type textArray struct {
	values []string
	stride int
}

// Value implements driver.Valuer.
func (a textArray) Value() (driver.Value, error) {
	var b strings.Builder
	b.Grow(2 + len(a.values)/a.stride*24)
	for i := 0; i < len(a.values); i += a.stride {
		b.WriteByte(separator(i))
		b.WriteByte('"')
		rest := a.values[i]
		for special := strings.IndexAny(rest, `"\`); special >= 0; special = strings.IndexAny(rest, `"\`) {
			b.WriteString(rest[:special])
			b.WriteByte('\\')
			b.WriteByte(rest[special])
			rest = rest[special+1:]
		}
		b.WriteString(rest)
		b.WriteByte('"')
	}
	return closed(&b), nil
}

// separator precedes the i-th value of an array.
func separator(i int) byte {
	if i == 0 {
		return '{'
	}
	return ','
}

func closed(b *strings.Builder) string {
	if b.Len() == 0 {
		return "{}"
	}
	b.WriteByte('}')
	return b.String()
}
