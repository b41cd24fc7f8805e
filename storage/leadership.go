package storage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// ErrInUse is the error for a database that another process uses.
var ErrInUse = errors.New("the database is in use")

// locker makes sure that at most one instance is live on a database.
type locker interface {
	// lead takes the leader's lock, and starts a term under it; wait says whether to wait for others.
	lead(ctx context.Context, s *Store, jid string, wait bool) (*Leadership, error)
	// hasLeader reports whether that lock is taken.
	hasLeader(ctx context.Context, s *Store) (bool, error)
	// alone takes the lock for schema changes.
	alone(ctx context.Context, s *Store) (release func() error, err error)
}

// Leadership is the right to be the one live instance on a database.
type Leadership struct {
	store    *Store
	isLeader func() bool
	stop     func()       // stops watching the lock
	unlock   func() error // releases the lock

	lost chan struct{}
	why  error // may be read once lost is closed
}

// Lead acquires the leadership for the component jid. If another instance has it, Lead waits until that one ends, or ctx, on
// PostgreSQL; on SQLite, it fails with ErrInUse and names the process. From then on the writes of
// all earlier leaders fail with track.ErrFenced.
func (s *Store) Lead(ctx context.Context, jid string) (*Leadership, error) {
	l, err := s.lead(ctx, s, jid, true)
	if err != nil {
		return nil, fmt.Errorf("lead: %w", err)
	}
	return l, nil
}

// begin starts a term with a new token. The caller has the lock. clean reports whether the last leader released it by itself.
func (s *Store) begin(ctx context.Context, db *sqlx.DB, jid string) (clean bool, err error) {
	var last string
	if err := db.GetContext(ctx, &last, "SELECT jid FROM holder WHERE one = 1"); err != nil {
		return false, err
	}
	random := make([]byte, 16)
	rand.Read(random) // never fails
	var found head
	// This waits for a running transaction of the last leader, so that later reads see what it committed.
	err = db.GetContext(ctx, &found, db.Rebind("UPDATE holder SET token = substr(CAST(? AS TEXT) || '-' || commits || ' ' || token, 1, ?), jid = ? WHERE one = 1 RETURNING token, commits"),
		hex.EncodeToString(random), tokenLength, jid)
	if err != nil {
		return false, err
	}
	s.fence.begin(found)
	return last == "", nil
}

// Lost is closed when the leadership is lost without a Release: another instance may have it now.
func (l *Leadership) Lost() <-chan struct{} { return l.lost }

// Err returns why the leadership was lost, nil while it is not. A track.BehindError says that the database has lost commits
// of this term.
func (l *Leadership) Err() error {
	select {
	case <-l.lost:
		return l.why
	default:
		return nil
	}
}

// IsLeader reports whether no other instance can be live at this moment. It is temporarily false if the database has not
// answered, or the process was stopped: nothing may be sent then.
func (l *Leadership) IsLeader() bool { return l.isLeader() }

// Release gives up the leadership. The store writes nothing afterwards.
func (l *Leadership) Release() error {
	l.stop()
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	token := l.store.fence.end()
	// This tells the next leader that it need not wait.
	_, err := l.store.writer.ExecContext(ctx, l.store.writer.Rebind("UPDATE holder SET jid = '' WHERE one = 1 AND token = ?"), token)
	if err = errors.Join(err, l.unlock()); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// HasLeader reports whether a live instance uses the database.
func (s *Store) HasLeader(ctx context.Context) (bool, error) {
	has, err := s.hasLeader(ctx, s)
	if err != nil {
		return false, fmt.Errorf("look for the leader: %w", err)
	}
	return has, nil
}

// wait waits for d, or until ctx ends.
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
