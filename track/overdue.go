package track

import "math"

// Overdue reads the content of a reminder or webhook just before it is sent; each covers a whole conversation. If nothing in
// it is overdue any more, nothing is sent, and the other messages get their own later.
type Overdue struct {
	Ord   int64   // the message whose timeout it was
	Kind  OutKind // OutRemind or OutWebhook
	Again bool    // there was an earlier attempt: it is repeated unchanged

	OK      bool
	Message Message   // that of Ord or, if it is settled by now, the oldest overdue one
	Waiting []Message // all unsettled messages of the conversation, oldest first
}

func (o *Overdue) want(_ *Ledger, w *Want) { w.Ords = append(w.Ords, o.Ord) }

func (o *Overdue) apply(b *batch) {
	o.OK, o.Waiting = false, nil
	r := b.rows[o.Ord]
	if r == nil {
		return
	}
	waiting := b.upTo(r.Conv(), math.MaxInt64)
	if o.OK = o.Again; o.OK {
		o.Message = r.Message
	}
	for _, w := range waiting {
		o.Waiting = append(o.Waiting, w.Message)
		if !o.OK && w.overdue() || !o.Again && w == r {
			o.OK, o.Message = true, w.Message
		}
	}
	if o.OK {
		return
	}
	for _, w := range waiting {
		w.Marks &^= map[OutKind]Marks{OutRemind: Reminded, OutWebhook: Posted}[o.Kind]
	}
}
