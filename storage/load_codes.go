package storage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"tocsin/track"
)

// codesOf loads the newest code of each wanted user, and the codes of the loaded SMS.
func (l *loading) codesOf(ctx context.Context, w track.Want) (all []track.Code, err error) {
	s, users := l.store, map[string]bool{}
	for _, k := range w.Codes {
		users[clean(k.User)] = true
	}
	var ords []int64
	for _, t := range l.texts {
		if t.Kind == track.TextCode {
			ords = append(ords, t.Messages...)
		}
	}
	found := map[int64]track.Code{}
	if len(users) > 0 {
		exact, hashes := s.hash.all(users)
		rows, err := s.newestCode.QueryContext(ctx, s.integers(hashes))
		err = codes.read(rows, err, func(c *codeRow) error {
			if exact[c.JID] {
				found[c.Row] = c.Code
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("codes: %w", err)
		}
	}
	if len(ords) > 0 {
		rows, err := s.codeByOrd.QueryContext(ctx, s.integers(ords))
		err = codes.read(rows, err, func(c *codeRow) error { found[c.Row] = c.Code; return nil })
		if err != nil {
			return nil, fmt.Errorf("codes: %w", err)
		}
	}
	for _, ord := range slices.Sorted(maps.Keys(found)) {
		all = append(all, found[ord])
	}
	return all, nil
}

// codeUse loads the counts that limit codes. codes and alerts are those already loaded.
func (s *Store) codeUse(ctx context.Context, wanted []track.CodeKey, codes []track.Code, alerts []track.Alerted, now track.Time) (track.CodeUse, error) {
	u := track.CodeUse{ByUser: map[string]int{}, ToNumber: map[string]int{}, ToCountry: map[string]int{}, Ended: map[string][]track.Tried{}, Accounts: map[string][]string{}}
	paused := map[string]track.Time{}
	for _, a := range alerts {
		if a.Kind == track.AlertCodes {
			paused[a.Country] = a.At
		}
	}
	hour, day := now.Add(-time.Hour), now.Add(-24*time.Hour)
	for _, k := range wanted {
		if k.Number == "" { // a code is entered
			for _, c := range codes {
				if c.JID == k.User {
					if err := s.accountsOf(ctx, &u, c.Number); err != nil {
						return u, err
					}
				}
			}
			continue
		}
		if err := s.accountsOf(ctx, &u, k.Number); err != nil {
			return u, err
		}
		var byUser, toNumber, toCountry int
		err := s.codesBy.GetContext(ctx, &byUser, day, s.hash.whole(clean(k.User), ""))
		if err == nil {
			err = s.codesTo.GetContext(ctx, &toNumber, hour, s.hash.whole(clean(k.Number), ""))
		}
		if err == nil {
			err = s.codesIn.GetContext(ctx, &toCountry, day, clean(k.Country))
		}
		if err != nil {
			return u, fmt.Errorf("codes: %w", err)
		}
		u.ByUser[k.User], u.ToNumber[k.Number], u.ToCountry[k.Country] = byUser, toNumber, toCountry
		if _, ok := u.Ended[k.Country]; ok {
			continue
		}
		var ended []track.Tried
		rows, err := s.endedCodes.QueryContext(ctx, clean(k.Country), paused[k.Country], now, track.CodeSample)
		err = tried.read(rows, err, func(t *track.Tried) error { ended = append(ended, *t); return nil })
		if err != nil {
			return u, fmt.Errorf("codes: %w", err)
		}
		u.Ended[k.Country] = ended
	}
	return u, nil
}

// accountsOf loads who has a number.
func (s *Store) accountsOf(ctx context.Context, u *track.CodeUse, number string) error {
	var jids []string
	if err := s.accounts.SelectContext(ctx, &jids, clean(number), track.MaxAccounts+1); err != nil {
		return fmt.Errorf("accounts of a number: %w", err)
	}
	slices.Sort(jids)
	u.Accounts[number] = jids
	return nil
}

// alertKey is the key of an alert in the table meta.
func alertKey(a track.Alert) string { return "alert-" + string(a.Kind) + a.Country }

// alerted loads the time of the last alert of each kind to admins.
func (s *Store) alerted(ctx context.Context, wanted []track.Alert) (alerts []track.Alerted, err error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	byKey := map[string]track.Alert{}
	for _, a := range wanted {
		byKey[alertKey(a)] = a
	}
	found, err := s.facts.QueryContext(ctx, s.names(slices.Sorted(maps.Keys(byKey))))
	err = meta.read(found, err, func(f *fact) error {
		at, err := strconv.ParseInt(f.value, 10, 64)
		alerts = append(alerts, track.Alerted{Alert: byKey[f.key], At: track.Time(at)})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	return alerts, nil
}

// PendingCode returns the code that a user can enter at an instant, if any.
func (s *Store) PendingCode(ctx context.Context, user string, now track.Time) (c track.Code, ok bool, err error) {
	found, err := s.query(ctx, "SELECT "+codes.list()+" FROM codes WHERE user_hash = ? AND jid = ? ORDER BY ord DESC LIMIT 1", s.hash.whole(clean(user), ""), clean(user))
	err = codes.read(found, err, func(v *codeRow) error { c, ok = v.Code, v.Live(now); return nil })
	if err != nil {
		return c, false, fmt.Errorf("code: %w", err)
	}
	return c, ok, nil
}

// StoppedBy returns who stopped SMS to a number, or "".
func (s *Store) StoppedBy(ctx context.Context, e164 string) (by track.StopBy, err error) {
	found, err := s.query(ctx, "SELECT "+stops.list()+" FROM stops WHERE hash = ?", s.hash.number(e164))
	err = stops.read(found, err, func(v *stop) error { by = v.By; return nil })
	if err != nil {
		return "", fmt.Errorf("stop: %w", err)
	}
	return by, nil
}
