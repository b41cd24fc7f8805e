// Package storage stores Tocsin's data in SQLite or PostgreSQL. It owns the SQL, the migrations and the election of the
// live instance. Package track decides about messages, and storage knows nothing about XMPP.
// docs/design/storage.md has the reasons. Both databases run the same suite (storagetest); plans_test.go checks every query
// plan.
package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// Options configure a database.
type Options struct {
	// Migrate migrates an older schema, and creates a missing one on PostgreSQL. A missing SQLite file is always created
	// with its schema.
	Migrate bool
	// Existing refuses a database that does not exist, or has no schema, instead of creating it.
	Existing bool
	// Now is the clock that leadership goes by; nil: time.Now. It should return both monotonic and wall clock time.
	Now func() time.Time
}

// Store is a database. It is safe for concurrent use.
type Store struct {
	dialect
	locker
	// The ledger has one connection, for reads, too: its statements are prepared once, and its cache survives its own
	// commits. All other reads use the readers.
	writer, readers *sqlx.DB
	name            string  // for errors: the path, or the URL without its password
	dialer          *dialer // PostgreSQL
	now             func() time.Time
	hashed
	statements
	fence fence

	pruning cursor
}

// answersWithin is how long PostgreSQL may take to start answering a statement before the connection counts as dead.
const answersWithin = 10 * time.Second

// Open opens a database: "sqlite:PATH", "sqlite::memory:" or a "postgres://" URL.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	s, err := connect(ctx, dsn, o)
	if err != nil {
		return nil, hinted(err)
	}
	if s.now = o.Now; s.now == nil {
		s.now = time.Now
	}
	if err := s.setUp(ctx, o); err != nil {
		s.Close()
		return nil, hinted(fmt.Errorf("%s: %w", s.name, err))
	}
	return s, nil
}

func (s *Store) setUp(ctx context.Context, o Options) error {
	if err := s.dialer.withoutTimeout(func() error { return s.ready(ctx, o) }); err != nil {
		return err
	}
	secret, err := s.secret(ctx)
	if err != nil {
		return err
	}
	s.hashed = hashedBy(secret)
	return s.prepare(ctx)
}

// Close closes all connections.
func (s *Store) Close() error {
	err := s.statements.close()
	if s.readers != s.writer {
		err = errors.Join(err, s.readers.Close())
	}
	return errors.Join(err, s.writer.Close())
}

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Get(ctx, "")
	return err
}
