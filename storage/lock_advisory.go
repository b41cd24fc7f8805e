package storage

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// The timing of the lock on PostgreSQL; docs/design/survival.md derives it. A leader checks its lock every beat, and is
// certain of it for validity after the last answered check. Its successor waits for the same time before being live, unless
// the lock was released. The database releases the lock of a silent leader.
const (
	beat          = 500 * time.Millisecond
	answerTimeout = 1500 * time.Millisecond // for one check
	validity      = beat + answerTimeout
	silence       = 4 * time.Second
	pause         = validity
	// turn is how long a standby waits on one connection: then it checks that the database still answers.
	turn = 15 * time.Second
	// leaveAfter is when a leader that can't reach the database closes its stream, for the standbys.
	leaveAfter = time.Minute
)

var (
	errNotOurs = errors.New("lock not held")
	errGone    = errors.New("the database can't be reached, and another instance was waiting for the lock")
)

// advisoryLock is a session's advisory lock in PostgreSQL. The lock ends with the session, which may end unnoticed.
type advisoryLock struct {
	session sessionOptions
	schema  string
}

// Names of the locks.
const (
	liveLock   = "live"
	schemaLock = "schema"
)

// key returns the key of a lock. It depends on the schema, because advisory locks belong to the whole database.
func (a *advisoryLock) key(what string) int64 {
	sum := sha256.Sum256([]byte("tocsin " + what + " " + a.schema))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

const lockQuery = `EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND (classid::bigint << 32 | objid::bigint) = $1`

func (a *advisoryLock) hasLeader(ctx context.Context, s *Store) (has bool, err error) {
	err = s.get(ctx, &has, "SELECT "+lockQuery+" AND granted)", a.key(liveLock))
	return has, err
}

func (a *advisoryLock) alone(ctx context.Context, _ *Store) (release func() error, err error) {
	db, err := a.session.open(ctx, 1, &dialer{}, map[string]string{"lock_timeout": "0"})
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, "SELECT pg_advisory_lock($1)", a.key(schemaLock)); err != nil {
		db.Close()
		return nil, err
	}
	return db.Close, nil
}

// lead takes the lock, and keeps checking it.
func (a *advisoryLock) lead(ctx context.Context, s *Store, jid string, waits bool) (*Leadership, error) {
	w := &lockWatch{advisoryLock: a, store: s}
	yield := time.Duration(0)
	for {
		err := w.acquire(ctx, jid, waits, yield)
		if err == nil {
			return w.start(), nil
		}
		if ctx.Err() != nil || !waits || errors.Is(err, ErrInUse) {
			return nil, err
		}
		if isState(err, lockNotAvailable) {
			yield = 0
			continue
		}
		// The database can't be reached. Once it can, the previous leader goes first if it is still running: it has unwritten
		// facts, and need not wait for the pause.
		yield = 2 * beat
		if err := wait(ctx, beat/2); err != nil {
			return nil, err
		}
	}
}

// lockWatch checks a lock regularly. Its goroutine owns line and others.
type lockWatch struct {
	*advisoryLock
	store  *Store
	line   *line
	others bool                      // another instance waits for the lock
	asked  atomic.Pointer[time.Time] // when the last answered check was sent; for all goroutines
}

// line is a separate connection that has the lock or waits for it.
type line struct {
	*sqlx.DB
	dialer *dialer
}

func (w *lockWatch) dial(ctx context.Context) (*line, error) {
	l := &line{dialer: &dialer{}}
	l.dialer.setTimeout(validity)
	var err error
	l.DB, err = w.session.open(ctx, 1, l.dialer, map[string]string{
		"statement_timeout": "0", "lock_timeout": milliseconds(turn), "idle_session_timeout": milliseconds(silence),
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds(), "ms") }

// acquire connects, waits for yield and then for the lock, and starts a term.
func (w *lockWatch) acquire(ctx context.Context, jid string, waits bool, yield time.Duration) error {
	l, err := w.dial(ctx)
	if err != nil {
		return err
	}
	w.line = l
	if err = wait(ctx, yield); err != nil {
		return errors.Join(err, l.Close())
	}
	if err = w.lock(ctx, jid, waits); err == nil {
		asked := w.store.now()
		if err = w.check(ctx); err == nil {
			w.asked.Store(&asked)
			return nil
		}
	}
	return errors.Join(err, l.Close())
}

func (w *lockWatch) lock(ctx context.Context, jid string, waits bool) error {
	key := w.key(liveLock)
	var ours bool
	if err := w.line.GetContext(ctx, &ours, "SELECT pg_try_advisory_lock($1)", key); err != nil {
		return err
	}
	if !ours {
		var holder string
		if err := w.line.GetContext(ctx, &holder, "SELECT jid FROM holder WHERE one = 1"); err != nil {
			return err
		}
		if !waits {
			return fmt.Errorf("%w by %s", ErrInUse, holder)
		}
		if holder != "" && holder != jid {
			return fmt.Errorf("%w by %s: every component needs a schema of its own", ErrInUse, holder)
		}
		w.line.dialer.setTimeout(turn + answerTimeout)
		if _, err := w.line.ExecContext(ctx, "SELECT pg_advisory_lock($1)", key); err != nil {
			return err
		}
		w.line.dialer.setTimeout(validity)
	}
	clean, err := w.store.begin(ctx, w.line.DB, jid)
	if err != nil || clean {
		return err
	}
	return wait(ctx, pause)
}

// start returns the Leadership for a lock that was taken.
func (w *lockWatch) start() *Leadership {
	alive, stop := context.WithCancel(context.Background())
	var beating sync.WaitGroup
	l := &Leadership{store: w.store, isLeader: w.isLeader, lost: make(chan struct{})}
	l.stop = func() {
		stop()
		beating.Wait()
	}
	l.unlock = func() error { return w.line.Close() } // the lock ends with its session
	beating.Go(func() {
		if err := w.beat(alive); err != nil {
			w.asked.Store(&time.Time{})
			l.why = err
			close(l.lost)
		}
	})
	return l
}

func (w *lockWatch) isLeader() bool {
	now, asked := w.store.now(), w.asked.Load()
	// The monotonic clock stops while the machine is suspended, and the wall clock may be set.
	elapsed, onTheWall := now.Sub(*asked), now.Round(0).Sub(asked.Round(0))
	return elapsed < validity && onTheWall.Abs() < validity
}

// beat checks the lock until the leadership is lost, and returns the reason, or until ctx ends. A closed connection alone
// does not lose it: the database may have been restarted.
func (w *lockWatch) beat(ctx context.Context) error {
	for wait(ctx, beat) == nil {
		asked := w.store.now()
		err := w.check(ctx)
		if err != nil && ctx.Err() == nil {
			err = w.reacquire(ctx, &asked)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		w.asked.Store(&asked)
	}
	return nil
}

// check checks whether we have the lock, and whether others wait for it.
func (w *lockWatch) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var is struct{ Ours, Others bool }
	// A new connection would answer, too, but it would not have the lock.
	err := w.line.GetContext(ctx, &is, "SELECT "+lockQuery+" AND granted AND pid = pg_backend_pid()) AS ours, "+lockQuery+" AND NOT granted) AS others",
		w.key(liveLock))
	if err == nil && !is.Ours {
		return errNotOurs
	}
	if err == nil {
		w.others = is.Others
	}
	return err
}

// reacquire takes the lock again after its connection was lost, unless another instance has been live since, or the database
// has lost commits: then it fails. If another instance was waiting, it retries only until that one may have the stream.
func (w *lockWatch) reacquire(ctx context.Context, asked *time.Time) error {
	last := *w.asked.Load()
	w.line.Close()
	for {
		*asked = w.store.now()
		l, err := w.dial(ctx)
		if err == nil {
			if err = w.tryReacquire(ctx, l); err == nil {
				w.line = l
				// The other connections may belong to the same dead server.
				w.store.dialer.closeAll(nil)
				return nil
			}
			l.Close()
		}
		behind := (*track.BehindError)(nil)
		if errors.Is(err, track.ErrFenced) || errors.As(err, &behind) {
			return err
		}
		if w.others && w.store.now().Sub(last) > leaveAfter {
			return errGone
		}
		if err := wait(ctx, beat/2); err != nil {
			return err
		}
	}
}

// tryReacquire takes the lock if the token is still ours.
func (w *lockWatch) tryReacquire(ctx context.Context, l *line) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	still := func() error {
		var found head
		if err := l.GetContext(ctx, &found, headQuery); err != nil {
			return err
		}
		return w.store.fence.compare(found)
	}
	if err := still(); err != nil {
		return err
	}
	var ours bool
	if err := l.GetContext(ctx, &ours, "SELECT pg_try_advisory_lock($1)", w.key(liveLock)); err != nil {
		return err
	}
	if !ours {
		return errNotOurs
	}
	return still()
}
