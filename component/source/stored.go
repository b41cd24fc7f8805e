package source

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"tocsin/track"
)

// resumeTimeout limits how long the reading of a new run's mark may hold up the stream.
const resumeTimeout = 5 * time.Second

// rememberedKey is where the account is stored, except for the numbers, which the writer raises.
const rememberedKey = "tap"

// remembered is what must survive a restart.
type remembered struct {
	Runs   []*run
	Copies bool
	Gap    track.Time
}

// storedMark returns the number of the newest stored batch of a run; 0: none.
func (s *Source) storedMark(ctx context.Context, run string) (uint64, error) {
	mark, err := s.Store.Get(ctx, track.MarkKey(run))
	if err != nil || mark == "" {
		return 0, err
	}
	return strconv.ParseUint(mark, 10, 64)
}

// resume continues a run that the account lacks although batches of it are stored: the last instance died before it stored its
// account. Applied again, they would come after what has come since.
func (s *Source) resume(run string) {
	s.mu.Lock()
	known := s.account.find(run) != nil
	s.mu.Unlock()
	if known {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), resumeTimeout)
	defer cancel()
	n, err := s.storedMark(ctx, run)
	if err != nil {
		s.Log.Error("could not load how far the tap's run was processed", "err", err)
	}
	if n > 0 {
		s.mu.Lock()
		s.account.resume(run, n)
		s.dirty = true
		s.mu.Unlock()
	}
}

// saveAccount stores the account if it has changed.
func (s *Source) saveAccount(ctx context.Context) {
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = false
	text, err := json.Marshal(remembered{s.account.runs, s.account.copies, s.account.gap})
	s.mu.Unlock()
	if !dirty {
		return
	}
	if err == nil {
		err = s.Store.Put(ctx, rememberedKey, string(text))
	}
	if err != nil {
		s.Log.Error("could not save the tap's account", "err", err)
		s.mu.Lock()
		s.dirty = true
		s.mu.Unlock()
	}
}
