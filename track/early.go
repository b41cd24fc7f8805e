package track

import (
	"slices"
	"time"
)

// earlyWindow is how long evidence for an unknown id is kept, in case the copies of a message and of its receipt crossed on
// the way. After that, evidence for an unknown id changes nothing (XEP-0333 §5).
const (
	earlyWindow = 2 * time.Second
	maxEarly    = 4096
	maxEarlyOf  = 64 // per author
)

// early holds facts about ids not yet known, briefly and in memory.
type early map[Key][]earlyFact

// Author is the author of the stanza that the fact comes from.
func (f *Fact) Author() string {
	switch f.Kind {
	case Sent, Corrected, Retracted, Stopped, Forced:
		return f.Sender
	}
	return f.Recipient
}

// earlyFact is a fact that arrived before its message, and when.
type earlyFact struct {
	Fact
	at Time
}

func (b *batch) storeEarly(f *Fact) {
	if kept := b.out.early[f.Key]; len(kept) < 8 {
		b.out.early[f.Key] = append(kept, earlyFact{*f, b.now})
	}
}

// catchUp applies what arrived before the message, in order.
func (b *batch) catchUp(k Key) {
	var facts []earlyFact
	if old := b.early[k]; len(old) > 0 && !slices.Contains(b.out.used, k) {
		facts = append(facts, old...)
		b.out.used = append(b.out.used, k)
	}
	facts = append(facts, b.out.early[k]...)
	delete(b.out.early, k)
	for _, c := range facts {
		if b.now < c.at.Add(earlyWindow) {
			c.Fact.apply(b)
		}
	}
}

// merge applies what a batch has added and used.
func (e early) merge(kept early, used []Key, now Time) {
	for _, k := range used {
		delete(e, k)
	}
	if len(kept) == 0 {
		return
	}
	of := map[string]int{}
	for k, c := range e {
		if c[len(c)-1].at.Add(earlyWindow) <= now {
			delete(e, k)
		} else {
			of[c[0].Author()]++
		}
	}
	for k, facts := range kept {
		by := facts[0].Author()
		switch {
		case len(e[k]) > 0:
			e[k] = append(e[k], facts...)[:min(8, len(e[k])+len(facts))]
		case len(e) < maxEarly && of[by] < maxEarlyOf:
			of[by]++
			e[k] = facts
		}
	}
}
