package storage

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// loading collects the rows for a Want.
type loading struct {
	store    *Store
	messages map[int64]track.Message
	prompts  map[string]track.Prompt
	asked    map[string]bool // prompts that were looked up
	texts    map[string]track.Text
}

// Load loads what w asks for, and the rows that belong to it.
func (s *Store) Load(ctx context.Context, w track.Want, now track.Time) (track.Loaded, error) {
	l := &loading{store: s, messages: map[int64]track.Message{}, prompts: map[string]track.Prompt{}, asked: map[string]bool{}, texts: map[string]track.Text{}}
	out, err := l.all(ctx, w, now)
	if err != nil {
		return track.Loaded{}, failed("load", err)
	}
	return out, nil
}

func (l *loading) all(ctx context.Context, w track.Want, now track.Time) (out track.Loaded, err error) {
	s := l.store
	if err := l.byOrds(ctx, w.Ords); err != nil {
		return out, err
	}
	senders, recipients := set(w.Senders), set[string](nil)
	people, reached := set(w.Peers), set(w.Recipients)
	open, pairs := slices.Clone(w.Open), slices.Clone(w.Pairs)
	out.Open = w.Open
	decided := map[track.Conv]bool{} // conversations whose SMS under way are needed
	for _, m := range l.messages {   // those of w.Ords
		open, pairs = append(open, m.Conv()), append(pairs, m.Conv())
		senders[m.Sender], recipients[m.Recipient], people[m.Recipient], reached[m.Recipient], decided[m.Conv()] = true, true, true, true, true
	}
	if out.Parts, err = l.textsOf(ctx, w, now); err != nil {
		return out, err
	}
	if out.Seen, err = s.seen(ctx, w.Replies); err != nil {
		return out, err
	}
	for _, t := range l.texts {
		open, pairs = append(open, t.Conv), append(pairs, t.Conv)
		senders[t.Sender], reached[t.Recipient], decided[t.Conv] = true, true, true
	}
	for _, k := range w.Codes {
		decided[track.Conv{Sender: k.User, Recipient: k.User}] = true
	}
	for _, e164 := range w.Numbers {
		decided[track.Conv{Recipient: e164}] = true
	}
	for _, k := range w.Keys {
		if senders[k.Sender] {
			recipients[k.Recipient] = true
		}
	}
	if err := l.byKeys(ctx, w.Keys); err != nil {
		return out, err
	}
	if err := l.byConvs(ctx, s.open, open); err != nil {
		return out, err
	}
	if err := l.byConvs(ctx, s.failed, open); err != nil {
		return out, err
	}
	for _, sender := range w.Of {
		if err := l.bySender(ctx, clean(sender)); err != nil {
			return out, err
		}
	}
	if err := l.promptsBy(ctx, s.promptByID, s.names(w.Prompts), len(w.Prompts)); err != nil {
		return out, err
	}
	by, about := maps.Clone(senders), recipients // whose prompts count for the caps
	for _, p := range l.prompts {
		by[p.Sender], about[p.Recipient] = true, true
		pairs = append(pairs, p.Conv)
		if w.SMS {
			reached[p.Recipient] = true
		}
	}
	if err := l.promptsBy(ctx, s.promptByOrd, s.integers(w.Rows), len(w.Rows)); err != nil {
		return out, err
	}
	for _, p := range l.prompts {
		decided[p.Conv] = true
	}
	if err := l.promptsOf(ctx, senders); err != nil {
		return out, err
	}
	if err := l.belonging(ctx); err != nil {
		return out, err
	}
	if out.Opened, err = s.opened(ctx, by, about, now); err != nil {
		return out, err
	}
	for _, c := range pairs {
		people[c.Sender] = true
	}
	if len(people) > 0 {
		found, err := s.peer.QueryContext(ctx, s.names(slices.Sorted(maps.Keys(people))))
		err = peers.read(found, err, func(p *track.Peer) error { out.Peers = append(out.Peers, *p); return nil })
		if err != nil {
			return out, fmt.Errorf("peers: %w", err)
		}
	}
	if out.Pairs, err = l.pairsOf(ctx, pairs); err != nil {
		return out, err
	}
	if len(reached) > 0 {
		found, err := s.numberOf.QueryContext(ctx, s.names(slices.Sorted(maps.Keys(reached))))
		err = numbers.read(found, err, func(n *track.Number) error { out.Numbers = append(out.Numbers, *n); return nil })
		if err != nil {
			return out, fmt.Errorf("numbers: %w", err)
		}
	}
	if err := l.liveTexts(ctx, decided); err != nil {
		return out, err
	}
	if out.Codes, err = l.codesOf(ctx, w); err != nil {
		return out, err
	}
	alerts := w.Alerts
	if w.SMS {
		alerts = append(slices.Clone(alerts), track.BudgetAlerts...)
		about := slices.Clone(w.Numbers)
		for _, n := range out.Numbers {
			about = append(about, n.E164)
		}
		for _, t := range l.texts {
			about = append(about, t.Number)
		}
		if out.Usage, err = s.usage(ctx, about, decided, now); err != nil {
			return out, err
		}
	}
	if out.Alerts, err = s.alerted(ctx, alerts); err != nil {
		return out, err
	}
	if len(w.Codes) > 0 {
		if out.CodeUse, err = s.codeUse(ctx, w.Codes, out.Codes, out.Alerts, now); err != nil {
			return out, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.texts)) {
		out.Texts = append(out.Texts, l.texts[id])
	}
	for _, ord := range slices.Sorted(maps.Keys(l.messages)) {
		out.Messages = append(out.Messages, l.messages[ord])
	}
	slices.Reverse(out.Messages) // newest first
	for _, id := range slices.Sorted(maps.Keys(l.prompts)) {
		out.Prompts = append(out.Prompts, l.prompts[id])
	}
	return out, nil
}

func (l *loading) byOrds(ctx context.Context, ords []int64) error {
	if len(ords) == 0 {
		return nil
	}
	return l.find(ctx, l.store.byOrd, ords, func(*track.Message) bool { return true })
}

func (l *loading) find(ctx context.Context, stmt *sqlx.Stmt, wanted []int64, exact func(*track.Message) bool) error {
	found, err := stmt.QueryContext(ctx, l.store.integers(wanted))
	err = l.store.messages.read(found, err, func(m *track.Message) error {
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

func (l *loading) byKeys(ctx context.Context, wanted []track.Key) error {
	if len(wanted) == 0 {
		return nil
	}
	exact, hashes := make(map[track.Key]bool, len(wanted)), make([]int64, 0, len(wanted))
	for _, k := range wanted {
		if k = cleanKey(k); !exact[k] {
			exact[k] = true
			hash, _ := l.store.hash.key(k)
			hashes = append(hashes, hash)
		}
	}
	return l.find(ctx, l.store.byHash, hashes, func(m *track.Message) bool { return exact[m.Key] })
}

// pairsOf loads what senders have learned about recipients.
func (l *loading) pairsOf(ctx context.Context, wanted []track.Conv) (pairs []track.Pair, err error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	exact, hashes := l.hashes(wanted)
	found, err := l.store.pairOf.QueryContext(ctx, l.store.integers(hashes))
	err = l.store.pairs.read(found, err, func(p *track.Pair) error {
		if exact[p.Conv] {
			pairs = append(pairs, *p)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("pairs: %w", err)
	}
	return pairs, nil
}

// hashes returns the hashes of conversations, each once, with their conversations.
func (l *loading) hashes(wanted []track.Conv) (exact map[track.Conv]bool, hashes []int64) {
	exact, hashes = make(map[track.Conv]bool, len(wanted)), make([]int64, 0, len(wanted))
	for _, c := range wanted {
		if c = cleanConv(c); !exact[c] {
			exact[c] = true
			hashes = append(hashes, l.store.hash.conv(c))
		}
	}
	return exact, hashes
}

func (l *loading) byConvs(ctx context.Context, stmt *sqlx.Stmt, wanted []track.Conv) error {
	if len(wanted) == 0 {
		return nil
	}
	exact, hashes := l.hashes(wanted)
	return l.find(ctx, stmt, hashes, func(m *track.Message) bool { return exact[m.Conv()] })
}

// bySender loads a sender's unsettled messages.
func (l *loading) bySender(ctx context.Context, sender string) error {
	first, last := l.store.hash.sender(sender)
	found, err := l.store.openOf.QueryContext(ctx, first, last)
	err = l.store.messages.read(found, err, func(m *track.Message) error {
		if m.Sender == sender {
			l.messages[m.Ord] = *m
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("messages of a sender: %w", err)
	}
	return nil
}

// promptsOf loads the live prompts of senders.
func (l *loading) promptsOf(ctx context.Context, senders map[string]bool) error {
	if len(senders) == 0 {
		return nil
	}
	exact, hashes := l.store.hash.all(senders)
	return l.addPrompts(ctx, l.store.promptOf, l.store.integers(hashes), func(p *track.Prompt) bool { return exact[p.Sender] })
}

func (l *loading) promptsBy(ctx context.Context, stmt *sqlx.Stmt, wanted any, n int) error {
	if n == 0 {
		return nil
	}
	return l.addPrompts(ctx, stmt, wanted, func(*track.Prompt) bool { return true })
}

func (l *loading) addPrompts(ctx context.Context, stmt *sqlx.Stmt, wanted any, exact func(*track.Prompt) bool) error {
	found, err := stmt.QueryContext(ctx, wanted)
	err = l.store.prompts.read(found, err, func(p *track.Prompt) error {
		if !exact(p) {
			return nil
		}
		l.prompts[p.ID] = *p
		l.asked[p.ID] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("prompts: %w", err)
	}
	return nil
}

// belonging adds the originals of aliases, the messages of prompts and the live prompts of messages, until nothing is
// missing.
func (l *loading) belonging(ctx context.Context) error {
	sought := map[int64]bool{} // messages that were looked up; those not found were pruned
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
		if err := l.promptsBy(ctx, l.store.promptIn, l.store.names(ids), len(ids)); err != nil {
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
		if err := l.byOrds(ctx, ords); err != nil {
			return err
		}
	}
}

// opened loads the prompts that count for the caps: those of a day, the longest cap period. Those of a conversation are
// among those of its sender.
func (s *Store) opened(ctx context.Context, senders, recipients map[string]bool, now track.Time) ([]track.Opened, error) {
	var opened []track.Opened
	since := now.Add(-24 * time.Hour)
	by, senderHashes := s.hash.all(senders)
	about, recipientHashes := s.hash.all(recipients)
	read := func(stmt *sqlx.Stmt, hashes []int64, wanted func(*track.Opened) bool) error {
		if len(hashes) == 0 {
			return nil
		}
		found, err := stmt.QueryContext(ctx, since, s.integers(hashes))
		return openings.read(found, err, func(o *track.Opened) error {
			if wanted(o) {
				opened = append(opened, *o)
			}
			return nil
		})
	}
	err := read(s.openedBy, senderHashes, func(o *track.Opened) bool { return by[o.Sender] })
	if err == nil {
		err = read(s.openedAbout, recipientHashes, func(o *track.Opened) bool { return about[o.Recipient] && !by[o.Sender] })
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
