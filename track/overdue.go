package track

import "math"

// Overdue reads what a reminder or a webhook is about at the moment it goes out; each is for a whole conversation. If nothing of
// it is overdue any more, nothing goes out, and the other messages get their own when their time comes.
type Overdue struct {
	Ord   int64   // the message whose timeout it was
	Kind  OutKind // OutRemind or OutWebhook
	Again bool    // an attempt was made before: it is repeated as it was

	OK      bool
	Message Message   // that of Ord, or if it has ended meanwhile, the oldest one that is overdue
	Waiting []Message // all of the conversation that are not settled, oldest first
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
