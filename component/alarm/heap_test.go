package alarm

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"tocsin/track"
)

// The earliest alarm always comes first, whatever was set, moved and removed.
func TestHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d heap
		want := map[int64]track.Time{}
		for range rapid.IntRange(0, 400).Draw(t, "acts") {
			ref := rapid.Int64Range(-30, 90).Draw(t, "ref")
			switch rapid.IntRange(0, 4).Draw(t, "act") {
			case 0:
				d.set(track.Alarm{Ref: ref})
				delete(want, ref)
			case 1:
				if d.len() == 0 {
					continue
				}
				first := d.pop()
				if want[first.Ref] != first.Due {
					t.Fatalf("got %v, which was set for %v", first, want[first.Ref])
				}
				for _, due := range want {
					if due < first.Due {
						t.Fatalf("%v came before one of %v", first, due)
					}
				}
				delete(want, first.Ref)
			default:
				due := track.Time(rapid.Int64Range(1, 40).Draw(t, "due"))
				d.set(track.Alarm{Due: due, Ref: ref})
				want[ref] = due
			}
			if d.len() != len(want) {
				t.Fatalf("%d alarms, want %d", d.len(), len(want))
			}
		}
	})
}

// millionAlarms are the alarms of messages sent within ten minutes.
func millionAlarms() *heap {
	var d heap
	r := rand.New(rand.NewPCG(1, 2))
	for range 1_000_000 {
		sent := int64(1_795_000_000_000 + r.IntN(600_000))
		d.set(track.Alarm{Due: track.Time(sent + 600_000), Ref: sent<<20 + r.Int64N(1<<20)})
	}
	return &d
}

func TestAMillionAlarmsAreSmall(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	d := millionAlarms()
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := float64(after.HeapAlloc-before.HeapAlloc) / float64(d.len())
	t.Logf("%.1f bytes each", each)
	if each > 24 {
		t.Errorf("%.1f bytes each, want 24 at most", each)
	}
	runtime.KeepAlive(d)
}

// BenchmarkHeap sets an alarm, moves one and removes one, among a million.
func BenchmarkHeap(b *testing.B) {
	d := millionAlarms()
	r := rand.New(rand.NewPCG(3, 4))
	now := track.Time(1_795_000_600_000)
	var refs [1024]int64
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now++
		ref := int64(now)<<20 + r.Int64N(1<<20)
		d.set(track.Alarm{Due: now + 120_000, Ref: ref})
		d.set(track.Alarm{Due: now + 600_000, Ref: refs[i%1024]})
		d.set(track.Alarm{Ref: refs[(i+512)%1024]})
		refs[i%1024] = ref
	}
}
