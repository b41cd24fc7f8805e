package storage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"
)

// metaCopy marks a target while a copy is under way; its value identifies the state of the source at the start.
const metaCopy = "copy-of"

const copyBatch = 2000

// Copy copies a database into an empty one, and compares the numbers of rows. After an interruption, the next Copy continues
// where it stopped, or starts over if the source has changed. Both databases are locked meanwhile, and their stores commit
// nothing afterwards. progress may be nil.
func Copy(ctx context.Context, from, to *Store, progress func(table string, done, total int64)) (failed error) {
	for _, s := range []*Store{from, to} {
		leadership, err := s.lead(ctx, s, "a copy", false)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		defer func() { failed = errors.Join(failed, leadership.Release()) }()
	}
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	c := &copying{from, to, progress}
	return from.dialer.withoutTimeout(func() error {
		return to.dialer.withoutTimeout(func() error { return c.run(ctx) })
	})
}

func (c *copying) run(ctx context.Context) error {
	from, to := c.from, c.to
	if err := c.begin(ctx); err != nil {
		return fmt.Errorf("%s: %w", to.name, err)
	}
	for _, table := range []func(context.Context) error{
		copyOf(c, from.messages, to.messages, "ord"), copyOf(c, from.prompts, to.prompts, "ord"), copyOf(c, outbox, outbox, "pos"), copyOf(c, handover, handover, "pos"),
		copyOf(c, peers, peers, ""), copyOf(c, from.pairs, to.pairs, ""), copyOf(c, from.releases, to.releases, ""), copyOf(c, numbers, numbers, ""),
		copyOf(c, prefs, prefs, ""), copyOf(c, from.contacts, to.contacts, ""), copyOf(c, from.devices, to.devices, ""), copyOf(c, from.texts, to.texts, "ord"), copyOf(c, from.parts, to.parts, ""),
		copyOf(c, from.replies, to.replies, ""), copyOf(c, codes, codes, "ord"), copyOf(c, stops, stops, ""), copyOf(c, tokens, tokens, ""), copyOf(c, removed, removed, ""), copyOf(c, meta, meta, ""),
	} {
		if err := table(ctx); err != nil {
			return err
		}
	}
	var last struct{ Ord, Rev int64 }
	if err := from.get(ctx, &last, lastOrdRev); err != nil {
		return err
	}
	return to.fenced(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, tx.Rebind("UPDATE holder SET last_ord = ?, last_rev = ? WHERE one = 1"), last.Ord, last.Rev); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, tx.Rebind("DELETE FROM meta WHERE key = ?"), metaCopy)
		return err
	})
}

type copying struct {
	from, to *Store
	progress func(table string, done, total int64)
}

// copied lists the tables to copy, besides meta.
var copied = []string{"messages", "prompts", "outbox", "peers", "pairs", "releases", "numbers", "prefs", "contacts", "devices", "handover", "texts", "text_parts", "replies_seen", "codes", "stops", "tokens", "removed"}

// begin prepares the target, which is empty or has a part of an unchanged source.
func (c *copying) begin(ctx context.Context) error {
	if half, err := c.from.Get(ctx, metaCopy); err != nil {
		return err
	} else if half != "" {
		return errors.New("the source is an unfinished copy")
	}
	mark, err := c.from.mark(ctx)
	if err != nil {
		return err
	}
	begun, err := c.to.Get(ctx, metaCopy)
	if err != nil {
		return err
	}
	for _, table := range copied {
		if begun != "" {
			break
		}
		if n, err := c.to.countRows(ctx, table); err != nil {
			return err
		} else if n > 0 {
			return fmt.Errorf("not empty: %d rows in %s", n, table)
		}
	}
	c.to.hashed = hashedBy(c.from.hash.secret)
	if begun == mark {
		return nil
	}
	return c.to.fenced(ctx, func(tx *sqlx.Tx) error {
		for _, table := range append(slices.Clone(copied), meta.name) {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
				return err
			}
		}
		facts := meta.pack(fact{metaSecret, hex.EncodeToString(c.from.hash.secret)}, fact{metaCopy, mark})
		return c.to.insertRows(ctx, tx, &meta.table, "", facts)
	})
}

// mark returns a short description of the database's contents, to detect changes.
func (s *Store) mark(ctx context.Context) (string, error) {
	var sum struct{ Rows, Ord, Rev, Status, Told, Sends, Texts, Replies int64 }
	var err error
	one := func(dest *int64, query string) {
		if err == nil {
			err = s.get(ctx, dest, query)
		}
	}
	one(&sum.Rows, "SELECT count(*) FROM messages")
	one(&sum.Ord, "SELECT coalesce(max(ord), 0) FROM messages")
	one(&sum.Rev, "SELECT coalesce(max(rev), 0) FROM messages")
	one(&sum.Status, "SELECT CAST(coalesce(sum(status + step), 0) AS BIGINT) FROM messages")
	one(&sum.Told, "SELECT CAST(coalesce(sum(told), 0) AS BIGINT) FROM messages")
	one(&sum.Sends, "SELECT CAST(coalesce(sum(sends + state), 0) AS BIGINT) FROM prompts")
	one(&sum.Texts, "SELECT CAST(coalesce(sum(1 + state), 0) AS BIGINT) FROM texts")
	one(&sum.Replies, "SELECT count(*) FROM replies_seen")
	return fmt.Sprintf("%x %+v", s.hash.half("", ""), sum), err
}

func (s *Store) countRows(ctx context.Context, table string) (n int64, err error) {
	err = s.get(ctx, &n, "SELECT count(*) FROM "+table)
	return n, err
}

// copyOf returns a function that copies one table and counts its rows.
func copyOf[T any](c *copying, source, target *kind[T], key string) func(context.Context) error {
	return func(ctx context.Context) error {
		total, err := c.from.countRows(ctx, source.name)
		if err == nil {
			err = copyTable(ctx, c, source, target, key, total)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", source.name, err)
		}
		there, err := c.to.countRows(ctx, source.name)
		if err != nil {
			return fmt.Errorf("%s: %w", source.name, err)
		}
		if source.name == meta.name {
			there-- // metaCopy
		}
		if there != total {
			return fmt.Errorf("%s: %d rows in the source, %d in the target", source.name, total, there)
		}
		return nil
	}
}

// copyTable continues after the greatest key in the target; without a key, which must be a number, it starts over and skips
// existing rows.
func copyTable[T any](ctx context.Context, c *copying, source, target *kind[T], key string, total int64) error {
	var done int64
	var args []any
	query := "SELECT " + source.list() + " FROM " + source.name
	if key != "" {
		var last int64
		if err := c.to.get(ctx, &last, fmt.Sprintf("SELECT coalesce(max(%s), -1) FROM %s", key, source.name)); err != nil {
			return err
		}
		var err error
		if done, err = c.to.countRows(ctx, source.name); err != nil {
			return err
		}
		query += fmt.Sprintf(" WHERE %s > ? ORDER BY %s", key, key)
		args = append(args, last)
	}
	batch := make([]T, 0, copyBatch)
	flush := func() error {
		err := c.to.fenced(ctx, func(tx *sqlx.Tx) error {
			return c.to.insertRows(ctx, tx, &target.table, "ON CONFLICT DO NOTHING", target.pack(batch...))
		})
		done += int64(len(batch))
		batch = batch[:0]
		c.progress(source.name, done, total)
		return err
	}
	found, err := c.from.query(ctx, query, args...)
	err = source.read(found, err, func(v *T) error {
		if batch = append(batch, *v); len(batch) < copyBatch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}
