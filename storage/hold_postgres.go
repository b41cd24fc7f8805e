package storage

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// The times of a hold on PostgreSQL are argued in docs/design/storage.md. A holder asks every beat, and takes an answer that
// does not come within its patience for a loss; the database lets the lock of a silent holder go later than that; and who
// takes over from one that did not give up by itself waits for longer than a beat.
const (
	beat     = time.Second
	patience = 2 * time.Second
	silence  = 4 * time.Second
	pause    = 1500 * time.Millisecond
)

// What is locked.
const (
	liveLock   = "live"
	schemaLock = "schema"
)

// lockKey names a lock of this schema. Advisory locks are the database's own.
func (s *Store) lockKey(what string) int64 {
	sum := sha256.Sum256([]byte("tocsin " + what + " " + s.schema))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// takePostgres takes the advisory lock on a connection of its own, and keeps asking whether that is still there.
func (h *Hold) takePostgres(ctx context.Context, jid string, waits bool) error {
	for {
		db, err := h.lock(ctx, jid, waits)
		if err == nil {
			h.release = db.Close // the lock ends with its session
			alive, stop := context.WithCancel(context.Background())
			h.stop = stop
			h.beating.Go(func() { h.beat(alive, db) })
			return nil
		}
		if ctx.Err() != nil || !waits || errors.Is(err, ErrHeld) {
			return err
		}
		// The database went away while we stood by.
		if err := wait(ctx, beat); err != nil {
			return err
		}
	}
}

// lock connects and waits for the lock.
func (h *Hold) lock(ctx context.Context, jid string, waits bool) (*sqlx.DB, error) {
	db, err := open(ctx, "postgres", h.store.dsn, 1)
	if err != nil {
		return nil, err
	}
	if err := h.lockOn(ctx, db, jid, waits); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func (h *Hold) lockOn(ctx context.Context, db *sqlx.DB, jid string, waits bool) error {
	_, err := db.ExecContext(ctx, fmt.Sprintf("SET statement_timeout = 0; SET lock_timeout = 0; SET idle_session_timeout = %d", silence.Milliseconds()))
	if err != nil {
		return err
	}
	key := h.store.lockKey(liveLock)
	var ours bool
	if err := db.GetContext(ctx, &ours, "SELECT pg_try_advisory_lock($1)", key); err != nil {
		return err
	}
	if !ours {
		var holder string
		if err := db.GetContext(ctx, &holder, "SELECT jid FROM holder WHERE one = 1"); err != nil {
			return err
		}
		if !waits {
			return fmt.Errorf("%w by %s", ErrHeld, holder)
		}
		if holder != "" && holder != jid {
			return fmt.Errorf("%w by %s: every component needs a schema of its own", ErrHeld, holder)
		}
		if _, err := db.ExecContext(ctx, "SELECT pg_advisory_lock($1)", key); err != nil {
			return err
		}
	}
	clean, err := h.begin(ctx, db, jid)
	if err != nil || clean {
		return err
	}
	return wait(ctx, pause)
}

// beat asks until the session is gone, or ctx ends.
func (h *Hold) beat(ctx context.Context, db *sqlx.DB) {
	for wait(ctx, beat) == nil {
		asked, cancel := context.WithTimeout(ctx, patience)
		// A new connection would answer, too: it is the lock that counts.
		var ours bool
		err := db.GetContext(asked, &ours, heldQuery+" AND pid = pg_backend_pid())", h.store.lockKey(liveLock))
		cancel()
		if ctx.Err() == nil && (err != nil || !ours) {
			close(h.lost)
			return
		}
	}
}

const heldQuery = `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND (classid::bigint << 32 | objid::bigint) = $1`

func (s *Store) heldPostgres(ctx context.Context) (held bool, err error) {
	if err := s.get(ctx, &held, heldQuery+")", s.lockKey(liveLock)); err != nil {
		return false, fmt.Errorf("held: %w", err)
	}
	return held, nil
}

func (s *Store) alonePostgres(ctx context.Context) (release func() error, err error) {
	db, err := open(ctx, "postgres", s.dsn, 1)
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, "SELECT pg_advisory_lock($1)", s.lockKey(schemaLock)); err != nil {
		db.Close()
		return nil, err
	}
	return db.Close, nil
}
