package storage

import (
	"context"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

var tokens = kindOf("tokens", tokenColumns)

func tokenColumns(w *walk, t *track.Token) {
	num(w, "expires", &t.Expires)
	str(w, "hash", &t.Hash)
	str(w, "purpose", &t.Purpose)
	str(w, "owner", &t.Owner)
	str(w, "prompt", &t.Prompt)
}

// tokensOf limits the tokens of a user per purpose; those that expire last are kept. Each prompt may have a token for its
// page.
const tokensOf = 16

// SaveToken saves a token, or updates a known one.
func (s *Store) SaveToken(ctx context.Context, t track.Token) error {
	err := s.fenced(ctx, func(tx *sqlx.Tx) error {
		if err := s.insertRows(ctx, tx, &tokens.table, replace("hash", &tokens.table), tokens.pack(t)); err != nil || t.Purpose == track.PromptPage {
			return err
		}
		const his = "owner = ? AND purpose = ?"
		owner, purpose := clean(t.Owner), string(t.Purpose)
		return deleteFrom(ctx, tx, part{"tokens WHERE " + his + " AND hash NOT IN (SELECT hash FROM tokens WHERE " + his + " ORDER BY expires DESC, hash LIMIT ?)",
			[]any{owner, purpose, owner, purpose, tokensOf}})
	})
	if err != nil {
		return failed("save token", err)
	}
	return nil
}

// Token returns the token of a hash, whether or not it has expired.
func (s *Store) Token(ctx context.Context, hash string) (t track.Token, ok bool, err error) {
	found, err := s.query(ctx, "SELECT "+tokens.list()+" FROM tokens WHERE hash = ?", clean(hash))
	err = tokens.read(found, err, func(v *track.Token) error { t, ok = *v, true; return nil })
	if err != nil {
		return t, false, failed("token", err)
	}
	return t, ok, nil
}

// DropToken removes a token, and reports whether it existed: of two concurrent calls, one succeeds.
func (s *Store) DropToken(ctx context.Context, hash string) (dropped bool, err error) {
	err = s.fenced(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, tx.Rebind("DELETE FROM tokens WHERE hash = ?"), clean(hash))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		dropped = n > 0
		return err
	})
	if err != nil {
		return false, failed("drop token", err)
	}
	return dropped, nil
}
