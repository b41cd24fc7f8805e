package track

import "math"

func (f *Fact) want(l *Ledger, w *Want) {
	peer := func() {
		if _, ok := l.peers[f.Recipient]; !ok {
			w.Peers = append(w.Peers, f.Recipient)
		}
	}
	early := func() { // what came before it will be applied with it
		if _, ok := l.early[f.Key]; ok {
			w.Open = append(w.Open, f.Conv())
		}
	}
	if f.Ord != 0 {
		w.Ords = append(w.Ords, f.Ord)
		return
	}
	switch f.Kind {
	case Replied:
		w.Got = append(w.Got, f.Conv())
		return
	case Read:
		w.Open = append(w.Open, f.Conv())
		peer()
	case Corrected:
		w.Keys = append(w.Keys, Key{f.Sender, f.Recipient, f.Original})
		early()
	case Sent:
		peer()
		early()
	case Received:
		peer()
	}
	w.Keys = append(w.Keys, f.Key)
}

func (f *Fact) apply(b *batch) {
	if f.Ord != 0 {
		r := b.rows[f.Ord]
		if r != nil && r.Kind == Watched && !(f.Kind == Aged && b.prompted(r)) {
			b.transit(r, f)
		}
		return
	}
	b.learn(f)
	switch f.Kind {
	case Sent:
		b.sent(f)
	case Corrected:
		b.corrected(f)
	case Replied:
		// Every earlier message that was delivered. This is the one fact whose meaning depends on what was known
		// before it: the receipt of a message must have come before the reply.
		for _, r := range b.upTo(f.Conv(), math.MaxInt64) {
			if r.Status == Delivered && (f.WrittenAt == 0 || r.SentAt <= f.WrittenAt) {
				b.transit(r, f)
			}
		}
	case Read:
		named := b.find(f.Key)
		if named == nil {
			b.keep(f)
			return
		}
		for _, r := range b.upTo(f.Conv(), named.Ord) {
			b.transit(r, f)
		}
	default:
		r := b.find(f.Key)
		if r == nil {
			b.keep(f)
		} else if r.Kind == Watched {
			b.transit(r, f)
		}
	}
}

// sent takes a message in, unless it is another copy of one that is known. Ids may be used again once the message
// they named is settled.
func (b *batch) sent(f *Fact) {
	if b.isCopy(f) {
		return
	}
	probe := Message{Key: f.Key, Marks: f.Marks, Hint: f.Hint}
	s := b.settings(&probe)
	if s.Watch && !f.Passed && b.full(f.Sender) {
		b.out.limited++
		s.Watch = false
	}
	if !s.Watch || f.Passed {
		b.add(&row{Message: Message{Ord: b.nextOrd(), Key: f.Key, Kind: Passed, SentAt: f.At}, fresh: true})
	} else {
		m, effects := Begin(*f, b.nextOrd(), s, b.now)
		r := b.add(&row{Message: m, fresh: true})
		b.effects(r, effects, s)
	}
	b.catchUp(f.Key)
}

// isCopy reports whether the stanza is another copy of one that is known.
func (b *batch) isCopy(f *Fact) bool {
	old := b.newest[f.Key]
	switch {
	case old == nil:
		return false
	case old.Kind == Watched && !old.Status.Settled():
		return true
	case f.Once:
		return f.At == old.SentAt
	}
	return f.At < old.SentAt.Add(copyWindow)
}

func (b *batch) full(sender string) bool {
	return int(b.pending[sender]) >= MaxPendingPerSender || b.total >= MaxPending
}

// corrected makes the correction's id an alias of the original, whose text it refreshes (XEP-0308 §4). Of an unknown
// or settled original nothing but its place in the order is known.
func (b *batch) corrected(f *Fact) {
	original := b.find(Key{f.Sender, f.Recipient, f.Original})
	if old := b.newest[f.Key]; b.isCopy(f) || old != nil && old.Kind == Alias && original != nil && old.Original == original.Ord {
		return
	}
	m := Message{Ord: b.nextOrd(), Key: f.Key, Kind: Passed, SentAt: f.At}
	if original != nil {
		m.Kind, m.Original = Alias, original.Ord
	}
	b.add(&row{Message: m, fresh: true})
	if original != nil && original.Kind == Watched {
		b.transit(original, f)
	}
	b.catchUp(f.Key)
}

func (b *batch) transit(r *row, f *Fact) {
	s := b.settings(&r.Message)
	if f.Kind == AlarmFired {
		r.rang = r.rang || f.At == 0 || f.At >= r.Due // an older one rings in vain: the one that holds is still set
		b.verdict(r, &s)
	}
	b.effects(r, Transition(&r.Message, *f, s, b.now), s)
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
			b.lost(r, WithdrawDelivered)
		case Settle:
			b.lost(r, e.Reason)
		case Refresh:
			b.refresh(r)
		case Capped:
			b.sayCapped(r)
		}
	}
}
