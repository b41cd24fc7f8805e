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

// ErrInUse is the error of a database that another process holds.
var ErrInUse = errors.New("the database is in use")

// locker is how a kind of database makes sure that one instance is live.
type locker interface {
	// lead takes the lock of the live instance, and begins a hold under it; wait says whether to wait for others.
	lead(ctx context.Context, s *Store, jid string, wait bool) (*Leadership, error)
	// hasLeader tells whether somebody has that lock.
	hasLeader(ctx context.Context, s *Store) (bool, error)
	// alone takes the lock under which the schema is changed.
	alone(ctx context.Context, s *Store) (release func() error, err error)
}

// Leadership is the right to be the one live instance on a database.
type Leadership struct {
	store  *Store
	sure   func() bool
	stop   func()       // ends the watch over the lock
	unlock func() error // gives the lock back

	lost chan struct{}
	why  error // may be read when lost is closed
}

// Lead takes the right to be the one live instance, for the component jid. If another instance has it, Lead waits on
// PostgreSQL until that one ends, or ctx; on SQLite it fails with ErrInUse and names the process. From then on the
// writes of all earlier holders fail with track.ErrFenced.
func (s *Store) Lead(ctx context.Context, jid string) (*Leadership, error) {
	l, err := s.lead(ctx, s, jid, true)
	if err != nil {
		return nil, fmt.Errorf("lead: %w", err)
	}
	return l, nil
}

// begin begins a hold under a new token; the lock is ours. clean reports whether the last holder gave up by itself.
func (s *Store) begin(ctx context.Context, db *sqlx.DB, jid string) (clean bool, err error) {
	var last string
	if err := db.GetContext(ctx, &last, "SELECT jid FROM holder WHERE one = 1"); err != nil {
		return false, err
	}
	random := make([]byte, 16)
	rand.Read(random) // never fails
	var found head
	// This waits for a transaction of the last holder: what it has committed is seen by all that is read after this.
	err = db.GetContext(ctx, &found, db.Rebind("UPDATE holder SET token = substr(CAST(? AS TEXT) || '-' || commits || ' ' || token, 1, ?), jid = ? WHERE one = 1 RETURNING token, commits"),
		hex.EncodeToString(random), tokenLength, jid)
	if err != nil {
		return false, err
	}
	s.fence.begin(found)
	return last == "", nil
}

// Lost is closed when the right is gone without a Release: another instance may have it now.
func (l *Leadership) Lost() <-chan struct{} { return l.lost }

// Err returns why the right was lost, and nil as long as it is not. A track.BehindError says that the database has lost
// commits of this hold.
func (l *Leadership) Err() error {
	select {
	case <-l.lost:
		return l.why
	default:
		return nil
	}
}

// IsLeader reports whether no other instance can be live at this moment. It is false for a while, too, when the database has
// not answered, or the process has been stopped: what others can see must wait then.
func (l *Leadership) IsLeader() bool { return l.sure() }

// Release gives the right up. The store writes nothing any more.
func (l *Leadership) Release() error {
	l.stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	token := l.store.fence.end()
	// The next holder sees that it need not wait.
	_, err := l.store.writer.ExecContext(ctx, l.store.writer.Rebind("UPDATE holder SET jid = '' WHERE one = 1 AND token = ?"), token)
	if err = errors.Join(err, l.unlock()); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// HasLeader tells whether an instance holds the database.
func (s *Store) HasLeader(ctx context.Context) (bool, error) {
	has, err := s.hasLeader(ctx, s)
	if err != nil {
		return false, fmt.Errorf("look for the leader: %w", err)
	}
	return has, nil
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
