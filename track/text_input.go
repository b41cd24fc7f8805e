package track

import "slices"

// TextSubmit records, before the first byte is sent, that an SMS is about to be passed to a provider. Apply sets OK if it may
// be sent; otherwise everything that follows from that has been done.
type TextSubmit struct {
	Text     string
	Messages []int64 // the messages in its text
	Route    string
	From     string
	Tag      int
	Segments int
	Again    bool // resubmission is safe: the provider detects duplicates, or they are harmless
	OK       bool
	Stale    bool // it must be composed again: another conversation has taken its line, or none of the messages matters any more
}

func (s *TextSubmit) want(_ *Ledger, w *Want) {
	w.Texts, w.SMS = append(w.Texts, s.Text), true
}

func (s *TextSubmit) apply(b *batch) {
	s.OK, s.Stale = false, false
	t := b.texts[s.Text]
	if t == nil || !t.State.Live() || t.State != TextQueued && !s.Again {
		return
	}
	line := Line{s.Route, s.From, s.Tag}
	switch {
	case t.Kind == TextAbout && isLineUsed(b.lines(t.Number), t.Conv, line):
		s.Stale = true
		return
	case t.State == TextQueued && !b.mayGo(t, s.Segments):
		return
	case t.State != TextQueued && b.isUnwanted(t):
		b.raise(t, TextUnsure)
		return
	case t.Kind == TextAbout && !slices.ContainsFunc(b.about(t), func(r *row) bool { return slices.Contains(s.Messages, r.Ord) }):
		s.Stale = true
		return
	}
	if t.Kind == TextAbout && t.State == TextQueued { // later it may have been sent with all of them
		for _, ord := range t.Messages {
			if !slices.Contains(s.Messages, ord) {
				b.detachText(b.rows[ord], Wanted|WantsSMS) // it joined after the text was composed
			}
		}
		t.Messages = slices.Sorted(slices.Values(s.Messages))
	}
	b.usage.Segments += s.Segments - t.Segments
	b.checkBudget()
	t.State, t.Route, t.From, t.Tag, t.Segments, t.SentAt, t.dirty = TextSubmitting, s.Route, s.From, s.Tag, s.Segments, b.now, true
	if t.Kind == TextAbout {
		b.usage.Lines = append(b.usage.Lines, LineUse{t.Conv, t.Number, line, b.now})
	}
	s.OK = true
}

// mayGo repeats all checks just before submission: the SMS may have waited for a route.
func (b *batch) mayGo(t *text, segments int) bool {
	p := b.policy.SMS
	switch {
	case t.Kind == TextAbout:
		if !b.stillAbout(t) {
			return false
		}
	case t.Kind == TextCode && b.codeOf(t) == nil:
		b.raise(t, TextDropped)
		return false
	}
	over := p != nil && b.usage.Segments+segments > p.SegmentsDay
	if over {
		b.alert(Alert{Kind: AlertBudgetSpent})
	}
	if over || b.isUnwanted(t) {
		b.raise(t, TextRefused)
		return false
	}
	return true
}

// isUnwanted reports whether an SMS must not be sent to its number any more: the owner has opted out, it is not the recipient's, or
// its sender must not learn of it.
func (b *batch) isUnwanted(t *text) bool {
	switch {
	case b.policy.SMS == nil, b.isStopped(t.Number) && t.Kind != TextAnswer:
		return true
	}
	return t.Kind == TextAbout && (b.withholds(t.Conv) || b.numbers[t.Recipient].E164 != t.Number)
}

// stillAbout reports whether an SMS about messages is still to be sent; if not, it ends it.
func (b *batch) stillAbout(t *text) bool {
	about := b.about(t)
	if len(about) == 0 {
		b.raise(t, TextDropped)
		return false
	}
	newest := about[len(about)-1]
	if t.Prompt == "" && !slices.ContainsFunc(about, func(r *row) bool { return r.overdue() }) {
		b.dropText(t, 0) // delivered meanwhile: each gets its time to be read
		return false
	}
	if t.Prompt == "" { // an SMS that a person requested was checked then
		m := newest.Message
		m.Marks &^= Texting
		s := b.settings(&m)
		hold, _ := b.promptHold(&s, m.Marks.Has(OutOfTurn))
		w := b.live[t.Conv]
		if hold != 0 || w != nil && w.State == PromptClaimed || !s.Watch || m.refuses(s) != "" && !m.Marks.Has(OutOfTurn) {
			b.dropText(t, Wanted|WantsSMS)
			return false
		}
	}
	return true
}

// TextSnapshot reads an SMS and the messages it is still about. It changes nothing.
type TextSnapshot struct {
	Text string

	Found    bool
	Was      Text
	Messages []Message // TextAbout: oldest first
	First    bool      // the first SMS to this number, as far as is stored
	Lines    []LineUse // lines to this number that can still be replied to, oldest first
	Stopped  bool      // its owner wants no SMS
	Code     Code      // TextCode: with its Digits while it is valid
	Digits   string
}

// Idle reports whether the SMS has nothing left to say.
func (l *TextSnapshot) Idle() bool {
	return l.Was.Kind == TextAbout && len(l.Messages) == 0 || l.Was.Kind == TextCode && l.Digits == ""
}

func (l *TextSnapshot) want(_ *Ledger, w *Want) { w.Texts, w.SMS = append(w.Texts, l.Text), true }

func (l *TextSnapshot) apply(b *batch) {
	t := b.texts[l.Text]
	if l.Found, l.Messages, l.Digits = t != nil, nil, ""; !l.Found {
		return
	}
	if x := b.codeOf(t); x != nil {
		l.Code, l.Digits = x.Code, x.Digits(b.codeKey())
	}
	l.Stopped = b.isStopped(t.Number)
	l.Was, l.First = t.Text, !slices.Contains(b.usage.Known, t.Number)
	l.Was.Messages, l.Lines = slices.Clone(t.Messages), b.lines(t.Number)
	for _, r := range b.about(t) {
		l.Messages = append(l.Messages, r.Message)
	}
}

// TextNotSent says that a submission has certainly failed: the provider did not get the SMS.
type TextNotSent struct{ Text string }

func (n *TextNotSent) want(_ *Ledger, w *Want) { w.Texts = append(w.Texts, n.Text) }

func (n *TextNotSent) apply(b *batch) {
	if t := b.texts[n.Text]; t != nil && t.State == TextSubmitting {
		t.State, t.Segments, t.dirty = TextQueued, 0, true
	}
}

// TextSent says that a provider has accepted an SMS, and the ids it gave the parts.
type TextSent struct {
	Text, Route string
	IDs         []string
	Early       []TextReported // reports about these ids that came first
}

func (s *TextSent) want(_ *Ledger, w *Want) {
	w.Texts = append(w.Texts, s.Text)
	for _, id := range s.IDs {
		w.Parts = append(w.Parts, PartKey{s.Route, id})
	}
}

func (s *TextSent) apply(b *batch) {
	t := b.texts[s.Text]
	if t == nil {
		return
	}
	for _, id := range s.IDs {
		b.part(t, PartKey{s.Route, id}, TextTaken)
	}
	t.Parts, t.Answered, t.dirty = len(s.IDs), true, true
	b.raise(t, TextTaken)
	b.sumUp(t)
	for i := range s.Early {
		s.Early[i].apply(b)
	}
}

// TextEnded says that the outcome of an SMS is TextUnsure, TextRefused or, if an unsure one was never reported on, TextLost.
// Other states are ignored.
type TextEnded struct {
	Text    string
	State   TextState
	Stopped bool // TextRefused: the provider says that the owner has opted out
}

func (e *TextEnded) want(_ *Ledger, w *Want) { w.Texts = append(w.Texts, e.Text) }

func (e *TextEnded) apply(b *batch) {
	t := b.texts[e.Text]
	if t == nil || !t.State.Live() || e.State == TextLost && t.State != TextUnsure {
		return
	}
	if e.State == TextRefused && t.State != TextUnsure {
		t.Segments = 0 // nothing was sent
	}
	if e.Stopped {
		b.stop(Stop{Number: t.Number, By: StopByProvider, Route: t.Route})
	}
	switch e.State {
	case TextUnsure, TextRefused, TextLost:
		b.raise(t, e.State)
	}
}

// TextReported is a provider's report about an SMS, identified by our reference, or about a part of one, identified by the
// provider's id. Apply sets Found and SentAt.
type TextReported struct {
	PartKey        // ID may be ""
	Text    string // our reference, or ""
	State   TextState
	Found   bool // false: it belongs to nothing that is known
	SentAt  Time // when the SMS was given to the provider, if by this report the phone has it
}

func (r *TextReported) want(_ *Ledger, w *Want) {
	if r.Text != "" {
		w.Texts = append(w.Texts, r.Text)
	}
	if r.ID != "" {
		w.Parts = append(w.Parts, r.PartKey)
	}
}

func (r *TextReported) apply(b *batch) {
	t, p := b.texts[r.Text], b.parts[r.PartKey]
	if t == nil && p != nil {
		t = b.texts[p.Text]
	}
	if r.Found, r.SentAt = t != nil, 0; !r.Found || r.State < TextTaken {
		return
	}
	if r.Route != t.Route && (r.State == TextFailed || r.State == TextExpired) {
		return // by a route that did not accept it: another one was tried after that
	}
	was := t.State
	if r.ID == "" {
		b.raise(t, r.State)
	} else {
		b.part(t, r.PartKey, r.State)
		if t.State < TextTaken && (r.State == TextTaken || r.State == TextDelivered) {
			b.raise(t, TextTaken)
		}
		b.sumUp(t)
	}
	if was != TextDelivered && t.State == TextDelivered {
		r.SentAt = t.SentAt
	}
}

// part records a part of an SMS and its state.
func (b *batch) part(t *text, key PartKey, state TextState) {
	p := b.parts[key]
	switch {
	case p == nil:
		p = &Part{PartKey: key, Text: t.ID, Row: t.Row, State: state}
		b.parts[key] = p
	case p.Text != t.ID || p.State >= state:
		return
	default:
		p.State = state
	}
	b.out.Parts = append(b.out.Parts, *p)
}

// sumUp derives the state of an SMS from its parts: failed if one has failed, delivered if all are. Without ids from the
// provider, its reports count directly; some providers report on the first part only.
func (b *batch) sumUp(t *text) {
	delivered, worst := 0, TextTaken
	for _, p := range b.parts {
		switch {
		case p.Text != t.ID:
		case p.State == TextDelivered:
			delivered++
		case p.State > worst:
			worst = p.State
		}
	}
	switch {
	case worst > TextTaken:
		b.raise(t, worst)
	case delivered > 0 && delivered >= max(t.Parts, 1) && (t.Parts > 0 || t.Segments < 2 || t.Answered):
		b.raise(t, TextDelivered)
	}
}
