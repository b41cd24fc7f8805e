package storage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

// textsOf loads the requested SMS, with their messages and all their parts.
func (l *loading) textsOf(ctx context.Context, w track.Want, now track.Time) (parts []track.Part, err error) {
	if len(w.Texts)+len(w.Parts)+len(w.Phones) == 0 {
		return nil, nil
	}
	s := l.store
	var ords []int64
	if len(w.Parts) > 0 {
		exact, hashes := map[track.PartKey]bool{}, []int64{}
		for _, k := range w.Parts {
			exact[track.PartKey{Route: clean(k.Route), ID: clean(k.ID)}] = true
			hashes = append(hashes, s.hash.part(k))
		}
		found, err := s.partByHash.QueryContext(ctx, s.integers(hashes))
		err = s.parts.read(found, err, func(p *track.Part) error {
			if exact[p.PartKey] {
				ords = append(ords, p.Row)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("parts: %w", err)
		}
	}
	if err := l.addTexts(ctx, s.textByID, s.names(w.Texts), func(*track.Text) bool { return true }); err != nil {
		return nil, err
	}
	if err := l.addTexts(ctx, s.textByOrd, s.integers(ords), func(*track.Text) bool { return true }); err != nil {
		return nil, err
	}
	if len(w.Phones) > 0 {
		found, err := s.textTo.QueryContext(ctx, now.Add(-track.MaxReplyWindow), s.names(w.Phones))
		err = s.texts.read(found, err, func(t *track.Text) error { l.texts[t.ID] = *t; return nil })
		if err != nil {
			return nil, fmt.Errorf("texts: %w", err)
		}
	}
	ords = ords[:0]
	var messages []int64
	for _, t := range l.texts {
		ords, messages = append(ords, t.Row), append(messages, t.Messages...)
	}
	if err := l.byOrds(ctx, messages); err != nil {
		return nil, err
	}
	slices.Sort(ords)
	found, err := s.partOf.QueryContext(ctx, s.integers(ords))
	err = s.parts.read(found, err, func(p *track.Part) error { parts = append(parts, *p); return nil })
	if err != nil {
		return nil, fmt.Errorf("parts: %w", err)
	}
	return parts, nil
}

// seen returns the replies that were processed already.
func (s *Store) seen(ctx context.Context, wanted []track.ReplyKey) (seen []track.ReplyKey, err error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	exact, hashes := map[track.ReplyKey]track.ReplyKey{}, []int64{}
	for _, k := range wanted {
		exact[track.ReplyKey{Route: clean(k.Route), ID: clean(k.ID)}] = k
		hashes = append(hashes, s.hash.reply(k))
	}
	found, err := s.replyByHash.QueryContext(ctx, s.integers(hashes))
	err = s.replies.read(found, err, func(r *track.ReplySeen) error {
		if k, ok := exact[r.ReplyKey]; ok {
			seen = append(seen, k)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("replies: %w", err)
	}
	return seen, nil
}

// liveTexts loads the SMS under way in conversations.
func (l *loading) liveTexts(ctx context.Context, wanted map[track.Conv]bool) error {
	if len(wanted) == 0 {
		return nil
	}
	convs := make([]track.Conv, 0, len(wanted))
	for c := range wanted {
		convs = append(convs, c)
	}
	exact, hashes := l.hashes(convs)
	return l.addTexts(ctx, l.store.textIn, l.store.integers(hashes), func(t *track.Text) bool { return exact[t.Conv] })
}

func (l *loading) addTexts(ctx context.Context, stmt *sqlx.Stmt, wanted any, fits func(*track.Text) bool) error {
	found, err := stmt.QueryContext(ctx, wanted)
	err = l.store.texts.read(found, err, func(t *track.Text) error {
		if fits(t) {
			l.texts[t.ID] = *t
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("texts: %w", err)
	}
	return nil
}

// usage loads the counts that limit SMS, by number and by the senders of conversations.
func (s *Store) usage(ctx context.Context, to []string, decided map[track.Conv]bool, now track.Time) (u track.Usage, err error) {
	since := now.Add(-24 * time.Hour)
	bound, hashes := map[string]bool{}, map[string]string{}
	for _, e164 := range to {
		e164 = clean(e164)
		bound[e164] = true
		hashes[s.hash.number(e164)] = e164
	}
	senders := map[string]bool{}
	for c := range decided {
		senders[c.Sender] = true
	}
	by, senderHashes := s.hash.all(senders)
	read := func(stmt *sqlx.Stmt, wanted any, fits func(*track.Used) bool) error {
		found, err := stmt.QueryContext(ctx, since, wanted)
		return used.read(found, err, func(v *track.Used) error {
			if fits(v) {
				u.Used = append(u.Used, *v)
			}
			return nil
		})
	}
	if len(bound) > 0 {
		if err := read(s.usedFor, s.names(slices.Sorted(maps.Keys(bound))), func(*track.Used) bool { return true }); err != nil {
			return u, fmt.Errorf("usage: %w", err)
		}
		found, err := s.stopped.QueryContext(ctx, s.names(slices.Sorted(maps.Keys(hashes))))
		err = stops.read(found, err, func(v *stop) error {
			if u.Stopped == nil {
				u.Stopped = map[string]track.StopBy{}
			}
			u.Stopped[hashes[v.hash]] = v.By
			return nil
		})
		if err != nil {
			return u, fmt.Errorf("stops: %w", err)
		}
		found, err = s.lineTo.QueryContext(ctx, now.Add(-track.MaxReplyWindow), s.names(slices.Sorted(maps.Keys(bound))))
		err = lines.read(found, err, func(v *track.LineUse) error { u.Lines = append(u.Lines, *v); return nil })
		if err != nil {
			return u, fmt.Errorf("lines: %w", err)
		}
		if err := s.known.SelectContext(ctx, &u.Known, s.names(slices.Sorted(maps.Keys(bound)))); err != nil {
			return u, fmt.Errorf("usage: %w", err)
		}
	}
	if err := read(s.usedBy, s.integers(senderHashes), func(v *track.Used) bool { return by[v.Sender] && !bound[v.Number] }); err != nil {
		return u, fmt.Errorf("usage: %w", err)
	}
	if err := s.usedInAll.GetContext(ctx, &u.Segments, since); err != nil {
		return u, fmt.Errorf("usage: %w", err)
	}
	return u, nil
}
