package track

// HandedOver are events that an instance had received but not written when another one took over, as processed by the live
// one. They may be repeated, and late. Without Events only the position is set, because they could not be read.
type HandedOver struct {
	Pos    int64 // position in the store
	Events *Events
}

func (h *HandedOver) want(l *Ledger, w *Want) {
	if h.Events != nil {
		h.Events.want(l, w)
	}
}

func (h *HandedOver) apply(b *batch) {
	if h.Events != nil {
		h.Events.apply(b)
	}
	b.out.Taken = append(b.out.Taken, h.Pos)
}
