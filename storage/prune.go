package storage

import (
	"context"
	"fmt"
	"math"
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
	seen, err := s.look(ctx, now, before, limit)
	if err != nil {
		return done, err
	}
	done.Stale = seen.stale
	err = s.fenced(ctx, func(tx *sqlx.Tx) error {
		remove := func(query string, args ...any) error {
			result, err := tx.ExecContext(ctx, tx.Rebind(query), args...)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			done.Removed += int(n)
			done.More = done.More || int(n) == limit
			return err
		}
		if len(seen.finished) > 0 {
			if err := remove("DELETE FROM messages AS m WHERE "+s.among("m.ord")+" AND "+finished, s.numbers(seen.finished), before, before, before, before); err != nil {
				return err
			}
		}
		if err := remove("DELETE FROM prompts WHERE ord IN (SELECT ord FROM prompts WHERE state >= 3 AND opened_at < ? ORDER BY opened_at LIMIT ?)",
			before.Add(-promptDay), limit); err != nil {
			return err
		}
		const ended = "SELECT ord FROM texts WHERE state >= 3 AND queued_at < ? ORDER BY queued_at LIMIT ?"
		for _, rows := range []string{"text_parts WHERE ord IN (" + ended + ")", "texts WHERE ord IN (" + ended + ")"} {
			if err := remove("DELETE FROM "+rows, before.Add(-promptDay), limit); err != nil {
				return err
			}
		}
		// As long as an SMS is kept, a reply to it can come again.
		if err := remove("DELETE FROM replies_seen WHERE hash IN (SELECT hash FROM replies_seen WHERE at < ? ORDER BY at LIMIT ?)", before.Add(-promptDay), limit); err != nil {
			return err
		}
		if err := remove("DELETE FROM codes WHERE ord IN (SELECT ord FROM codes WHERE made_at < ? ORDER BY made_at LIMIT ?)", before.Add(-promptDay), limit); err != nil {
			return err
		}
		return remove(fmt.Sprintf("DELETE FROM releases WHERE %[1]s IN (SELECT %[1]s FROM releases WHERE at < ? ORDER BY at LIMIT ?)", s.row()), before, limit)
	})
	if err != nil {
		return track.Pruned{}, err
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

// looked is the result of one look at messages.
type looked struct {
	rows            int
	last            int64 // Ord of the last one
	end             bool  // there are no more, or only young ones
	finished, stale []int64
}

// look looks at the next rows of messages.
func (s *Store) look(ctx context.Context, now, before track.Time, limit int) (l looked, err error) {
	found, err := s.query(ctx, `SELECT m.ord, m.sent_at, m.kind = 0 AND m.status < 2 AND m.due = 0, `+finished+
		` FROM messages m WHERE m.ord > ? ORDER BY m.ord LIMIT ?`, before, before, before, before, s.pruning.ord, limit)
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
	err := forgetSome(ctx, s, "peers", "jid", "", &w.peer, limit, s.names, "receipts < ? AND markers < ? AND acks < ? AND came_at < ?", old, old, old, old)
	if err != nil {
		return err
	}
	// Whenever anything about a pair is recorded, so is one of these times. A refusal stays.
	err = forgetSome(ctx, s, "pairs", "conv", math.MinInt64, &w.pair, limit, s.numbers, "receipts < ? AND arrivals < ? AND markers < ? AND counted_at < ? AND refused = 0", old, old, old, old)
	if err != nil {
		return err
	}
	if _, err := s.writer.ExecContext(ctx, s.writer.Rebind("DELETE FROM tokens WHERE expires < ?"), before); err != nil {
		return err
	}
	if sql := s.erase(); sql != "" {
		_, err := s.writer.ExecContext(ctx, sql)
		return err
	}
	return nil
}

// forgetSome deletes those of the next rows after the key last that meet a condition. It advances last, and resets it at the
// end of the table.
func forgetSome[K any](ctx context.Context, s *Store, table, key string, first K, last *K, limit int, list func([]K) any, condition string, args ...any) error {
	var some []K
	query := fmt.Sprintf("SELECT %[2]s FROM %[1]s WHERE %[2]s > ? ORDER BY %[2]s LIMIT ?", table, key)
	if err := s.readers.SelectContext(ctx, &some, s.readers.Rebind(query), *last, limit); err != nil {
		return err
	}
	if len(some) > 0 {
		err := s.fenced(ctx, func(tx *sqlx.Tx) error {
			_, err := tx.ExecContext(ctx, tx.Rebind(fmt.Sprintf("DELETE FROM %s WHERE %s AND %s", table, s.among(key), condition)), append([]any{list(some)}, args...)...)
			return err
		})
		if err != nil {
			return err
		}
	}
	if *last = first; len(some) == limit {
		*last = some[limit-1]
	}
	return nil
}
