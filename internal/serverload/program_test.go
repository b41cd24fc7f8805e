package serverload

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// BenchmarkProgram: the program's CPU time per message, on SQLite, beside that of a server with our module. Every message is
// watched, and gets a receipt and a marker; or none is watched, because none asks for it.
func BenchmarkProgram(b *testing.B) {
	for _, k := range kinds {
		for _, senders := range []string{"all", "hinted"} {
			if k.tap == lab.Module {
				b.Run(fmt.Sprintf("%s/senders=%s", k.server, senders), func(b *testing.B) { program(b, k, senders) })
			}
		}
	}
}

func program(b *testing.B, k kind, senders string) {
	for b.Loop() {
		var server, own, ratio, facts []float64
		for range rounds(b) {
			s, o, f := beside(b, k, senders)
			server, own, ratio, facts = append(server, s), append(own, o), append(ratio, o/s), append(facts, f)
			b.Logf("server %.0f µs, program %.0f µs a message (%.2f), %.1f facts", s, o, o/s, f)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(median(server), "server-µs/msg")
		b.ReportMetric(median(own), "program-µs/msg")
		b.ReportMetric(median(ratio), "ratio")
		b.ReportMetric(slices.Min(ratio), "ratio-min")
		b.ReportMetric(slices.Max(ratio), "ratio-max")
		b.ReportMetric(median(facts), "facts/msg")
	}
}

// beside measures once: microseconds of the server and of the program per message, and facts stored per message.
func beside(b *testing.B, k kind, senders string) (server, own, facts float64) {
	s := &subject{server: k.open(b, lab.Options{Tap: k.tap, NoMAM: true, Measured: true})}
	defer s.stop()
	s.load = connected(b, s.server, 40, false)
	s.load.Listen()
	daemon := lab.Tocsin(b, s.server, lab.Settings{
		"track.senders": senders, "track.undelivered_after": "2m", "track.unread_after": "10m", "track.min_after": "10s", "track.grace": "10s", "log.level": "info",
	})
	defer daemon.Stop()
	committed := func() float64 { return daemon.Metric("tocsin_facts_committed_total", "") }
	// idle waits until everything that was said is stored.
	idle := func() {
		settle(s.server)
		for last, used := committed(), daemon.CPU(); ; {
			time.Sleep(200 * time.Millisecond)
			nowStored, nowUsed := committed(), daemon.CPU()
			if nowStored == last && nowUsed-used <= 20*time.Millisecond { // it takes some to be asked
				return
			}
			last, used = nowStored, nowUsed
		}
	}
	if _, err := s.load.Write(math.MaxInt, 0, warming); err != nil {
		b.Fatal(err)
	}
	idle()
	usedBy, usedOwn, stored := s.server.CPU(), daemon.CPU(), committed()
	n, err := s.load.Write(math.MaxInt, 0, loaded)
	if err != nil {
		b.Fatal(err)
	}
	idle()
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(n) }
	server, own, facts = each(s.server.CPU()-usedBy), each(daemon.CPU()-usedOwn), (committed()-stored)/float64(n)
	if lost := daemon.Metric("tocsin_facts_lost_total", "") + daemon.Metric("tocsin_tap_gaps_total", ""); lost > 0 {
		b.Errorf("%g losses", lost)
	}
	if senders == "all" && facts < 3 {
		b.Errorf("%.1f facts a message: it is not watched", facts)
	}
	return server, own, facts
}
