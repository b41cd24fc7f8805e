package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// query runs a query on a reader.
func (s *Store) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.readers.QueryContext(ctx, s.readers.Rebind(query), args...)
}

func (s *Store) get(ctx context.Context, dest any, query string, args ...any) error {
	return s.readers.GetContext(ctx, dest, s.readers.Rebind(query), args...)
}

// Keys of the table meta.
const (
	metaSecret = "secret"
)

const livePrompts = "SELECT count(*) FROM prompts WHERE " + isLive

const lastOrdRev = "SELECT last_ord AS ord, last_rev AS rev FROM holder WHERE one = 1"

// Seed returns what an instance must know at startup.
func (s *Store) Seed(ctx context.Context) (track.Seed, error) {
	seed := track.Seed{Secret: s.hash.secret, Pending: map[string]int32{}}
	var last struct{ Ord, Rev int64 }
	if err := s.get(ctx, &last, lastOrdRev); err != nil {
		return seed, fmt.Errorf("seed: %w", err)
	}
	seed.LastOrd, seed.LastRev = last.Ord, last.Rev
	if err := s.get(ctx, &seed.Prompts, livePrompts); err != nil {
		return seed, fmt.Errorf("seed: %w", err)
	}
	found, err := s.query(ctx, s.unsettled())
	if err != nil {
		return seed, fmt.Errorf("seed: %w", err)
	}
	defer found.Close()
	for found.Next() {
		var sender string
		var n int32
		if err := found.Scan(&sender, &n); err != nil {
			return seed, fmt.Errorf("seed: %w", err)
		}
		seed.Pending[sender] = n
	}
	return seed, found.Err()
}

// Alarms yields every alarm that is set, of messages and of live prompts, in no order. It streams them: nothing is collected
// in memory.
func (s *Store) Alarms(ctx context.Context, yield func(track.Alarm)) error {
	for _, query := range []string{"SELECT due, ord FROM messages WHERE " + withAlarm, "SELECT due, -ord FROM prompts WHERE due <> 0"} {
		found, err := s.query(ctx, query)
		if err != nil {
			return fmt.Errorf("alarms: %w", err)
		}
		var due, ref int64
		for found.Next() {
			if err := found.Scan(&due, &ref); err != nil {
				found.Close()
				return fmt.Errorf("alarms: %w", err)
			}
			yield(track.Alarm{Due: track.Time(due), Ref: ref})
		}
		if err := found.Err(); err != nil {
			return fmt.Errorf("alarms: %w", err)
		}
	}
	return nil
}

// Removed returns the removed accounts, until DropRemovals.
func (s *Store) Removed(ctx context.Context) (all []track.Removal, err error) {
	found, err := s.query(ctx, "SELECT "+removed.list()+" FROM removed")
	err = removed.read(found, err, func(r *track.Removal) error { all = append(all, *r); return nil })
	if err != nil {
		return nil, fmt.Errorf("removed accounts: %w", err)
	}
	return all, nil
}

// DropRemovals records that messages to these accounts are no longer watched.
func (s *Store) DropRemovals(ctx context.Context, gone []track.Removal) error {
	err := s.fenced(ctx, func(tx *sqlx.Tx) error {
		for _, r := range gone {
			if err := deleteFrom(ctx, tx, part{"removed WHERE jid = ? AND ord = ?", []any{clean(r.JID), r.Ord}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return failed("let go of removed accounts", err)
	}
	return nil
}

// OpenTo returns the Ords of the unsettled messages to removed recipients, up to their removal. It reads all unsettled
// messages.
func (s *Store) OpenTo(ctx context.Context, gone []track.Removal) (ords []int64, err error) {
	last := map[string]int64{}
	for _, r := range gone {
		last[clean(r.JID)] = max(last[clean(r.JID)], r.Ord)
	}
	found, err := s.query(ctx, "SELECT ord, recipient FROM messages WHERE "+isOpen)
	if err != nil {
		return nil, fmt.Errorf("messages to: %w", err)
	}
	defer found.Close()
	for found.Next() {
		var ord int64
		var recipient string
		if err := found.Scan(&ord, &recipient); err != nil {
			return nil, fmt.Errorf("messages to: %w", err)
		}
		if ord <= last[recipient] {
			ords = append(ords, ord)
		}
	}
	return ords, found.Err()
}

// Pending returns the outbox in order.
func (s *Store) Pending(ctx context.Context) ([]track.Outgoing, error) {
	var all []track.Outgoing
	found, err := s.query(ctx, "SELECT "+outbox.list()+" FROM outbox ORDER BY pos")
	err = outbox.read(found, err, func(e *entry) error { all = append(all, e.Outgoing); return nil })
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return all, nil
}

// Messages returns the watched messages of a sender selected by f. Unless f asks for the newest, the unsettled or one ID,
// they are those with a notice. It reads all rows of the sender, except for the unsettled, and for one ID with one
// recipient.
func (s *Store) Messages(ctx context.Context, sender string, f track.Filter) ([]track.Message, error) {
	sender = clean(sender)
	first, last := s.hash.sender(sender)
	where, args := []string{"kind = 0", "sender = ?"}, []any{sender}
	add := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	switch {
	case f.ID != "" && f.With != "":
		hash, _ := s.hash.key(track.Key{Sender: sender, Recipient: clean(f.With), ID: clean(f.ID)})
		add("hash = ?", hash)
	case f.Unsettled:
		add("conv BETWEEN ? AND ?", first, last)
	default:
		add("hash BETWEEN ? AND ?", first, last)
	}
	if f.Unsettled {
		add(isOpen)
	}
	if f.PendingNotice {
		add("told < seq")
	}
	if f.AfterRev > 0 || !f.Newest && !f.Unsettled && f.ID == "" {
		add("rev > ?", max(f.AfterRev, 0))
	}
	if f.With != "" {
		add("recipient = ?", clean(f.With))
	}
	if f.ID != "" {
		add("id = ?", clean(f.ID))
	}
	query := "SELECT " + s.messages.list() + " FROM messages WHERE " + strings.Join(where, " AND ")
	if f.Newest {
		query += " ORDER BY ord DESC"
	} else {
		query += " ORDER BY rev, ord"
	}
	if f.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	var all []track.Message
	found, err := s.query(ctx, query, args...)
	err = s.messages.read(found, err, func(m *track.Message) error { all = append(all, *m); return nil })
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	return all, nil
}

// Prompts returns the live prompts of a sender, oldest first.
func (s *Store) Prompts(ctx context.Context, sender string) ([]track.Prompt, error) {
	var all []track.Prompt
	found, err := s.query(ctx, "SELECT "+s.prompts.list()+" FROM prompts WHERE sender_hash = ? AND sender = ? AND "+isLive+" ORDER BY ord",
		s.hash.whole(clean(sender), ""), clean(sender))
	err = s.prompts.read(found, err, func(p *track.Prompt) error { all = append(all, *p); return nil })
	if err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	return all, nil
}

// Releases returns the newest releases of a user's number, newest first.
func (s *Store) Releases(ctx context.Context, owner string, limit int) ([]track.Release, error) {
	var all []track.Release
	found, err := s.query(ctx, "SELECT "+s.releases.list()+" FROM releases WHERE owner_hash = ? AND owner = ? ORDER BY at DESC, id LIMIT ?",
		s.hash.whole(clean(owner), ""), clean(owner), limit)
	err = s.releases.read(found, err, func(r *track.Release) error { all = append(all, *r); return nil })
	if err != nil {
		return nil, fmt.Errorf("releases: %w", err)
	}
	return all, nil
}

// Summary counts what is pending at now.
func (s *Store) Summary(ctx context.Context, now track.Time) (track.Summary, error) {
	var sum track.Summary
	due := struct {
		Pending, Overdue int64
		Oldest           track.Time
	}{}
	err := s.get(ctx, &due, "SELECT count(*) AS pending, count(*) FILTER (WHERE "+withAlarm+" AND due <= ?) AS overdue, "+
		"coalesce(min(due) FILTER (WHERE "+withAlarm+"), 0) AS oldest FROM messages WHERE "+isOpen, now)
	if err == nil {
		sum.Pending, sum.Overdue, sum.OldestDue = due.Pending, due.Overdue, due.Oldest
		err = s.get(ctx, &sum.OpenPrompts, livePrompts)
	}
	if err == nil {
		err = s.get(ctx, &sum.Outbox, "SELECT count(*) FROM outbox")
	}
	if err != nil {
		return sum, fmt.Errorf("summary: %w", err)
	}
	return sum, nil
}

// SMSUse counts the SMS queued since an instant.
func (s *Store) SMSUse(ctx context.Context, since track.Time) (track.SMSUse, error) {
	var use track.SMSUse
	err := s.get(ctx, &use, fmt.Sprintf("SELECT count(*) FILTER (WHERE segments > 0) AS sms, coalesce(sum(segments), 0) AS segments, "+
		"count(*) FILTER (WHERE state IN (%d, %d)) AS unsure FROM texts WHERE queued_at >= ?", track.TextUnsure, track.TextLost), since)
	if err != nil {
		return use, fmt.Errorf("usage of SMS: %w", err)
	}
	return use, nil
}

// Get returns the value of a key, or "" if it was never set.
func (s *Store) Get(ctx context.Context, key string) (string, error) {
	var value string
	err := s.get(ctx, &value, "SELECT value FROM meta WHERE key = ?", key)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("get %s: %w", key, err)
	}
	return value, nil
}

// Put saves the value of a key.
func (s *Store) Put(ctx context.Context, key, value string) error {
	if err := s.upsert(ctx, &meta.table, "key", meta.pack(fact{key, value})); err != nil {
		return failed("put "+key, err)
	}
	return nil
}

// Texts returns the SMS queued since an instant, oldest first.
func (s *Store) Texts(ctx context.Context, since track.Time, limit int) ([]track.Text, error) {
	var all []track.Text
	found, err := s.query(ctx, "SELECT "+s.texts.list()+" FROM texts WHERE queued_at >= ? ORDER BY queued_at, ord LIMIT ?", since, limit)
	err = s.texts.read(found, err, func(t *track.Text) error { all = append(all, *t); return nil })
	if err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	return all, nil
}
