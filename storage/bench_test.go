package storage_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

// The benchmarks are run with "make bench"; docs/design/storage.md has figures. Each fills a database once, and then writes
// to it in batches of several sizes. The seed is fixed.

const (
	users       = 10_000
	contactsOf  = 20
	benchStart  = track.Time(1_795_000_000_000)
	fillSettled = 1_000_000
	fillPending = 100_000
)

var batchSizes = []int{1, 10, 100, 512}

// traffic generates messages between users, and their receipts and markers.
type traffic struct {
	*rand.Rand
	now track.Time
	n   int
	out []track.Key // sent, not read yet
}

func newTraffic(start track.Time) *traffic {
	return &traffic{Rand: rand.New(rand.NewPCG(1, 2)), now: start}
}

func (t *traffic) key() track.Key {
	t.n++
	sender := t.IntN(users)
	recipient := (sender*31 + t.IntN(contactsOf)*7 + 1) % users
	return track.Key{
		Sender: fmt.Sprintf("user%d@example.org", sender), Recipient: fmt.Sprintf("user%d@example.org", recipient),
		ID: fmt.Sprintf("%016x-%d", t.Uint64(), t.n),
	}
}

const text = "Are you coming tonight? We meet at eight, and there will be something to eat."

func (t *traffic) message(settled bool) track.Message {
	t.now++
	m := track.Message{
		Ord: track.OrdTime(t.now), Key: t.key(), Resource: "Conversations.aB3x", Lang: "en", SentAt: t.now,
		Marks: track.AsksReceipt | track.Markable | track.ExpectsDelivery | track.ExpectsReading, Text: text, Due: t.now + 600_000,
	}
	if settled {
		m.Status, m.DeliveredAt, m.SettledAt, m.Due, m.Text, m.Reason = track.Displayed, t.now, t.now, 0, "", track.ReasonSettled
		m.Notice = track.Notice{Seq: 2, Delivered: 2, Rev: int64(t.n), State: track.StateDisplayed, Basis: track.ByMarker, At: t.now}
	}
	return m
}

func (t *traffic) messages(n int, settled bool) []track.Message {
	all := make([]track.Message, n)
	for i := range all {
		all[i] = t.message(settled)
	}
	return all
}

// facts returns n facts: one third messages, one third receipts, one third markers, each for a slightly older message.
func (t *traffic) facts(n int) []track.Input {
	all := make([]track.Input, 0, n)
	for len(all) < n {
		f := &track.Fact{At: t.now}
		switch {
		case len(t.out) < 2000 || t.n%3 == 0:
			f.Kind, f.Key, f.Resource, f.Lang, f.Text = track.Sent, t.key(), "Conversations.aB3x", "en", text
			f.Marks = track.AsksReceipt | track.Markable
			t.out = append(t.out, f.Key)
		case t.n%3 == 1:
			f.Kind, f.Basis, f.Key = track.Received, track.ByReceipt, t.out[1000]
			t.n++
		default:
			f.Kind, f.Basis, f.Key = track.Read, track.ByMarker, t.out[0]
			t.out = t.out[1:]
			t.n++
		}
		all = append(all, f)
	}
	return all
}

// known marks all clients as known to confirm, as after a million messages.
func (t *traffic) known(sender int) (c track.Changes) {
	user := func(n int) string { return fmt.Sprintf("user%d@example.org", n%users) }
	c.Peers = []track.Peer{{JID: user(sender), Receipts: t.now, Markers: t.now}}
	for i := range contactsOf {
		pair := track.Pair{Receipts: t.now, Markers: t.now, Device: "Conversations.aB3x"}
		pair.Sender, pair.Recipient = user(sender), user(sender*31+i*7+1)
		c.Pairs = append(c.Pairs, pair)
	}
	return c
}

func openForBench(b *testing.B, dsn string) *storage.Store {
	store, err := storage.Open(b.Context(), dsn, storage.Options{Migrate: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	if _, err := store.Lead(b.Context(), "tocsin.example.org"); err != nil {
		b.Fatal(err)
	}
	return store
}

func fill(b *testing.B, store *storage.Store, t *traffic) {
	start := time.Now()
	for n, settled := fillPending+fillSettled, true; n > 0; n -= 5000 {
		if n <= fillPending {
			settled = false
		}
		if err := store.Commit(b.Context(), track.Changes{Insert: t.messages(5000, settled)}); err != nil {
			b.Fatal(err)
		}
	}
	var all track.Changes
	for sender := range users {
		c := t.known(sender)
		all.Peers, all.Pairs = append(all.Peers, c.Peers...), append(all.Pairs, c.Pairs...)
	}
	if err := store.Commit(b.Context(), all); err != nil {
		b.Fatal(err)
	}
	b.Logf("filled with %d rows in %s", fillPending+fillSettled, time.Since(start).Round(time.Second))
}

func onBothDatabases(b *testing.B, bench func(b *testing.B, store *storage.Store)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, openForBench(b, sqliteDSN(b))) })
	b.Run("postgres", func(b *testing.B) { bench(b, openForBench(b, lab.Postgres(b))) })
}

// BenchmarkStore writes to an empty database, and to one with a million settled and a hundred thousand pending messages.
func BenchmarkStore(b *testing.B) {
	for _, size := range []string{"empty", "million"} {
		b.Run(size, func(b *testing.B) {
			onBothDatabases(b, func(b *testing.B, store *storage.Store) {
				t := newTraffic(benchStart)
				if size == "million" {
					fill(b, store, t)
				}
				b.Run("facts", func(b *testing.B) { benchFacts(b, store, t) })
				b.Run("insert", func(b *testing.B) { benchInsert(b, store, t) })
			})
		})
	}
}

// cost measures the CPU time of this process, which on PostgreSQL excludes the database.
type cost struct {
	cpu     time.Duration
	written int64
}

func costs() (c cost) {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	c.cpu = time.Duration(used.Utime.Nano() + used.Stime.Nano())
	io, _ := os.ReadFile("/proc/self/io")
	_, after, _ := strings.Cut(string(io), "wchar: ")
	fmt.Sscan(after, &c.written)
	return c
}

func (c cost) report(b *testing.B, rows int, unit string) {
	now := costs()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), unit+"/s")
	b.ReportMetric(float64((now.cpu-c.cpu).Microseconds())/float64(rows), "cpu-µs/"+unit)
	b.ReportMetric(float64(now.written-c.written)/float64(rows), "B/"+unit)
}

// benchInsert stores new messages.
func benchInsert(b *testing.B, store *storage.Store, t *traffic) {
	for _, size := range batchSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			rows, start := 0, costs()
			for b.Loop() {
				if err := store.Commit(b.Context(), track.Changes{Insert: t.messages(size, false)}); err != nil {
					b.Fatal(err)
				}
				rows += size
			}
			start.report(b, rows, "row")
		})
	}
}

// benchFacts applies facts through the ledger: load, apply, commit, and one batch later NoticesDelivered.
func benchFacts(b *testing.B, store *storage.Store, t *traffic) {
	seed, err := store.Seed(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ledger := track.NewLedger(seed, &track.Policy{
		Senders: track.SendersAll, UndeliveredAfter: 2 * time.Minute, UnreadAfter: 10 * time.Minute, Mode: track.Ask, Expires: time.Hour,
		Steps: []track.Step{{Do: track.DoPrompt}},
	}, nobody{})
	var told track.NoticesDelivered
	for _, size := range batchSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			facts, start := 0, costs()
			for b.Loop() {
				t.now += 5
				inputs := append(t.facts(size), &told)
				loaded, err := store.Load(b.Context(), ledger.Want(inputs), t.now)
				if err != nil {
					b.Fatal(err)
				}
				result := ledger.Apply(loaded, inputs, t.now)
				if err := store.Commit(b.Context(), result.Changes); err != nil {
					b.Fatal(err)
				}
				result.Commit()
				told = nil
				for _, m := range result.Notices {
					told = append(told, track.NoticeKey{Ord: m.Ord, Seq: m.Notice.Seq})
				}
				facts += size
			}
			start.report(b, facts, "fact")
		})
	}
}

// nobody is a People without settings.
type nobody struct{}

func (nobody) Parties(track.Conv) track.Parties { return track.Parties{} }
func (nobody) Clients(string) track.Clients     { return track.Clients{} }
func (nobody) Present(string, string) bool      { return true }

// BenchmarkStart reads what a restart reads, with a million alarms.
func BenchmarkStart(b *testing.B) {
	onBothDatabases(b, func(b *testing.B, store *storage.Store) {
		t := newTraffic(benchStart)
		for range 200 {
			if err := store.Commit(b.Context(), track.Changes{Insert: t.messages(5000, false)}); err != nil {
				b.Fatal(err)
			}
		}
		b.Run("seed", func(b *testing.B) {
			for b.Loop() {
				if _, err := store.Seed(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("alarms", func(b *testing.B) {
			for b.Loop() {
				if err := store.Alarms(b.Context(), func(track.Alarm) {}); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// BenchmarkDigest looks for undelivered notices of a sender with many messages, none of which has one.
func BenchmarkDigest(b *testing.B) {
	onBothDatabases(b, func(b *testing.B, store *storage.Store) {
		t := newTraffic(benchStart)
		senders := map[string]int{"few": 300, "many": 30_000}
		for sender, n := range senders {
			ms := t.messages(n, true)
			for i := range ms {
				ms[i].Sender = sender
			}
			if err := store.Commit(b.Context(), track.Changes{Insert: ms}); err != nil {
				b.Fatal(err)
			}
		}
		for range 20 {
			if err := store.Commit(b.Context(), track.Changes{Insert: t.messages(5000, true)}); err != nil {
				b.Fatal(err)
			}
		}
		for sender, n := range senders {
			b.Run(fmt.Sprint(n), func(b *testing.B) {
				for b.Loop() {
					if _, err := store.Messages(b.Context(), sender, track.Filter{PendingNotice: true, Limit: 50}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

// chat generates what pairs of people say who answer at once: of each message, that it was sent, that its sender has seen the
// conversation, and that it was handed to a session; and a while later its receipt and its marker.
type chat struct {
	now track.Time
	n   int
}

const (
	chatPairs    = 40
	chatInFlight = 400 // messages without a receipt
	chatFacts    = 5   // of a message
)

func (c *chat) key(n int) track.Key {
	pair := n % chatPairs
	return track.Key{Sender: fmt.Sprintf("w%d@example.org", pair), Recipient: fmt.Sprintf("r%d@example.org", pair), ID: fmt.Sprintf("m%d", n)}
}

// facts returns the facts of the next n messages.
func (c *chat) facts(n int) []track.Input {
	var events track.Events
	for range n {
		c.n++
		k := c.key(c.n)
		events.Facts = append(events.Facts,
			track.Fact{Kind: track.Sent, Key: k, At: c.now, Resource: "phone", Text: text, Marks: track.AsksReceipt | track.Markable, Once: true},
			track.Fact{Kind: track.Replied, Key: track.Key{Sender: k.Recipient, Recipient: k.Sender}, At: c.now},
			track.Fact{Kind: track.Handed, Key: k, At: c.now, Resource: "phone"})
		if c.n > chatInFlight {
			k := c.key(c.n - chatInFlight)
			events.Facts = append(events.Facts,
				track.Fact{Kind: track.Received, Key: k, At: c.now, Basis: track.ByReceipt, Resource: "phone"},
				track.Fact{Kind: track.Read, Key: k, At: c.now, Basis: track.ByMarker, Resource: "phone"})
		}
	}
	return []track.Input{&events}
}

// BenchmarkChat: what a message costs, from its facts to the disk, when all are watched, and when none is.
func BenchmarkChat(b *testing.B) {
	for _, senders := range []track.Senders{track.SendersAll, track.SendersHinted} {
		b.Run(string(senders), func(b *testing.B) {
			for _, size := range []int{1, 10, 100, 500} {
				b.Run(fmt.Sprint(size), func(b *testing.B) {
					onBothDatabases(b, func(b *testing.B, store *storage.Store) { benchChat(b, store, senders, size) })
				})
			}
		})
	}
}

func benchChat(b *testing.B, store *storage.Store, senders track.Senders, size int) {
	seed, err := store.Seed(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ledger := track.NewLedger(seed, &track.Policy{
		Senders: senders, UndeliveredAfter: 2 * time.Minute, UnreadAfter: 10 * time.Minute, Mode: track.Ask, Expires: time.Hour,
		Steps: []track.Step{{Do: track.DoPrompt}},
	}, nobody{})
	c := &chat{now: track.At(time.Now())}
	batch := func() {
		c.now += 5
		inputs := c.facts(size)
		loaded, err := store.Load(b.Context(), ledger.Want(inputs), c.now)
		if err != nil {
			b.Fatal(err)
		}
		result := ledger.Apply(loaded, inputs, c.now)
		if !result.Empty() {
			if err := store.Commit(b.Context(), result.Changes); err != nil {
				b.Fatal(err)
			}
		}
		result.Commit()
	}
	for c.n < 2*chatInFlight {
		batch()
	}
	messages, start := 0, costs()
	for b.Loop() {
		batch()
		messages += size
	}
	start.report(b, messages, "msg")
}
