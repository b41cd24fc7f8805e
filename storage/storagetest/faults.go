package storagetest

import (
	"context"
	"errors"
	"time"

	"tocsin/track"
)

func cancelledContexts(s *suite) {
	m := pending(0, "m1")
	s.insert(m)
	gone, cancel := context.WithCancel(s.Context())
	cancel()
	for name, err := range map[string]error{
		"Commit": s.Commit(gone, track.Changes{Insert: []track.Message{pending(1, "m2")}}),
		"Load":   second(s.Load(gone, track.Want{Keys: []track.Key{m.Key}}, now)),
		"Seed":   second(s.Seed(gone)), "Pending": second(s.Pending(gone)), "Alarms": s.Alarms(gone, func(track.Alarm) {}),
		"Messages": second(s.Messages(gone, alice, track.Filter{})), "Prune": second(s.Prune(gone, now, now, 1)), "Put": s.Put(gone, "a", "b"),
		"SetNumbers": s.SetNumbers(gone, number(alice, "+1")), "Ping": s.Ping(gone), "Lead": second(s.Lead(gone, "tocsin")),
	} {
		if !errors.Is(err, context.Canceled) {
			s.Errorf("%s: %v", name, err)
		}
	}
	s.same([]track.Message{m}, s.all(alice))

	// In the middle of a large batch.
	ctx, cancel := context.WithCancel(s.Context())
	done := make(chan error)
	go func() { done <- s.Commit(ctx, track.Changes{Insert: many(50_000, settled)[1:]}) }()
	select {
	case <-done:
		s.Log("stored before it could be cancelled")
	case <-time.After(30 * time.Millisecond):
		cancel()
		if err := <-done; err == nil {
			s.Log("stored before it could be cancelled")
		} else {
			s.same([]track.Message{m}, s.all(alice))
		}
	}
	cancel()
	s.insert(track.Message{Ord: ord(1_000_000), Key: key("after")})
}

func second[T any](_ T, err error) error { return err }

// A lost connection fails the batch, and the store recovers.
func cutConnections(s *suite) {
	if s.Cut == nil {
		return // files have no connections
	}
	m := pending(0, "m1")
	s.insert(m)
	s.Cut(s.T)
	s.retry(func() error { return s.Commit(s.Context(), track.Changes{Insert: []track.Message{pending(1, "m2")}}) })
	s.Cut(s.T)
	s.retry(func() error { return second(s.Load(s.Context(), track.Want{Keys: []track.Key{m.Key}}, now)) })
	s.same([]string{"m2", "m1"}, ids(s.all(alice)))

	// In the middle of a batch, repeated until one was cut off: none of it is stored.
	for try := range 20 {
		batch := many(20_000, settled)
		for i := range batch {
			batch[i].Ord += int64(try+1) << 40
			batch[i].Sender = carol
		}
		done := make(chan error)
		go func() { done <- s.Commit(s.Context(), track.Changes{Insert: batch}) }()
		time.AfterFunc(time.Duration(20+10*try)*time.Millisecond, func() { s.Cut(s.T) })
		if err := <-done; err != nil {
			s.retry(func() error { return s.Ping(s.Context()) })
			left := s.all(carol)
			if len(left)%20_000 != 0 {
				s.Fatalf("%d rows, from batches of 20 000", len(left))
			}
			s.insert(pending(9, "after"))
			return
		}
	}
	s.Fatal("no batch was cut")
}

// retry retries for a while, like the callers of a store.
func (s *suite) retry(f func() error) {
	s.Helper()
	var err error
	for range 20 {
		if err = f(); err == nil {
			return
		}
	}
	s.Fatal(err)
}

func reopened(s *suite) {
	m := pending(0, "m1")
	s.insert(m)
	before, err := s.Seed(s.Context())
	s.must(err)
	s.must(s.Close())
	s.Store = s.again()
	after, err := s.Seed(s.Context())
	s.must(err)
	s.same(before, after)
	s.same([]track.Message{m}, s.load(track.Want{Keys: []track.Key{m.Key}, Open: []track.Conv{m.Conv()}}).Messages)
	version, err := s.Version(s.Context())
	s.must(err)
	if version == 0 {
		s.Error("no version")
	}
}

func lead(s *suite) {
	held := func(want bool) {
		s.Helper()
		got, err := s.HasLeader(s.Context())
		for late := time.Now().Add(time.Minute); (err != nil || got != want) && time.Now().Before(late); { // the end of a connection takes effect after a while
			time.Sleep(10 * time.Millisecond)
			got, err = s.HasLeader(s.Context())
		}
		s.must(err)
		s.same(want, got)
	}
	held(false)
	first, err := s.Lead(s.Context(), "tocsin.example.org")
	s.must(err)
	held(true)
	s.insert(pending(0, "m1"))
	other := s.again()
	s.must(other.Put(s.Context(), "what", "a command beside it may still do"))

	// A second instance does not get the leadership.
	ctx, cancel := context.WithTimeout(s.Context(), 300*time.Millisecond)
	defer cancel()
	if h, err := other.Lead(ctx, "tocsin.example.org"); err == nil {
		h.Release()
		s.Fatal("two instances lead on one database")
	}
	select {
	case <-first.Lost():
		s.Fatal("the leadership was lost")
	default:
	}
	s.must(first.Release())
	held(false)
	if err := s.Commit(s.Context(), track.Changes{Insert: []track.Message{pending(1, "m2")}}); !errors.Is(err, track.ErrFenced) {
		s.Fatalf("a commit after the release: %v", err)
	}
	next, err := other.Lead(s.Context(), "tocsin.example.org")
	s.must(err)
	s.must(other.Commit(s.Context(), track.Changes{Insert: []track.Message{pending(1, "m2")}}))
	s.must(next.Release())
	back, err := s.Lead(s.Context(), "tocsin.example.org")
	s.must(err)
	s.insert(pending(2, "m3"))
	s.must(back.Release())
}

// An instance that has lost the leadership unnoticed can't change anything.
func fence(s *suite) {
	superseded := s.again()
	_, err := superseded.Lead(s.Context(), "tocsin.example.org")
	s.must(err)
	s.must(superseded.Commit(s.Context(), track.Changes{Insert: []track.Message{pending(0, "m1")}}))
	s.Steal(s.T)
	next, err := s.Lead(s.Context(), "tocsin.example.org")
	s.must(err)
	defer next.Release()
	s.insert(pending(1, "m2"))
	err = superseded.Commit(s.Context(), track.Changes{Insert: []track.Message{pending(2, "m3")}, Prompts: []track.Prompt{prompt(3, "p-1")}})
	if !errors.Is(err, track.ErrFenced) {
		s.Fatalf("the other one committed: %v", err)
	}
	s.same([]string{"m2", "m1"}, ids(s.all(alice)))
	s.same(track.Loaded{}, s.load(track.Want{Senders: []string{alice}}))
}

// Errors distinguish data that can't be stored from a database that is unavailable.
func refused(s *suite) {
	s.must(s.Commit(s.Context(), track.Changes{Prompts: []track.Prompt{prompt(1, "p-1")}}))
	err := s.Commit(s.Context(), track.Changes{Insert: []track.Message{pending(0, "m1")}, Prompts: []track.Prompt{prompt(2, "p-2")}})
	if !errors.Is(err, track.ErrRefused) {
		s.Errorf("a second live prompt of a conversation: %v", err)
	}
	s.same([]string(nil), ids(s.all(alice)))
}
