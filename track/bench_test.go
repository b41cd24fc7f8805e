package track

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkLedger applies facts in batches of 512, on a store in memory: messages of 2000 conversations, each with a
// receipt, every fourth fact a marker.
func BenchmarkLedger(b *testing.B) {
	const batch, conversations = 512, 2000
	random := rand.New(rand.NewPCG(1, 2))
	policy := standard()
	store, people := newMemory(), &folk{}
	l := NewLedger(store.seed(), &policy, people)
	convs, last := make([]Conv, conversations), make([]int, conversations)
	for i := range convs {
		convs[i] = Conv{fmt.Sprintf("user%d@example.org", i), fmt.Sprintf("user%d@example.org", random.IntN(conversations))}
	}
	now, n := noon, 0
	inputs := make([]Input, batch)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(5 * time.Millisecond)
		for i := range inputs {
			c := random.IntN(conversations)
			f := &Fact{Kind: Sent, At: now, Key: Key{convs[c].Sender, convs[c].Recipient, ""}, Marks: AsksReceipt | Markable, Text: "some words"}
			switch kind := random.IntN(8); {
			case last[c] == 0 || kind < 3:
				n++
				last[c] = n
			case kind < 6:
				f.Kind, f.Basis, f.Marks, f.Text = Received, ByReceipt, 0, ""
			default:
				f.Kind, f.Basis, f.Marks, f.Text = Read, ByMarker, 0, ""
			}
			f.ID = fmt.Sprint("m", last[c])
			inputs[i] = f
		}
		r := l.Apply(store.load(l.Want(inputs), now), inputs, now)
		store.commit(r.Changes)
		r.Commit()
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "facts/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/fact")
}
