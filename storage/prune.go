package storage

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

const (
	// promptDay is how much longer ended prompts are kept than everything else: the caps count the prompts of a day.
	promptDay = 24 * time.Hour
	// peerLife is how much longer what was learned about clients is kept.
	peerLife = 90 * 24 * time.Hour
)

// finished is the condition for rows m of messages that are no longer needed: settled ones without a live prompt, positions
// in the order, and aliases whose original is no longer watched. (With an EXISTS, PostgreSQL might scan a table first.) Its
// parameters are four times the instant before which that must have happened.
const finished = `(m.kind = 0 AND m.status >= 2 AND m.settled_at < ?
		AND coalesce((SELECT 1 FROM prompts p WHERE p.id = m.prompt AND p.` + isLive + `), 0) = 0
	OR m.kind = 1 AND m.sent_at < ?
	OR m.kind = 2 AND m.sent_at < ?
		AND coalesce((SELECT 1 FROM messages o WHERE o.ord = m.original AND o.kind = 0 AND (o.status < 2 OR o.settled_at >= ?)), 0) = 0)`

// A round of pruning walks over the rows by Ord, and ends where they are young. Age is decided by times, because a clock
// that was once ahead gives all later rows numbers of that time; so rows from the future do not end a round. A round that
// has passed over many rows that must stay continues in the next one.
const passedMax = 20_000

// cursor is the position of a round of pruning.
type cursor struct {
	mu     sync.Mutex
	ord    int64  // messages up to here are done
	passed int    // number of rows that had to stay
	peer   string // peers and pairs up to here are done
	pair   int64
}

// Prune does one step of removing what was finished before an instant: it looks at up to limit messages, and removes up to
// that many rows of each other table. It reads on another connection, and blocks the writer only for the deletion.
func (s *Store) Prune(ctx context.Context, now, before track.Time, limit int) (track.Pruned, error) {
	s.pruning.mu.Lock()
	defer s.pruning.mu.Unlock()
	done, err := s.prune(ctx, now, before, limit)
	if err != nil {
		return done, failed("prune", err)
	}
	return done, nil
}

func (s *Store) prune(ctx context.Context, now, before track.Time, limit int) (done track.Pruned, err error) {
	w := &s.pruning
	seen, err := s.scan(ctx, now, before, limit)
	if err != nil {
		return done, err
	}
	done.Stale = seen.stale
	overdue, err := s.anyOverdue(ctx, before)
	if err != nil {
		return done, err
	}
	if overdue || len(seen.finished) > 0 {
		err = s.fenced(ctx, func(tx *sqlx.Tx) error {
			remove := func(query string, args ...any) error {
				result, err := tx.ExecContext(ctx, tx.Rebind("DELETE FROM "+query), args...)
				if err != nil {
					return err
				}
				n, err := result.RowsAffected()
				done.Removed += int(n)
				done.More = done.More || int(n) == limit
				return err
			}
			if len(seen.finished) > 0 {
				if err := remove("messages AS m WHERE "+s.among("m.ord")+" AND "+finished, s.integers(seen.finished), before, before, before, before); err != nil {
					return err
				}
			}
			if !overdue {
				return nil
			}
			for _, a := range s.aging() {
				for _, table := range a.tables {
					if err := remove(table+" WHERE "+a.key+" IN ("+a.oldest(a.key)+"?)", before.Add(-a.kept), limit); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return track.Pruned{}, err
		}
	}
	w.ord, w.passed = seen.last, w.passed+seen.rows-len(seen.finished)
	switch {
	case seen.end:
		w.ord, w.passed = 0, 0
	case w.passed >= passedMax:
		w.passed = 0
	default:
		done.More = true
	}
	if done.More {
		return done, nil
	}
	return done, s.tidy(ctx, before, limit)
}

// aging are rows that go by their age alone.
type aging struct {
	tables []string      // the last has the time; the others have rows of the same key
	key    string        // what identifies a row
	where  string        // a condition, or ""
	at     string        // the time, which is indexed
	kept   time.Duration // how much longer than everything else
}

func (s *Store) aging() []aging {
	return []aging{
		{[]string{"prompts"}, "ord", "state >= 3 AND ", "opened_at", promptDay},
		{[]string{"text_parts", "texts"}, "ord", "state >= 3 AND ", "queued_at", promptDay},
		{[]string{"replies_seen"}, "hash", "", "at", promptDay}, // as long as an SMS is kept, a reply to it can come again
		{[]string{"codes"}, "ord", "", "made_at", promptDay},
		{[]string{"releases"}, s.row(), "", "at", 0},
		{[]string{"tokens"}, "hash", "", "expires", 0},
	}
}

// oldest is a query for the rows from before an instant, the oldest first, without its limit.
func (a aging) oldest(what string) string {
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s%s < ? ORDER BY %[4]s LIMIT ", what, a.tables[len(a.tables)-1], a.where, a.at)
}

// findOverdue is a query that tells whether any of them are there. (With an EXISTS, PostgreSQL might scan a table.)
func (s *Store) findOverdue() string {
	var any strings.Builder
	for _, a := range s.aging() {
		any.WriteString("(" + a.oldest("1") + "1), ")
	}
	return "SELECT coalesce(" + any.String() + "0)"
}

func (s *Store) anyOverdue(ctx context.Context, before track.Time) (is bool, err error) {
	var limits []any
	for _, a := range s.aging() {
		limits = append(limits, before.Add(-a.kept))
	}
	var found int
	err = s.overdue.GetContext(ctx, &found, limits...)
	return found > 0, err
}

// scanned is the result of one look at messages.
type scanned struct {
	rows            int
	last            int64 // Ord of the last one
	end             bool  // there are no more, or only young ones
	finished, stale []int64
}

const findMessages = `SELECT m.ord, m.sent_at, m.kind = 0 AND m.status < 2 AND m.due = 0, ` + finished + ` FROM messages m WHERE m.ord > ? ORDER BY m.ord LIMIT ?`

// scan looks at the next rows of messages.
func (s *Store) scan(ctx context.Context, now, before track.Time, limit int) (l scanned, err error) {
	found, err := s.nextRows.QueryContext(ctx, before, before, before, before, s.pruning.ord, limit)
	if err != nil {
		return l, err
	}
	defer found.Close()
	young := 0
	for found.Next() {
		var sent track.Time
		var waits, finished bool
		if err := found.Scan(&l.last, &sent, &waits, &finished); err != nil {
			return l, err
		}
		l.rows++
		switch {
		case finished:
			l.finished = append(l.finished, l.last)
		case waits && sent < before:
			l.stale = append(l.stale, l.last)
		case before <= sent && sent <= now:
			young++
		}
	}
	l.end = l.rows < limit || young == l.rows
	return l, found.Err()
}

// tidy ends a round: it removes some of what was learned long ago, and overwrites the remains of deleted rows in the files.
func (s *Store) tidy(ctx context.Context, before track.Time, limit int) error {
	w, old := &s.pruning, before.Add(-peerLife)
	if err := pruneSome(ctx, s, s.oldPeers, learnedPeers, "", &w.peer, limit, s.names, old); err != nil {
		return err
	}
	if err := pruneSome(ctx, s, s.oldPairs, learnedPairs, math.MinInt64, &w.pair, limit, s.integers, old); err != nil {
		return err
	}
	if sql := s.erase(); sql != "" {
		_, err := s.writer.ExecContext(ctx, sql)
		return err
	}
	return nil
}

// learned is a table of what was learned about clients. Its rows go when all of some times, each a parameter, are over.
type learned struct{ table, key, old string }

var (
	// Refusals stay.
	learnedPeers = learned{"peers", "jid", "receipts < ? AND markers < ? AND acks < ? AND came_at < ? AND refusals = 0"}
	// Whenever anything about a pair is recorded, so is one of these times.
	learnedPairs = learned{"pairs", "conv", "receipts < ? AND arrivals < ? AND markers < ? AND counted_at < ? AND refused = 0"}
)

// scanQuery is a query for the next rows after a key, and whether they are old.
func (l learned) scanQuery() string {
	return fmt.Sprintf("SELECT %[2]s AS key, %[3]s AS old FROM %[1]s WHERE %[2]s > ? ORDER BY %[2]s LIMIT ?", l.table, l.key, l.old)
}

// pruneSome deletes the old ones of the next rows after the key last. It advances last, and resets it to the first at the end
// of the table.
func pruneSome[K any](ctx context.Context, s *Store, look *sqlx.Stmt, l learned, first K, last *K, limit int, list func([]K) any, old track.Time) error {
	var rows []struct {
		Key K
		Old bool
	}
	if err := look.SelectContext(ctx, &rows, old, old, old, old, *last, limit); err != nil {
		return err
	}
	var gone []K
	for _, row := range rows {
		if row.Old {
			gone = append(gone, row.Key)
		}
	}
	if len(gone) > 0 {
		err := s.fenced(ctx, func(tx *sqlx.Tx) error {
			return deleteFrom(ctx, tx, part{l.table + " WHERE " + s.among(l.key) + " AND " + l.old, []any{list(gone), old, old, old, old}})
		})
		if err != nil {
			return err
		}
	}
	if *last = first; len(rows) == limit {
		*last = rows[limit-1].Key
	}
	return nil
}
