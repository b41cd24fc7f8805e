package storagetest

import (
	"fmt"

	"tocsin/track"
)

func messagesOfSender(s *suite) {
	notice := func(m track.Message, seq, delivered uint32, rev int64) track.Message {
		m.Notice = track.Notice{Seq: seq, Delivered: delivered, Rev: rev, State: track.StateDelivered}
		return m
	}
	m1, m2, m3 := notice(settled(1, "m1"), 2, 2, 30), notice(pending(2, "m2"), 1, 0, 20), pending(3, "m3")
	m4 := notice(settled(4, "m4"), 3, 1, 40)
	m4.Recipient = carol
	m4again := m4
	m4again.Ord, m4again.Notice.Rev = ord(10), 50
	others := notice(pending(5, "m1"), 1, 0, 60)
	others.Sender = bob
	s.insert(m1, m2, m3, m4, m4again, others, passed(6, "passed"))

	for _, tc := range []struct {
		name string
		f    track.Filter
		want []track.Message
	}{
		{"newest", track.Filter{Newest: true}, []track.Message{m4again, m4, m3, m2, m1}},
		{"newest two", track.Filter{Newest: true, Limit: 2}, []track.Message{m4again, m4}},
		{"digest", track.Filter{PendingNotice: true}, []track.Message{m2, m4, m4again}},
		{"sync", track.Filter{AfterRev: 20}, []track.Message{m1, m4, m4again}},
		{"sync from the start", track.Filter{}, []track.Message{m2, m1, m4, m4again}},
		{"sync, two at a time", track.Filter{AfterRev: 20, Limit: 2}, []track.Message{m1, m4}},
		{"watching", track.Filter{Unsettled: true, Newest: true}, []track.Message{m3, m2}},
		{"watching one", track.Filter{Unsettled: true, With: carol}, nil},
		{"with", track.Filter{With: carol, Newest: true}, []track.Message{m4again, m4}},
		{"by id", track.Filter{With: carol, ID: "m4", Newest: true, Limit: 1}, []track.Message{m4again}},
		{"by id alone", track.Filter{ID: "m2"}, []track.Message{m2}},
		{"by another's id", track.Filter{ID: "passed"}, nil},
		{"pending notices with", track.Filter{PendingNotice: true, With: bob}, []track.Message{m2}},
		{"unsettled after", track.Filter{Unsettled: true, AfterRev: 19}, []track.Message{m2}},
	} {
		got, err := s.Messages(s.Context(), alice, tc.f)
		s.must(err)
		s.Run(tc.name, func(t *testingT) { (&suite{T: t}).same(tc.want, got) })
	}
	got, err := s.Messages(s.Context(), carol, track.Filter{Newest: true})
	s.must(err)
	s.same(0, len(got))
}

func syncInPages(s *suite) {
	const n = 257
	ms := many(n, settled)
	for i := range ms {
		ms[i].Notice = track.Notice{Seq: 1, Rev: int64(1000 - i), State: track.StateDisplayed}
	}
	s.insert(ms...)
	var token, pages int64
	seen := map[string]bool{}
	for {
		page, err := s.Messages(s.Context(), alice, track.Filter{AfterRev: token, Limit: 100})
		s.must(err)
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			if m.Notice.Rev <= token || seen[m.ID] {
				s.Fatalf("%s at %d after %d", m.ID, m.Notice.Rev, token)
			}
			token, seen[m.ID] = m.Notice.Rev, true
		}
		pages++
	}
	s.same(n, len(seen))
	s.same(int64(3), pages)
}

func promptsOfSender(s *suite) {
	first, second, ended, others := prompt(5, "z"), prompt(6, "a"), prompt(1, "e"), prompt(2, "o")
	second.Recipient, second.State = carol, track.PromptClaimed
	ended.State = track.PromptExpired
	others.Sender = carol
	s.commit(track.Changes{Prompts: []track.Prompt{second, first, ended, others}})
	got, err := s.Prompts(s.Context(), alice)
	s.must(err)
	s.same([]track.Prompt{first, second}, got)
}

func releases(s *suite) {
	release := func(id string, at track.Time) track.Release {
		return track.Release{Owner: bob, To: alice, Number: "+8613800138000", ID: id, At: at}
	}
	s.commit(track.Changes{Releases: []track.Release{release("1", now), release("2", now+2), release("3", now+1)}})
	s.commit(track.Changes{Releases: []track.Release{release("2", now+9)}}) // a repetition
	got, err := s.Releases(s.Context(), bob, 2)
	s.must(err)
	s.same([]track.Release{release("2", now+2), release("3", now+1)}, got)
	got, err = s.Releases(s.Context(), alice, 2)
	s.must(err)
	s.same(0, len(got))
}

func seed(s *suite) {
	first, err := s.Seed(s.Context())
	s.must(err)
	s.same(32, len(first.Secret))
	s.same(track.Seed{Secret: first.Secret}, first)

	delivered, told, other := pending(3, "m3"), pending(4, "m4"), pending(5, "m5")
	delivered.Status = track.Delivered
	delivered.Recipient = carol
	told.Notice.Rev, told.Notice.Seq = 77, 1
	other.Sender = bob
	s.insert(pending(1, "m1"), pending(2, "m2"), delivered, told, other, settled(6, "m6"), passed(7, "m7"))
	got, err := s.Seed(s.Context())
	s.must(err)
	want := track.Seed{LastOrd: ord(7), LastRev: 77, Secret: first.Secret, Pending: map[string]int32{alice: 4, bob: 1}}
	s.same(want, got)

	s.commit(track.Changes{Prompts: []track.Prompt{prompt(9, "p-1")}})
	want.LastOrd, want.Prompts = ord(9), 1
	got, err = s.Seed(s.Context())
	s.must(err)
	s.same(want, got)
}

// Pruned numbers are not reused: clients have tokens, and prompts are named after their row.
func seedAfterPrune(s *suite) {
	m := settled(0, "m1")
	m.Notice = track.Notice{Seq: 1, Rev: 500}
	s.insert(m)
	later := settled(10, "m2")
	later.Notice = track.Notice{Seq: 1, Rev: 400}
	s.insert(later)
	n, _ := s.prune(now+100_000, 10)
	s.same(2, n)
	got, err := s.Seed(s.Context())
	s.must(err)
	s.same(later.Ord, got.LastOrd)
	s.same(int64(500), got.LastRev)
}

func summary(s *suite) {
	early := pending(-700_000, "m1")
	live, ended := prompt(0, "p-1"), prompt(1, "p-2")
	ended.State = track.PromptSent
	s.commit(track.Changes{
		Insert:  []track.Message{pending(1, "m2"), early, settled(2, "m3"), passed(3, "m4")},
		Prompts: []track.Prompt{live, ended}, Outbox: []track.Outgoing{{ID: "1"}, {ID: "2"}},
	})
	got, err := s.Summary(s.Context(), now)
	s.must(err)
	s.same(track.Summary{Pending: 2, Overdue: 1, OpenPrompts: 1, Outbox: 2, OldestDue: early.Due}, got)
}

func prune(s *suite) {
	live, ended := prompt(0, "p-live"), prompt(-90_000_000, "p-ended")
	live.Messages, ended.State = []int64{ord(2)}, track.PromptSent
	young := prompt(-1000, "p-young") // of the last day, so it counts for the caps
	young.State = track.PromptExpired
	asked := settled(2, "asked")
	asked.Prompt = live.ID
	answered := settled(3, "answered")
	answered.Prompt = ended.ID
	waiting := pending(4, "waiting")
	alias, lost := passed(5, "alias"), passed(6, "lost")
	alias.Kind, alias.Original = track.Alias, waiting.Ord
	lost.Kind, lost.Original = track.Alias, answered.Ord
	oldPair, refusal := track.Conv{Sender: alice, Recipient: carol}, track.Pair{Conv: track.Conv{Sender: alice, Recipient: bob}, Receipts: 1, Refused: 1}
	late := settled(7, "late")
	late.SettledAt = now + 200_000
	s.commit(track.Changes{
		Insert: []track.Message{settled(1, "done"), asked, answered, waiting, alias, lost, late, passed(8, "passed"),
			settled(100_000, "young"), passed(100_001, "young order")},
		Prompts: []track.Prompt{live, ended, young}, Outbox: []track.Outgoing{{ID: "o1", Prompt: ended.ID}},
		Releases: []track.Release{{Owner: bob, ID: "old", At: now}, {Owner: bob, ID: "new", At: now + 100_000}},
		Peers:    []track.Peer{{JID: "old", Acks: 1}, {JID: "new", Acks: now}, {JID: "refused", Refusals: 1}, {JID: carol, Acks: now, Refusals: 10_000}},
		Pairs:    []track.Pair{{Conv: oldPair, Receipts: 1}, refusal},
	})
	n, _ := s.prune(now+100_000, 1000)
	s.same(6, n) // done, answered, lost, passed; a prompt; a release

	var left []string
	for _, m := range s.load(track.Want{Ords: []int64{ord(1), ord(2), ord(3), ord(4), ord(5), ord(6), ord(7), ord(8), ord(100_000), ord(100_001)}}).Messages {
		left = append(left, m.ID)
	}
	s.same([]string{"young order", "young", "late", "alias", "waiting", "asked"}, left)
	s.same([]string{live.ID, young.ID}, promptIDs(s.load(track.Want{Prompts: []string{live.ID, ended.ID, young.ID}}).Prompts))
	given, err := s.Releases(s.Context(), bob, 10)
	s.must(err)
	s.same(1, len(given))
	s.same([]track.Peer{{JID: "new", Acks: now}}, s.load(track.Want{Peers: []string{"old", "new"}}).Peers)
	s.same([]track.Peer{{JID: "refused", Refusals: 1}}, s.load(track.Want{Peers: []string{"refused"}}).Peers)
	s.prune(now+100_000, 1000) // the first round may have begun in the middle
	s.same([]track.Pair{refusal}, s.load(track.Want{Pairs: []track.Conv{oldPair, refusal.Conv}}).Pairs)
	for c, want := range map[track.Conv]bool{refusal.Conv: true, {Sender: bob, Recipient: alice}: false, oldPair: false, {Sender: carol, Recipient: alice}: true} {
		is, err := s.IsRefused(s.Context(), c)
		s.must(err)
		s.same(want, is)
	}
	queue, err := s.Pending(s.Context())
	s.must(err)
	s.same(1, len(queue))

	// Once the message is settled and the prompt ended, they are pruned, too.
	waiting.Status, waiting.SettledAt, live.State = track.Displayed, now+1, track.PromptSent
	s.commit(track.Changes{Update: []track.Message{waiting}, Prompts: []track.Prompt{live}})
	n, _ = s.prune(now+100_000, 1000)
	s.same(3, n)
}

// Messages that will never be settled are returned as stale.
func stale(s *suite) {
	alone := func(at int64, id string) track.Message {
		m := pending(at, id)
		m.Due, m.Reason = 0, track.ReasonNotAsked
		return m
	}
	order := passed(200_000, "order")
	s.insert(alone(1, "first"), pending(2, "waits"), settled(3, "settled"), order, alone(5, "second"), alone(6, "third"), alone(100_000, "young"))
	for _, limit := range []int{1000, 2} {
		_, stale := s.prune(now+100_000, limit)
		s.same([]int64{ord(1), ord(5), ord(6)}, stale)
	}
	_, stale := s.prune(now-100_000, 10)
	s.same([]int64(nil), stale)
}

// A clock that was once ten years ahead gives its rows, and all later ones, numbers of that time. Old ones are pruned
// nevertheless, and those recorded then stay until their time has passed.
func pruneAfterWrongClock(s *suite) {
	const years = track.Time(10 * 365 * 24 * 3_600_000)
	var ms []track.Message
	for i := range 10 {
		m := settled(int64(i), fmt.Sprint("wrong", i))
		m.Ord, m.SentAt, m.SettledAt = ord(int64(i))+int64(years)<<20, m.SentAt+years, m.SettledAt+years
		ms = append(ms, m)
	}
	last := ms[9].Ord
	after := func(m track.Message) track.Message {
		last++
		m.Ord = last
		return m
	}
	alone := pending(20, "alone")
	alone.Due = 0
	ms = append(ms, after(settled(10, "settled")), after(passed(11, "passed")), after(alone), after(settled(300_000, "young")))
	old := prompt(12, "p-1")
	old.State, old.Row = track.PromptSent, last+1
	s.commit(track.Changes{Insert: ms, Prompts: []track.Prompt{old}})
	n, stale := s.prune(now+100_000, 3)
	s.same(2, n)
	s.same([]int64{ms[12].Ord}, stale)
	s.same(12, len(s.all(alice)))
	n, _ = s.prune(old.OpenedAt+86_400_001, 3)
	s.same(2, n) // young is old by now, and so is the prompt
}

// However many rows must stay, a step looks at a few of them, and a round at a few more.
func pruneIsBounded(s *suite) {
	const kept = 25_000
	for i := 0; i < kept; i += 5000 {
		var ms []track.Message
		for j := range 5000 {
			ms = append(ms, pending(int64(i+j), fmt.Sprint("m", i+j)))
		}
		s.insert(ms...)
	}
	s.insert(settled(kept, "done"))
	round := func() (steps, removed int) {
		for more := true; more; steps++ {
			done, err := s.Prune(s.Context(), now+300_000, now+200_000, 500)
			s.must(err)
			more, removed = done.More, removed+done.Removed
		}
		return steps, removed
	}
	steps, removed := round()
	s.same([]int{40, 0}, []int{steps, removed})
	steps, removed = round()
	s.same([]int{11, 1}, []int{steps, removed})
}

func pruneInBatches(s *suite) {
	s.insert(many(50, pending)...)
	var finished []track.Message
	for i := range 95 {
		finished = append(finished, settled(1000+int64(i), fmt.Sprint("s", i)))
	}
	s.insert(finished...)
	n, _ := s.prune(now+100_000, 20)
	s.same(95, n)
	s.same(50, len(s.all(alice)))
	n, _ = s.prune(now+100_000, 20)
	s.same(0, n)
	s.insert(settled(500, "older than those that were pruned"))
	n, _ = s.prune(now+100_000, 20)
	s.same(1, n)
}

// prune prunes until there is nothing left to remove.
func (s *suite) prune(before track.Time, limit int) (removed int, stale []int64) {
	s.Helper()
	for {
		done, err := s.Prune(s.Context(), now+100_000_000, before, limit)
		s.must(err)
		removed, stale = removed+done.Removed, append(stale, done.Stale...)
		if !done.More {
			return removed, stale
		}
	}
}
