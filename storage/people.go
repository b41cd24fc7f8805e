package storage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// upsert replaces the rows of the same keys, all or none.
func (s *Store) upsert(ctx context.Context, t *table, key string, r rows) error {
	return s.fenced(ctx, func(tx *sqlx.Tx) error { return s.insertRows(ctx, tx, t, replace(key, t), r) })
}

// insertRows inserts rows with a statement prepared on the spot.
func (s *Store) insertRows(ctx context.Context, tx *sqlx.Tx, t *table, tail string, r rows) error {
	if r.n == 0 {
		return nil
	}
	stmt, err := tx.PreparexContext(ctx, s.insert(t, tail))
	if err != nil {
		return err
	}
	defer stmt.Close()
	return s.write(ctx, stmt, t, r)
}

// secret returns the secret of the database, which is created once.
func (s *Store) secret(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh) // never fails
	text, err := s.Get(ctx, metaSecret)
	if err == nil && text == "" {
		err = s.fenced(ctx, func(tx *sqlx.Tx) error {
			return s.insertRows(ctx, tx, &meta.table, "ON CONFLICT DO NOTHING", meta.pack(fact{metaSecret, hex.EncodeToString(fresh)}))
		})
		if err == nil {
			text, err = s.Get(ctx, metaSecret)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	return hex.DecodeString(text)
}

// Number returns the phone number of a bare JID.
func (s *Store) Number(ctx context.Context, jid string) (n track.Number, ok bool, err error) {
	found, err := s.query(ctx, "SELECT "+numbers.list()+" FROM numbers WHERE jid = ?", clean(jid))
	err = numbers.read(found, err, func(v *track.Number) error { n, ok = *v, true; return nil })
	if err != nil {
		return n, false, fmt.Errorf("number: %w", err)
	}
	return n, ok, nil
}

// IsRefused reports whether the recipient's side has refused something from the sender, and nothing has arrived since; or so many
// have that the sender is refused everywhere.
func (s *Store) IsRefused(ctx context.Context, c track.Conv) (refused bool, err error) {
	c = cleanConv(c)
	senders, err := s.query(ctx, "SELECT "+peers.list()+" FROM peers WHERE jid = ?", c.Sender)
	err = peers.read(senders, err, func(p *track.Peer) error { refused = p.RefusedByAll(); return nil })
	if err != nil {
		return false, fmt.Errorf("refusal: %w", err)
	}
	found, err := s.query(ctx, "SELECT "+s.pairs.list()+" FROM pairs WHERE conv = ?", s.hash.conv(c))
	err = s.pairs.read(found, err, func(p *track.Pair) error {
		refused = refused || p.Conv == c && p.Refused != 0
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("refusal: %w", err)
	}
	return refused, nil
}

// importBatch is the number of rows per statement.
const importBatch = 5000

// SetNumbers sets numbers, all or none. The last one for a JID wins.
func (s *Store) SetNumbers(ctx context.Context, all ...track.Number) error {
	all = lastOf(all)
	err := s.fenced(ctx, func(tx *sqlx.Tx) error {
		stmt, err := tx.PreparexContext(ctx, s.insert(&numbers.table, replace("jid", &numbers.table)))
		if err != nil {
			return err
		}
		defer stmt.Close()
		for len(all) > 0 {
			n := min(len(all), importBatch)
			if err := s.write(ctx, stmt, &numbers.table, numbers.pack(all[:n]...)); err != nil {
				return err
			}
			all = all[n:]
		}
		return nil
	})
	if err != nil {
		return failed("set numbers", err)
	}
	return nil
}

// lastOf keeps the last number of each JID: one statement cannot change a row twice.
func lastOf(all []track.Number) []track.Number {
	last := make(map[string]int, len(all))
	for i, n := range all {
		last[clean(n.JID)] = i
	}
	if len(last) == len(all) {
		return all
	}
	var kept []track.Number
	for i, n := range all {
		if last[clean(n.JID)] == i {
			kept = append(kept, n)
		}
	}
	return kept
}

// RemoveNumber removes the number of a bare JID, and reports whether there was one.
func (s *Store) RemoveNumber(ctx context.Context, jid string) (bool, error) {
	var n int64
	err := s.fenced(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, tx.Rebind("DELETE FROM numbers WHERE jid = ?"), clean(jid))
		if err != nil {
			return err
		}
		if n, err = result.RowsAffected(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, tx.Rebind("UPDATE codes SET expires = 0 WHERE user_hash = ? AND used = 0"), s.hash.whole(clean(jid), ""))
		return err
	})
	if err != nil {
		return false, failed("remove number", err)
	}
	return n > 0, nil
}

// Numbers yields all numbers, sorted by the bytes of the JID, until yield fails.
func (s *Store) Numbers(ctx context.Context, yield func(track.Number) error) error {
	found, err := s.query(ctx, "SELECT "+numbers.list()+" FROM numbers ORDER BY "+s.bytewise("jid"))
	err = numbers.read(found, err, func(n *track.Number) error { return yield(*n) })
	if err != nil {
		return fmt.Errorf("numbers: %w", err)
	}
	return nil
}

// Prefs yields all settings.
func (s *Store) Prefs(ctx context.Context, yield func(track.Prefs)) error {
	found, err := s.query(ctx, "SELECT "+prefs.list()+" FROM prefs")
	err = prefs.read(found, err, func(p *track.Prefs) error { yield(*p); return nil })
	if err != nil {
		return fmt.Errorf("prefs: %w", err)
	}
	return nil
}

// SavePrefs saves the settings of a user.
func (s *Store) SavePrefs(ctx context.Context, p track.Prefs) error {
	if err := s.upsert(ctx, &prefs.table, "jid", prefs.pack(p)); err != nil {
		return failed("save prefs", err)
	}
	return nil
}

// Contacts yields the settings of all users for their contacts.
func (s *Store) Contacts(ctx context.Context, yield func(track.Contact)) error {
	found, err := s.query(ctx, "SELECT "+s.contacts.list()+" FROM contacts")
	err = s.contacts.read(found, err, func(c *track.Contact) error { yield(*c); return nil })
	if err != nil {
		return fmt.Errorf("contacts: %w", err)
	}
	return nil
}

// SaveContact saves a user's settings for a contact, or removes them if empty.
func (s *Store) SaveContact(ctx context.Context, c track.Contact) error {
	err := s.fenced(ctx, func(tx *sqlx.Tx) error {
		if !c.Muted && !c.Hidden {
			_, err := tx.ExecContext(ctx, tx.Rebind("DELETE FROM contacts WHERE owner_hash = ? AND contact_hash = ?"),
				s.hash.whole(clean(c.Owner), ""), s.hash.whole(clean(c.Contact), ""))
			return err
		}
		return s.insertRows(ctx, tx, &s.contacts.table, replace("owner_hash, contact_hash", &s.contacts.table), s.contacts.pack(c))
	})
	if err != nil {
		return failed("save contact", err)
	}
	return nil
}

// Devices yields the known devices.
func (s *Store) Devices(ctx context.Context, yield func(track.Device)) error {
	found, err := s.query(ctx, "SELECT "+s.devices.list()+" FROM devices")
	err = s.devices.read(found, err, func(d *track.Device) error { yield(*d); return nil })
	if err != nil {
		return fmt.Errorf("devices: %w", err)
	}
	return nil
}

// SaveDevices saves devices, and removes those that are gone (full JIDs).
func (s *Store) SaveDevices(ctx context.Context, seen []track.Device, gone []string) error {
	err := s.fenced(ctx, func(tx *sqlx.Tx) error {
		if err := s.insertRows(ctx, tx, &s.devices.table, replace("hash", &s.devices.table), s.devices.pack(seen...)); err != nil || len(gone) == 0 {
			return err
		}
		hashes := make([]int64, len(gone))
		for i, jid := range gone {
			hashes[i] = s.hash.device(clean(jid))
		}
		_, err := tx.ExecContext(ctx, tx.Rebind("DELETE FROM devices WHERE "+s.among("hash")), s.dialect.integers(hashes))
		return err
	})
	if err != nil {
		return failed("save devices", err)
	}
	return nil
}

// Forget removes what a user has provided: number, settings, devices.
func (s *Store) Forget(ctx context.Context, jid string) error {
	err := s.fenced(ctx, func(tx *sqlx.Tx) error { return s.forget(ctx, tx, clean(jid)) })
	if err != nil {
		return failed("forget", err)
	}
	return nil
}

func (s *Store) forget(ctx context.Context, tx *sqlx.Tx, jid string) error {
	first, last := s.hash.sender(jid)
	own := s.hash.whole(jid, "")
	// What was sent still counts, so that forgetting does not reset the limits.
	for _, blank := range []string{
		"UPDATE codes SET jid = '', number = '', expires = 0 WHERE user_hash = ?",
		"UPDATE texts SET number = '' WHERE sender_hash = ? AND kind = 1 AND state >= 3",
	} {
		if _, err := tx.ExecContext(ctx, tx.Rebind(blank), own); err != nil {
			return err
		}
	}
	return deleteFrom(ctx, tx,
		part{"numbers WHERE jid = ?", []any{jid}},
		part{"prefs WHERE jid = ?", []any{jid}},
		part{"tokens WHERE owner = ?", []any{jid}},
		part{"contacts WHERE owner_hash = ?", []any{own}},
		part{"devices WHERE hash BETWEEN ? AND ? AND substr(jid, 1, length(?)) = ?", []any{first, last, jid + "/", jid + "/"}})
}

// remove removes everything about an account, including its messages, and what was learned about it. It notes the name for Removed.
func (s *Store) remove(ctx context.Context, tx *sqlx.Tx, r track.Removal) error {
	jid := clean(r.JID)
	if err := s.forget(ctx, tx, jid); err != nil {
		return err
	}
	if err := s.insertRows(ctx, tx, &removed.table, replace("jid", &removed.table), removed.pack(r)); err != nil {
		return err
	}
	first, last := s.hash.sender(jid)
	own := s.hash.whole(jid, "")
	parts := part{"text_parts WHERE ord IN (SELECT ord FROM texts WHERE sender_hash = ? AND sender = ? AND ord <= ?)", []any{own, jid, r.Ord}}
	if err := deleteFrom(ctx, tx, parts); err != nil {
		return err
	}
	// Its SMS still count, so that a new account does not get a budget of its own.
	_, err := tx.ExecContext(ctx, tx.Rebind("UPDATE texts SET sender = '', recipient = '', prompt = '', messages = '[]', number = CASE WHEN kind = 1 THEN '' ELSE number END, "+
		"state = CASE WHEN state < 3 THEN 3 ELSE state END WHERE sender_hash = ? AND sender = ? AND ord <= ?"), own, jid, r.Ord)
	if err != nil {
		return err
	}
	return deleteFrom(ctx, tx,
		part{"peers WHERE jid = ?", []any{jid}},
		part{"pairs WHERE conv BETWEEN ? AND ? AND sender = ? OR recipient = ?", []any{first, last, jid, jid}},
		part{"outbox WHERE owner = ?", []any{jid}},
		part{"releases WHERE owner_hash = ?", []any{own}},
		part{"prompts WHERE sender_hash = ? AND ord <= ?", []any{own, r.Ord}},
		part{"messages WHERE hash BETWEEN ? AND ? AND sender = ? AND ord <= ?", []any{first, last, jid, r.Ord}})
}

// part selects rows to delete: a table and its condition.
type part struct {
	where string
	args  []any
}

func deleteFrom(ctx context.Context, tx *sqlx.Tx, parts ...part) error {
	for _, p := range parts {
		if _, err := tx.ExecContext(ctx, tx.Rebind("DELETE FROM "+p.where), p.args...); err != nil {
			return err
		}
	}
	return nil
}
