// Package storage keeps what Tocsin knows in SQLite or PostgreSQL. It decides nothing: package track does.
package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// Options say how a database is opened.
type Options struct {
	// Migrate brings an older schema up to date, and makes a missing one on PostgreSQL. A missing SQLite file is
	// always made with its schema.
	Migrate bool
	// Existing refuses a database that is not there, or has no schema, in place of making it.
	Existing bool
}

// Store is a database. It is safe for concurrent use.
type Store struct {
	dialect
	// One connection does what the ledger needs, reading included: its statements are prepared once, and its cache
	// stays valid over its own commits. Everybody else reads on the others.
	writer, readers *sqlx.DB
	name            string // for errors: the path or the URL without its password
	lockFile        string // SQLite in a file: what Hold locks
	dsn, schema     string // PostgreSQL: for the connection that Hold locks with
	dialer          *dialer
	hash            *hasher
	message         *kind[track.Message]
	statements
	epoch atomic.Int64 // of the Hold; 0: it was never held, every Commit is taken

	pruning sync.Mutex
	pruned  int64 // where Prune goes on
}

// answersWithin is how long PostgreSQL may work on one statement before the first of its answer: after it, the connection
// is taken for dead.
const answersWithin = 30 * time.Second

// Open opens a database: "sqlite:PATH", "sqlite::memory:" or a "postgres://" URL.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	s, err := connect(ctx, dsn, o)
	if err != nil {
		return nil, err
	}
	if err := s.setUp(ctx, o); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, nil
}

func (s *Store) setUp(ctx context.Context, o Options) error {
	if err := s.ready(ctx, o); err != nil {
		return err
	}
	if s.dialer != nil { // a migration may take its time
		s.dialer.within(answersWithin)
	}
	secret, err := s.secret(ctx)
	if err != nil {
		return err
	}
	s.keyed(secret)
	return s.prepare(ctx)
}

// keyed makes the store find messages by the hashes of this secret.
func (s *Store) keyed(secret []byte) {
	s.hash = &hasher{secret}
	s.message = kindOf("messages", s.hash.message)
}

// Close closes all connections.
func (s *Store) Close() error {
	err := s.statements.close()
	if s.readers != s.writer {
		err = errors.Join(err, s.readers.Close())
	}
	return errors.Join(err, s.writer.Close())
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Get(ctx, "")
	return err
}

// within runs f in one transaction of the writer.
func (s *Store) within(ctx context.Context, f func(*sqlx.Tx) error) error {
	tx, err := s.writer.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing, after Commit
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}
