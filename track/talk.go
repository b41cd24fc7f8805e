package track

// talk is what a batch knows about one conversation. It is looked up once per fact, as most facts need several parts of it.
type talk struct {
	Conv
	open     []*row          // the watched messages in the batch
	newest   map[string]*row // of the rows in the batch, by id
	all      []*row          // all of its rows in the batch; known in the end
	parties  *Parties        // nil: not asked yet
	pair     Pair            // what the recipient has shown to the sender
	learned  bool            // pair is known
	known    bool            // what was learned about both people is in the batch
	news     bool            // pair has changed
	whole    bool            // its open messages were loaded
	included bool            // thread was looked up, and its open messages are in the batch
	thread   *thread         // what is remembered; in the end, what is to be; nil: nothing
	saved    bool            // thread is to be remembered, or dropped; known in the end
}

// talk returns what the batch knows about a conversation.
func (b *batch) talk(c Conv) *talk {
	if b.last != nil && b.last.Conv == c {
		return b.last
	}
	t := b.talks[c]
	if t == nil {
		t = &talk{Conv: c}
		b.talks[c] = t
	}
	b.last = t
	return t
}

// add adds a row of the conversation.
func (t *talk) add(r *row) {
	if r.Kind == Watched {
		t.open = append(t.open, r)
	}
	if t.newest == nil {
		t.newest = map[string]*row{}
	}
	if old := t.newest[r.ID]; old == nil || old.Ord < r.Ord {
		t.newest[r.ID] = r
	}
}

// newest returns the newest row in the batch with an id, or nil.
func (b *batch) newest(k Key) *row { return b.talk(k.Conv()).newest[k.ID] }

// parties returns the settings of a conversation's people, asked once per batch. They are not to be changed.
func (b *batch) parties(c Conv) *Parties {
	t := b.talk(c)
	if t.parties == nil {
		parties := b.people.Parties(c)
		t.parties = &parties
	}
	return t.parties
}

// pair returns what a recipient has shown to a sender.
func (b *batch) pair(c Conv) Pair {
	t := b.talk(c)
	if t.learned {
		return t.pair
	}
	if p, ok := b.Ledger.pairs.get(c); ok {
		return p
	}
	return Pair{Conv: c}
}

// learn sets what is known about a conversation's pair.
func (t *talk) learn(p Pair) { t.pair, t.learned = p, true }

func (b *batch) putPair(p Pair) {
	if p == b.pair(p.Conv) {
		return
	}
	t := b.talk(p.Conv)
	t.learn(p)
	t.news = true
}

// dropPairs forgets what an account has shown, and what it was shown.
func (b *batch) dropPairs(jid string) {
	about := func(c Conv) bool { return c.Sender == jid || c.Recipient == jid }
	b.Ledger.pairs.each(func(c Conv) {
		if about(c) {
			b.talk(c).learn(Pair{Conv: c})
		}
	})
	for c, t := range b.talks {
		if about(c) {
			if t.learned {
				t.learn(Pair{Conv: c})
			}
			t.news = false
		}
	}
}

// dropTalks forgets the messages of a sender whose account was removed in this batch.
func (b *batch) dropTalks(sender string) {
	for _, t := range b.talks {
		if t.Sender == sender {
			t.open, t.newest = nil, nil
		}
	}
}
