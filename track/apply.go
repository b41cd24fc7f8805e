package track

import (
	"math"
	"slices"
)

func (f *Fact) want(l *Ledger, w *Want) {
	if f.Ord != 0 {
		w.Ords = append(w.Ords, f.Ord)
		w.SMS = w.SMS || f.Kind == AlarmFired
		return
	}
	known := l.thread(f.Conv())
	peer := func() {
		if w.known[f.Conv()] {
			return
		}
		w.known[f.Conv()] = true
		for _, jid := range []string{f.Sender, f.Recipient} {
			if _, ok := l.peers.get(jid); !ok {
				w.Peers = append(w.Peers, jid)
			}
		}
		if _, ok := l.pairs.get(f.Conv()); !ok {
			w.Pairs = append(w.Pairs, f.Conv())
		}
	}
	open := func() {
		if known == nil {
			w.Open = append(w.Open, f.Conv())
		}
	}
	key := func(id string) {
		if k := (Key{f.Sender, f.Recipient, id}); !w.covered[k] && (known == nil || !known.has(id)) {
			w.Keys = append(w.Keys, k)
		}
	}
	early := func() { // earlier evidence will be applied with it
		others := f.otherKeys()
		for _, k := range others {
			key(k.ID)
			w.cover(k)
		}
		if len(l.early) > 0 && slices.ContainsFunc(append(others, f.Key), func(k Key) bool { return len(l.early[k]) > 0 }) {
			open()
		}
	}
	switch f.Kind {
	case Replied:
		open()
		peer()
		return
	case RosterChanged:
		if l.pending[f.Sender] > 0 {
			open()
		}
		peer()
		return
	case Read, Synced:
		open()
		peer()
	case Corrected:
		key(f.Original)
		peer() // of an earlier message
		early()
	case Bounced, Dropped:
		peer()
	case Named:
		peer()
		early()
	case Sent:
		peer()
		early()
		if known != nil && known.excludes(f) {
			w.cover(f.Key)
			return
		}
		if !f.Passed || f.Once && l.pending[f.Sender] == 0 {
			open() // later evidence will need it; without open messages, an unwatched one need not be stored
		}
	case Received:
		open()
		peer()
		if l.needsConsent(f, known) {
			w.Recipients = append(w.Recipients, f.Recipient)
		}
	}
	key(f.ID)
	if f.Kind == Sent || f.Kind == Corrected { // then known, or new
		w.cover(f.Key)
	}
}

func (f *Fact) apply(b *batch) {
	if f.Ord != 0 {
		r := b.rows[f.Ord]
		if r != nil && r.Kind == Watched && !(f.Kind == Aged && b.prompted(r)) {
			b.transit(r, f)
		}
		return
	}
	t := b.talk(f.Conv())
	b.includeThread(t)
	for _, id := range [...]string{f.ID, f.Original, f.OriginID, f.ArchiveID} {
		b.includeNamed(t, id)
	}
	switch f.Kind {
	case Sent, Replied, Read, Synced, Received, RosterChanged, Named:
		b.includeLearned(t)
	}
	switch f.Kind {
	case Sent:
		b.sent(f)
	case Corrected:
		b.corrected(f)
	case Replied:
		// Every earlier message that has reached a client. This is the only fact whose meaning depends on what was known
		// before it: the receipt for a message must have come before the reply. (One handed over from another instance is
		// late.)
		var read []*row
		for _, r := range b.upTo(f.Conv(), math.MaxInt64) {
			if (r.Status == Delivered && r.DeliveredAt <= f.At || r.Status == Pending && b.hasReached(r)) && (f.WrittenAt == 0 || r.SentAt <= f.WrittenAt) {
				b.transit(r, f)
				read = append(read, r)
			}
		}
		b.missed(f, read)
	case Received:
		named := b.find(f.Key)
		if named == nil {
			b.storeEarly(f)
			return
		}
		b.learn(f, named)
		b.accepted(f)
		before := *f
		before.Basis, before.Acked = ByOrder, f.Basis == ByAck
		for _, r := range b.upTo(f.Conv(), named.Ord-1) {
			if r.Status == Pending || r.Marks.Has(Concealed) {
				b.transit(r, &before)
			}
		}
		if named.Kind == Watched {
			b.transit(named, f)
		}
	case Read, Synced:
		named := b.find(f.Key)
		if named == nil {
			b.storeEarly(f)
			return
		}
		b.learn(f, named)
		b.accepted(f)
		read := b.upTo(f.Conv(), named.Ord)
		for _, r := range read {
			b.transit(r, f)
		}
		if f.Kind == Read {
			b.missed(f, read)
		}
	case Named:
		switch {
		case b.find(f.Key) == nil:
			b.storeEarly(f)
		case b.parties(f.Conv()).Recipient.Sync != SyncOff: // one row per message only for those who use it
			b.alsoKnown(f)
		}
	case RosterChanged:
		for _, r := range b.upTo(f.Conv(), math.MaxInt64) {
			r.Standing = f.Standing // applies to what follows
			b.transit(r, f)
		}
	case Bounced, Deferred, Stored, Handed, Unacked, Dropped: // what a server reports about one stanza: a correction's says nothing about the original
		r := b.newest(f.Key)
		if r == nil {
			b.storeEarly(f)
			return
		}
		b.refused(r, f)
		if r.Kind == Watched {
			b.transit(r, f)
			if f.Kind == Handed {
				b.handedOver(r, f)
			}
		}
	default:
		r := b.find(f.Key)
		if r == nil {
			b.storeEarly(f)
		} else if r.Kind == Watched {
			b.transit(r, f)
		}
	}
}

// sent adds a message, unless it is another copy of a known one. Ids may be reused once the message they named is settled.
func (b *batch) sent(f *Fact) {
	if b.isCopy(f) {
		return
	}
	m := newMessage(f, b.people.Clients(f.Recipient).Sessions)
	m.rebase(b.now)
	s := b.settings(&m)
	if s.Watch && !f.Passed && b.full(f.Sender) {
		b.out.limited++
		s.Watch = false
	}
	if !s.Watch || f.Passed {
		b.add(&row{Message: Message{Ord: b.nextOrd(), Key: f.Key, Kind: Passed, SentAt: f.At}, fresh: true, once: f.Once})
	} else {
		m.Ord = b.nextOrd()
		effects := m.begin(s, b.now)
		r := b.add(&row{Message: m, fresh: true})
		b.effects(r, effects, s)
	}
	b.alsoKnown(f)
}

// alsoKnown makes the other ids of a stanza aliases of it, unless they already name something, and applies earlier
// evidence.
func (b *batch) alsoKnown(f *Fact) {
	named := b.find(f.Key)
	for _, k := range f.otherKeys() {
		if b.newest(k) == nil {
			b.add(&row{Message: Message{Ord: b.nextOrd(), Key: k, Kind: Alias, Original: named.Ord, SentAt: f.At}, fresh: true})
		}
	}
	b.catchUp(f.Key)
	for _, k := range f.otherKeys() {
		b.catchUp(k)
	}
}

// otherKeys are the other ids of the stanza (XEP-0359).
func (f *Fact) otherKeys() (keys []Key) {
	for _, id := range []string{f.OriginID, f.ArchiveID} {
		if id != "" && id != f.ID {
			keys = append(keys, Key{f.Sender, f.Recipient, id})
		}
	}
	return keys
}

// isCopy reports whether the stanza is another copy of a known one.
func (b *batch) isCopy(f *Fact) bool {
	old := b.newest(f.Key)
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

// full reports whether no more messages of a sender are watched. When the total limit is reached, senders with less than an
// equal share are still watched, so that a few hundred accounts can't stop everybody else's alarms.
func (b *batch) full(sender string) bool {
	own := int(b.pending[sender])
	return own >= maxPendingPerSender || b.total >= maxPending && own >= maxPending/max(1, len(b.pending))
}

// corrected makes the correction's id an alias of the original, and updates its text (XEP-0308 §4). If the original is
// unknown or settled, only the position in the order is recorded.
func (b *batch) corrected(f *Fact) {
	original := b.find(Key{f.Sender, f.Recipient, f.Original})
	if old := b.newest(f.Key); b.isCopy(f) || old != nil && old.Kind == Alias && original != nil && old.Original == original.Ord {
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
	b.alsoKnown(f)
}

func (b *batch) transit(r *row, f *Fact) {
	r.rebase(b.now)
	var s Settings
	if f.Kind.isPlain() {
		s.watch(b.policy.unwatched(&r.Message, b.parties(r.Conv())))
	} else {
		s = b.settings(&r.Message)
	}
	if f.Kind == AlarmFired {
		r.fired = r.fired || f.At == 0 || f.At >= r.Due // an older alarm changes nothing: the current one is still set
		b.verdict(r, &s)
	}
	b.effects(r, Transition(&r.Message, *f, s, b.now), s)
}

func (b *batch) effects(r *row, effects []Effect, s Settings) {
	for i := range effects {
		switch e := &effects[i]; e.Kind {
		case Notify:
			b.lastRev++
			e.Notice.Rev, r.Notice.Rev = b.lastRev, b.lastRev
			b.out.Notices = append(b.out.Notices, r.Message)
			b.out.Notices[len(b.out.Notices)-1].Notice = e.Notice
		case Prompting:
			b.promptAbout(r, s)
		case SendText:
			b.text(r)
		case Do:
			b.queueStep(r, s.Steps[e.Step].Do, e.Step)
		case Arrived:
			b.lost(r, WithdrawDelivered)
		case Settle:
			b.lost(r, e.Reason)
		case Refresh:
			b.refresh(r)
		case Capped:
			b.notifyCapped(r, b.over(r.Conv(), s.Priority, false))
		}
	}
}
