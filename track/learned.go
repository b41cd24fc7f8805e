package track

import (
	"slices"
	"strings"
	"time"
)

// Pair is what a recipient has shown to one sender: when each kind of evidence was last observed, and what was missing. It
// is learned from what the recipient's own server vouches for; nothing that the sender says influences it.
type Pair struct {
	Conv
	Receipts       Time   // a receipt (XEP-0184)
	Arrivals       Time   // a delivery marker of XEP-0333 before 0.5
	Markers        Time   // a displayed marker
	Device         string // the resource that sent it
	Unasked        Time   // a marker for a message that was not markable
	Past           Time   // a marker for a markable message followed by one that was not
	SealedReceipts Time   // a receipt for a sealed message
	SealedMarkers  Time   // a marker for a sealed message
	Unconfirmed    uint8  // how often something was read or answered without the requested receipt
	Unmarked       uint8  // how often something markable was answered without a marker
	CountedAt      Time   // when one of the two has increased
	// Refused is the Ord of the newest message that the recipient's side refused (a block list), if none has arrived since;
	// else 0. Until then the sender gets no number.
	Refused int64
}

// Peer is what has been learned about the clients of a bare JID; each Time is when it was last observed.
type Peer struct {
	JID       string
	Receipts  Time    // it sent a XEP-0184 receipt
	Markers   Time    // it sent a XEP-0333 marker
	Acks      Time    // its server reported XEP-0198 acks
	Came      Time    // a client connected: a new session, not a resumed one
	Managed   Ternary // whether its last known session uses XEP-0198
	Announces Ternary // whether one of its clients announces markers, as last known
	// Refusals is in how many conversations something of the user's is refused (Pair.Refused). At maxRefusals it stays.
	Refusals int64
}

// Ternary is yes, no or unknown.
type Ternary uint8

const (
	Unknown Ternary = iota
	No
	Yes
)

// seenFresh is how old something learned may get before it is written again.
const seenFresh = 24 * time.Hour

// peer returns what is known about a user's clients; what was learned in this batch is included.
func (b *batch) peer(jid string) Peer {
	if p, ok := b.peers[jid]; ok {
		return p
	}
	if p, ok := b.Ledger.peers.get(jid); ok {
		return p
	}
	return Peer{JID: jid}
}

// includeLearned remembers what is known about a conversation, loaded if it was not remembered; also that nothing is known.
func (b *batch) includeLearned(t *talk) {
	if t.known {
		return
	}
	for _, jid := range []string{t.Sender, t.Recipient} {
		if _, ok := b.peers[jid]; !ok {
			b.peers[jid] = b.peer(jid)
		}
	}
	if !t.learned {
		t.learn(b.pair(t.Conv))
	}
	t.known = true
}

// forgetAccount forgets everything about an account.
func (l *Ledger) forgetAccount(jid string) {
	l.peers.remove(jid)
	delete(l.handed, jid)
	about := func(c Conv) bool { return c.Sender == jid || c.Recipient == jid }
	l.pairs.each(func(c Conv) {
		if about(c) {
			l.pairs.remove(c)
		}
	})
	l.threads.each(func(c Conv) {
		if about(c) {
			l.threads.remove(c)
		}
	})
}

func (b *batch) putPeer(p Peer) {
	if p == b.peer(p.JID) {
		return
	}
	b.peers[p.JID] = p
	b.newPeers[p.JID] = true
}

// renew records an observation, and reports whether it is news.
func renew(t *Time, at Time) bool {
	news := *t == 0 || at >= t.Add(seenFresh)
	if news {
		*t = at
	}
	return news
}

// learn learns from a proof about the client that sent it: a receipt or marker for the named message, of which more is known
// if it is watched.
func (b *batch) learn(f *Fact, named *row) {
	known, pair := b.peer(f.Recipient), b.pair(f.Conv())
	peer := known
	watched := named.Kind == Watched
	sealed := watched && named.Marks.Has(Sealed)
	switch {
	case f.Kind == Received && f.Basis == ByAck:
		renew(&peer.Acks, f.At)
		peer.Managed = Yes
	case f.Kind == Received && (f.Basis == ByReceipt || f.Basis == ByMarker):
		renew(&peer.Receipts, f.At)
		if f.Basis == ByReceipt {
			renew(&pair.Receipts, f.At)
		} else {
			renew(&pair.Arrivals, f.At)
		}
		if sealed {
			renew(&pair.SealedReceipts, f.At)
		}
		pair.Unconfirmed = 0
	case f.Kind == Read && f.Basis == ByMarker:
		renew(&peer.Markers, f.At)
		if renew(&pair.Markers, f.At) {
			pair.Device = f.Resource
		}
		if sealed {
			renew(&pair.SealedMarkers, f.At)
		}
		if watched && !named.Marks.Has(Markable) {
			renew(&pair.Unasked, f.At)
		}
		if watched && named.Marks.Has(Markable) && b.marksPast(named, f.At) {
			renew(&pair.Past, f.At)
		}
		pair.Unmarked = 0
	}
	if peer != known {
		b.putPeer(peer)
	}
	b.putPair(pair)
}

// marksPast reports whether a marker names a message although a later one that is not markable had arrived a while before.
func (b *batch) marksPast(named *row, at Time) bool {
	return slices.ContainsFunc(b.talk(named.Conv()).open, func(r *row) bool {
		return r.Ord > named.Ord && r.Status == Delivered && !r.Marks.Has(Markable) && r.DeliveredAt.Add(10*time.Second) < at
	})
}

// missed counts what a recipient who has seen or answered messages did not prove, once for any number of messages.
func (b *batch) missed(f *Fact, seen []*row) {
	if len(seen) == 0 {
		return
	}
	pair := b.pair(f.Conv())
	var receipt, marker bool
	for _, r := range seen {
		receipt = receipt || r.Marks&(AsksReceipt|Confirmed|Sealed) == AsksReceipt
		marker = marker || f.Basis != ByMarker && r.Marks&(Markable|Sealed) == Markable
	}
	count := func(n *uint8, is bool, shown Time) {
		if is && *n < enough && (shown == 0 || f.At >= shown.Add(habitLife)) {
			*n++
			pair.CountedAt = f.At
		}
	}
	count(&pair.Unconfirmed, receipt, pair.Receipts)
	count(&pair.Unmarked, marker, pair.Markers)
	b.putPair(pair)
}

// Client is an event of a local user's client: an Input.
type Client struct {
	JID     string // full
	At      Time
	Came    bool    // its session is new, not resumed
	Left    bool    // its session has ended
	Managed Ternary // whether it uses XEP-0198
	Markers Ternary // whether one of its user's clients announces markers
}

func (c *Client) want(l *Ledger, w *Want) {
	who, resource, _ := strings.Cut(c.JID, "/")
	if _, ok := l.peers.get(who); !ok {
		w.Peers = append(w.Peers, who)
	}
	if c.Left {
		for _, h := range l.handed[who] {
			if h.resource == resource && h.isRecent(c.At) {
				w.Keys = append(w.Keys, h.Key)
			}
		}
	}
}

func (c *Client) apply(b *batch) {
	p := b.peer(Bare(c.JID))
	if c.Came {
		p.Came = max(p.Came, c.At)
	}
	if c.Managed != Unknown {
		p.Managed = c.Managed
	}
	if c.Markers != Unknown {
		p.Announces = c.Markers
	}
	b.putPeer(p)
	if c.Left {
		b.left(c.JID, c.At)
	}
}

// handed is a message of a batch that was handed to a session.
type handed struct {
	*row
	resource string
	at       Time
}

// handover is an undelivered message that was recently handed to a session.
type handover struct {
	Key
	resource string
	at       Time
}

// handovers holds the recent ones by recipient, in memory: if the session ends soon after, they may be lost.
type handovers map[string][]handover

const (
	maxHanded   = 1 << 16
	maxHandedTo = 256 // at least so many of a recipient are kept, at most twice as many
)

// isRecent reports whether a session that ends now may not have got the message.
func (h *handover) isRecent(now Time) bool { return now < h.at.Add(settling) }

// handedOver records the session to which a message was handed.
func (b *batch) handedOver(r *row, f *Fact) {
	b.handed = append(b.handed, handed{r, f.Resource, f.At})
}

// handovers returns those of this batch so far. A message that has arrived by now can't be lost any more.
func (b *batch) handovers() (all []handover) {
	for _, h := range b.handed {
		if h.Status == Pending {
			all = append(all, handover{h.Key, h.resource, h.at})
		}
	}
	return all
}

// left revokes what was handed to a session in its last minute, unless another session had it, too.
func (b *batch) left(session string, at Time) {
	who, resource, _ := strings.Cut(session, "/")
	all := slices.Clone(b.Ledger.handed[who])
	for _, h := range b.handovers() {
		if h.Recipient == who {
			all = append(all, h)
		}
	}
	for _, h := range all {
		if h.resource != resource || !h.isRecent(at) {
			continue
		}
		var other Time
		for _, o := range all {
			if o.Key == h.Key && o.resource != h.resource {
				other = o.at
			}
		}
		if r := b.newest(h.Key); r != nil && r.Kind == Watched {
			r.HandedAt = other
		}
	}
}

// merge adds those of a batch. Old ones are dropped only when there is no room, so that those who get many cost little.
func (h handovers) merge(noted []handover, now Time) {
	if len(h) >= maxHanded {
		clear(h)
	}
	for _, n := range noted {
		list := h[n.Recipient]
		if len(list) == cap(list) {
			list = slices.DeleteFunc(list, func(o handover) bool { return !o.isRecent(now) })
			if len(list) >= 2*maxHandedTo {
				list = slices.Delete(list, 0, len(list)-maxHandedTo)
			}
		}
		h[n.Recipient] = append(list, n)
	}
}

// hasReached reports whether a message was in the hands of a client for a minute, so that whoever replies has seen it:
// handed to a session that was online when it was sent, or that connected later.
func (b *batch) hasReached(r *row) bool {
	peer := b.peer(r.Recipient)
	since := func(at Time) bool { return at != 0 && b.now >= at.Add(settling) }
	return r.Marks.Has(Live) && since(r.SentAt) || since(r.HandedAt) || peer.Came > r.SentAt && since(peer.Came)
}
