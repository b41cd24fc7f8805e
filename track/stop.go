package track

// maxAnswers is the number of automatic answers to a number per day, so that two machines can't answer each other forever.
const maxAnswers = 5

// TextStop is an incoming STOP or START. At is set by Apply. A change is confirmed by an SMS, if the number was ever sent
// one.
type TextStop struct {
	Stop
	To    string // the number it was sent to; "": unknown
	Quiet bool   // it is not confirmed
}

func (s *TextStop) want(_ *Ledger, w *Want) { w.Numbers, w.SMS = append(w.Numbers, s.Number), true }

func (s *TextStop) apply(b *batch) {
	changed := b.isStopped(s.Number) != (s.By != "")
	s.At = b.now
	b.stop(s.Stop)
	if changed && !s.Quiet && b.answers(s.Number) {
		b.queueText(&text{Text: Text{Kind: TextAnswer, Conv: Conv{Recipient: s.Number}, Number: s.Number, From: s.To}})
	}
}

// answers reports whether a number gets an automatic answer.
func (b *batch) answers(e164 string) bool {
	p := b.policy.SMS
	if p == nil || !p.Reaches(e164) || b.overBudget() || b.texting[Conv{Recipient: e164}] != nil {
		return false
	}
	known, answers := false, 0
	for _, n := range b.usage.Known {
		known = known || n == e164
	}
	for _, u := range b.usage.Used {
		if u.Number == e164 && u.Kind.IsAnswer() && b.now < u.At.Add(day) {
			answers++
		}
	}
	return known && answers < maxAnswers
}

// stop records a stop, or its end.
func (b *batch) stop(s Stop) {
	s.At = b.now
	b.out.Stops = append(b.out.Stops, s)
	if b.usage.Stopped == nil {
		b.usage.Stopped = map[string]StopBy{}
	}
	b.usage.Stopped[s.Number] = s.By
}

// OwnStop is the owner's choice in the settings. It does not override a stop of another origin: that is ended from the phone,
// or by an admin. By is set by Apply: who has stopped SMS to the number now, if anybody.
type OwnStop struct {
	Number string
	On     bool
	By     StopBy
}

func (s *OwnStop) want(_ *Ledger, w *Want) { w.Numbers, w.SMS = append(w.Numbers, s.Number), true }

func (s *OwnStop) apply(b *batch) {
	switch by := b.usage.Stopped[s.Number]; {
	case s.On && by == "":
		b.stop(Stop{Number: s.Number, By: StopByOwner})
	case !s.On && by == StopByOwner:
		b.stop(Stop{Number: s.Number})
	}
	s.By = b.usage.Stopped[s.Number]
}
