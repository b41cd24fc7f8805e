package source

import (
	"fmt"
	"testing"

	"tocsin/component/tap"
	"tocsin/internal/expect"
	"tocsin/track"
)

// spoken is a batch of a story, and whether it reveals a gap.
type spoken struct {
	run   string
	n     uint64
	lost  uint64
	hello string // its node and host
	bye   bool
	ended string // a run that has ended with its node

	repeat, gap bool
}

// A batch counts once; a missing number, an unfinished run, and reported losses are gaps.
func TestAccount(t *testing.T) {
	for _, tt := range []struct {
		name  string
		story []spoken
	}{
		{"from the start on", []spoken{{run: "a", n: 1, hello: "n1 here.test"}, {run: "a", n: 2}, {run: "a", n: 3}}},
		{"sent again", []spoken{{run: "a", n: 1}, {run: "a", n: 2}, {run: "a", n: 1, repeat: true}, {run: "a", n: 2, repeat: true}, {run: "a", n: 3}}},
		{"a number is missing", []spoken{{run: "a", n: 1}, {run: "a", n: 3, gap: true}, {run: "a", n: 4}}},
		{"late, after the gap", []spoken{{run: "a", n: 1}, {run: "a", n: 3, gap: true}, {run: "a", n: 2, repeat: true}}},
		{"given up and counted", []spoken{{run: "a", n: 1}, {run: "a", n: 9, lost: 700, gap: true}, {run: "a", n: 10, lost: 700}, {run: "a", n: 11, lost: 701, gap: true}}},
		{"a run that was there before us", []spoken{{run: "a", n: 40, gap: true}, {run: "a", n: 41}}},
		{"a restart in good order", []spoken{{run: "a", n: 1, hello: "n1 here.test"}, {run: "a", n: 2, bye: true}, {run: "b", n: 1, hello: "n1 here.test"}}},
		{"a server that was killed", []spoken{{run: "a", n: 1, hello: "n1 here.test"}, {run: "b", n: 1, hello: "n1 here.test", gap: true}}},
		{"two nodes of a cluster", []spoken{{run: "a", n: 1, hello: "n1 here.test"}, {run: "b", n: 1, hello: "n2 here.test"}, {run: "a", n: 2}, {run: "b", n: 2}}},
		{"a node that goes down", []spoken{{run: "a", n: 1, hello: "n1 here.test"}, {run: "b", n: 1, hello: "n2 here.test"}, {run: "b", n: 2, ended: "a", gap: true},
			{run: "b", n: 3, ended: "a"}, {run: "c", n: 1, hello: "n1 here.test"}}},
		{"a node that was only out of reach", []spoken{{run: "a", n: 1, hello: "n1 here.test"}, {run: "b", n: 1, ended: "a", gap: true}, {run: "a", n: 2}, {run: "c", n: 1, hello: "n1 here.test", gap: true}}},
		{"a node that ended in good order", []spoken{{run: "a", n: 1, bye: true}, {run: "b", n: 1, ended: "a"}, {run: "b", n: 2, ended: "unknown"}}},
		{"two hosts", []spoken{{run: "a", n: 1, hello: "n1 here.test"}, {run: "b", n: 1, hello: "n1 also.test"}, {run: "a", n: 2}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a account
			for i, s := range tt.story {
				var hello *tap.Hello
				if s.hello != "" {
					hello = &tap.Hello{}
					fmt.Sscanf(s.hello, "%s %s", &hello.Node, &s.hello)
					hello.Hosts = []string{s.hello}
				}
				before := a.gaps
				fresh, _ := a.batch(tap.Batch{Run: s.run, N: s.n, Lost: s.lost, Host: "here.test"}, hello, s.bye, track.Time(i+1))
				if s.ended != "" {
					a.ended(s.ended, track.Time(i+1))
				}
				expect.Equal(t, fmt.Sprintf("batch %d is new", i), fresh, !s.repeat)
				expect.Equal(t, fmt.Sprintf("batch %d tells of a gap", i), a.gaps > before, s.gap)
			}
		})
	}
}

// Copies have no numbers: whenever the stream was down, some may be missing. Unacknowledged events are sent again.
func TestAccountOfStreams(t *testing.T) {
	var a account
	a.connected(1)
	expect.Equal(t, "gaps of nothing", a.gaps, 0)
	a.copies = true
	a.disconnected()
	a.connected(2)
	expect.Equal(t, "gaps of copies", a.gaps, 1)
	a.batch(tap.Batch{Run: "a", N: 1}, nil, false, 3)
	expect.Equal(t, "gaps when events come instead", a.gaps, 2)
	a.disconnected()
	a.connected(4)
	a.batch(tap.Batch{Run: "a", N: 2}, nil, false, 5)
	expect.Equal(t, "gaps of events", a.gaps, 2)
	expect.Equal(t, "the last one", a.gap, track.Time(3))
}

// Only what is durable is acknowledged, on the stream on which it was received.
func TestAcks(t *testing.T) {
	var a account
	for n := range uint64(5) {
		a.batch(tap.Batch{Run: "a", N: n + 1, Host: "here.test"}, nil, false, 1)
	}
	expect.Equal(t, "before it is durable", len(a.acks()), 0)
	a.durable("a", 3)
	expect.Equal(t, "durable", fmt.Sprint(a.acks()), "[{here.test a 3}]")
	a.acknowledged(ack{"here.test", "a", 3})
	expect.Equal(t, "once is enough", len(a.acks()), 0)
	a.durable("a", 5)
	a.disconnected()
	expect.Equal(t, "without a stream", len(a.acks()), 0)
	a.batch(tap.Batch{Run: "a", N: 4, Host: "also.test"}, nil, false, 2)
	expect.Equal(t, "of what was sent again", fmt.Sprint(a.acks()), "[{also.test a 4}]")
}
