package track

import (
	"maps"
	"slices"
)

// Removed says that an account was deleted: its name may belong to somebody else later. Everything stored about it is
// removed, and messages to it are no longer watched. Nobody is notified.
type Removed struct{ JID string }

func (r *Removed) want(_ *Ledger, w *Want) {
	w.Of = append(w.Of, r.JID)
	w.Senders = append(w.Senders, r.JID)
}

func (r *Removed) apply(b *batch) {
	for _, ord := range slices.Sorted(maps.Keys(b.rows)) {
		if m := b.rows[ord]; m.Sender == r.JID && m.Kind == Watched && !m.Status.Settled() {
			b.transit(m, &Fact{Kind: Stopped, Key: m.Key, At: b.now, Basis: ByCommand})
		}
	}
	b.gone[r.JID] = b.nextOrd()
	b.out.Removed = append(b.out.Removed, Removal{JID: r.JID, Ord: b.gone[r.JID]})

	// What this batch has done with it so far is not stored, and not visible to what follows.
	b.dropTalks(r.JID)
	maps.DeleteFunc(b.live, func(c Conv, _ *work) bool { return c.Sender == r.JID })
	maps.DeleteFunc(b.texting, func(c Conv, _ *text) bool { return c.Sender == r.JID })
	b.peers[r.JID] = Peer{JID: r.JID}
	delete(b.numbers, r.JID)
	b.dropPairs(r.JID)
	delete(b.newPeers, r.JID)
	b.out.Notices = slices.DeleteFunc(b.out.Notices, func(m Message) bool { return m.Sender == r.JID })
	b.out.Outbox = slices.DeleteFunc(b.out.Outbox, func(o Outgoing) bool { return o.Owner == r.JID })
	b.out.Releases = slices.DeleteFunc(b.out.Releases, func(l Release) bool { return l.Owner == r.JID })
}

// isGone reports whether a row, by sender and Ord, belongs to an account removed in this batch.
func (b *batch) isGone(sender string, ord int64) bool { return ord <= b.gone[sender] }
