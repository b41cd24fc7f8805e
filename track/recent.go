package track

import (
	"cmp"
	"slices"
)

// thread is the memory of a recently active conversation: all its pending or delivered messages, and the last other ones.
// What is remembered need not be loaded, so a receipt or marker for a recent message costs no query.
type thread struct {
	rows  []Message // as stored, by Ord; only Notice.Told may lag behind
	since Time      // messages that are not in rows were sent at this time or before
}

const (
	maxThreads  = 16 << 20 // bytes per generation
	maxOpen     = 64       // pending or delivered messages: conversations with more are not remembered
	maxPast     = 8        // other ones
	messageSize = 700      // approximate bytes, without the text
)

// thread returns the memory of a conversation, or nil.
func (l *Ledger) thread(c Conv) *thread {
	t, _ := l.threads.get(c)
	return t
}

// ResetThreads drops the memory of conversations: a batch may have been stored that was not committed here.
func (l *Ledger) ResetThreads() { l.threads = newCache[Conv, *thread](maxThreads) }

// has reports whether the newest message with this id is remembered, with its original if it is an alias.
func (t *thread) has(id string) bool {
	for _, m := range slices.Backward(t.rows) {
		if m.ID == id {
			return m.Kind != Alias || slices.ContainsFunc(t.rows, func(o Message) bool { return o.Ord == m.Original && o.Kind != Alias })
		}
	}
	return false
}

// excludes reports whether no message outside the memory can be an earlier copy of a Sent.
func (t *thread) excludes(f *Fact) bool { return f.At >= t.since.Add(copyWindow) }

// isOpen reports whether evidence can change the message.
func (m *Message) isOpen() bool { return m.Kind == Watched && !m.Status.Final() }

// includeThread adds the memory of a conversation to the batch, once.
func (b *batch) includeThread(c Conv) {
	if b.included[c] {
		return
	}
	b.included[c] = true
	t := b.thread(c)
	if t == nil {
		return
	}
	rows := make([]row, len(t.rows))
	for i := range t.rows {
		m := &t.rows[i]
		if _, loaded := b.rows[m.Ord]; !loaded && !b.isGone(m.Sender, m.Ord) {
			rows[i].Message, rows[i].before = *m, *m
			b.add(&rows[i])
		}
	}
}

// saveThreads collects what to remember of the conversations of this batch: those of which all open messages are known. The
// memory of a conversation is never older than what is stored.
func (b *batch) saveThreads() {
	rows := make(map[Conv][]*row, len(b.included)+len(b.whole))
	for _, c := range b.whole {
		rows[c] = nil
	}
	known := func(c Conv) bool {
		_, whole := rows[c]
		return whole || b.thread(c) != nil
	}
	for _, r := range b.rows { // an alarm loads its rows, remembered or not
		if c := r.Conv(); !b.included[c] && known(c) {
			b.includeThread(c)
		}
	}
	for ord, r := range b.rows {
		if c := r.Conv(); known(c) && !b.isGone(r.Sender, ord) {
			rows[c] = append(rows[c], r)
		}
	}
	b.out.threads = make(map[Conv]*thread, len(rows))
	for c, rows := range rows {
		slices.SortFunc(rows, func(x, y *row) int { return cmp.Compare(x.Ord, y.Ord) })
		t := &thread{since: b.now}
		if known := b.thread(c); known != nil {
			t.since = known.since
		}
		if _, gone := b.gone[c.Sender]; gone || !t.store(rows) {
			t = nil
		}
		b.out.threads[c] = t
	}
}

// store fills the thread with the rows of its conversation, and reports whether it can be remembered. Prompts must be
// loaded with their messages, and failed messages are pruned in time.
func (t *thread) store(rows []*row) bool {
	open, past := 0, 0
	for _, r := range slices.Backward(rows) {
		switch {
		case r.isOpen():
			if open++; open > maxOpen || r.Status == Failed || r.Prompt != "" {
				return false
			}
		case past == maxPast || r.Prompt != "":
			t.since = max(t.since, r.SentAt)
			continue
		default:
			past++
		}
		t.rows = append(t.rows, r.Message)
	}
	slices.Reverse(t.rows)
	return true
}

func (t *thread) weight() int {
	n := messageSize
	for i := range t.rows {
		n += messageSize + len(t.rows[i].Text)
	}
	return n
}
