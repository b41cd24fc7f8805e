package track

// maxAnswers is how often a day a number gets an answer to what it says: two machines would go on for ever.
const maxAnswers = 5

// TextStop is a word like STOP or START, from the phone. At is set by Apply. What it changes is confirmed by an SMS, if one was ever
// sent there.
type TextStop struct {
	Stop
	To string // what it was sent to; "": that is not known
}

func (s *TextStop) want(_ *Ledger, w *Want) { w.Numbers, w.SMS = append(w.Numbers, s.Number), true }

func (s *TextStop) apply(b *batch) {
	changed := b.isStopped(s.Number) != (s.By != "")
	s.At = b.now
	b.stop(s.Stop)
	if changed && b.answers(s.Number) {
		b.queueText(&text{Text: Text{Kind: TextAnswer, Conv: Conv{Recipient: s.Number}, Number: s.Number, From: s.To}})
	}
}

// answers reports whether a number gets an answer.
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
		if u.Number == e164 && u.Kind >= TextAnswer && b.now < u.At.Add(day) {
			answers++
		}
	}
	return known && answers < maxAnswers
}

// stop notes that the owner of a number wants no SMS, or wants them again.
func (b *batch) stop(s Stop) {
	s.At = b.now
	b.out.Stops = append(b.out.Stops, s)
	if b.usage.Stopped == nil {
		b.usage.Stopped = map[string]StopBy{}
	}
	b.usage.Stopped[s.Number] = s.By
}

// OwnStop is what the owner of a number chooses in the settings. A stop that came otherwise stays: it is undone from the phone, or by an
// admin. By is set by Apply: by whom SMS to the number are stopped now.
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
