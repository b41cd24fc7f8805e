package queue

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// Values are taken in order, each once, and the queue never exceeds its capacity.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		room := rapid.IntRange(0, 5).Draw(t, "room")
		q := New[int](room)
		var want []int
		for v := range rapid.IntRange(0, 60).Draw(t, "acts") {
			switch rapid.IntRange(0, 3).Draw(t, "act") {
			case 0:
				q.Force(v)
				want = append(want, v)
			case 1:
				n := rapid.IntRange(0, 4).Draw(t, "n")
				for _, got := range q.Pop(n) {
					if got != want[0] {
						t.Fatalf("%d comes, want %d", got, want[0])
					}
					want = want[1:]
				}
			default:
				if pushed := q.Push(v); pushed != (len(want) < room) {
					t.Fatalf("push into %d of %d: %v", len(want), room, pushed)
				} else if pushed {
					want = append(want, v)
				}
			}
			if first, ok := q.First(); ok != (len(want) > 0) || ok && first != want[0] {
				t.Fatalf("first: %d, %v, want of %v", first, ok, want)
			}
			if q.Len() != len(want) {
				t.Fatalf("%d wait, want %d", q.Len(), len(want))
			}
		}
	})
}

// All workers work while there is something to do, each value is processed once, and the end waits for those under way.
func TestWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New[int](1000)
		ctx, stop := context.WithCancel(t.Context())
		var busy, done atomic.Int32
		release := make(chan struct{})
		var working sync.WaitGroup
		working.Go(func() {
			q.Work(ctx, 4, func(context.Context, int) {
				busy.Add(1)
				<-release
				busy.Add(-1)
				done.Add(1)
			})
		})
		for i := range 100 {
			q.Push(i)
		}
		synctest.Wait()
		if busy.Load() != 4 {
			t.Errorf("%d are busy, want 4", busy.Load())
		}
		for range 100 {
			release <- struct{}{}
		}
		synctest.Wait()
		if done.Load() != 100 || q.Len() != 0 {
			t.Errorf("%d are done, %d wait", done.Load(), q.Len())
		}
		q.Push(1)
		synctest.Wait()
		stop()
		q.Push(2)
		close(release)
		working.Wait()
		if done.Load() != 101 || q.Len() != 1 {
			t.Errorf("after the end: %d are done, %d wait", done.Load(), q.Len())
		}
	})
}

// Owners take turns. Each value comes once or is lost, those of one owner in order. When the queue is full, the newest value
// is lost of an owner who has at least as many as the one who pushed.
func TestShared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type value struct {
			owner string
			n     int
		}
		room := rapid.IntRange(0, 6).Draw(t, "room")
		q := NewShared[value](room)
		want := map[string][]int{}
		waiting := func() (n int) {
			for _, w := range want {
				n += len(w)
			}
			return n
		}
		last := "" // whose turn it was, with nothing pushed since
		for n := range rapid.IntRange(0, 80).Draw(t, "acts") {
			if rapid.IntRange(0, 2).Draw(t, "act") == 0 {
				got, ok := q.Pop()
				if ok != (waiting() > 0) {
					t.Fatalf("take: %v of %v", ok, want)
				}
				if ok {
					if got.n != want[got.owner][0] {
						t.Fatalf("%+v comes, want of %v", got, want)
					}
					if want[got.owner] = want[got.owner][1:]; len(want[got.owner]) == 0 {
						delete(want, got.owner)
					}
					if got.owner == last && len(want) > 1 {
						t.Fatalf("%s has two turns, and others wait: %v", last, want)
					}
					last = got.owner
				}
				continue
			}
			v := value{rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "owner"), n}
			before := len(want[v.owner])
			want[v.owner] = append(want[v.owner], n)
			last = ""
			lost, ok := q.Push(v.owner, v)
			if full := waiting() > room; ok == full {
				t.Fatalf("push into %d of %d: %v", waiting()-1, room, ok)
			}
			if !ok {
				newest := len(want[lost.owner]) - 1
				if want[lost.owner][newest] != lost.n || lost.owner != v.owner && newest+1 < before+2 {
					t.Fatalf("%+v is lost for %+v, of %v", lost, v, want)
				}
				if want[lost.owner] = want[lost.owner][:newest]; newest == 0 {
					delete(want, lost.owner)
				}
			}
			if q.Len() != waiting() {
				t.Fatalf("%d wait, want %d", q.Len(), waiting())
			}
		}
	})
}
