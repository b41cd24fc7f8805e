package storage

import (
	"context"
	"fmt"
	"slices"
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
// aliases whose original is not watched any more. Its two parameters are both the instant before which a message must have been settled.
const finished = `(m.kind = 0 AND m.status >= 2 AND m.settled_at < ?
		AND NOT EXISTS (SELECT 1 FROM prompts p WHERE p.id = m.prompt AND p.` + isLive + `)
	OR m.kind = 1
	OR m.kind = 2 AND NOT EXISTS (SELECT 1 FROM messages o WHERE o.ord = m.original AND o.kind = 0 AND (o.status < 2 OR o.settled_at >= ?)))`

// Prune removes up to limit rows, and as many of each lesser table, that were finished before an instant, and tells how many. When it
// removes fewer, nothing is left for now. It looks for them beside the writer, which it stops only for the delete itself.
func (s *Store) Prune(ctx context.Context, before track.Time, limit int) (int, error) {
	s.pruning.Lock()
	defer s.pruning.Unlock()
	n, err := s.prune(ctx, before, limit)
	if err != nil {
		return n, fmt.Errorf("prune: %w", err)
	}
	return n, nil
}

func (s *Store) prune(ctx context.Context, before track.Time, limit int) (int, error) {
	// Rows that are kept are passed over once a round, not once a call.
	found, err := s.query(ctx, `SELECT m.ord FROM messages m WHERE m.ord > ? AND m.ord < ? AND `+finished+` ORDER BY m.ord LIMIT ?`,
		s.pruned, track.OrdTime(before), before, before, limit)
	if err != nil {
		return 0, err
	}
	defer found.Close()
	var ords []int64
	for found.Next() {
		var ord int64
		if err := found.Scan(&ord); err != nil {
			return 0, err
		}
		ords = append(ords, ord)
	}
	if err := found.Err(); err != nil {
		return 0, err
	}
	var n int64
	err = s.fenced(ctx, func(tx *sqlx.Tx) error {
		remove := func(query string, args ...any) error {
			result, err := tx.ExecContext(ctx, tx.Rebind(query), args...)
			if err != nil {
				return err
			}
			removed, err := result.RowsAffected()
			n += removed
			return err
		}
		if len(ords) > 0 {
			if err := remove("DELETE FROM messages AS m WHERE "+s.among("m.ord")+" AND "+finished, s.numbers(ords), before, before); err != nil {
				return err
			}
		}
		if err := remove("DELETE FROM prompts WHERE ord IN (SELECT ord FROM prompts WHERE state >= 3 AND ord < ? ORDER BY ord LIMIT ?)",
			track.OrdTime(before.Add(-promptDay)), limit); err != nil {
			return err
		}
		return remove(fmt.Sprintf("DELETE FROM releases WHERE %[1]s IN (SELECT %[1]s FROM releases WHERE at < ? ORDER BY at LIMIT ?)", s.row()), before, limit)
	})
	if err != nil {
		return 0, err
	}
	if len(ords) == limit {
		s.pruned = ords[limit-1]
		return int(n), nil
	}
	s.pruned = 0
	return int(n), s.tidy(ctx, before)
}

// tidy ends a round.
func (s *Store) tidy(ctx context.Context, before track.Time) error {
	old := before.Add(-peerLife)
	for query, n := range map[string]int{
		"DELETE FROM peers WHERE receipts < ? AND markers < ? AND acks < ? AND came_at < ?":        4,
		"DELETE FROM pairs WHERE receipts < ? AND arrivals < ? AND markers < ? AND counted_at < ?": 4, // whatever else was seen, one of these was
	} {
		if _, err := s.writer.ExecContext(ctx, s.writer.Rebind(query), slices.Repeat([]any{old}, n)...); err != nil {
			return err
		}
	}
	if sql := s.erase(); sql != "" {
		_, err := s.writer.ExecContext(ctx, sql)
		return err
	}
	return nil
}
