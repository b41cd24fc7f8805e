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

// The times of a hold on PostgreSQL are argued in docs/design/survival.md. A holder asks every beat, and is sure of its right
// until doubt after the last question that was answered; who takes over from one that did not give up by itself waits as
// long before it is live; and the database lets the lock of a silent holder go.
const (
	beat     = 500 * time.Millisecond
	patience = 1500 * time.Millisecond // with one question
	doubt    = beat + patience
	silence  = 4 * time.Second
	pause    = doubt
	// turn is how long a standby waits on one connection: after it, it makes sure that the database is still there.
	turn = 15 * time.Second
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

// line is a connection of its own, which has the lock or waits for it.
type line struct {
	*sqlx.DB
	dialer *dialer
}

func (h *Leadership) dial(ctx context.Context) (*line, error) {
	l := &line{dialer: &dialer{}}
	l.dialer.within(doubt)
	var err error
	if l.DB, err = openPostgres(ctx, h.store.dsn, 1, l.dialer); err != nil {
		return nil, err
	}
	_, err = l.ExecContext(ctx, fmt.Sprintf("SET statement_timeout = 0; SET lock_timeout = %d; SET idle_session_timeout = %d",
		turn.Milliseconds(), silence.Milliseconds()))
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// takePostgres takes the advisory lock, and keeps asking whether it is still there.
func (h *Leadership) takePostgres(ctx context.Context, jid string, waits bool) error {
	for {
		l, err := h.lock(ctx, jid, waits)
		asked := time.Now()
		if err == nil {
			h.line = l
			if err = h.ask(ctx); err != nil {
				l.Close()
			}
		}
		if err == nil {
			h.asked.Store(&asked)
			h.release = func() error { return h.line.Close() } // the lock ends with its session
			alive, stop := context.WithCancel(context.Background())
			h.stop = stop
			h.beating.Go(func() { h.beat(alive) })
			return nil
		}
		if ctx.Err() != nil || !waits || errors.Is(err, ErrInUse) {
			return err
		}
		if isState(err, lockNotAvailable) {
			continue
		}
		// The database went away while we stood by. Who held it goes first, if it is there: it has much to lose.
		if err := wait(ctx, doubt); err != nil {
			return err
		}
	}
}

// lock connects and waits for the lock.
func (h *Leadership) lock(ctx context.Context, jid string, waits bool) (*line, error) {
	l, err := h.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.lockOn(ctx, l, jid, waits); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (h *Leadership) lockOn(ctx context.Context, l *line, jid string, waits bool) error {
	key := h.store.lockKey(liveLock)
	var ours bool
	if err := l.GetContext(ctx, &ours, "SELECT pg_try_advisory_lock($1)", key); err != nil {
		return err
	}
	if !ours {
		var holder string
		if err := l.GetContext(ctx, &holder, "SELECT jid FROM holder WHERE one = 1"); err != nil {
			return err
		}
		if !waits {
			return fmt.Errorf("%w by %s", ErrInUse, holder)
		}
		if holder != "" && holder != jid {
			return fmt.Errorf("%w by %s: every component needs a schema of its own", ErrInUse, holder)
		}
		l.dialer.within(turn + patience)
		if _, err := l.ExecContext(ctx, "SELECT pg_advisory_lock($1)", key); err != nil {
			return err
		}
		l.dialer.within(doubt)
	}
	clean, err := h.begin(ctx, l.DB, jid)
	if err != nil || clean {
		return err
	}
	return wait(ctx, pause)
}

// beat asks until the right is lost, or ctx ends. A connection that ends is no loss as long as nobody has taken over: the
// database may just have been started again.
func (h *Leadership) beat(ctx context.Context) {
	for wait(ctx, beat) == nil {
		asked := time.Now()
		err := h.ask(ctx)
		if err != nil && ctx.Err() == nil {
			err = h.regain(ctx, &asked)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			h.asked.Store(&time.Time{})
			close(h.lost)
			return
		}
		h.asked.Store(&asked)
	}
}

// ask asks whether the lock is there, and whether others wait for it.
func (h *Leadership) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var is struct{ Ours, Others bool }
	// A new connection would answer, too: it is the lock that counts.
	err := h.line.GetContext(ctx, &is, "SELECT "+lockQuery+" AND granted AND pid = pg_backend_pid()) AS ours, "+lockQuery+" AND NOT granted) AS others",
		h.store.lockKey(liveLock))
	if err == nil && !is.Ours {
		return errTaken
	}
	if err == nil {
		h.others = is.Others
	}
	return err
}

// errTaken says that another instance may be live.
var errTaken = errors.New("another instance has taken the database")

// regain takes the lock again after its connection was lost, unless another instance has been live since: then it fails. It
// tries for ever where no other waited, and else only as long as it takes until one may be live.
func (h *Leadership) regain(ctx context.Context, asked *time.Time) error {
	last := *h.asked.Load()
	h.line.Close()
	for {
		*asked = time.Now()
		l, err := h.dial(ctx)
		if err == nil {
			if err = h.retake(ctx, l); err == nil {
				h.line = l
				return nil
			}
			l.Close()
		}
		if errors.Is(err, errTaken) || h.others && time.Since(last) > silence {
			return errTaken
		}
		if err := wait(ctx, beat/2); err != nil {
			return err
		}
	}
}

// retake takes the lock if the epoch is still ours.
func (h *Leadership) retake(ctx context.Context, l *line) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	still := func() error {
		var epoch int64
		err := l.GetContext(ctx, &epoch, "SELECT epoch FROM holder WHERE one = 1")
		if err == nil && epoch != h.store.epoch.Load() {
			return errTaken
		}
		return err
	}
	if err := still(); err != nil {
		return err
	}
	var ours bool
	if err := l.GetContext(ctx, &ours, "SELECT pg_try_advisory_lock($1)", h.store.lockKey(liveLock)); err != nil {
		return err
	}
	if !ours {
		return errors.New("the lock is not free")
	}
	return still()
}

const lockQuery = `EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND (classid::bigint << 32 | objid::bigint) = $1`

func (s *Store) heldPostgres(ctx context.Context) (held bool, err error) {
	if err := s.get(ctx, &held, "SELECT "+lockQuery+" AND granted)", s.lockKey(liveLock)); err != nil {
		return false, fmt.Errorf("held: %w", err)
	}
	return held, nil
}

func (s *Store) alonePostgres(ctx context.Context) (release func() error, err error) {
	db, err := openPostgres(ctx, s.dsn, 1, &dialer{})
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, "SELECT pg_advisory_lock($1)", s.lockKey(schemaLock)); err != nil {
		db.Close()
		return nil, err
	}
	return db.Close, nil
}
