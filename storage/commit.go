package storage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// Commit stores all changes in one transaction, or none of them. It fails with track.ErrFenced when another instance has
// taken the database, with a track.BehindError when the database has lost earlier commits, and with track.ErrRefused when
// the database can't store something in the changes. After any other error they may have been stored: see CommitStored.
func (s *Store) Commit(ctx context.Context, c track.Changes) error {
	s.fence.writing.Lock()
	defer s.fence.writing.Unlock()
	ord, rev := reached(&c)
	open, err := s.transact(ctx, true, ord, rev, func(tx *sqlx.Tx) error { return s.store(ctx, tx, &c) })
	s.fence.last = settled
	if open {
		s.fence.last = uncertain
	}
	if err != nil {
		s.renew(ctx, err)
		return failed("commit", err)
	}
	return nil
}

func (s *Store) store(ctx context.Context, tx *sqlx.Tx, c *track.Changes) error {
	for _, r := range c.Removed {
		if err := s.remove(ctx, tx, r); err != nil {
			return fmt.Errorf("remove an account: %w", err)
		}
	}
	var entries []entry
	if len(c.Outbox) > 0 {
		var last int64
		if err := tx.StmtxContext(ctx, s.lastPos).GetContext(ctx, &last); err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
		for i, out := range c.Outbox {
			entries = append(entries, entry{last + int64(i) + 1, out})
		}
	}
	type part struct {
		name  string
		stmt  *sqlx.Stmt
		table *table
		rows  rows
	}
	var parts []part
	for i, rows := range shaped(s.insertMessage, &s.messages.table, s.messages.pack(c.Insert...), rows{}) {
		parts = append(parts, part{"insert messages", s.insertMessage[i].stmt, &s.insertMessage[i].table, rows})
	}
	for i, rows := range shaped(s.updateMessage, &updates.table, updates.pack(c.Update...), updates.pack(c.Was...)) {
		parts = append(parts, part{"update messages", s.updateMessage[i].stmt, &s.updateMessage[i].table, rows})
	}
	parts = append(parts, []part{
		{"prompts", s.putPrompt, &s.prompts.table, s.prompts.pack(endedFirst(c.Prompts)...)},
		{"peers", s.putPeer, &peers.table, peers.pack(c.Peers...)},
		{"pairs", s.putPair, &s.pairs.table, s.pairs.pack(c.Pairs...)},
		{"outbox", s.putOutgoing, &outbox.table, outbox.pack(entries...)},
		{"attempts", s.retryOutgoing, &attempts.table, attempts.pack(lastAttempts(c.Attempts)...)},
		{"releases", s.putRelease, &s.releases.table, s.releases.pack(c.Releases...)},
		{"texts", s.putText, &s.texts.table, s.texts.pack(liveLast(c.Texts)...)},
		{"parts", s.putPart, &s.parts.table, s.parts.pack(lastParts(c.Parts)...)},
		{"replies", s.putReply, &s.replies.table, s.replies.pack(c.Replies...)},
		{"stops", s.putStop, &stops.table, stops.pack(s.hash.stops(c.Stops)...)},
		{"codes", s.putCode, &codes.table, codes.pack(s.hash.codes(c.Codes)...)},
		{"numbers", s.putNumber, &numbers.table, numbers.pack(lastOf(c.Numbers)...)},
		{"marks", s.putFact, &meta.table, meta.pack(marks(c)...)},
	}...)
	for _, part := range parts {
		if part.rows.n == 0 {
			continue
		}
		if err := s.write(ctx, tx.StmtxContext(ctx, part.stmt), part.table, part.rows); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	for seq, ords := range bySeq(c.Delivered) {
		if _, err := tx.StmtxContext(ctx, s.deliver).ExecContext(ctx, seq, seq, s.integers(ords)); err != nil {
			return fmt.Errorf("delivered notices: %w", err)
		}
	}
	if len(c.Done) > 0 {
		if _, err := tx.StmtxContext(ctx, s.dropOutgoing).ExecContext(ctx, s.names(c.Done)); err != nil {
			return fmt.Errorf("done: %w", err)
		}
	}
	if len(c.Taken) > 0 {
		if _, err := tx.StmtxContext(ctx, s.dropTaken).ExecContext(ctx, s.integers(c.Taken)); err != nil {
			return fmt.Errorf("taken: %w", err)
		}
	}
	return nil
}

// reached returns the greatest Ord and Rev of the changes. The next instance continues from there, whatever is pruned until
// then: clients hold revisions as tokens, and prompts are named after their row.
func reached(c *track.Changes) (ord, rev int64) {
	for _, changed := range [][]track.Message{c.Insert, c.Update} {
		for i := range changed {
			ord, rev = max(ord, changed[i].Ord), max(rev, changed[i].Notice.Rev)
		}
	}
	for i := range c.Prompts {
		ord = max(ord, c.Prompts[i].Row)
	}
	for i := range c.Texts {
		ord = max(ord, c.Texts[i].Row)
	}
	for i := range c.Codes {
		ord = max(ord, c.Codes[i].Row)
	}
	for _, r := range c.Removed {
		ord = max(ord, r.Ord)
	}
	return ord, rev
}

// lastAttempts keeps the last attempt of each entry.
func lastAttempts(list []track.Attempt) []track.Attempt {
	last := make(map[string]track.Attempt, len(list))
	for _, a := range list {
		if a.Tries >= last[a.ID].Tries {
			last[a.ID] = a
		}
	}
	return slices.Collect(maps.Values(last))
}

// marks are the positions up to which sources were processed, and the times of alerts to admins.
func marks(c *track.Changes) (facts []fact) {
	for _, a := range c.Alerts {
		facts = append(facts, fact{alertKey(a.Alert), strconv.FormatInt(int64(a.At), 10)})
	}
	for _, m := range c.Marks {
		facts = append(facts, fact{track.MarkKey(m.Run), strconv.FormatUint(m.N, 10)})
	}
	return facts
}

// bySeq groups messages by the greatest Seq of their notices that were delivered.
func bySeq(delivered []track.NoticeKey) map[uint32][]int64 {
	seqs := make(map[int64]uint32, len(delivered))
	for _, t := range delivered {
		seqs[t.Ord] = max(seqs[t.Ord], t.Seq)
	}
	gathered := map[uint32][]int64{}
	for _, ord := range slices.Sorted(maps.Keys(seqs)) {
		gathered[seqs[ord]] = append(gathered[seqs[ord]], ord)
	}
	return gathered
}

// endedFirst orders the prompts so that a conversation never has two live ones.
func endedFirst(all []track.Prompt) []track.Prompt {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b track.Prompt) int {
		return live(a) - live(b)
	})
	return all
}

func live(p track.Prompt) int {
	if p.State.Live() {
		return 1
	}
	return 0
}

// liveLast orders the SMS so that a conversation never has two live ones.
func liveLast(all []track.Text) []track.Text {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b track.Text) int { return int(b.State) - int(a.State) })
	return all
}

// lastParts keeps the last state of each part: one statement cannot change a row twice.
func lastParts(all []track.Part) []track.Part {
	last := make(map[track.PartKey]track.Part, len(all))
	for _, p := range all {
		last[p.PartKey] = p
	}
	return slices.Collect(maps.Values(last))
}

// stops keeps the last of each number: one statement cannot change a row twice.
func (h *hasher) stops(all []track.Stop) []stop {
	last := map[string]stop{}
	for _, s := range all {
		last[s.Number] = stop{h.number(s.Number), s}
	}
	return slices.Collect(maps.Values(last))
}
