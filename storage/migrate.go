package storage

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var embedded embed.FS

// scripts are the migrations: forward only, and never changed once released.
var scripts fs.FS = embedded

// ErrSchema is the error for a database whose schema this program can't use.
var ErrSchema = errors.New("schema")

// Migration is one migration of the schema.
type Migration struct {
	Version int64
	Name    string
	Applied bool
}

// plan lists the embedded migrations in order.
func plan() []Migration {
	files, _ := fs.ReadDir(scripts, "migrations") // embedded: no error
	var all []Migration
	for _, f := range files {
		number, name, _ := strings.Cut(strings.TrimSuffix(f.Name(), ".sql"), "_")
		version, _ := strconv.ParseInt(number, 10, 64)
		all = append(all, Migration{Version: version, Name: name})
	}
	return all
}

// provider runs the migrations up to version last.
func (s *Store) provider(last int64) (*goose.Provider, error) {
	var steps []*goose.Migration
	for _, m := range plan() {
		if m.Version > last {
			break
		}
		script, err := fs.ReadFile(scripts, fmt.Sprintf("migrations/%04d_%s.sql", m.Version, m.Name))
		if err != nil {
			return nil, err
		}
		steps = append(steps, goose.NewGoMigration(m.Version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			first, second, filled := strings.Cut(string(script), hashesMark)
			_, err := tx.ExecContext(ctx, s.ddl(first))
			if err == nil && filled {
				if err = fillHashes(ctx, tx, s.dialect); err == nil {
					_, err = tx.ExecContext(ctx, s.ddl(second))
				}
			}
			return err
		}}, nil))
	}
	return goose.NewProvider(s.goose(), s.writer.DB, nil, goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))
}

// Version returns the version of the database's schema: 0 if it has none.
func (s *Store) Version(ctx context.Context) (int64, error) {
	var found bool
	if err := s.writer.GetContext(ctx, &found, s.hasVersions()); err != nil || !found {
		return 0, err
	}
	var version int64
	err := s.writer.GetContext(ctx, &version, "SELECT coalesce(max(version_id), 0) FROM goose_db_version")
	return version, err
}

func latest() int64 {
	all := plan()
	return all[len(all)-1].Version
}

// ready makes sure that the schema is the current one, migrating it if allowed.
func (s *Store) ready(ctx context.Context, o Options) error {
	for tries := 0; ; tries++ {
		version, err := s.Version(ctx)
		switch {
		case err != nil:
			return err
		case version == latest():
			return nil
		case version > latest():
			return fmt.Errorf("%w: version %d is newer than this program's (%d): use a newer tocsin", ErrSchema, version, latest())
		case version == 0 && o.Existing:
			return fmt.Errorf("%w: not a database of Tocsin", ErrSchema)
		case version == 0 && !o.Migrate && !s.makes():
			return fmt.Errorf("%w: none yet: run \"tocsin migrate\"", ErrSchema)
		case version > 0 && !o.Migrate:
			return fmt.Errorf("%w: version %d is older than this program's (%d): run \"tocsin migrate\"", ErrSchema, version, latest())
		}
		err = s.migrate(ctx, latest())
		if errors.Is(err, ErrInUse) && tries < 250 {
			err = wait(ctx, 20*time.Millisecond) // another process may be creating it
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrSchema, err)
		}
	}
}

// migrate runs the missing migrations up to version last, exclusively.
func (s *Store) migrate(ctx context.Context, last int64) (err error) {
	release, err := s.alone(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	p, err := s.provider(last)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Migrate brings the schema of a database up to date.
func Migrate(ctx context.Context, dsn string) error {
	s, err := Open(ctx, dsn, Options{Migrate: true})
	if err != nil {
		return err
	}
	return s.Close()
}

// Status lists the migrations of a database. It changes nothing, except that it creates a missing SQLite file.
func Status(ctx context.Context, dsn string) ([]Migration, error) {
	s, err := connect(ctx, dsn, Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	version, err := s.Version(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	all := plan()
	for i := range all {
		all[i].Applied = all[i].Version <= version
	}
	return all, nil
}
