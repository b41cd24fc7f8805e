package track

import (
	"math"
	"time"
)

// earlyWindow is how long evidence for an unknown id is remembered, in case the copies of a message and of its receipt
// crossed on the way. Later than that an unknown id changes nothing (XEP-0333 §5).
const (
	earlyWindow = 2 * time.Second
	maxEarly    = 4096
)

// early holds facts about ids that are not known (yet), for a moment, in memory.
type early map[Key][]Fact

func (e early) keep(f *Fact, now Time) {
	if len(e) >= maxEarly {
		for k, facts := range e {
			if facts[0].At.Add(earlyWindow) < now {
				delete(e, k)
			}
		}
		if len(e) >= maxEarly {
			return
		}
	}
	if len(e[f.Key]) < 8 {
		kept := *f
		kept.At = now
		e[f.Key] = append(e[f.Key], kept)
	}
}

func (f *Fact) want(l *Ledger, w *Want) {
	peer := func() {
		if _, ok := l.peers[f.Recipient]; !ok {
			w.Peers = append(w.Peers, f.Recipient)
		}
	}
	switch f.Kind {
	case Rang, Texted:
		w.Ords = append(w.Ords, f.Ord)
		return
	case Replied:
		w.Got = append(w.Got, f.Conv())
		return
	case Read:
		w.Open = append(w.Open, f.Conv())
		peer()
	case Corrected:
		w.Keys = append(w.Keys, Key{f.Sender, f.Recipient, f.Original})
	case Forced:
		w.Senders = append(w.Senders, f.Sender)
		peer()
	case Sent:
		peer()
		if _, ok := l.early[f.Key]; ok {
			w.Open = append(w.Open, f.Conv())
		}
	case Received:
		peer()
	}
	w.Keys = append(w.Keys, f.Key)
}

func (f *Fact) apply(b *batch) {
	b.learn(f)
	switch f.Kind {
	case Sent:
		b.sent(f)
	case Corrected:
		b.corrected(f)
	case Rang, Texted:
		if r := b.rows[f.Ord]; r != nil && r.Kind == Watched {
			b.transit(r, f)
		}
	case Replied:
		// Every earlier message that was delivered. This is the one fact whose meaning depends on what was known
		// before it: the receipt of a message must have come before the reply.
		for _, r := range b.upTo(f.Conv(), math.MaxInt64) {
			if r.Status == Delivered {
				b.transit(r, f)
			}
		}
	case Read:
		named := b.find(f.Key)
		if named == nil {
			b.early.keep(f, b.now)
			return
		}
		for _, r := range b.upTo(f.Conv(), named.Ord) {
			b.transit(r, f)
		}
	default:
		r := b.find(f.Key)
		if r == nil {
			b.early.keep(f, b.now)
		} else if r.Kind == Watched {
			b.transit(r, f)
		}
	}
}

// sent takes a message in, unless it is another copy of one that is known. Ids may be used again once the message
// they named is settled.
func (b *batch) sent(f *Fact) {
	if old := b.newest[f.Key]; old != nil {
		pending := old.Kind == Watched && !old.Status.Settled()
		if pending || !f.Once && f.At < old.SentAt.Add(copyWindow) || f.Once && f.At == old.SentAt {
			return
		}
	}
	probe := Message{Key: f.Key, Marks: f.Marks, Hint: f.Hint}
	s := b.settings(&probe)
	if s.Watch && !f.Passed && b.full(f.Sender) {
		b.Limited++
		s.Watch = false
	}
	if !s.Watch || f.Passed {
		b.add(&row{Message: Message{Ord: b.nextOrd(), Key: f.Key, Kind: Passed, SentAt: f.At}, fresh: true})
	} else {
		m, effects := Begin(*f, b.nextOrd(), s, b.now)
		r := b.add(&row{Message: m, fresh: true})
		b.effects(r, effects, s)
	}
	crossed := b.early[f.Key]
	delete(b.early, f.Key)
	for i := range crossed {
		if b.now < crossed[i].At.Add(earlyWindow) {
			crossed[i].apply(b)
		}
	}
}

func (b *batch) full(sender string) bool {
	return int(b.pending[sender]) >= MaxPendingPerSender || b.total >= MaxPending
}

// corrected makes the correction's id an alias of the original, whose text it refreshes (XEP-0308 §4). Of an unknown
// or settled original nothing but its place in the order is known.
func (b *batch) corrected(f *Fact) {
	if b.newest[f.Key] != nil {
		return // another copy
	}
	original := b.find(Key{f.Sender, f.Recipient, f.Original})
	m := Message{Ord: b.nextOrd(), Key: f.Key, Kind: Passed, SentAt: f.At}
	if original != nil {
		m.Kind, m.Original = Alias, original.Ord
	}
	b.add(&row{Message: m, fresh: true})
	if original != nil && original.Kind == Watched {
		b.transit(original, f)
	}
}

func (b *batch) transit(r *row, f *Fact) {
	s := b.settings(&r.Message)
	if f.Kind == Rang {
		b.verdict(r, &s)
	}
	b.effects(r, Transition(&r.Message, *f, s, b.now), s)
}

// verdict says whether the sender may be prompted about the message now.
func (b *batch) verdict(r *row, s *Settings) {
	switch {
	case b.live[r.Conv()] != nil: // it joins a prompt that is there
	case b.policy.Paused:
		s.Hold, s.Held = b.now.Add(time.Minute), WhyPaused
	case s.Quiet.Until(b.now) > 0:
		s.Hold, s.Held = s.Quiet.Until(b.now), WhyQuiet
	case b.capped(r.Conv()):
		s.Refuse = WhyCap
	}
}

func (b *batch) capped(c Conv) bool {
	var conv, recipient, sender int
	for _, o := range b.opened {
		if o.At.Add(24*time.Hour) <= b.now {
			continue
		}
		if o.Conv == c {
			conv++
		}
		if o.Recipient == c.Recipient {
			recipient++
		}
		if o.Sender == c.Sender && b.now < o.At.Add(time.Hour) {
			sender++
		}
	}
	over := func(n, limit int) bool { return limit > 0 && n >= limit }
	return over(conv, b.policy.PerConversationDay) || over(recipient, b.policy.PerRecipientDay) || over(sender, b.policy.PerSenderHour)
}

func (b *batch) effects(r *row, effects []Effect, s Settings) {
	for _, e := range effects {
		switch e.Kind {
		case Tell:
			b.lastRev++
			e.Notice.Rev, r.Notice.Rev = b.lastRev, b.lastRev
			told := r.Message
			told.Notice = e.Notice
			b.out.Tells = append(b.out.Tells, told)
		case Prompting:
			b.ask(r, s)
		case Do:
			b.do(r, s.Steps[e.Step].Do, e.Step)
		case Arrived:
			b.lost(r, "delivered")
		case Settle:
			b.lost(r, e.Reason)
		case Refresh:
			b.refresh(r)
		}
	}
}
