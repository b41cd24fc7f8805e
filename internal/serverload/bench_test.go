package serverload

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// The benchmarks measure what a tap costs a server: each round runs the same load on the same server with and without it,
// and the result is the median of the rounds' ratios. docs/PERFORMANCE.md has figures.

// rounds is the number of rounds. They take long, and are not part of "make bench".
func rounds(b *testing.B) int {
	n, err := strconv.Atoi(os.Getenv("TOCSIN_ROUNDS"))
	if err != nil || n < 1 {
		b.Skip("run by make bench-server")
	}
	return n
}

type kind struct {
	server string
	open   func(testing.TB, lab.Options) *lab.Server
	name   string
	tap    lab.Tap
}

func prosody(t testing.TB, o lab.Options) *lab.Server {
	o.Extra += "\nallow_unencrypted_plain_auth = true; component_conflict_resolve = 'kick_old'"
	return lab.Prosody(t, o)
}

func ejabberd(t testing.TB, o lab.Options) *lab.Server { return lab.Ejabberd(t, o) }

var kinds = []kind{
	{"prosody", prosody, "module", lab.Module},
	{"prosody", prosody, "firewall", lab.Firewall},
	{"ejabberd", ejabberd, "module", lab.Module},
	{"ejabberd", ejabberd, "service_log", lab.ServiceLog},
}

// figures are those of one run.
type figures struct {
	cpu  float64 // the server's microseconds per message
	rate float64 // messages per second
	seen Seen
}

const (
	warming = 2 * time.Second
	loaded  = 6 * time.Second
	turns   = 6
	window  = 20 // per pair
)

// subject is a server under load.
type subject struct {
	server *lab.Server
	load   *Load
	sink   *Sink
}

func start(b *testing.B, k kind, tap lab.Tap, pairs int, managed bool) *subject {
	s := &subject{server: k.open(b, lab.Options{Tap: tap, NoMAM: true, Measured: true})}
	s.load = connected(b, s.server, pairs, managed)
	if tap != lab.NoTap {
		var err error
		if s.sink, err = Attach(s.server.ComponentAddr, s.server.Component, s.server.Secret, false); err != nil {
			b.Fatal(err)
		}
	}
	s.load.Listen()
	settle(s.server)
	return s
}

func (s *subject) stop() {
	s.load.Close()
	if s.sink != nil {
		s.sink.Close()
	}
	s.server.Stop()
}

// measure loads the server with so many messages a second; 0: as fast as it answers.
func (s *subject) measure(perSecond int) (f figures, err error) {
	if _, err = s.load.Write(math.MaxInt, perSecond, warming); err != nil {
		return f, err
	}
	used, began := s.server.CPU(), time.Now()
	n, err := s.load.Write(math.MaxInt, perSecond, loaded)
	f.rate = float64(n) / time.Since(began).Seconds()
	settle(s.server)
	f.cpu = float64((s.server.CPU() - used).Microseconds()) / float64(n)
	return f, err
}

// sideBySide measures the server without and with a tap. Their CPU times are measured at the same time, so that other load on
// the machine affects both; then, if they are loaded as fast as they answer, their rates in short turns, so that neither takes
// the processors from the other. A server that has just started costs more, so they take turns at being first.
func sideBySide(b *testing.B, k kind, pairs, perSecond int, managed, plainFirst bool) (without, with figures) {
	taps := []lab.Tap{k.tap, lab.NoTap}
	if plainFirst {
		slices.Reverse(taps)
	}
	subjects := map[lab.Tap]*subject{}
	for _, tap := range taps {
		subjects[tap] = start(b, k, tap, pairs, managed)
		defer subjects[tap].stop()
	}
	plain, tapped := subjects[lab.NoTap], subjects[k.tap]
	failed := make(chan error)
	go func() {
		var err error
		without, err = plain.measure(perSecond)
		failed <- err
	}()
	with, err := tapped.measure(perSecond)
	if err := errors.Join(err, <-failed); err != nil {
		b.Fatal(err)
	}
	with.seen = tapped.sink.Now()
	if perSecond > 0 {
		return without, with
	}
	written, took := map[lab.Tap]int{}, map[lab.Tap]time.Duration{}
	for range turns {
		for _, tap := range taps {
			began := time.Now()
			n, err := subjects[tap].load.Write(math.MaxInt, 0, loaded/turns)
			if err != nil {
				b.Fatal(err)
			}
			written[tap], took[tap] = written[tap]+n, took[tap]+time.Since(began)
			settle(subjects[tap].server)
		}
	}
	without.rate = float64(written[lab.NoTap]) / took[lab.NoTap].Seconds()
	with.rate, with.seen = float64(written[k.tap])/took[k.tap].Seconds(), tapped.sink.Now()
	return without, with
}

// registered registers all users.
func registered(server *lab.Server, pairs int) {
	for i := range pairs {
		server.AddUser(Writer(i), password)
		server.AddUser(Reader(i), password)
	}
}

// connected registers all users and logs them in.
func connected(b testing.TB, server *lab.Server, pairs int, managed bool) *Load {
	registered(server, pairs)
	l := &Load{Addr: server.C2S, Domain: server.Domain, Pairs: pairs, Window: window, Managed: managed}
	if err := l.Connect(); err != nil {
		b.Fatal(err)
	}
	return l
}

// settle waits until the server is idle.
func settle(server *lab.Server) {
	for last := server.CPU(); ; {
		time.Sleep(200 * time.Millisecond)
		now := server.CPU()
		if now-last <= 10*time.Millisecond {
			return
		}
		last = now
	}
}

// BenchmarkCost: the server's CPU time per message, and messages per second, without and with a tap.
func BenchmarkCost(b *testing.B) {
	for _, k := range kinds {
		for _, managed := range []bool{false, true} {
			for _, pairs := range []int{40, 200} {
				name := fmt.Sprintf("%s/%s/managed=%t/pairs=%d", k.server, k.name, managed, pairs)
				b.Run(name, func(b *testing.B) { cost(b, k, pairs, 0, managed) })
			}
		}
	}
}

// BenchmarkSteady: the same at a rate that the server can easily handle.
func BenchmarkSteady(b *testing.B) {
	for _, k := range kinds {
		for _, pairs := range []int{40, 200} {
			if k.tap == lab.Module {
				b.Run(fmt.Sprintf("%s/pairs=%d", k.server, pairs), func(b *testing.B) { cost(b, k, pairs, 1000, false) })
			}
		}
	}
}

func cost(b *testing.B, k kind, pairs, perSecond int, managed bool) {
	for b.Loop() {
		var cpu, rate, plain []float64
		var lost, ended int
		for n := range rounds(b) {
			without, with := sideBySide(b, k, pairs, perSecond, managed, n%2 == 0)
			plain, cpu, rate = append(plain, without.cpu), append(cpu, with.cpu/without.cpu), append(rate, with.rate/without.rate)
			lost += with.seen.Lost + with.seen.Missing
			if with.seen.Ended {
				ended++
			}
			b.Logf("%.0f µs, %.0f/s without; %.0f µs, %.0f/s with: %v", without.cpu, without.rate, with.cpu, with.rate, with.seen)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(median(plain), "plain-µs/msg")
		b.ReportMetric(median(cpu), "cpu-ratio")
		b.ReportMetric(slices.Min(cpu), "cpu-ratio-min")
		b.ReportMetric(slices.Max(cpu), "cpu-ratio-max")
		b.ReportMetric(median(rate), "rate-ratio")
		b.ReportMetric(float64(lost), "lost")
		b.ReportMetric(float64(ended), "disconnects")
	}
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// BenchmarkOverload: for a minute the component reads too slowly. The events received in the end and those counted as lost
// must add up: three events by senders for each message, and one when it was handed over.
func BenchmarkOverload(b *testing.B) {
	for _, k := range kinds {
		if k.tap != lab.Module {
			continue
		}
		b.Run(k.server, func(b *testing.B) {
			rounds(b)
			for b.Loop() {
				s := start(b, k, k.tap, 40, false)
				defer s.stop()
				s.sink.Slow(time.Second)
				n, err := s.load.Write(math.MaxInt, 0, time.Minute)
				if err != nil {
					b.Fatal(err)
				}
				s.sink.Slow(0)
				began := time.Now()
				for last := -1; !s.sink.Acknowledged() || s.sink.Now().Batches != last; time.Sleep(500 * time.Millisecond) {
					last = s.sink.Now().Batches
				}
				seen := s.sink.Now()
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(n), "messages")
				b.ReportMetric(float64(4*n-seen.Events["out"]-seen.Events["handed"]), "missing")
				b.ReportMetric(float64(seen.Lost), "counted-lost")
				b.ReportMetric(float64(seen.Missing), "batches-missing")
				b.ReportMetric(time.Since(began).Seconds(), "s-to-catch-up")
				b.ReportMetric(float64(seen.Lag.Milliseconds()), "lag-ms")
			}
		})
	}
}

// BenchmarkTwice: ejabberd's stock module gets more and more messages, until ejabberd closes the connection because it can't
// write fast enough. Our module handles twice that rate, or as much as ejabberd accepts.
func BenchmarkTwice(b *testing.B) {
	const step, seconds = 250, 20
	stock, ours := kinds[3], kinds[2]
	rounds(b)
	for b.Loop() {
		deadly := 0
		for alive := true; alive; {
			deadly += step
			s := start(b, stock, stock.tap, 40, false)
			n, err := s.load.Write(math.MaxInt, deadly, seconds*time.Second)
			if err != nil {
				b.Fatal(err)
			}
			settle(s.server)
			seen := s.sink.Now()
			alive = !seen.Ended
			b.Logf("service_log: %d a second, %d written: %d copies, the connection has ended: %t", deadly, n, seen.Copies, seen.Ended)
			s.stop()
			if alive && n < deadly*seconds*3/4 {
				b.Fatalf("ejabberd takes no more than %d messages a second, and closes no connection", n/seconds)
			}
		}
		s := start(b, ours, ours.tap, 40, false)
		defer s.stop()
		n, err := s.load.Write(math.MaxInt, 2*deadly, 30*time.Second)
		if err != nil {
			b.Fatal(err)
		}
		lag := s.sink.Now().Lag
		await(b, func() bool {
			seen := s.sink.Now()
			return seen.Events["out"]+seen.Events["handed"] >= 4*n && s.sink.Acknowledged()
		})
		seen := s.sink.Now()
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(deadly), "deadly-msg/s")
		b.ReportMetric(float64(n)/30, "msg/s")
		b.ReportMetric(float64(4*n-seen.Events["out"]-seen.Events["handed"]), "missing")
		b.ReportMetric(float64(seen.Lost), "counted-lost")
		b.ReportMetric(float64(lag.Milliseconds()), "lag-ms")
	}
}
