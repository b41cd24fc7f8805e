package tap

import (
	"testing"

	"tocsin/track"
)

// Whatever the server's clock, live events happened now, and kept ones have their correct age.
func TestServerClock(t *testing.T) {
	const minute = track.Time(60_000)
	for name, off := range map[string]track.Time{"right": 0, "a little behind": -1500, "3 minutes behind": -3 * minute, "3 minutes ahead": 3 * minute} {
		t.Run(name, func(t *testing.T) {
			c, now := &serverClock{}, 1000*minute
			check := func(what string, age track.Time) {
				t.Helper()
				if got := now - c.at(now-age+off, now); got < age-clockSlack || got > age+clockSlack {
					t.Errorf("%s: it is %d ms old, not %d", what, got, age)
				}
			}
			for range 200 {
				now += 1000
				check("live", 20)
			}
			now += 30 * minute
			c.last = 0 // another stream
			for age := 30 * minute; age > 0; age -= 1000 {
				now += 10
				check("kept while we were away", age)
			}
			check("live again", 20)
			now += 10 * minute
			check("rarely", 20)
			now -= 20 * minute // our clock is put back, and the server's stays ahead of it
			off += 20 * minute
			check("after ours was put back", 20)
		})
	}
}

// A server whose clock is put back is noticed within two minutes; one whose clock is put forward at once.
func TestServerClockIsSet(t *testing.T) {
	const minute = track.Time(60_000)
	c, now, off := &serverClock{}, 1000*minute, track.Time(0)
	pass := func(d track.Time) (age track.Time) {
		for ; d > 0; d -= 1000 {
			now += 1000
			age = now - c.at(now-20+off, now)
		}
		return age
	}
	pass(5 * minute)
	off = -3 * minute
	if age := pass(3 * minute); age > clockSlack {
		t.Errorf("put back: what is new counts as %d ms old", age)
	}
	off = 0
	if age := pass(1000); age > clockSlack {
		t.Errorf("put right again: what is new counts as %d ms old", age)
	}
}

// Before anything is known about a server's clock, nothing counts as old.
func TestServerClockAtFirst(t *testing.T) {
	c, now := &serverClock{}, track.Time(1_000_000)
	if age := now - c.at(now-180_000, now); age != 0 {
		t.Errorf("the first copy counts as %d ms old", age)
	}
	now += 1000
	c.at(now, now)
	if age := now - c.at(now-180_000, now); age != 0 {
		t.Errorf("one that was made after one that was made now counts as %d ms old", age)
	}
}

// Batches may be delayed differently: a client that came before a message was sent must not appear to have come after it.
func TestEventsStayInOrder(t *testing.T) {
	clocks, vhost := Clocks{}, []byte("example.org")
	first := clocks.inOrder(vhost, 1_000_000)
	if second := clocks.inOrder(vhost, 999_996); second < first {
		t.Errorf("%d ms before the one that came before it", first-second)
	}
	if kept := clocks.inOrder(vhost, 400_000); kept != 400_000 {
		t.Errorf("one that was kept ten minutes is %d ms off", kept-400_000)
	}
	if next := clocks.inOrder(vhost, 1_000_010); next != 1_000_010 {
		t.Errorf("the next one is %d ms off", next-1_000_010)
	}
	clocks.NewStream()
	if old := clocks.inOrder(vhost, 999_500); old != 999_500 {
		t.Errorf("one of a new stream is %d ms off", old-999_500)
	}
}
