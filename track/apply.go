package track

import (
	"math"
	"slices"
	"time"
)

// earlyWindow is how long evidence for an unknown id is remembered, in case the copies of a message and of its receipt
// crossed on the way. Later than that an unknown id changes nothing (XEP-0333 §5).
const (
	earlyWindow = 2 * time.Second
	maxEarly    = 4096
)

// early holds facts about ids that are not known (yet), for a moment, in memory.
type early map[Key][]crossed

// crossed is a fact that came at an instant, before the message that it is about.
type crossed struct {
	Fact
	at Time
}

func (b *batch) keep(f *Fact) {
	if kept := b.out.early[f.Key]; len(kept) < 8 {
		b.out.early[f.Key] = append(kept, crossed{*f, b.now})
	}
}

// catchUp applies what came before the message, in order.
func (b *batch) catchUp(k Key) {
	var facts []crossed
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

// merge takes in what a batch has kept and used.
func (e early) merge(kept early, used []Key, now Time) {
	for _, k := range used {
		delete(e, k)
	}
	if len(e)+len(kept) > maxEarly {
		for k, c := range e {
			if c[len(c)-1].at.Add(earlyWindow) <= now {
				delete(e, k)
			}
		}
	}
	for k, facts := range kept {
		if len(e) < maxEarly && len(e[k]) < 8 {
			e[k] = append(e[k], facts...)
		}
	}
}

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
	switch f.Kind {
	case AlarmFired, SMSSent, Aged:
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
	b.learn(f)
	switch f.Kind {
	case Sent:
		b.sent(f)
	case Corrected:
		b.corrected(f)
	case AlarmFired, SMSSent, Aged:
		r := b.rows[f.Ord]
		if r != nil && r.Kind == Watched && !(f.Kind == Aged && b.prompted(r)) {
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

const (
	day = 24 * time.Hour
	// pauseCheck is how often messages that an admin's pause holds back look whether it is over, all at once.
	pauseCheck = Time(60_000)
)

// verdict says whether the sender may be prompted about the message now.
func (b *batch) verdict(r *row, s *Settings) {
	hold, held := b.holds(s, r.Marks.Has(Ordered))
	switch {
	case hold != 0:
		s.Hold, s.Held = hold, held
	case b.live[r.Conv()] != nil: // it joins a prompt that is there
	case b.over(r.Conv(), false) != within:
		s.Refuse = ReasonCap
	case b.over(r.Conv(), true) != within: // in a moment it is known whether those will be shown
		s.Hold, s.Held = b.now.Add(Gather), ReasonCap
	}
}

// holds says until when nobody is prompted, and why; 0 if nothing holds prompts back. A command goes through quiet
// hours.
func (b *batch) holds(s *Settings, command bool) (Time, Reason) {
	if b.policy.Paused {
		return b.now - b.now%pauseCheck + pauseCheck, ReasonPaused
	}
	if until := s.Quiet.Until(b.now); until != 0 && !command {
		return until, ReasonQuiet
	}
	return 0, ""
}

// held says until when a prompt must not be shown: as long as something holds back all that it asks about; or 0.
func (b *batch) held(w *work) (until Time) {
	for _, ord := range w.Messages {
		r := b.rows[ord]
		if !w.asks(r) {
			continue
		}
		s := b.settings(&r.Message)
		hold, _ := b.holds(&s, r.Marks.Has(OutOfTurn))
		if hold == 0 {
			return 0
		}
		if until == 0 || hold < until {
			until = hold
		}
	}
	return until
}

// overCap tells which cap is reached.
type overCap uint8

const (
	within overCap = iota
	overConversation
	overRecipient
	overSender
)

// over says whether a cap is reached for a conversation: by prompts that were shown to somebody; with coming, also by
// those that were just sent on their way.
func (b *batch) over(c Conv, coming bool) overCap {
	var conversation, recipient, sender int
	count := func(o Conv, at Time) {
		if o == c {
			conversation++
		}
		if o.Recipient == c.Recipient {
			recipient++
		}
		if o.Sender == c.Sender && b.now < at.Add(time.Hour) {
			sender++
		}
	}
	for _, o := range b.opened {
		if o.State != PromptCapped {
			count(o.Conv, o.At)
		}
	}
	for _, w := range b.prompts {
		if coming && w.State.Live() && len(w.Shown) == 0 && b.now < w.SentAt.Add(Gather) {
			count(w.Conv, w.OpenedAt)
		}
	}
	reached := func(n, limit int) bool { return limit > 0 && n >= limit }
	switch p := b.policy; {
	case reached(conversation, p.PerConversationDay):
		return overConversation
	case reached(recipient, p.PerRecipientDay):
		return overRecipient
	case reached(sender, p.PerSenderHour):
		return overSender
	}
	return within
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
		case Capped:
			b.sayCapped(r)
		}
	}
}
