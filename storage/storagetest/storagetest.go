// Package storagetest is the conformance suite that every database has to pass.
package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tocsin/storage"
	"tocsin/track"
)

// Database is one database, without any rows at first, as the suite needs it.
type Database struct {
	DSN string
	// Cut closes all connections to it, as a network or a restart would; nil where there are none.
	Cut func(t testing.TB)
	// Steal lets another instance take the leadership.
	Steal func(t testing.TB)
}

// Run runs the suite, its tests in parallel. open creates a new database for each test.
func Run(t *testing.T, open func(t testing.TB) Database) {
	for _, test := range []struct {
		name string
		run  func(*suite)
	}{
		{"round trips", roundTrips},
		{"changed fields", changedFields},
		{"few fields", fewFields},
		{"usual fields", usualFields},
		{"strange bytes", strangeBytes},
		{"load by key", loadByKey},
		{"load by conversation", loadByConversation},
		{"load by ord", loadByOrd},
		{"load prompts", loadPrompts},
		{"load peers", loadPeers},
		{"large batches", largeBatches},
		{"cumulative update", cumulativeUpdate},
		{"delivered notices", deliveredNotices},
		{"alarms", alarms},
		{"outbox", outbox},
		{"messages of a sender", messagesOfSender},
		{"sync in pages", syncInPages},
		{"prompts of a sender", promptsOfSender},
		{"releases", releases},
		{"seed", seed},
		{"seed after prune", seedAfterPrune},
		{"stale", stale},
		{"summary", summary},
		{"numbers", numbers},
		{"many numbers", manyNumbers},
		{"preferences", preferences},
		{"contacts", contacts},
		{"devices", devices},
		{"forget", forget},
		{"tokens", tokens},
		{"small facts", smallFacts},
		{"all or nothing", allOrNothing},
		{"one live prompt", oneLivePrompt},
		{"cancelled contexts", cancelledContexts},
		{"cut connections", cutConnections},
		{"prune", prune},
		{"prune in batches", pruneInBatches},
		{"prune after a wrong clock", pruneAfterWrongClock},
		{"prune is bounded", pruneIsBounded},
		{"reopened", reopened},
		{"lead", lead},
		{"fence", fence},
		{"handover", handover},
		{"refused", refused},
		{"texts", texts},
		{"usage", usage},
		{"stops and use", stopsAndUse},
		{"prune texts", pruneTexts},
		{"replies", replies},
		{"codes", codes},
		{"code use", codeUse},
		{"forgotten codes", forgottenCodes},
		{"alerts", alerts},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			s := &suite{T: t, Database: open(t)}
			s.Store = s.again()
			test.run(s)
		})
	}
}

// suite is one test on its own database.
type suite struct {
	*testing.T
	*storage.Store
	Database
}

// again opens the database again.
func (s *suite) again() *storage.Store {
	s.Helper()
	store, err := storage.Open(s.Context(), s.DSN, storage.Options{Migrate: true})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { store.Close() })
	return store
}

func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite) commit(c track.Changes) {
	s.Helper()
	s.must(s.Commit(s.Context(), c))
}

func (s *suite) insert(messages ...track.Message) {
	s.Helper()
	s.commit(track.Changes{Insert: messages})
}

func (s *suite) load(w track.Want) track.Loaded {
	s.Helper()
	loaded, err := s.Load(s.Context(), w, now)
	s.must(err)
	return loaded
}

// all returns all messages of the senders of ms.
func (s *suite) all(senders ...string) []track.Message {
	s.Helper()
	var found []track.Message
	for _, sender := range senders {
		ms, err := s.Messages(s.Context(), sender, track.Filter{Newest: true})
		s.must(err)
		found = append(found, ms...)
	}
	return found
}

func (s *suite) same(want, got any) {
	s.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		s.Fatalf("-want +got:\n%s", diff)
	}
}

const now track.Time = 1_795_000_000_123

// ord is the Ord of a message observed n milliseconds after now.
func ord(after int64) int64 { return track.OrdTime(now + track.Time(after)) }

func key(id string) track.Key { return track.Key{Sender: alice, Recipient: bob, ID: id} }

const (
	alice = "alice@example.org"
	bob   = "bob@example.org"
	carol = "carol@example.org"
)

// pending is a watched message from alice to bob.
func pending(after int64, id string) track.Message {
	return track.Message{
		Ord: ord(after), Key: key(id), SentAt: now + track.Time(after), Due: now + track.Time(after) + 600_000,
		Marks: track.AsksReceipt | track.ExpectsDelivery, Text: "the text of " + id, Resource: "phone", Lang: "en",
	}
}

func settled(after int64, id string) track.Message {
	m := pending(after, id)
	m.Status, m.Text, m.Due, m.Reason, m.SettledAt = track.Displayed, "", 0, track.ReasonSettled, m.SentAt+1000
	return m
}

// passed is an unwatched message, which only has a position.
func passed(after int64, id string) track.Message {
	return track.Message{Ord: ord(after), Key: key(id), Kind: track.Passed, SentAt: now + track.Time(after)}
}

// full has a value in every field.
func full() track.Message {
	return track.Message{
		Ord: ord(7), Key: key("m1"), Kind: track.Alias, Original: ord(3), Status: track.Delivered, Marks: 1<<30 - 1,
		Standing: track.StandingBoth, There: track.ThereMixed, Expects: track.Expectation{Delivery: track.RuleConfirms, Reading: track.RuleMarks}, HandedAt: now + 6,
		Resource: "phone \"2\"", Lang: "zh-Hant", SentAt: now, DeliveredAt: now + 1, TimeoutAt: now + 2, SettledAt: now + 3,
		Hint: track.Hint{Until: track.UntilDisplayed, Timeout: 999_999_999, Priority: track.Urgent, Escalate: track.Auto},
		Text: "{\"a\",\\b}\n'c' NULL 你好 👋", Step: 255, Due: now + 4, Reason: track.ReasonQuiet, Prompt: "p-1",
		Notice: track.Notice{Seq: 1<<32 - 1, Delivered: 1<<32 - 2, Rev: 1 << 60, State: track.StateDelivered, Basis: track.ByReceipt, At: now + 5, Further: track.StateUnknown, SMS: track.SMSStateUnsure},
	}
}

func prompt(after int64, id string) track.Prompt {
	return track.Prompt{
		ID: id, Row: ord(after), Conv: track.Conv{Sender: alice, Recipient: bob}, OpenedAt: now + track.Time(after),
		ExpiresAt: now + track.Time(after) + 3_600_000, Due: now + track.Time(after) + 3_600_000, Code: "7f3c",
	}
}

func ids(ms []track.Message) (all []string) {
	for _, m := range ms {
		all = append(all, m.ID)
	}
	return all
}

func promptIDs(ps []track.Prompt) (all []string) {
	for _, p := range ps {
		all = append(all, p.ID)
	}
	slices.Sort(all)
	return all
}

func many(n int, make func(after int64, id string) track.Message) []track.Message {
	var all []track.Message
	for i := range n {
		all = append(all, make(int64(i), fmt.Sprintf("m%d", i)))
	}
	return all
}

var errStop = errors.New("enough")
