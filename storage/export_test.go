package storage

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jmoiron/sqlx"
)

// Latest is the version of the newest migration.
func Latest() int64 { return latest() }

// AddMigrations adds migrations to the program until the test ends.
func AddMigrations(t testing.TB, more map[string]string) {
	t.Helper()
	before, all := scripts, fstest.MapFS{}
	names, err := fs.Glob(before, "migrations/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		script, err := fs.ReadFile(before, name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = &fstest.MapFile{Data: script}
	}
	for name, script := range more {
		all["migrations/"+name] = &fstest.MapFile{Data: []byte(script)}
	}
	scripts = maps.Clone(all)
	t.Cleanup(func() { scripts = before })
}

// OpenAt creates a database with the schema of an older version.
func OpenAt(ctx context.Context, dsn string, version int64, script string) error {
	s, err := connect(ctx, dsn, Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.migrate(ctx, version); err != nil {
		return err
	}
	_, err = s.writer.ExecContext(ctx, script)
	return err
}

// Pragma reads a pragma on the writer's connection.
func Pragma(t testing.TB, s *Store, name string) (value string) {
	t.Helper()
	if err := s.writer.Get(&value, "PRAGMA "+name); err != nil {
		t.Fatal(err)
	}
	return value
}

// Exec runs a statement directly on the database, bypassing the store's fence.
func Exec(t testing.TB, s *Store, query string) {
	t.Helper()
	if _, err := s.writer.Exec(query); err != nil {
		t.Fatal(err)
	}
}

// Token is the token of the current term.
func Token(t testing.TB, s *Store) (token string) {
	t.Helper()
	if err := s.writer.Get(&token, "SELECT token FROM holder"); err != nil {
		t.Fatal(err)
	}
	return token
}

// InDoubt leaves a transaction of the store open on the server, through another store's connection, as if the answer to its
// COMMIT had not arrived; commit ends it.
func InDoubt(t testing.TB, s, other *Store) (commit func() error) {
	t.Helper()
	tx, err := other.writer.BeginTxx(t.Context(), nil)
	if err == nil {
		_, err = tx.Exec("UPDATE holder SET commits = commits + 1")
	}
	if err != nil {
		t.Fatal(err)
	}
	s.fence.lost, s.fence.last = true, uncertain
	return tx.Commit
}

// AnswersWithin changes how long a connection may be silent.
func AnswersWithin(s *Store, d time.Duration) { s.dialer.setTimeout(d) }

// Mentions returns the columns, as "table.column", that hold an address or one of its resources, in order.
func Mentions(t testing.TB, s *Store, jid string) (columns []string) {
	t.Helper()
	query := "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = current_schema() AND data_type = 'text'"
	if s.bind() == sqlx.QUESTION {
		query = "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.type = 'TEXT'"
	}
	var all []string
	if err := s.writer.Select(&all, query); err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		table, column, _ := strings.Cut(name, ".")
		var n int
		query := fmt.Sprintf("SELECT count(*) FROM %[1]s WHERE %[2]s = ? OR substr(%[2]s, 1, length(?) + 1) = ? || '/'", table, column)
		if err := s.writer.Get(&n, s.writer.Rebind(query), jid, jid, jid); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			columns = append(columns, name)
		}
	}
	slices.Sort(columns)
	return columns
}

// Copied lists the tables that a copy includes.
func Copied() []string { return append(slices.Clone(copied), meta.name) }

// Tables lists all tables of a database.
func Tables(t testing.TB, s *Store) (all []string) {
	t.Helper()
	query := "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
	if s.bind() == sqlx.QUESTION {
		query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	}
	if err := s.writer.Select(&all, query); err != nil {
		t.Fatal(err)
	}
	return all
}
