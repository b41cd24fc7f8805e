package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/track"
)

func roundTrips(s *suite) {
	m, p := full(), track.Prompt{
		ID: "p-1", Row: ord(8), Conv: key("").Conv(), State: track.PromptSnoozed, Withdrew: "displayed", Messages: []int64{ord(7), 1, 1<<63 - 1}, Covered: 2,
		Undelivered: true, Priority: track.High, OpenedAt: now, ExpiresAt: now + 1, Until: now + 2, Claimer: alice + "/phone", Snoozes: 10, Code: "7f3c",
		Shown: []string{alice + "/a \"b\"", alice}, Sends: 1<<32 - 1, SentAt: now + 3, Chat: "p-1-1", Resend: true, Due: now + 4,
	}
	peer := track.Peer{JID: bob, Receipts: now, Markers: now + 1, Acks: now + 2, Came: now + 3, Managed: track.Yes, Announces: track.No}
	pair := track.Pair{
		Conv: key("").Conv(), Receipts: now, Arrivals: now + 1, Markers: now + 2, Device: "phone", Unasked: now + 3, Past: now + 4,
		SealedReceipts: now + 5, SealedMarkers: now + 6, Unconfirmed: 2, Unmarked: 3, CountedAt: now + 7,
	}
	out := track.Outgoing{ID: "o1", Kind: track.OutWithdraw, Owner: alice, Prompt: "p-1", Ord: ord(7), Withdrawal: track.WithdrawDisplayed,
		To: []string{alice + "/{x,\\y}", alice}, After: now + 1, Step: 3, Tries: 2}
	release := track.Release{Owner: bob, To: alice, Number: "+8613800138000", ID: "p-1-1", At: now}
	s.commit(track.Changes{Insert: []track.Message{m}, Prompts: []track.Prompt{p}, Peers: []track.Peer{peer}, Pairs: []track.Pair{pair}, Outbox: []track.Outgoing{out}, Releases: []track.Release{release}})

	loaded := s.load(track.Want{Ords: []int64{m.Ord}})
	s.same([]track.Message{m}, loaded.Messages)
	s.same([]track.Prompt{p}, loaded.Prompts)
	s.same([]track.Peer{peer}, loaded.Peers)
	s.same([]track.Pair{pair}, loaded.Pairs)
	s.same([]track.Opened{{Conv: p.Conv, At: p.OpenedAt, State: p.State}}, loaded.Opened)
	queue, err := s.Pending(s.Context())
	s.must(err)
	s.same([]track.Outgoing{out}, queue)
	given, err := s.Releases(s.Context(), bob, 10)
	s.must(err)
	s.same([]track.Release{release}, given)

	// Everything except Ord and Key can be changed, also to zero.
	empty := track.Message{Ord: m.Ord, Key: m.Key, Notice: track.Notice{Delivered: m.Notice.Delivered}}
	bare := track.Prompt{ID: p.ID, Row: p.Row, Conv: p.Conv}
	s.commit(track.Changes{Update: []track.Message{empty}, Prompts: []track.Prompt{bare}, Peers: []track.Peer{{JID: bob}}, Pairs: []track.Pair{{Conv: pair.Conv}}})
	loaded = s.load(track.Want{Ords: []int64{m.Ord}, Peers: []string{bob}, Pairs: []track.Conv{pair.Conv, {Sender: bob, Recipient: alice}}})
	s.same([]track.Message{empty}, loaded.Messages)
	s.same([]track.Prompt{bare}, loaded.Prompts)
	s.same([]track.Peer{{JID: bob}}, loaded.Peers)
	s.same([]track.Pair{{Conv: pair.Conv}}, loaded.Pairs)
	s.commit(track.Changes{Update: []track.Message{m}})
	s.same([]track.Message{m}, s.load(track.Want{Keys: []track.Key{m.Key}}).Messages)
}

// A batch can be stored whatever its strings contain.
func strangeBytes(s *suite) {
	m := pending(0, "a\x00b")
	m.Text, m.Resource, m.Lang = "\xff\xfe bad", "nul\x00", "\x00"
	p := prompt(1, "p-\xff")
	p.Shown = []string{"\xff\x00"}
	s.commit(track.Changes{
		Insert: []track.Message{m, pending(2, "")}, Prompts: []track.Prompt{p},
		Outbox: []track.Outgoing{{ID: "\x00", To: []string{"\xff"}}}, Peers: []track.Peer{{JID: "\x00"}},
		Pairs: []track.Pair{{Conv: track.Conv{Sender: "\x00", Recipient: "\xff"}}},
	})
	loaded := s.load(track.Want{Keys: []track.Key{m.Key, {Sender: "\xff"}}, Open: []track.Conv{m.Conv(), {Sender: "\x00"}}, Prompts: []string{"\xff"}, Peers: []string{"\x00"}, Pairs: []track.Conv{{Sender: "\x00", Recipient: "\xff"}}})
	s.same([]string{"", "a\uFFFDb"}, ids(loaded.Messages))
	s.same("\uFFFD bad", loaded.Messages[1].Text)
}

func loadByKey(s *suite) {
	s.same(track.Loaded{}, s.load(track.Want{Keys: []track.Key{key("m1")}}))

	old, middle, newest := settled(0, "m1"), settled(5000, "m1"), pending(9000, "m1")
	other := pending(1, "m1")
	other.Recipient = carol
	original, alias := pending(10, "m2"), passed(20, "m2-corrected")
	alias.Kind, alias.Original = track.Alias, original.Ord
	lost := passed(30, "m3-corrected") // its original was pruned
	lost.Kind, lost.Original = track.Alias, 12345
	s.insert(middle, old, newest, other, original, alias, lost)

	s.same([]track.Message{newest, middle, old}, s.load(track.Want{Keys: []track.Key{key("m1"), key("m1")}}).Messages)
	s.same([]track.Message{other}, s.load(track.Want{Keys: []track.Key{other.Key}}).Messages)
	s.same([]track.Message{alias, original}, s.load(track.Want{Keys: []track.Key{alias.Key}}).Messages)
	s.same([]track.Message{lost}, s.load(track.Want{Keys: []track.Key{lost.Key}}).Messages)
	s.same(track.Loaded{}, s.load(track.Want{Keys: []track.Key{{Sender: bob, Recipient: alice, ID: "m1"}, {Sender: alice, Recipient: bob}, {}}}))

	// Each row is loaded once, however often it is wanted, and all parts of a Want are loaded together.
	loaded := s.load(track.Want{Keys: []track.Key{newest.Key, other.Key, alias.Key}, Open: []track.Conv{newest.Conv()}, Ords: []int64{old.Ord}})
	s.same([]track.Message{newest, middle, alias, original, other, old}, loaded.Messages)
}

func loadByConversation(s *suite) {
	delivered := pending(1, "m1")
	delivered.Status = track.Delivered
	failed := settled(5, "m5")
	failed.Status = track.Failed // evidence may change it
	open, there := pending(2, "m2"), pending(3, "m3")
	there.Sender, there.Recipient = bob, alice
	s.insert(settled(0, "m0"), delivered, open, there, passed(4, "m4"), failed)

	s.same([]track.Message{failed, open, delivered}, s.load(track.Want{Open: []track.Conv{open.Conv()}}).Messages)
	s.same([]track.Message{there}, s.load(track.Want{Open: []track.Conv{there.Conv()}}).Messages)
	lifted := failed
	lifted.Status = track.Displayed
	s.commit(track.Changes{Update: []track.Message{lifted}})
	s.same([]track.Message{open, delivered}, s.load(track.Want{Open: []track.Conv{open.Conv()}}).Messages)
	none := []track.Conv{{Sender: alice, Recipient: carol}, {}}
	s.same(track.Loaded{Open: none}, s.load(track.Want{Open: none}))
}

// For an alarm, everything that the caps count is loaded: by conversation, recipient and sender, of one day, if it was
// shown.
func loadByOrd(s *suite) {
	m := pending(0, "m1")
	opened := func(after int64, id, sender, recipient string, covered int) track.Prompt {
		p := prompt(after, id)
		p.State, p.Sender, p.Recipient, p.Covered, p.Messages = track.PromptExpired, sender, recipient, covered, nil
		return p
	}
	day := (24 * time.Hour).Milliseconds()
	live := opened(-4, "p-live", alice, carol, 0)
	live.State, live.Messages = track.PromptOpen, []int64{ord(-5)}
	joined, burst, other := pending(-5, "m0"), pending(9, "m2"), pending(9, "not wanted")
	joined.Recipient, joined.Prompt = carol, live.ID
	other.Ord, other.Recipient = other.Ord+1, "dave@example.org"
	s.commit(track.Changes{
		Insert: []track.Message{m, joined, burst, other},
		Prompts: []track.Prompt{
			opened(-1, "p-1", alice, bob, 1), opened(-2, "p-2", alice, carol, 1), opened(-3, "p-3", carol, bob, 1), live,
			opened(-6, "p-unseen", alice, bob, 0), opened(-7, "p-other", carol, alice, 1),
			opened(-day, "p-old", alice, bob, 1), opened(1-day, "p-young", carol, bob, 1),
		},
		Peers: []track.Peer{{JID: bob, Markers: 5}, {JID: carol, Markers: 6}},
	})
	loaded := s.load(track.Want{Ords: []int64{m.Ord, 999}})
	s.same([]track.Message{burst, m, joined}, loaded.Messages) // a prompt includes the rest of the conversation
	s.same([]track.Prompt{live}, loaded.Prompts)
	s.same([]track.Peer{{JID: bob, Markers: 5}}, loaded.Peers)
	s.same([]track.Opened{
		{Conv: track.Conv{Sender: carol, Recipient: bob}, At: now + 1 - track.Time(day), State: track.PromptExpired},
		{Conv: track.Conv{Sender: carol, Recipient: bob}, At: now - 3, State: track.PromptExpired},
		{Conv: track.Conv{Sender: alice, Recipient: carol}, At: now - 2, State: track.PromptExpired},
		{Conv: track.Conv{Sender: alice, Recipient: bob}, At: now - 1, State: track.PromptExpired},
	}, loaded.Opened)
	// The same by sender, for a message that is escalated by command.
	loaded = s.load(track.Want{Senders: []string{alice}, Keys: []track.Key{m.Key}})
	s.same([]track.Prompt{live}, loaded.Prompts)
	s.same([]track.Message{m, joined}, loaded.Messages)
	s.same(4, len(loaded.Opened))
}

func loadPrompts(s *suite) {
	live, ended := prompt(10, "p-live"), prompt(5, "p-ended")
	ended.State, ended.Messages = track.PromptSent, []int64{ord(0), ord(1)}
	live.Messages = []int64{ord(1), ord(2)}
	m0, m1, m2 := pending(0, "m0"), pending(1, "m1"), settled(2, "m2")
	m0.Prompt, m1.Prompt, m2.Prompt = ended.ID, live.ID, live.ID
	s.commit(track.Changes{Insert: []track.Message{m0, m1, m2}, Prompts: []track.Prompt{live, ended}})

	for _, w := range []track.Want{{Prompts: []string{live.ID}}, {Rows: []int64{live.Row}}, {Senders: []string{alice}}, {Keys: []track.Key{m2.Key}}} {
		loaded := s.load(w)
		s.same([]track.Prompt{live}, loaded.Prompts)
		s.same([]track.Message{m2, m1}, loaded.Messages)
	}
	loaded := s.load(track.Want{Ords: []int64{m1.Ord}})
	s.same([]track.Prompt{live}, loaded.Prompts)
	s.same([]track.Message{m2, m1, m0}, loaded.Messages)
	// A late answer to the ended prompt: its message has joined the live one, which is loaded with all of its messages.
	loaded = s.load(track.Want{Prompts: []string{ended.ID}})
	s.same([]string{ended.ID, live.ID}, promptIDs(loaded.Prompts))
	s.same([]string{"m2", "m1", "m0"}, ids(loaded.Messages))
	// An ended prompt is not loaded along with a message.
	s.same(track.Loaded{Messages: []track.Message{m0}}, s.load(track.Want{Keys: []track.Key{m0.Key}}))
	s.same(track.Loaded{}, s.load(track.Want{Prompts: []string{"p-none"}, Rows: []int64{1}, Senders: []string{bob}}))

	// A prompt to be shown is loaded with what counts for its caps: prompts of its sender, and about its recipient.
	counts := func(row int64, id, sender, recipient string) track.Prompt {
		p := prompt(row, id)
		p.Sender, p.Recipient, p.State, p.Covered, p.OpenedAt = sender, recipient, track.PromptSent, 1, now-1
		return p
	}
	s.commit(track.Changes{Prompts: []track.Prompt{counts(20, "p-own", alice, carol), counts(21, "p-about", carol, bob), counts(22, "p-else", carol, alice)}, Pairs: []track.Pair{{Conv: live.Conv, Receipts: 1}}})
	loaded = s.load(track.Want{Prompts: []string{live.ID}})
	s.same([]track.Opened{
		{Conv: track.Conv{Sender: alice, Recipient: carol}, At: now - 1, State: track.PromptSent},
		{Conv: track.Conv{Sender: carol, Recipient: bob}, At: now - 1, State: track.PromptSent},
	}, loaded.Opened)
	s.same([]track.Pair{{Conv: live.Conv, Receipts: 1}}, loaded.Pairs)
}

func loadPeers(s *suite) {
	s.commit(track.Changes{Peers: []track.Peer{{JID: bob, Receipts: 1}, {JID: carol, Acks: 2}}})
	s.commit(track.Changes{Peers: []track.Peer{{JID: bob, Receipts: 3, Markers: 4}}})
	s.same([]track.Peer{{JID: bob, Receipts: 3, Markers: 4}}, s.load(track.Want{Peers: []string{bob, bob, alice}}).Peers)
	s.commit(track.Changes{Peers: []track.Peer{{JID: alice, Refusals: 7}}})
	s.same([]track.Peer{{JID: alice, Refusals: 7}}, s.load(track.Want{Pairs: []track.Conv{{Sender: alice, Recipient: bob}}}).Peers) // the sender
}

// Batches may have more rows than fit into one statement of any database.
func largeBatches(s *suite) {
	const n = 5000
	ms := many(n, pending)
	var outs []track.Outgoing
	var done []string
	var delivered []track.NoticeKey
	for i, m := range ms {
		outs = append(outs, track.Outgoing{ID: fmt.Sprint("o", i), Kind: track.OutShow, Owner: m.Sender})
		done = append(done, outs[i].ID)
	}
	s.commit(track.Changes{Insert: ms, Outbox: outs})
	w := track.Want{Open: []track.Conv{ms[0].Conv()}}
	for i := range ms {
		w.Keys = append(w.Keys, ms[i].Key)
		w.Ords = append(w.Ords, ms[i].Ord)
		ms[i].Notice = track.Notice{Seq: 2, Rev: int64(i + 1), State: track.StateDelivered}
		delivered = append(delivered, track.NoticeKey{Ord: ms[i].Ord, Seq: 1})
	}
	s.same(n, len(s.load(w).Messages))
	s.commit(track.Changes{Update: ms, Delivered: delivered, Done: done})
	for i := range ms {
		ms[i].Notice.Delivered = 1
	}
	slices.Reverse(ms)
	s.same(ms, s.all(alice))
	queue, err := s.Pending(s.Context())
	s.must(err)
	s.same(0, len(queue))
}

// A marker settles a conversation up to a message; the text of settled messages is removed.
func cumulativeUpdate(s *suite) {
	ms := many(300, pending)
	s.insert(ms...)
	open := s.load(track.Want{Open: []track.Conv{ms[0].Conv()}}).Messages
	s.same(300, len(open))
	var update []track.Message
	for _, m := range open {
		if m.Ord <= ms[199].Ord {
			m.Status, m.Text, m.Due, m.SettledAt = track.Displayed, "", 0, now
			update = append(update, m)
		}
	}
	s.commit(track.Changes{Update: update})
	left := s.load(track.Want{Open: []track.Conv{ms[0].Conv()}}).Messages
	s.same(100, len(left))
	for _, m := range s.all(alice) {
		if m.Status.Settled() != (m.Text == "") {
			s.Fatalf("%s: status %d with text %q", m.ID, m.Status, m.Text)
		}
	}
}

func deliveredNotices(s *suite) {
	m := pending(0, "m1")
	m.Notice = track.Notice{Seq: 5, Rev: 1, State: track.StateDelivered}
	s.insert(m)
	is := func(want uint32) {
		s.Helper()
		s.same(want, s.all(alice)[0].Notice.Delivered)
	}
	s.commit(track.Changes{Delivered: []track.NoticeKey{{Ord: m.Ord, Seq: 3}, {Ord: m.Ord, Seq: 4}, {Ord: m.Ord, Seq: 2}, {Ord: 99, Seq: 1}}})
	is(4)
	s.commit(track.Changes{Delivered: []track.NoticeKey{{Ord: m.Ord, Seq: 1}}})
	is(4)
	m.Notice.Seq = 6 // loaded before that was stored
	s.commit(track.Changes{Update: []track.Message{m}})
	is(4)
	s.commit(track.Changes{Update: []track.Message{m}, Delivered: []track.NoticeKey{{Ord: m.Ord, Seq: 6}}})
	is(6)
}

func alarms(s *suite) {
	set := func() map[int64]track.Time {
		all := map[int64]track.Time{}
		s.must(s.Alarms(s.Context(), func(a track.Alarm) { all[a.Ref] = a.Due }))
		return all
	}
	s.same(map[int64]track.Time{}, set())
	m, idle, p := pending(0, "m1"), pending(1, "m2"), prompt(2, "p-1")
	idle.Due = 0
	s.commit(track.Changes{Insert: []track.Message{m, idle, settled(3, "m3")}, Prompts: []track.Prompt{p}})
	s.same(map[int64]track.Time{m.Ord: m.Due, -p.Row: p.Due}, set())
	m.Due, p.Due, idle.Due = m.Due+1, 0, now
	p.State = track.PromptDeclined
	s.commit(track.Changes{Update: []track.Message{m, idle}, Prompts: []track.Prompt{p}})
	s.same(map[int64]track.Time{m.Ord: m.Due, idle.Ord: now}, set())
}

func outbox(s *suite) {
	out := func(id string, tries int) track.Outgoing {
		return track.Outgoing{ID: id, Kind: track.OutShow, Owner: alice, Prompt: "p-1", After: now, Tries: tries}
	}
	queue := func() string {
		all, err := s.Pending(s.Context())
		s.must(err)
		var ids []string
		for _, o := range all {
			ids = append(ids, fmt.Sprint(o.ID, o.Tries))
			if o.After != now {
				ids = append(ids, fmt.Sprint("after ", o.After-now))
			}
		}
		return strings.Join(ids, " ")
	}
	s.commit(track.Changes{Outbox: []track.Outgoing{out("z", 0), out("a", 0), out("m", 0), out("a", 1)}})
	s.same("z0 a0 m0", queue())
	s.commit(track.Changes{Outbox: []track.Outgoing{out("b", 0), out("z", 5)}, Done: []string{"a", "none"}})
	s.same("z0 m0 b0", queue())
	attempt := func(id string, tries int) track.Attempt {
		return track.Attempt{ID: id, Tries: tries, After: now + track.Time(tries)}
	}
	s.commit(track.Changes{Attempts: []track.Attempt{attempt("m", 1), attempt("m", 2), attempt("none", 1), attempt("b", 1)}})
	s.same("z0 m2 after 2 b1 after 1", queue())
	s.commit(track.Changes{Done: []string{"z", "m", "b"}, Attempts: []track.Attempt{attempt("z", 7)}})
	s.same("", queue())
	s.commit(track.Changes{Outbox: []track.Outgoing{out("z", 1)}}) // the first was removed: this is a new one
	s.same("z1", queue())
	s.commit(track.Changes{Outbox: []track.Outgoing{out("y", 0)}, Done: []string{"y", "z"}})
	s.same("", queue())

	whys := []track.Outgoing{
		{ID: "1", Kind: track.OutShow}, {ID: "2", Kind: track.OutShow, More: true}, {ID: "3", Kind: track.OutWithdraw, Withdrawal: track.WithdrawClaimed},
		{ID: "4", Kind: track.OutWebhook, State: track.StateTimeoutUnread}, {ID: "5", Kind: track.OutChat, Cap: track.CapSender}, {ID: "6", Kind: track.OutRemind},
	}
	s.commit(track.Changes{Outbox: whys})
	all, err := s.Pending(s.Context())
	s.must(err)
	s.same(whys, all)
}

func allOrNothing(s *suite) {
	m := pending(0, "m1")
	s.insert(m)
	changed := m
	changed.Status = track.Displayed
	err := s.Commit(s.Context(), track.Changes{
		Insert: []track.Message{pending(1, "m2"), pending(0, "again")}, // the Ord of m1
		Update: []track.Message{changed}, Outbox: []track.Outgoing{{ID: "o1"}},
	})
	if err == nil {
		s.Fatal("a row replaced another one")
	}
	s.same([]track.Message{m}, s.all(alice))
	err = s.Commit(s.Context(), track.Changes{
		Insert: []track.Message{pending(1, "m2")}, Update: []track.Message{changed}, Outbox: []track.Outgoing{{ID: "o1"}}, Delivered: []track.NoticeKey{{Ord: m.Ord, Seq: 1}},
		Peers: []track.Peer{{JID: bob}}, Prompts: []track.Prompt{prompt(5, "p-1"), prompt(5, "p-2")}, // the same Row
	})
	if err == nil {
		s.Fatal("two prompts were stored in one row")
	}
	s.same([]track.Message{m}, s.all(alice))
	s.same(track.Loaded{}, s.load(track.Want{Senders: []string{alice}, Peers: []string{bob}}))
	queue, err := s.Pending(s.Context())
	s.must(err)
	s.same(0, len(queue))
	s.insert(pending(1, "m2")) // the store still works
	s.commit(track.Changes{})
}

// A conversation never has two live prompts; a new one can replace another.
func oneLivePrompt(s *suite) {
	first, second := prompt(0, "z"), prompt(1, "a")
	s.commit(track.Changes{Prompts: []track.Prompt{first}})
	if err := s.Commit(s.Context(), track.Changes{Prompts: []track.Prompt{second}}); err == nil {
		s.Fatal("a second live prompt was opened")
	}
	first.State, first.Due = track.PromptSent, 0
	s.commit(track.Changes{Prompts: []track.Prompt{second, first}})
	s.same([]track.Prompt{second}, s.load(track.Want{Senders: []string{alice}}).Prompts)
}
