package track

import "time"

// verdictAfter is how long the server may take to report the fate of a message: until then a refusal may be under way. (Our
// module for Prosody takes up to three seconds to detect a dropped message.)
const verdictAfter = 5 * time.Second

// maxRefusals is in how many of a sender's conversations refusals are recorded one by one. A sender with so many is treated as
// refused in all of them, for good: nobody can push a refusal out of a full list.
const maxRefusals = 10_000

// RefusedByAll reports whether a user is refused in so many conversations that it counts as refused in all.
func (p *Peer) RefusedByAll() bool { return p.Refusals >= maxRefusals }

// isRefused reports whether something of the sender's was refused, and nothing has arrived since.
func (b *batch) isRefused(c Conv) bool {
	sender := b.peer(c.Sender)
	return b.pair(c).Refused != 0 || sender.RefusedByAll()
}

// refused records that the recipient's side rejects the sender. It uses the row, not the error's copy of the message, which
// the sender wrote. An error for a message that has arrived concerns a single device.
func (b *batch) refused(r *row, f *Fact) {
	switch {
	case f.Kind == Dropped:
	case f.Kind != Bounced || !f.Refusal, r.hasArrived():
		return
	}
	p, sender := b.pair(r.Conv()), b.peer(r.Sender)
	if p.Refused == 0 {
		if sender.RefusedByAll() {
			return
		}
		sender.Refusals++
		b.putPeer(sender)
	}
	p.Refused = max(p.Refused, r.Ord)
	b.putPair(p)
}

// accepted records that a proven message has arrived: one sent after the refused one or, if a client says so, the refused
// one itself. (A server's acknowledgement may be for an earlier message of the same id.)
func (b *batch) accepted(f *Fact) {
	p, r := b.pair(f.Conv()), b.newest(f.Key)
	if f.Kind == Synced || p.Refused == 0 || r.Ord < p.Refused || r.Ord == p.Refused && f.Basis == ByAck {
		return
	}
	p.Refused = 0
	b.putPair(p)
	if sender := b.peer(f.Sender); sender.Refusals > 0 && !sender.RefusedByAll() {
		sender.Refusals--
		b.putPeer(sender)
	}
}

// hasArrived reports whether evidence other than the order proves that the message has reached the recipient.
func (r *row) hasArrived() bool {
	return r.Status == Displayed || r.Status == Delivered && !r.Marks.Has(Inferred)
}

// undecided returns until when part of a prompt may still turn out to be refused, or 0.
func (b *batch) undecided(messages []Message) (until Time) {
	for i := range messages {
		m := &messages[i]
		if m.Marks.Has(Test) { // it was never sent
			continue
		}
		if at := m.SentAt.Add(verdictAfter); m.Status == Pending && at > b.now {
			until = max(until, at)
		}
	}
	return until
}

// withholds reports whether the number must not be used for this sender, neither disclosed nor texted, whatever was decided
// before: the recipient's side has refused a message of theirs, or the recipient has withdrawn the number since.
func (b *batch) withholds(c Conv) bool {
	who := b.parties(c)
	return b.isRefused(c) || who.Hidden || who.Recipient.Watch == Off
}
