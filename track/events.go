package track

// Mark is how far a source of events has been processed: up to batch N of a run. It is stored with the batch's effects,
// so that a batch counts once, whatever is resent.
type Mark struct {
	Run string
	N   uint64
}

// MarkKey is the name under which a store keeps a run's mark, as the decimal N.
func MarkKey(run string) string { return "tap-" + run }

// Events are one batch of a source. It is applied as a whole, or not at all.
type Events struct {
	Mark    Mark     // the zero Mark: the source has no numbers
	Facts   []Fact   // in order
	Clients []Client // what happened to clients in the meantime
	Removed []string // bare JIDs of accounts that were deleted after that
}

func (e *Events) want(l *Ledger, w *Want) {
	for i := range e.Facts {
		e.Facts[i].want(l, w)
	}
	for i := range e.Clients {
		e.Clients[i].want(l, w)
	}
	for _, jid := range e.Removed {
		(&Removed{JID: jid}).want(l, w)
	}
}

func (e *Events) apply(b *batch) {
	for i := range e.Facts {
		e.Facts[i].apply(b)
	}
	for i := range e.Clients {
		e.Clients[i].apply(b)
	}
	for _, jid := range e.Removed {
		(&Removed{JID: jid}).apply(b)
	}
	if e.Mark.Run == "" {
		return
	}
	for i := range b.out.Marks {
		if m := &b.out.Marks[i]; m.Run == e.Mark.Run {
			m.N = max(m.N, e.Mark.N)
			return
		}
	}
	b.out.Marks = append(b.out.Marks, e.Mark)
}

// Halves splits events, so that a store that refuses them can accept part of them. The second half has the mark and
// what comes after the facts; those of the first half may come again, if the second is not stored. ok is false if there is nothing to
// split.
func (e *Events) Halves() (first, second *Events, ok bool) {
	half := len(e.Facts) / 2
	if half == 0 {
		return nil, nil, false
	}
	for i := range half {
		e.Facts[i].Once = false
	}
	return &Events{Facts: e.Facts[:half]}, &Events{e.Mark, e.Facts[half:], e.Clients, e.Removed}, true
}
