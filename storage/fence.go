package storage

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// fence is what a store knows of its own writes. Every transaction of a holder begins by counting up holder.commits, a row
// that nobody else changes while the holder's token stands there. So a transaction sees at once
//
//   - whether another instance has taken over: the token is not ours;
//   - what became of the transaction before it whose end was not heard of: it is counted, or it is not. One that still
//     waits, for a replica say, has the row locked, and is waited for;
//   - whether the database has lost what it had acknowledged: it counts fewer than we do, or another hold began when it
//     counted fewer.
type fence struct {
	writing sync.Mutex // held for each transaction of the writer
	lost    bool       // the end of the last transaction was not heard of: known may be one too few
	last    outcome    // of the last Commit

	token atomic.Pointer[string] // of the hold; nil: the store was never held, and nothing is checked
	known atomic.Int64           // commits that were stored
}

// outcome is what became of a commit.
type outcome uint8

const (
	settled   outcome = iota // Commit has told
	uncertain                // its end was not heard of
	stored
	notStored
)

// released is a token that no hold has: after Release nothing is written any more.
var released = "-"

// head is the row of the table holder. Its token names the hold: a random part, "-", and how many commits there were when the
// hold began; after a space the token of the hold before, as far as there is room. So a holder that was taken over from sees
// whether its hold is one of those that led to this one, or was on another primary, which is thrown away.
type head struct {
	Token   string
	Commits int64
}

const headQuery = "SELECT token, commits FROM holder WHERE one = 1"

// check compares what a transaction has found, without itself, with what is known. The caller holds writing.
func (f *fence) check(found head) error {
	if err := f.compare(found); err != nil {
		return err
	}
	if f.lost && f.last == uncertain {
		f.last = notStored
		if found.Commits > f.known.Load() {
			f.last = stored
		}
	}
	f.lost = false
	f.known.Store(found.Commits)
	return nil
}

// compare is check for those who don't write.
func (f *fence) compare(found head) error {
	token, known := f.token.Load(), f.known.Load()
	var failed error
	there := found.Commits
	switch {
	case token == nil:
		return nil
	case *token == released:
		return track.ErrFenced
	case *token != found.Token:
		failed, there = track.ErrFenced, found.inherited(*token, known)
	}
	if there < known {
		return &track.BehindError{Commits: known - there}
	}
	return failed
}

// tokenLength bounds a token: a dozen holds.
const tokenLength = 600

// inherited is how many commits of another hold, and of those before it, there are: as many as are known, if that can't be
// told.
func (h head) inherited(token string, known int64) int64 {
	own, _, _ := strings.Cut(token, " ")
	holds := strings.Fields(h.Token)
	switch i := slices.Index(holds, own); {
	case i > 0:
		return beganAfter(holds[i-1], known)
	case len(h.Token) < tokenLength:
		return beganAfter(own, known)
	}
	return known
}

// beganAfter is how many commits there were when a hold began; otherwise if it does not say.
func beganAfter(hold string, otherwise int64) int64 {
	_, text, _ := strings.Cut(hold, "-")
	commits, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return otherwise
	}
	return commits
}

// begin makes a hold of a token that stands in the database now.
func (f *fence) begin(found head) {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.lost, f.last = false, settled
	f.known.Store(found.Commits)
	f.token.Store(&found.Token)
}

// end gives the hold up.
func (f *fence) end() (token string) {
	f.writing.Lock()
	defer f.writing.Unlock()
	if old := f.token.Swap(&released); old != nil {
		token = *old
	}
	return token
}

// isHeld reports whether there is a hold, as far as this store knows.
func (f *fence) isHeld() bool {
	token := f.token.Load()
	return token != nil && *token != released
}

// fenced runs f in one transaction of the writer, behind the fence of the hold if there is one.
func (s *Store) fenced(ctx context.Context, f func(*sqlx.Tx) error) error {
	s.fence.writing.Lock()
	defer s.fence.writing.Unlock()
	_, err := s.transact(ctx, s.fence.token.Load() != nil, 0, 0, f)
	return err
}

// transact runs f in one transaction. A counted one is behind the fence, and notes the greatest Ord and Rev that there
// ever were. open says that the transaction may have been committed although there is an error. The caller holds fence.writing.
func (s *Store) transact(ctx context.Context, counted bool, ord, rev int64, f func(*sqlx.Tx) error) (open bool, err error) {
	tx, err := s.writer.BeginTxx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // nothing, after Commit
	var found head
	if counted {
		if err := tx.StmtxContext(ctx, s.countUp).GetContext(ctx, &found, ord, ord, rev, rev); err != nil {
			return false, fmt.Errorf("fence: %w", err)
		}
		if err := s.fence.check(head{found.Token, found.Commits - 1}); err != nil {
			return false, err
		}
	}
	if err := f(tx); err != nil {
		return false, err
	}
	if err := tx.Commit(); err != nil {
		s.rollBack(ctx)
		open = counted && !refuses(err)
		s.fence.lost = s.fence.lost || open
		return open, err
	}
	if counted {
		s.fence.known.Store(found.Commits)
	}
	return false, nil
}

// Settled finds out what became of the last Commit, if its end was not heard of: whether it was stored. It may fail as
// long as that is not decided.
func (s *Store) Settled(ctx context.Context) (bool, error) {
	s.fence.writing.Lock()
	defer s.fence.writing.Unlock()
	if s.fence.last == uncertain {
		if err := s.settle(ctx); err != nil {
			return false, failed("look for a commit", err)
		}
	}
	return s.fence.last == stored, nil
}

func (s *Store) settle(ctx context.Context) error {
	tx, err := s.writer.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var found head
	if err := tx.GetContext(ctx, &found, headQuery+s.lockRow()); err != nil {
		return err
	}
	return s.fence.check(found)
}

// rollBack ends a transaction that SQLite has left open after a failed commit.
func (s *Store) rollBack(ctx context.Context) {
	if s.staysOpen() {
		s.writer.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") //nolint:errcheck // there may be none
	}
}
