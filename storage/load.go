package storage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// load gathers what a Want asks for.
type load struct {
	*Store
	ctx      context.Context
	messages map[int64]track.Message
	prompts  map[string]track.Prompt
	asked    map[string]bool // prompts that were looked for
}

// Load finds what w asks for, and what belongs to it.
func (s *Store) Load(ctx context.Context, w track.Want, now track.Time) (track.Loaded, error) {
	l := &load{Store: s, ctx: ctx, messages: map[int64]track.Message{}, prompts: map[string]track.Prompt{}, asked: map[string]bool{}}
	out, err := l.all(w, now)
	if err != nil {
		return track.Loaded{}, fmt.Errorf("load: %w", err)
	}
	return out, nil
}

func (l *load) all(w track.Want, now track.Time) (out track.Loaded, err error) {
	if err := l.byOrds(w.Ords); err != nil {
		return out, err
	}
	senders, recipients := set(w.Senders), set[string](nil)
	people := set(w.Peers)
	open := slices.Clone(w.Open)
	for _, m := range l.messages { // those of w.Ords
		open = append(open, m.Conv())
		senders[m.Sender], recipients[m.Recipient], people[m.Recipient] = true, true, true
	}
	for _, k := range w.Keys {
		if senders[k.Sender] {
			recipients[k.Recipient] = true
		}
	}
	if err := l.byKeys(w.Keys); err != nil {
		return out, err
	}
	if err := l.byConvs(l.open, open); err != nil {
		return out, err
	}
	if err := l.byConvs(l.got, w.Got); err != nil {
		return out, err
	}
	if err := l.promptsBy(l.promptByID, l.names(w.Prompts), len(w.Prompts)); err != nil {
		return out, err
	}
	if err := l.promptsBy(l.promptByOrd, l.numbers(w.Rows), len(w.Rows)); err != nil {
		return out, err
	}
	if err := l.promptsBy(l.promptOf, l.names(keys(senders)), len(senders)); err != nil {
		return out, err
	}
	if err := l.belonging(); err != nil {
		return out, err
	}
	if out.Opened, err = l.opened(senders, recipients, now); err != nil {
		return out, err
	}
	if len(people) > 0 {
		found, err := l.peer.QueryContext(l.ctx, l.names(keys(people)))
		err = peers.read(found, err, func(p *track.Peer) error { out.Peers = append(out.Peers, *p); return nil })
		if err != nil {
			return out, fmt.Errorf("peers: %w", err)
		}
	}
	for _, ord := range keys(l.messages) {
		out.Messages = append(out.Messages, l.messages[ord])
	}
	slices.Reverse(out.Messages) // newest first
	for _, id := range keys(l.prompts) {
		out.Prompts = append(out.Prompts, l.prompts[id])
	}
	return out, nil
}

func (l *load) byOrds(ords []int64) error {
	if len(ords) == 0 {
		return nil
	}
	return l.find(l.byOrd, ords, func(*track.Message) bool { return true })
}

func (l *load) find(stmt *sqlx.Stmt, wanted []int64, exact func(*track.Message) bool) error {
	found, err := stmt.QueryContext(l.ctx, l.numbers(wanted))
	err = l.message.read(found, err, func(m *track.Message) error {
		if exact(m) {
			l.messages[m.Ord] = *m
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("messages: %w", err)
	}
	return nil
}

func (l *load) byKeys(wanted []track.Key) error {
	if len(wanted) == 0 {
		return nil
	}
	exact, hashes := make(map[track.Key]bool, len(wanted)), make([]int64, 0, len(wanted))
	for _, k := range wanted {
		if k = cleanKey(k); !exact[k] {
			exact[k] = true
			hash, _ := l.hash.key(k)
			hashes = append(hashes, hash)
		}
	}
	return l.find(l.byHash, hashes, func(m *track.Message) bool { return exact[m.Key] })
}

func (l *load) byConvs(stmt *sqlx.Stmt, wanted []track.Conv) error {
	if len(wanted) == 0 {
		return nil
	}
	exact, hashes := make(map[track.Conv]bool, len(wanted)), make([]int64, 0, len(wanted))
	for _, c := range wanted {
		if c = (track.Conv{Sender: clean(c.Sender), Recipient: clean(c.Recipient)}); !exact[c] {
			exact[c] = true
			hashes = append(hashes, l.hash.conv(c))
		}
	}
	return l.find(stmt, hashes, func(m *track.Message) bool { return exact[m.Conv()] })
}

func (l *load) promptsBy(stmt *sqlx.Stmt, wanted any, n int) error {
	if n == 0 {
		return nil
	}
	found, err := stmt.QueryContext(l.ctx, wanted)
	err = prompts.read(found, err, func(p *track.Prompt) error {
		l.prompts[p.ID] = *p
		l.asked[p.ID] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("prompts: %w", err)
	}
	return nil
}

// belonging adds the originals of aliases, the messages of prompts and the live prompts of messages, until nothing
// is missing.
func (l *load) belonging() error {
	sought := map[int64]bool{} // messages that were looked for; what is not found was pruned
	for {
		var ords []int64
		seek := func(ord int64) {
			if _, known := l.messages[ord]; !known && !sought[ord] {
				sought[ord] = true
				ords = append(ords, ord)
			}
		}
		var ids []string
		for _, m := range l.messages {
			if m.Kind == track.Alias {
				seek(m.Original)
			}
			if m.Prompt != "" && !l.asked[m.Prompt] {
				l.asked[m.Prompt] = true
				ids = append(ids, m.Prompt)
			}
		}
		if err := l.promptsBy(l.promptIn, l.names(ids), len(ids)); err != nil {
			return err
		}
		for _, p := range l.prompts {
			for _, ord := range p.Messages {
				seek(ord)
			}
		}
		if len(ords) == 0 {
			return nil
		}
		if err := l.byOrds(ords); err != nil {
			return err
		}
	}
}

// openings finds the prompts that count for the caps: of a day, which is the longest of their spans. Those of a
// conversation are among those of its sender.
func (l *load) opened(senders, recipients map[string]bool, now track.Time) ([]track.Opened, error) {
	var opened []track.Opened
	since := now.Add(-24 * time.Hour)
	read := func(stmt *sqlx.Stmt, people map[string]bool, known func(*track.Opened) bool) error {
		if len(people) == 0 {
			return nil
		}
		found, err := stmt.QueryContext(l.ctx, since, l.names(keys(people)))
		return openings.read(found, err, func(o *track.Opened) error {
			if !known(o) {
				opened = append(opened, *o)
			}
			return nil
		})
	}
	err := read(l.openedBy, senders, func(*track.Opened) bool { return false })
	if err == nil {
		err = read(l.openedAbout, recipients, func(o *track.Opened) bool { return senders[o.Sender] })
	}
	if err != nil {
		return nil, fmt.Errorf("opened: %w", err)
	}
	slices.SortFunc(opened, func(a, b track.Opened) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Sender, b.Sender), cmp.Compare(a.Recipient, b.Recipient))
	})
	return opened, nil
}

func set[T comparable](values []T) map[T]bool {
	m := make(map[T]bool, len(values))
	for _, v := range values {
		m[v] = true
	}
	return m
}

func keys[K cmp.Ordered, V any](m map[K]V) []K {
	sorted := make([]K, 0, len(m))
	for k := range m {
		sorted = append(sorted, k)
	}
	slices.Sort(sorted)
	return sorted
}
