package storage

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// handoverBatch is the number of facts per transaction.
const handoverBatch = 2000

// handoverRow is a stored entry of the handover.
type handoverRow struct {
	pos    int64
	events string // JSON of track.Events
}

func handoverColumns(w *walk, l *handoverRow) {
	num(w, "pos", &l.pos)
	str(w, "events", &l.events)
}

var handover = kindOf("handover", handoverColumns)

// HandOver stores events for the current leader: this instance has lost the leadership before it could write them. It returns
// how many were stored, from the front; the rest can be retried.
func (s *Store) HandOver(ctx context.Context, all []track.Events) (done int, err error) {
	s.fence.writing.Lock()
	defer s.fence.writing.Unlock()
	for done < len(all) {
		some := all[done:min(len(all), done+handoverBatch)]
		if _, err := s.transact(ctx, false, 0, 0, func(tx *sqlx.Tx) error { return s.leave(ctx, tx, some) }); err != nil {
			s.renew(ctx, err)
			return done, failed("hand over", err)
		}
		done += len(some)
	}
	return done, nil
}

func (s *Store) leave(ctx context.Context, tx *sqlx.Tx, some []track.Events) error {
	// Other instances may be doing the same.
	var found head
	if err := tx.GetContext(ctx, &found, headQuery+s.lockRow()); err != nil {
		return err
	}
	var last int64
	if err := tx.GetContext(ctx, &last, "SELECT coalesce(max(pos), 0) FROM handover"); err != nil {
		return err
	}
	rows := make([]handoverRow, len(some))
	for i := range some {
		text, err := json.Marshal(&some[i])
		if err != nil {
			return err
		}
		rows[i] = handoverRow{last + int64(i) + 1, string(text)}
	}
	return s.insertRows(ctx, tx, &handover.table, "", handover.pack(rows...))
}

// HandedOver returns the entries that other instances have handed over, in order. Unreadable ones have only their position.
func (s *Store) HandedOver(ctx context.Context, limit int) ([]track.HandedOver, error) {
	var all []track.HandedOver
	found, err := s.handedOver.QueryContext(ctx, limit)
	err = handover.read(found, err, func(l *handoverRow) error {
		h := track.HandedOver{Pos: l.pos}
		if json.Unmarshal([]byte(l.events), &h.Events) != nil {
			h.Events = nil
		}
		all = append(all, h)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("handed over: %w", err)
	}
	return all, nil
}
