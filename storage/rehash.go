package storage

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
)

// hashesMark marks where migration 2 fills in hashes, which SQLite can't compute.
const hashesMark = "-- hashes\n"

// fillHashes computes the hashes of rows from before migration 2. It must agree with the current hasher.
func fillHashes(ctx context.Context, tx *sql.Tx, d dialect) error {
	var text string
	err := tx.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = '"+metaSecret+"'").Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // the database is new: it has no rows
	}
	if err != nil {
		return err
	}
	secret, err := hex.DecodeString(text)
	if err != nil {
		return fmt.Errorf("the database's secret: %w", err)
	}
	h := &hasher{secret}
	of := func(s string) int64 { return h.whole(s, "") }
	for _, t := range []struct {
		name   string
		key    []string // text columns
		hashes []string
		hash   func(key []string) []any
	}{
		{"prompts", []string{"id", "sender", "recipient"}, []string{"sender_hash", "recipient_hash"},
			func(key []string) []any { return []any{of(key[1]), of(key[2])} }},
		{"releases", []string{"owner", "receiver", "id"}, []string{"owner_hash", "hash"},
			func(key []string) []any { return []any{of(key[0]), h.whole(key[1], key[2])} }},
		{"contacts", []string{"owner", "contact"}, []string{"owner_hash", "contact_hash"},
			func(key []string) []any { return []any{of(key[0]), of(key[1])} }},
		{"devices", []string{"jid"}, []string{"hash"},
			func(key []string) []any { return []any{h.device(key[0])} }},
	} {
		rows, err := texts(ctx, tx, fmt.Sprintf("SELECT %s FROM %s", strings.Join(t.key, ", "), t.name), len(t.key))
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		update := fmt.Sprintf("UPDATE %s SET %s = ? WHERE %s = ?", t.name, strings.Join(t.hashes, " = ?, "), strings.Join(t.key, " = ? AND "))
		stmt, err := tx.PrepareContext(ctx, sqlx.Rebind(d.bind(), update))
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		for _, key := range rows {
			args := t.hash(key)
			for _, k := range key {
				args = append(args, k)
			}
			if _, err = stmt.ExecContext(ctx, args...); err != nil {
				break
			}
		}
		if err = errors.Join(err, stmt.Close()); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// texts reads all rows of a query for n columns of text.
func texts(ctx context.Context, tx *sql.Tx, query string, n int) (all [][]string, err error) {
	found, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		row, dest := make([]string, n), make([]any, n)
		for i := range row {
			dest[i] = &row[i]
		}
		if err := found.Scan(dest...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, found.Err()
}
