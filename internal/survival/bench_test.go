package survival

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/fakeserver"
	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

// The benchmarks measure the whole way of a tapped stanza, from the socket to the disk; docs/SCALING.md has figures. Each
// runs once, for some seconds.

const (
	benchUsers  = 5_000
	benchFilled = 1_000_000
	paced       = 15_000 // stanzas a second
)

// load makes tapped stanzas: one third messages, one third receipts, one third markers, each for a message that is a
// while old. The seed is fixed.
type load struct {
	*rand.Rand
	n    int
	out  []track.Key
	sent []time.Time // by the number of the message
}

func newLoad() *load { return &load{Rand: rand.New(rand.NewPCG(1, 2))} }

func (l *load) user(n int) string { return "user" + strconv.Itoa(n) + "@" + domain }

// next writes one more stanza.
func (l *load) next(b *strings.Builder, now time.Time) {
	at := track.At(now)
	payload := func(key track.Key, element string) {
		l.n++
		b.WriteString(wrap("out", at, "<message xmlns='jabber:client' from='"+key.Recipient+"/desk' to='"+key.Sender+"' type='chat' id='e"+strconv.Itoa(l.n)+"'>"+element+"</message>"))
	}
	switch {
	case len(l.out) < 2000 || l.n%3 == 0:
		sender := l.IntN(benchUsers)
		key := track.Key{Sender: l.user(sender), Recipient: l.user((sender*31 + l.IntN(20)*7 + 1) % benchUsers), ID: "m" + strconv.Itoa(len(l.sent))}
		l.sent = append(l.sent, now)
		l.out = append(l.out, key)
		l.n++
		b.WriteString(wrap("out", at, "<message xmlns='jabber:client' from='"+key.Sender+"/phone' to='"+key.Recipient+"' type='chat' id='"+key.ID+
			"'><body>Are you coming tonight? We meet at eight, and there will be something to eat.</body><request xmlns='urn:xmpp:receipts'/>"+
			"<markable xmlns='urn:xmpp:chat-markers:0'/><origin-id xmlns='urn:xmpp:sid:0' id='"+key.ID+"'/></message>"))
	case l.n%3 == 1:
		payload(l.out[1000], "<received xmlns='urn:xmpp:receipts' id='"+l.out[1000].ID+"'/><store xmlns='urn:xmpp:hints'/>")
	default:
		payload(l.out[0], "<displayed xmlns='urn:xmpp:chat-markers:0' id='"+l.out[0].ID+"'/><store xmlns='urn:xmpp:hints'/>")
		l.out = l.out[1:]
	}
}

// cost is the processor's time that the load itself takes, in microseconds a stanza.
func (l *load) cost() float64 {
	const n = 20_000
	other := newLoad()
	used := processorTime()
	for range n / 100 {
		var chunk strings.Builder
		for range 100 {
			other.next(&chunk, time.Now())
		}
	}
	return float64((processorTime() - used).Microseconds()) / n
}

// processorTime is what this process has used, with what PostgreSQL uses not in it.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// timed is a store that notes when messages are durable.
type timed struct {
	*storage.Store
	load *load
	mu   sync.Mutex
	took []time.Duration
	late []time.Duration // of alarms
	rows atomic.Int64
	rang atomic.Pointer[time.Time] // the first
}

// Commit implements component.Store.
func (s *timed) Commit(ctx context.Context, c track.Changes) error {
	if err := s.Store.Commit(ctx, c); err != nil {
		return err
	}
	now := time.Now()
	s.rows.Add(int64(len(c.Insert) + len(c.Update)))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range c.Insert {
		if n, err := strconv.Atoi(c.Insert[i].ID[1:]); err == nil && s.load != nil {
			s.took = append(s.took, now.Sub(s.load.sent[n]))
		}
	}
	for i := range c.Update {
		if m := &c.Update[i]; m.Marks&track.TimedOutUndelivered != 0 && m.Notice.Seq == 1 {
			s.rang.CompareAndSwap(nil, &now)
			s.late = append(s.late, now.Sub(m.SentAt.Add(2*time.Minute).Std()))
		}
	}
	return nil
}

func percentile(list []time.Duration, p float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return float64(sorted[int(float64(len(sorted)-1)*p)].Microseconds()) / 1000
}

// databases runs a benchmark on each.
func databases(b *testing.B, bench func(b *testing.B, dsn string)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, "sqlite:"+filepath.Join(b.TempDir(), "tocsin.db")) })
	b.Run("postgres", func(b *testing.B) { bench(b, lab.Postgres(b)) })
}

// filled opens a database with so many rows, which the function makes.
func filled(b *testing.B, dsn string, n int, row func(int) track.Message) *storage.Store {
	b.Helper()
	store, err := storage.Open(b.Context(), dsn, storage.Options{Migrate: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	for done := 0; done < n; {
		var c track.Changes
		for range min(5000, n-done) {
			c.Insert = append(c.Insert, row(done))
			done++
		}
		if err := store.Commit(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
	return store
}

// old is a message of before, settled or not.
func old(sent track.Time, n int, settled bool) track.Message {
	m := track.Message{
		Ord: int64(sent)<<20 + int64(n%(1<<20)), Resource: "phone", SentAt: sent, Text: "Are you coming tonight? We meet at eight.",
		Key:   track.Key{Sender: fmt.Sprintf("user%d@%s", n%benchUsers, domain), Recipient: fmt.Sprintf("user%d@%s", (n/7+1)%benchUsers, domain), ID: fmt.Sprintf("old-%d", n)},
		Marks: track.AsksReceipt | track.Markable | track.ExpectsDelivery | track.ExpectsReading, Due: sent.Add(2 * time.Minute),
	}
	if settled {
		m.Status, m.SettledAt, m.Due, m.Text, m.Why = track.Displayed, sent+1, 0, "", track.WhySettled
		m.Notice = track.Notice{Seq: 2, Told: 2, Rev: int64(n + 1), State: track.StateDisplayed, Basis: track.ByMarker, At: sent + 1}
	}
	return m
}

// serverFor starts a server, and the component on the store.
func serverFor(b *testing.B, store *timed) *server {
	b.Helper()
	fake, err := fakeserver.Listen(component, secret)
	if err != nil {
		b.Fatal(err)
	}
	s := play(b, fake, newAudit())
	s.plain = true
	fake.Start()
	startService(b, s, store, fake.Addr(), 0, 1000)
	return s
}

// BenchmarkPipeline: from the socket to the disk, as fast as it goes, and at 15 000 stanzas a second.
func BenchmarkPipeline(b *testing.B) {
	databases(b, func(b *testing.B, dsn string) {
		start := track.At(time.Now().Add(-time.Hour))
		store := &timed{load: newLoad(), Store: filled(b, dsn, benchFilled, func(n int) track.Message { return old(start+track.Time(n/300), n, true) })}
		s := serverFor(b, store)
		cost := store.load.cost()
		run := func(b *testing.B, rate int, lasts time.Duration) {
			for b.Loop() {
				for store.load.n < 4*benchUsers { // everybody is seen and asked once
					var chunk strings.Builder
					for range 256 {
						store.load.next(&chunk, time.Now())
					}
					s.bring(chunk.String())
					for s.lag() > 50*time.Millisecond {
						time.Sleep(time.Millisecond)
					}
				}
				store.mu.Lock()
				store.took = nil
				store.mu.Unlock()
				began, written, used := time.Now(), 0, processorTime()
				for time.Since(began) < lasts {
					var chunk strings.Builder
					now := time.Now()
					until := written + 256
					if rate > 0 {
						until = int(now.Sub(began).Seconds() * float64(rate))
					}
					for ; written < until; written++ {
						store.load.next(&chunk, now)
					}
					s.bring(chunk.String())
					if rate > 0 {
						time.Sleep(time.Millisecond)
					}
					for rate == 0 && s.lag() > 150*time.Millisecond {
						time.Sleep(time.Millisecond)
					}
				}
				for s.lag() > 0 {
					time.Sleep(time.Millisecond)
				}
				took := time.Since(began)
				used = processorTime() - used
				store.mu.Lock()
				b.ReportMetric(float64(used.Microseconds())/float64(written)-cost, "cpu-µs/stanza")
				b.ReportMetric(float64(written)/took.Seconds(), "stanzas/s")
				b.ReportMetric(percentile(store.took, 0.50), "p50-ms")
				b.ReportMetric(percentile(store.took, 0.99), "p99-ms")
				store.mu.Unlock()
				b.ReportMetric(0, "ns/op")
			}
		}
		b.Run("flat out", func(b *testing.B) { run(b, 0, 8*time.Second) })
		b.Run("paced", func(b *testing.B) { run(b, paced, 8*time.Second) })
	})
}

// BenchmarkAlarms: a million messages wait. How long a start takes until the first alarm, and how late alarms are while
// 15 000 stanzas a second come in.
func BenchmarkAlarms(b *testing.B) {
	databases(b, func(b *testing.B, dsn string) {
		// One of them falls due every 5 ms, from a little while ago on: those before it are few.
		began := time.Now()
		first := track.At(began.Add(90*time.Second - 2*time.Minute))
		store := &timed{load: newLoad(), Store: filled(b, dsn, benchFilled, func(n int) track.Message { return old(first+track.Time(5*n), n, false) })}
		if wait := time.Until(first.Add(2 * time.Minute).Std()); wait > 0 {
			time.Sleep(wait)
		}
		for b.Loop() {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			s := serverFor(b, store)
			for store.rang.Load() == nil {
				time.Sleep(time.Millisecond)
			}
			b.ReportMetric(float64(store.rang.Load().Sub(start).Milliseconds()), "start-ms")
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/benchFilled, "B/alarm")
			for s.lag() > 0 || time.Since(start) < 5*time.Second {
				time.Sleep(time.Millisecond)
			}
			store.mu.Lock()
			store.late, store.took = nil, nil
			store.mu.Unlock()
			for began, written := time.Now(), 0; time.Since(began) < 8*time.Second; time.Sleep(time.Millisecond) {
				var chunk strings.Builder
				now := time.Now()
				for until := int(now.Sub(began).Seconds() * paced); written < until; written++ {
					store.load.next(&chunk, now)
				}
				s.bring(chunk.String())
			}
			store.mu.Lock()
			b.ReportMetric(float64(len(store.late)), "alarms")
			b.ReportMetric(percentile(store.late, 0.50), "late-p50-ms")
			b.ReportMetric(percentile(store.late, 0.99), "late-p99-ms")
			b.ReportMetric(percentile(store.took, 0.99), "durable-p99-ms")
			store.mu.Unlock()
			b.ReportMetric(0, "ns/op")
		}
	})
}
