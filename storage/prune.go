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
	// promptDay is how much longer than all else an ended prompt is kept: the caps count the prompts of a day.
	promptDay = 24 * time.Hour
	// peerLife is how much longer what was learned about a client is kept.
	peerLife = 90 * 24 * time.Hour
)

// finished says which rows m of messages nobody needs any more: settled ones that no live prompt asks about, places in the order, and
// aliases whose original is not watched any more. (An EXISTS would let PostgreSQL read all of a table beforehand.) Its parameters are four times the instant before which that must have been.
const finished = `(m.kind = 0 AND m.status >= 2 AND m.settled_at < ?
		AND coalesce((SELECT 1 FROM prompts p WHERE p.id = m.prompt AND p.` + isLive + `), 0) = 0
	OR m.kind = 1 AND m.sent_at < ?
	OR m.kind = 2 AND m.sent_at < ?
		AND coalesce((SELECT 1 FROM messages o WHERE o.ord = m.original AND o.kind = 0 AND (o.status < 2 OR o.settled_at >= ?)), 0) = 0)`

// A round of pruning walks over the rows in the order of observation, and ends where they are young. Times decide, for a
// clock that once stood ahead leaves all later rows with numbers of that time; so rows from the future end nothing. A
// round that has passed over so many rows that stay goes on in the next one.
const passedMax = 20_000

// cursor is how far a round of pruning has come.
type cursor struct {
	mu     sync.Mutex
	ord    int64  // messages up to here were looked at
	passed int    // that had to stay
	peer   string // and peers up to here, and pairs
	pair   int64
}

// Prune takes one step in removing what was finished before an instant: it looks at up to limit rows, and removes as many of
// each lesser table. It looks for them beside the writer, which it stops only for the delete itself.
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
		if err := remove("DELETE FROM codes WHERE ord IN (SELECT ord FROM codes WHERE made_at < ? ORDER BY made_at LIMIT ?)", before, limit); err != nil {
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

// looked is what one look at messages has found.
type looked struct {
	rows            int
	last            int64 // the Ord of the last one
	end             bool  // there are no more, or they are young
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

// tidy ends a round: it forgets some of what was learned long ago, and empties what deleted rows have left in files.
func (s *Store) tidy(ctx context.Context, before track.Time, limit int) error {
	w, old := &s.pruning, before.Add(-peerLife)
	err := forgetSome(ctx, s, "peers", "jid", "", &w.peer, limit, s.names, "receipts < ? AND markers < ? AND acks < ? AND came_at < ?", old, old, old, old)
	if err != nil {
		return err
	}
	// Whatever else was seen of a pair, one of these was. A refusal stays.
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

// forgetSome deletes, of the next rows of a table after the key last, those for which a condition holds. It moves last on, and back
// at the end of the table.
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
