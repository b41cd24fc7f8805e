package track

// HandedOver are events that an instance had seen and not written when another one took over, as the live one takes them in.
// They may come again, and late. Without Events it only leaves the place where they lie: nobody could read them.
type HandedOver struct {
	Pos    int64 // where they lie
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
