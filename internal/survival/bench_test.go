package survival

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/fakeserver"
	"tocsin/internal/lab"
	"tocsin/internal/loadgen"
	"tocsin/storage"
	"tocsin/track"
)

// The benchmarks measure the whole path of a tapped stanza, from the socket to the disk; docs/SCALING.md has figures. Each
// runs once, for some seconds.

const (
	benchUsers   = 5_000
	benchFilled  = 1_000_000
	benchPending = 100_000                // besides the settled ones
	paced        = 15_000                 // stanzas per second
	maxLag       = 500 * time.Millisecond // flat out; the writer collects for half of it
)

// load is a stream of copies, with the time when each message was made.
type load struct {
	*loadgen.Mix
	n    int // number of copies made
	mu   sync.Mutex
	sent []time.Time // by message number
}

func newLoad() *load {
	l := &load{Mix: loadgen.New(domain, benchUsers)}
	l.Wrote = func(int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.sent = append(l.sent, time.Now())
	}
	return l
}

// make returns at least n more copies.
func (l *load) make(n int) string {
	var b bytes.Buffer
	for n += l.n; l.n < n; {
		l.n += l.Next(&b)
	}
	return b.String()
}

// made returns when a message was made.
func (l *load) made(n int) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent[n]
}

// cost is the CPU time for making a copy, in microseconds.
func (l *load) cost() float64 {
	const n = 20_000
	other := newLoad()
	other.Facts = l.Facts
	used := processorTime()
	for range n / 100 {
		other.make(100)
	}
	return float64((processorTime() - used).Microseconds()) / n
}

// processorTime is the CPU time of this process, which excludes PostgreSQL's.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// timed is a store that records when messages are durable.
type timed struct {
	*storage.Store
	load *load
	mu   sync.Mutex
	took []time.Duration
	late []time.Duration           // of alarms
	rows int                       // rows inserted or updated
	rang atomic.Pointer[time.Time] // the first
}

// Commit implements component.Store.
func (s *timed) Commit(ctx context.Context, c track.Changes) error {
	if err := s.Store.Commit(ctx, c); err != nil {
		return err
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows += len(c.Insert) + len(c.Update)
	for i := range c.Insert {
		if n, ok := loadgen.Number(c.Insert[i].ID); ok {
			s.took = append(s.took, now.Sub(s.load.made(n)))
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

// reset begins a new measurement.
func (s *timed) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took, s.late, s.rows = nil, nil, 0
}

func percentile(list []time.Duration, p float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return float64(sorted[int(float64(len(sorted)-1)*p)].Microseconds()) / 1000
}

// databases runs a benchmark on each database.
func databases(b *testing.B, bench func(b *testing.B, dsn string)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, "sqlite:"+filepath.Join(b.TempDir(), "tocsin.db")) })
	b.Run("postgres", func(b *testing.B) { bench(b, lab.Postgres(b)) })
}

// filled opens a database with n rows made by a function.
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

// acquaint makes the clients of all recipients known to confirm, as after a million messages.
func acquaint(b *testing.B, store *storage.Store, at track.Time) {
	b.Helper()
	var c track.Changes
	user := func(n int) string { return fmt.Sprintf("user%d@%s", n%benchUsers, domain) }
	for n := range benchUsers {
		c.Peers = append(c.Peers, track.Peer{JID: user(n), Receipts: at, Markers: at})
		for _, to := range loadgen.Recipients(n, benchUsers) {
			c.Pairs = append(c.Pairs, track.Pair{Conv: track.Conv{Sender: user(n), Recipient: user(to)}, Receipts: at, Markers: at, Device: "phone"})
		}
	}
	if err := store.Commit(b.Context(), c); err != nil {
		b.Fatal(err)
	}
}

// old is an old message, settled or not.
func old(sent track.Time, n int, settled bool) track.Message {
	m := track.Message{
		Ord: int64(sent)<<20 + int64(n%(1<<20)), Resource: "phone", SentAt: sent, Text: "Are you coming tonight? We meet at eight.",
		Key:   track.Key{Sender: fmt.Sprintf("user%d@%s", n%benchUsers, domain), Recipient: fmt.Sprintf("user%d@%s", (n/7+1)%benchUsers, domain), ID: fmt.Sprintf("old-%d", n)},
		Marks: track.AsksReceipt | track.Markable | track.ExpectsDelivery | track.ExpectsReading, Due: sent.Add(2 * time.Minute),
	}
	if settled {
		m.Status, m.SettledAt, m.Due, m.Text, m.Reason = track.Displayed, sent+1, 0, "", track.ReasonSettled
		m.Notice = track.Notice{Seq: 2, Delivered: 2, Rev: int64(n + 1), State: track.StateDisplayed, Basis: track.ByMarker, At: sent + 1}
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

// warm has everybody seen and asked for their clients' features once.
func (s *server) warm(l *load) {
	for l.n < 10*benchUsers {
		s.bring(l.make(256))
		for s.lag() > maxLag {
			time.Sleep(time.Millisecond)
		}
	}
}

// pour sends copies for a while, at a rate per second, or as fast as they are stored (0). It returns their number.
func (s *server) pour(l *load, rate int, lasts time.Duration) int {
	began, poured := time.Now(), l.n
	for n := l.n; time.Since(began) < lasts; {
		if rate == 0 {
			s.bring(l.make(256))
			for s.lag() > maxLag {
				time.Sleep(time.Millisecond)
			}
			continue
		}
		if more := n + int(time.Since(began).Seconds()*float64(rate)) - l.n; more > 0 {
			s.bring(l.make(more))
		}
		time.Sleep(time.Millisecond)
	}
	return l.n - poured
}

// BenchmarkPipeline: from the socket to the disk, as fast as possible, and at 15 000 stanzas a second; with the copies that
// a server makes, and with facts only, which no server does. A million messages are settled, 100 000 are pending.
func BenchmarkPipeline(b *testing.B) {
	databases(b, func(b *testing.B, dsn string) {
		start := track.At(time.Now().Add(-time.Hour))
		store := &timed{load: newLoad(), Store: filled(b, dsn, benchFilled+benchPending, func(n int) track.Message {
			m := old(start+track.Time(n/300), n, n%(benchFilled/benchPending+1) > 0)
			if m.Due != 0 { // no alarm fires meanwhile
				m.Due = m.Due.Add(4 * time.Hour)
			}
			return m
		})}
		acquaint(b, store.Store, start)
		s := serverFor(b, store)
		s.warm(store.load)
		for _, stream := range []string{"copies", "facts"} {
			store.load.Facts = stream == "facts"
			for _, rate := range []int{0, paced} {
				name := stream + "/flat out"
				if rate > 0 {
					name = stream + "/paced"
				}
				b.Run(name, func(b *testing.B) {
					cost := store.load.cost()
					for b.Loop() {
						store.reset()
						began, used := time.Now(), processorTime()
						poured := float64(s.pour(store.load, rate, 8*time.Second))
						for s.lag() > 0 {
							time.Sleep(time.Millisecond)
						}
						took := time.Since(began)
						used = processorTime() - used
						store.mu.Lock()
						b.ReportMetric(float64(used.Microseconds())/poured-cost, "cpu-µs/stanza")
						b.ReportMetric(poured/took.Seconds(), "stanzas/s")
						b.ReportMetric(float64(store.rows)/took.Seconds(), "rows/s")
						b.ReportMetric(percentile(store.took, 0.50), "p50-ms")
						b.ReportMetric(percentile(store.took, 0.99), "p99-ms")
						store.mu.Unlock()
						b.ReportMetric(0, "ns/op")
					}
				})
			}
		}
	})
}

// BenchmarkAlarms: a million messages are pending. It measures how long a start takes until the first alarm, and how late
// alarms are while 15 000 stanzas a second arrive.
func BenchmarkAlarms(b *testing.B) {
	databases(b, func(b *testing.B, dsn string) {
		// One falls due every 5 ms, starting a little earlier: few are overdue at the start.
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
			s.warm(store.load)
			for s.lag() > 0 || time.Since(start) < 5*time.Second {
				time.Sleep(time.Millisecond)
			}
			store.reset()
			s.pour(store.load, paced, 8*time.Second)
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
