package survival

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"tocsin/track"
)

// text is in every message. Tests look for it where it must not be.
const text = "The-quick-brown-fox-of-"

// traffic is the users' behaviour, planned at random by the seed.
type traffic struct {
	*server
	rand    *rand.Rand
	senders []string // bare JIDs
	rate    int      // messages per second
	shared  int      // one in this many messages goes to a recipient shared with other senders; 0: none

	n    int
	plan plan
}

// act is a planned event of a message.
type act struct {
	at time.Time
	do func()
}

// run lets users write and read until ctx ends. finish completes what was begun.
func (f *traffic) run(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	began, written := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for ; written < int(now.Sub(began).Seconds()*float64(f.rate)); written++ {
				f.write(now)
			}
			f.act(now)
		}
	}
}

func (f *traffic) act(now time.Time) {
	for len(f.plan) > 0 && !f.plan[0].at.After(now) {
		heap.Pop(&f.plan).(act).do()
	}
}

// finish carries out the plan without new messages.
func (f *traffic) finish(ctx context.Context) {
	for len(f.plan) > 0 && ctx.Err() == nil {
		time.Sleep(time.Until(f.plan[0].at)) // wait for the next event
		f.act(time.Now())
	}
}

func (f *traffic) later(d time.Duration, do func()) {
	heap.Push(&f.plan, act{time.Now().Add(d), do})
}

// write sends a message from a random sender, and plans its fate.
func (f *traffic) write(now time.Time) {
	f.n++
	key := track.Key{
		Sender: f.senders[f.rand.IntN(len(f.senders))], Recipient: fmt.Sprintf("r%d@%s", f.n, domain), ID: fmt.Sprintf("m%d", f.n),
	}
	if f.shared > 0 && f.rand.IntN(f.shared) == 0 {
		key.Recipient = fmt.Sprintf("often%d@%s", f.rand.IntN(5), domain)
	}
	at := track.At(now)
	f.writeText(key, at, fmt.Sprint(text, f.n))
	between := func(from, to time.Duration) time.Duration { return from + rand.N(to-from) }
	receipt := func(d time.Duration) { f.later(d, func() { f.receipt(key) }) }
	marker := func(d time.Duration) { f.later(d, func() { f.marker(key) }) }
	switch luck := f.rand.IntN(100); {
	case luck < 25: // never delivered
	case luck < 50: // never read
		receipt(between(0, time.Second))
	case luck < 60: // delivered late
		receipt(between(undeliveredAfter, undeliveredAfter+2*time.Second))
	case luck < 70: // read without a receipt
		marker(between(0, unreadAfter))
	default: // read, in time or later
		d := between(0, time.Second)
		receipt(d)
		marker(between(d, unreadAfter+2*time.Second))
	}
}

func (f *traffic) receipt(key track.Key) {
	f.evidence(key, fmt.Sprintf("<received xmlns='urn:xmpp:receipts' id='%s'/>", key.ID))
}

func (f *traffic) marker(key track.Key) {
	f.evidence(key, fmt.Sprintf("<displayed xmlns='urn:xmpp:chat-markers:0' id='%s'/>", key.ID))
}

func (f *traffic) evidence(key track.Key, payload string) {
	f.n++
	f.bring(wrap("out", track.At(time.Now()), fmt.Sprintf("<message xmlns='jabber:client' from='%s/desk' to='%s' type='chat' id='e%d'>%s</message>",
		key.Recipient, key.Sender, f.n, payload)))
}

// plan is a heap, the next act first.
type plan []act

func (p plan) Len() int           { return len(p) }
func (p plan) Less(i, j int) bool { return p[i].at.Before(p[j].at) }
func (p plan) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }
func (p *plan) Push(x any)        { *p = append(*p, x.(act)) }

func (p *plan) Pop() any {
	old := *p
	last := old[len(old)-1]
	*p = old[:len(old)-1]
	return last
}
