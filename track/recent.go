package track

import (
	"cmp"
	"slices"
)

// thread is the memory of a recently active conversation: all its pending or delivered messages, and the last other ones.
// What is remembered need not be loaded, so a receipt or marker for a recent message costs no query.
type thread struct {
	rows   []*Message // watched ones and aliases, by Ord, as stored: only Notice.Delivered may lag behind. Batches share them
	passed []position // the last unwatched ones, by Ord
	since  Time       // messages that are not in either were sent at this time or before
}

// position is all that is known about an unwatched message, besides its conversation.
type position struct {
	id     string
	ord    int64
	sentAt Time
}

const (
	maxThreads   = 16 << 20 // bytes per generation
	maxOpen      = 64       // pending or delivered messages: conversations with more are not remembered
	maxPast      = 8        // settled ones, and aliases
	maxPassed    = 64       // unwatched ones
	messageSize  = 700      // approximate bytes, without the text
	positionSize = 80
)

// thread returns the memory of a conversation, or nil.
func (l *Ledger) thread(c Conv) *thread {
	t, _ := l.threads.get(c)
	return t
}

// ResetThreads drops the memory of conversations: a batch may have been stored that was not committed here.
func (l *Ledger) ResetThreads() { l.threads = newCache[Conv, *thread](maxThreads) }

// newest returns the newest remembered message with an id: one of the two is nil.
func (t *thread) newest(id string) (*Message, *position) {
	i, j := len(t.rows)-1, len(t.passed)-1
	for i >= 0 && t.rows[i].ID != id {
		i--
	}
	for j >= 0 && t.passed[j].id != id {
		j--
	}
	switch {
	case i < 0 && j < 0:
		return nil, nil
	case j < 0 || i >= 0 && t.rows[i].Ord > t.passed[j].ord:
		return t.rows[i], nil
	}
	return nil, &t.passed[j]
}

// original returns the message that an alias names, if it is remembered, else nil.
func (t *thread) original(alias *Message) *Message {
	for _, o := range t.rows {
		if o.Ord == alias.Original {
			if o.Kind == Alias {
				return nil
			}
			return o
		}
	}
	for _, p := range t.passed {
		if p.ord == alias.Original {
			return p.message(alias.Conv())
		}
	}
	return nil
}

// message is the message at the position in a conversation.
func (p *position) message(c Conv) *Message {
	return &Message{Ord: p.ord, Key: Key{c.Sender, c.Recipient, p.id}, Kind: Passed, SentAt: p.sentAt}
}

// has reports whether the newest message with this id is remembered, with its original if it is an alias.
func (t *thread) has(id string) bool {
	m, p := t.newest(id)
	if m == nil || m.Kind != Alias {
		return m != nil || p != nil
	}
	return t.original(m) != nil
}

// excludes reports whether no message outside the memory can be an earlier copy of a Sent (see isCopy).
func (t *thread) excludes(f *Fact) bool {
	if f.Once {
		return f.At > t.since
	}
	return f.At >= t.since.Add(copyWindow)
}

// isOpen reports whether evidence can change the message.
func (m *Message) isOpen() bool { return m.Kind == Watched && !m.Status.Final() }

// includeThread adds the open messages of a conversation to the batch, once.
func (b *batch) includeThread(t *talk) {
	if t.included {
		return
	}
	t.included, t.thread = true, b.Ledger.thread(t.Conv)
	if t.thread != nil {
		for _, m := range t.thread.rows {
			if m.isOpen() {
				b.addRemembered(m)
			}
		}
	}
}

// thread returns the memory of a conversation, or nil.
func (b *batch) thread(c Conv) *thread {
	if t := b.talk(c); t.included {
		return t.thread
	}
	return b.Ledger.thread(c)
}

// includeNamed adds the message with an id, if it is in the memory of the conversation, to the batch, with its original if it is
// an alias. What is remembered is older than a message that is new in this batch.
func (b *batch) includeNamed(t *talk, id string) {
	if t.thread == nil || id == "" {
		return
	}
	if r := t.newest[id]; r != nil && r.fresh {
		return
	}
	switch m, p := t.thread.newest(id); {
	case p != nil:
		b.addRemembered(p.message(t.Conv))
	case m != nil:
		b.addRemembered(m)
		if m.Kind == Alias {
			if o := t.thread.original(m); o != nil {
				b.addRemembered(o)
			}
		}
	}
}

// addRemembered adds a remembered message to the batch, unless it is there.
func (b *batch) addRemembered(m *Message) {
	if _, ok := b.rows[m.Ord]; !ok && !b.isGone(m.Sender, m.Ord) {
		b.add(&row{Message: *m, before: m})
	}
}

// isWhole reports whether all open messages of a conversation are known.
func (b *batch) isWhole(c Conv) bool { return b.talk(c).whole || b.thread(c) != nil }

// isNeedless reports whether a new row need not be stored. An unwatched message is stored for its place in the order: a marker
// for it settles the watched messages before it. If there is none, it is only remembered, like its aliases. But a tap that may
// report it again must find it: as a new message it would come after what it had come before.
func (b *batch) isNeedless(r *row) bool {
	if r.Kind == Alias {
		original := b.rows[r.Original]
		return original != nil && original.needless
	}
	return r.Kind == Passed && r.once && b.isWhole(r.Conv()) &&
		!slices.ContainsFunc(b.talk(r.Conv()).open, func(o *row) bool { return o.Ord < r.Ord && o.isOpen() })
}

// saveThreads collects what to remember of the conversations of this batch: those of which all open messages are known. The
// memory of a conversation is never older than what is stored.
func (b *batch) saveThreads() {
	for _, r := range b.all { // an alarm loads its rows, remembered or not
		if !b.isGone(r.Sender, r.Ord) {
			r.talk.all = append(r.talk.all, r)
		}
	}
	for c, t := range b.talks {
		known := b.thread(c)
		t.saved = t.whole || known != nil && (t.included || len(t.all) > 0)
		switch {
		case !t.saved:
		case b.gone[c.Sender] != 0:
			t.thread = nil
		case known != nil && !slices.ContainsFunc(t.all, (*row).isNews):
			t.thread = known
		default:
			t.thread = b.newThread(known, t.all)
		}
	}
}

// isNews reports whether the row differs from what was remembered or loaded.
func (r *row) isNews() bool { return r.fresh || r.changed }

// newThread returns the memory of a conversation, given the present one, if any, and the rows of this batch; nil if it can't be
// remembered: prompts must be loaded with their messages, and failed messages are pruned in time.
func (b *batch) newThread(known *thread, rows []*row) *thread {
	t := &thread{since: b.now}
	var all []*Message
	if known != nil {
		t.since = known.since
		for _, m := range known.rows {
			if b.rows[m.Ord] == nil {
				all = append(all, m)
			}
		}
		for _, p := range known.passed {
			if b.rows[p.ord] == nil {
				t.passed = append(t.passed, p)
			}
		}
	}
	for _, r := range rows {
		if r.Kind == Passed {
			t.passed = append(t.passed, position{r.ID, r.Ord, r.SentAt})
		} else {
			all = append(all, &r.Message)
		}
	}
	slices.SortFunc(t.passed, func(x, y position) int { return cmp.Compare(x.ord, y.ord) })
	for n := len(t.passed) - maxPassed; n > 0; n-- {
		t.since = max(t.since, t.passed[n-1].sentAt)
	}
	t.passed = t.passed[max(0, len(t.passed)-maxPassed):]
	slices.SortFunc(all, func(x, y *Message) int { return cmp.Compare(x.Ord, y.Ord) })
	open, past := 0, 0
	for _, m := range slices.Backward(all) {
		switch {
		case m.isOpen():
			if open++; open > maxOpen || m.Status == Failed || m.Prompt != "" {
				return nil
			}
		case past == maxPast || m.Prompt != "":
			t.since = max(t.since, m.SentAt)
			continue
		default:
			past++
		}
		t.rows = append(t.rows, m)
	}
	slices.Reverse(t.rows)
	return t
}

func (t *thread) weight() int {
	n := messageSize + positionSize*len(t.passed)
	for _, m := range t.rows {
		n += messageSize + len(m.Text)
	}
	return n
}
