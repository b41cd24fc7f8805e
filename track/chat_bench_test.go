package track

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// BenchmarkChat applies what pairs of people say who answer at once, without a store: of each message, that it was sent, that
// its sender has seen the conversation, and that it was handed to a session; and a while later its receipt and its marker.
func BenchmarkChat(b *testing.B) {
	const pairs, inFlight, batch = 40, 200, 1000
	policy := standard()
	l := NewLedger(newMemory().seed(), &policy, &folk{})
	key := func(n int) Key {
		return Key{fmt.Sprintf("w%d@example.org", n%pairs), fmt.Sprintf("r%d@example.org", n%pairs), fmt.Sprintf("m%d", n)}
	}
	now, n := noon, 0
	events := func() []Input {
		var e Events
		for range batch {
			n++
			k := key(n)
			e.Facts = append(e.Facts,
				Fact{Kind: Sent, Key: k, At: now, Resource: "phone", Text: "some words", Marks: AsksReceipt | Markable, Once: true},
				Fact{Kind: Replied, Key: Key{Sender: k.Recipient, Recipient: k.Sender}, At: now},
				Fact{Kind: Handed, Key: k, At: now, Resource: "phone"})
			if k := key(n - inFlight); n > inFlight {
				e.Facts = append(e.Facts,
					Fact{Kind: Received, Key: k, At: now, Basis: ByReceipt, Resource: "phone"},
					Fact{Kind: Read, Key: k, At: now, Basis: ByMarker, Resource: "phone"})
			}
		}
		return []Input{&e}
	}
	apply := func(inputs []Input) {
		w := l.Want(inputs)
		l.Apply(Loaded{Open: w.Open}, inputs, now).Commit()
	}
	apply(events())
	b.ReportAllocs()
	var spent time.Duration // processor time
	for b.Loop() {
		now = now.Add(100 * time.Millisecond)
		inputs := events()
		started := used()
		apply(inputs)
		spent += used() - started
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*batch), "ns/message")
}

// used returns the processor time of this process.
func used() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
