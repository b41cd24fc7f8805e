//go:build !race

package scenarios

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"tocsin/internal/fakeserver"
	"tocsin/internal/lab"
	"tocsin/storage"
)

// Taps do not depend on the database: one is enough here. The stories use a few schemas in turn: creating one takes longer
// than most of them.
func TestPostgres(t *testing.T) {
	atOnce := flag.Lookup("test.parallel").Value.(flag.Getter).Get().(int)
	schemas := make(chan *schema, atOnce)
	for range atOnce {
		schemas <- newSchema(t)
	}
	fakeserver.RunOnce(t, "testdata", func(t *testing.T) fakeserver.Subject {
		s := <-schemas
		t.Cleanup(func() {
			if err := s.empty(); err != nil {
				t.Errorf("empty the schema for the next story: %v", err)
			}
			schemas <- s
		})
		return &subject{t: t, dsn: s.dsn}
	}, fakeserver.Module)
}

// schema has a connection with a temporary copy of every table as it was at first.
type schema struct {
	dsn, name string
	db        *sqlx.DB
	tables    []string
}

func newSchema(t *testing.T) *schema {
	t.Helper()
	s := &schema{dsn: lab.Postgres(t)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(storage.Migrate(t.Context(), s.dsn))
	var err error
	s.db, err = sqlx.Open("postgres", s.dsn)
	must(err)
	t.Cleanup(func() { s.db.Close() })
	s.db.SetMaxOpenConns(1)
	must(s.db.GetContext(t.Context(), &s.name, "SELECT current_schema()"))
	must(s.db.SelectContext(t.Context(), &s.tables, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"))
	for _, table := range s.tables {
		_, err := s.db.ExecContext(t.Context(), fmt.Sprintf("CREATE TEMPORARY TABLE %s AS TABLE %[1]s", table))
		must(err)
	}
	return s
}

// empty makes the schema as it was at first, once the story's sessions have ended: they may still be writing.
func (s *schema) empty() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // in a cleanup
	defer cancel()
	for sessions := 1; sessions > 0; {
		err := s.db.GetContext(ctx, &sessions, `SELECT count(*) FROM pg_stat_activity
			WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()`)
		if err != nil {
			return err
		}
		if sessions > 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
	var text strings.Builder
	for _, table := range s.tables {
		fmt.Fprintf(&text, "DELETE FROM %s.%s; INSERT INTO %[1]s.%[2]s TABLE pg_temp.%[2]s;\n", s.name, table)
	}
	_, err := s.db.ExecContext(ctx, text.String())
	return err
}
