package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
)

// ErrInUse is the error of a database that another process holds.
var ErrInUse = errors.New("the database is in use")

// Leadership is the right to be the one live instance on a database.
type Leadership struct {
	store   *Store
	lost    chan struct{}
	stop    context.CancelFunc
	beating sync.WaitGroup
	release func() error // gives the lock back

	// On PostgreSQL; beat owns them until it ends.
	line   *line
	others bool                      // somebody waits for the lock
	asked  atomic.Pointer[time.Time] // when the last question was asked that was answered; anybody may read it
}

// Lead takes the right to be the one live instance, for the component jid. If another instance has it, Lead waits on
// PostgreSQL until that one ends, or ctx; on SQLite it fails with ErrHeld and names the process. From then on the
// commits of all earlier holders fail with track.ErrFenced.
func (s *Store) Lead(ctx context.Context, jid string) (*Leadership, error) {
	h := &Leadership{store: s, lost: make(chan struct{}), stop: func() {}, release: func() error { return nil }}
	if err := h.take(ctx, jid, true); err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	return h, nil
}

func (h *Leadership) take(ctx context.Context, jid string, wait bool) error {
	if h.store.dsn != "" {
		return h.takePostgres(ctx, jid, wait)
	}
	if name := h.store.lockFile; name != "" {
		f, err := lockSoon(ctx, name)
		if err != nil {
			return err
		}
		h.release = f.Close
	}
	_, err := h.begin(ctx, h.store.writer, jid)
	if err != nil {
		h.release()
	}
	return err
}

// begin opens an epoch; the lock is ours. clean reports whether the last holder gave up by itself.
func (h *Leadership) begin(ctx context.Context, db *sqlx.DB, jid string) (clean bool, err error) {
	var last string
	if err := db.GetContext(ctx, &last, "SELECT jid FROM holder WHERE one = 1"); err != nil {
		return false, err
	}
	var epoch int64
	err = db.GetContext(ctx, &epoch, db.Rebind("UPDATE holder SET epoch = epoch + 1, jid = ? WHERE one = 1 RETURNING epoch"), jid)
	if err != nil {
		return false, err
	}
	h.store.epoch.Store(epoch)
	return last == "", nil
}

// Lost is closed when the right is gone without a Release: another instance may have it now.
func (h *Leadership) Lost() <-chan struct{} { return h.lost }

// IsLeader reports whether no other instance can be live at this moment. It is false for a while, too, when the database has
// not answered, or the process has been stopped: what others can see must wait then.
func (h *Leadership) IsLeader() bool {
	asked := h.asked.Load()
	if asked == nil { // SQLite: the lock is this process's as long as it lives
		return true
	}
	now := time.Now()
	// The monotonic clock stands still in a machine that sleeps, the other one may be set.
	elapsed, onTheWall := now.Sub(*asked), now.Round(0).Sub(asked.Round(0))
	return elapsed < doubt && onTheWall.Abs() < doubt
}

// Release gives the right up. The store commits nothing any more.
func (h *Leadership) Release() error {
	h.stop()
	h.beating.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	epoch := h.store.epoch.Swap(-1)
	// The next holder sees that it need not wait.
	_, err := h.store.writer.ExecContext(ctx, h.store.writer.Rebind("UPDATE holder SET jid = '' WHERE one = 1 AND epoch = ?"), epoch)
	if err = errors.Join(err, h.release()); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// HasLeader tells whether an instance holds the database.
func (s *Store) HasLeader(ctx context.Context) (bool, error) {
	if s.dsn != "" {
		return s.heldPostgres(ctx)
	}
	if s.lockFile == "" {
		return s.epoch.Load() > 0, nil
	}
	f, err := lockFile(s.lockFile)
	if errors.Is(err, ErrInUse) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("held: %w", err)
	}
	return false, f.Close()
}

// alone takes the lock under which the schema is changed.
func (s *Store) alone(ctx context.Context) (release func() error, err error) {
	if s.dsn != "" {
		return s.alonePostgres(ctx)
	}
	if s.lockFile == "" {
		return func() error { return nil }, nil
	}
	f, err := lockFile(s.lockFile)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}

// wait waits a little, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
