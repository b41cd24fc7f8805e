package track

// TextTry sends a test SMS for an admin. It counts towards limits like any other, and is submitted at most once, whatever the
// route's repeat setting. Apply sets ID, or Why.
type TextTry struct {
	Number string
	Route  string // "": any matching one
	Body   string
	Force  bool // ignore the daily limit of the number

	ID  string
	Why NoText // "": it was queued
}

// Busy: another SMS to the number is on its way.
const Busy NoText = "busy"

func (x *TextTry) want(_ *Ledger, w *Want) { w.Numbers, w.SMS = append(w.Numbers, x.Number), true }

func (x *TextTry) apply(b *batch) {
	p, c := b.policy.SMS, Conv{Recipient: x.Number}
	x.ID, x.Why = "", ""
	switch {
	case p == nil:
		x.Why = NoSMS
	case b.texting[c] != nil:
		x.Why = Busy
	case b.isStopped(x.Number):
		x.Why = OptedOut
	case !p.Reaches(x.Number):
		x.Why = NoRoute
	case !x.Force && reached(b.textsTo(x.Number), p.PerNumberDay):
		x.Why = NumberCap
	case b.overBudget():
		x.Why = OverBudget
	default:
		x.ID = b.queueText(&text{Text: Text{Kind: TextTest, Conv: c, Number: x.Number, Route: x.Route, Body: x.Body}}).ID
	}
}
