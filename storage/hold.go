package storage

import (
	"context"
	"database/sql"
	"encoding/binary"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

// The times of a hold on PostgreSQL, argued in docs/design/storage.md: a holder that is cut off knows after beat + patience at the
// latest; the database lets its lock go after silence, which is longer; whoever takes over from a holder that did not give up
// waits for longer than a beat, in which the other finds its connection gone.
const (
	beat     = time.Second
	patience = 2 * time.Second
	silence  = 4 * time.Second
	grace    = 1500 * time.Millisecond
)

// Hold is the right to be the one live instance on a database.
type Hold struct {
	store   *Store
	lost    chan struct{}
	stop    func()
	beating sync.WaitGroup
	release func(context.Context) error
}

// Lost is closed when the right is gone without a Release: another instance may hold the database now.
func (h *Hold) Lost() <-chan struct{} { return h.lost }

// Release gives the right up: the next holder need not wait. The store commits nothing any more.
func (h *Hold) Release() error {
	h.stop()
	h.beating.Wait()
	epoch := h.store.epoch.Swap(-1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := h.store.writer.ExecContext(ctx, h.store.writer.Rebind("UPDATE holder SET jid = '' WHERE one = 1 AND epoch = ?"), epoch)
	if err := errors.Join(err, h.release(ctx)); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// ErrHeld is the error of a database that another instance holds, where waiting for it makes no sense.
var ErrHeld = errors.New("the database is in use")

// Hold takes the right to be the one live instance for the component jid. On SQLite it fails with ErrHeld, naming the process, if
// another one has it; on PostgreSQL it waits until the other one ends, or ctx. From then on commits of every earlier holder fail
// with ErrFenced.
func (s *Store) Hold(ctx context.Context, jid string) (*Hold, error) {
	h, err := s.hold(ctx, jid, true)
	if err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	return h, nil
}

// Held tells whether an instance holds the database.
func (s *Store) Held(ctx context.Context) (bool, error) {
	if s.dsn != "" {
		var held bool
		err := s.get(ctx, &held, `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND (classid::bigint << 32 | objid::bigint) = ?)`, s.lockKey(liveLock))
		return held, err
	}
	if s.lockFile == "" {
		return s.epoch.Load() > 0, nil
	}
	f, err := lockFile(s.lockFile)
	if errors.Is(err, ErrHeld) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, f.Close()
}

func (s *Store) hold(ctx context.Context, jid string, wait bool) (*Hold, error) {
	h := &Hold{store: s, lost: make(chan struct{}), stop: func() {}, release: func(context.Context) error { return nil }}
	var err error
	switch {
	case s.dsn != "":
		err = h.lock(ctx, jid, wait)
	case s.lockFile != "":
		var f *os.File
		if f, err = s.lockFileSoon(ctx); err == nil {
			h.release = func(context.Context) error { return f.Close() }
			_, err = h.begin(ctx, s.writer, jid)
		}
	default:
		_, err = h.begin(ctx, s.writer, jid)
	}
	if err != nil {
		h.release(ctx)
		return nil, err
	}
	return h, nil
}

// begin opens a new epoch. clean reports whether the last holder gave up by itself.
func (h *Hold) begin(ctx context.Context, db *sqlx.DB, jid string) (clean bool, err error) {
	var epoch int64
	err = h.store.within2(ctx, db, func(tx *sqlx.Tx) error {
		var last string
		if err := tx.GetContext(ctx, &last, "SELECT jid FROM holder WHERE one = 1 "+h.store.share()); err != nil {
			return err
		}
		clean = last == ""
		return tx.GetContext(ctx, &epoch, tx.Rebind("UPDATE holder SET epoch = epoch + 1, jid = ? WHERE one = 1 RETURNING epoch"), jid)
	})
	if err == nil {
		h.store.epoch.Store(epoch)
	}
	return clean, err
}
