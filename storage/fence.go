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

// fence tracks a store's own writes. Every transaction of a leader begins by incrementing holder.commits, in a row that only
// the leader changes while it has the leader's token. So a transaction sees at once
//
//   - whether another instance has taken over: the token is different;
//
//   - the outcome of the previous transaction, if unknown: it is counted or not. If it is still waiting, for a replica for
//
//     example, it has the row locked, and this one waits for it;
//
//   - whether the database has lost commits that it had acknowledged: it counts fewer than we do, or another term began when
//     it counted fewer.
type fence struct {
	writing sync.Mutex // held during each transaction of the writer
	lost    bool       // the outcome of the last transaction is unknown: known may be one too few
	last    outcome    // of the last Commit

	token atomic.Pointer[string] // of this term; nil: the store never led, and nothing is checked
	known atomic.Int64           // number of stored commits
}

// outcome is the outcome of a commit.
type outcome uint8

const (
	settled   outcome = iota // known to Commit's caller
	uncertain                // unknown: its answer did not arrive
	stored
	notStored
)

// released is a token that no leader has: after Release nothing can be written.
var released = "-"

// head is the row of the table holder. Its token identifies the leader's term: a random part, "-", and the number of commits
// when the term began; after a space come the tokens of earlier terms, as far as there is room. So a superseded leader can
// see whether its term is among those that led to the current one, or was on another primary, whose data is discarded.
type head struct {
	Token   string
	Commits int64
}

const headQuery = "SELECT token, commits FROM holder WHERE one = 1"

// check compares what a transaction has found, not counting itself, with what is known. The caller holds writing.
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

// compare is check for readers.
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

// tokenLength limits a token: a dozen terms.
const tokenLength = 600

// inherited is the number of commits of another term and those before it that this database has: as many as are known, if
// that can't be determined.
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

// beganAfter returns the number of commits when a term began; otherwise if the token does not say.
func beganAfter(hold string, otherwise int64) int64 {
	_, text, _ := strings.Cut(hold, "-")
	commits, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return otherwise
	}
	return commits
}

// begin starts a term with a token that is in the database now.
func (f *fence) begin(found head) {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.lost, f.last = false, settled
	f.known.Store(found.Commits)
	f.token.Store(&found.Token)
}

// end ends the term.
func (f *fence) end() (token string) {
	f.writing.Lock()
	defer f.writing.Unlock()
	if old := f.token.Swap(&released); old != nil {
		token = *old
	}
	return token
}

// isHeld reports whether this store leads, as far as it knows.
func (f *fence) isHeld() bool {
	token := f.token.Load()
	return token != nil && *token != released
}

// fenced runs f in one transaction of the writer, behind the fence if the store leads.
func (s *Store) fenced(ctx context.Context, f func(*sqlx.Tx) error) error {
	s.fence.writing.Lock()
	defer s.fence.writing.Unlock()
	_, err := s.transact(ctx, s.fence.token.Load() != nil, 0, 0, f)
	return err
}

// transact runs f in one transaction. A counted one is behind the fence, and records the greatest Ord and Rev ever used.
// open says that the transaction may have been committed in spite of an error. The caller holds fence.writing.
func (s *Store) transact(ctx context.Context, counted bool, ord, rev int64, f func(*sqlx.Tx) error) (open bool, err error) {
	tx, err := s.writer.BeginTxx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // does nothing after Commit
	var found head
	if counted {
		if err := tx.StmtxContext(ctx, s.countUp).GetContext(ctx, &found, ord, rev); err != nil {
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

// CommitStored reports whether the last Commit was stored, if its answer did not arrive. It may fail while that is undecided.
func (s *Store) CommitStored(ctx context.Context) (bool, error) {
	s.fence.writing.Lock()
	defer s.fence.writing.Unlock()
	if s.fence.last == uncertain {
		if err := s.findOutcome(ctx); err != nil {
			return false, failed("look for a commit", err)
		}
	}
	return s.fence.last == stored, nil
}

func (s *Store) findOutcome(ctx context.Context) error {
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
