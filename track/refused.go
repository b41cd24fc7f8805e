package track

import "time"

// verdictAfter is how long the server may take to say what became of a message: until then a refusal may be on its way. (Our module for
// Prosody takes up to three seconds to see that one was thrown away.)
const verdictAfter = 5 * time.Second

// refused takes in that the recipient's side wants nothing of the sender's. The row says what it is about, not what the error
// brings back of it, which the sender wrote. An error for what has arrived is one of a single device.
func (b *batch) refused(r *row, f *Fact) {
	switch {
	case f.Kind == Dropped:
	case f.Kind != Bounced || !f.Refusal, r.hasArrived():
		return
	}
	p := b.pair(r.Conv())
	p.Refused = max(p.Refused, r.Ord)
	b.putPair(p)
}

// accepted takes in that the message of a proof has arrived: one that was sent after what was refused, or, by the word of a client, that
// one itself. (What the server acknowledges may be an earlier one of the same id.)
func (b *batch) accepted(f *Fact) {
	p, r := b.pair(f.Conv()), b.newest[f.Key]
	if f.Kind == Synced || p.Refused == 0 || r.Ord < p.Refused || r.Ord == p.Refused && f.Basis == ByAck {
		return
	}
	p.Refused = 0
	b.putPair(p)
}

// hasArrived reports whether something else than the order proves that the message has reached the recipient.
func (r *row) hasArrived() bool {
	return r.Status == Displayed || r.Status == Delivered && !r.Marks.Has(Inferred)
}

// undecided says until when it may still turn out that something of a prompt is refused, or 0.
func (b *batch) undecided(messages []Message) (until Time) {
	for i := range messages {
		m := &messages[i]
		if m.Marks.Has(Test) { // nobody sent it
			continue
		}
		if at := m.SentAt.Add(verdictAfter); m.Status == Pending && at > b.now {
			until = max(until, at)
		}
	}
	return until
}

// withholds reports whether the sender gets no number, and no SMS to it, whatever was decided a moment ago: something of theirs was refused, or
// the recipient has taken the number back since.
func (b *batch) withholds(c Conv) bool {
	who := b.people.Parties(c)
	return b.pair(c).Refused != 0 || who.Hidden || who.Recipient.Watch == Off
}
