package track

import (
	"cmp"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	bobsNumber  = "+8613800138000"
	davesNumber = "+8613900139000"
)

// texting lets the component send SMS itself: to Bob, and to Dave, for whom there is no route.
func (w *world) texting() {
	w.policy.SMS = &SMSPolicy{Who: WhoRoster, PerNumberDay: 6, PerSenderDay: 10, SegmentsDay: 20, Replies: RepliesForward, ReplyWindow: 24 * time.Hour, Reaches: func(n string) bool { return n == bobsNumber }}
	w.store.numbers[bob] = Number{JID: bob, E164: bobsNumber, Source: FromUser}
	w.store.numbers["dave@example.org"] = Number{JID: "dave@example.org", E164: davesNumber, Source: FromUser}
}

// sms are all SMS, oldest first, of these states.
func (w *world) sms(states ...TextState) []Text {
	all := slices.Collect(maps.Values(w.store.texts))
	all = slices.DeleteFunc(all, func(t Text) bool { return len(states) > 0 && !slices.Contains(states, t.State) })
	slices.SortFunc(all, func(x, y Text) int { return cmp.Compare(x.Row, y.Row) })
	return all
}

// drawText draws an event of an SMS.
func (w *world) drawText(t *rapid.T) Input {
	all := w.sms()
	if len(all) == 0 {
		return nil
	}
	if live := w.sms(TextQueued, TextSubmitting, TextUnsure); len(live) > 0 && rapid.IntRange(0, 3).Draw(t, "live") > 0 {
		all = live
	}
	x := rapid.SampledFrom(all).Draw(t, "text")
	key := PartKey{"route", x.ID[:4] + rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "part")}
	ids := []string{x.ID[:4] + "a", x.ID[:4] + "b"}
	switch rapid.IntRange(0, 10).Draw(t, "what") {
	case 0, 1, 2, 3:
		return &TextSubmit{Text: x.ID, Messages: x.Messages, Route: "route", Segments: rapid.IntRange(1, 3).Draw(t, "segments"), Again: rapid.IntRange(0, 5).Draw(t, "again") == 0}
	case 4:
		return &TextNotSent{Text: x.ID}
	case 10:
		return &TextReplied{
			ReplyKey: ReplyKey{"route", rapid.SampledFrom([]string{"r1", "r2", "r3"}).Draw(t, "reply")}, Number: x.Number, Text: "reply",
			Choice: rapid.IntRange(0, 2).Draw(t, "choice"),
		}
	case 5:
		if x.State != TextQueued {
			return &TextSent{Text: x.ID, Route: "route", IDs: ids[:rapid.IntRange(0, 2).Draw(t, "ids")]}
		}
	case 6, 7:
		state := rapid.SampledFrom([]TextState{TextUnsure, TextRefused, TextLost, TextLost}).Draw(t, "end")
		return &TextEnded{Text: x.ID, State: state, Stopped: rapid.IntRange(0, 9).Draw(t, "stopped") == 0}
	}
	if x.State == TextQueued {
		return nil
	}
	if key.ID == x.ID[:4] {
		key.ID = ""
	}
	return &TextReported{PartKey: key, Text: rapid.SampledFrom([]string{x.ID, ""}).Draw(t, "ref"), State: rapid.SampledFrom([]TextState{TextTaken, TextDelivered, TextFailed, TextExpired}).Draw(t, "report")}
}

// texts checks the SMS: no conversation has two that may be sent; one that may be is in the outbox; and every message that
// waits for an SMS has one.
func (j *judge) texts(t *rapid.T) {
	w := j.w
	live := map[Conv]Text{}
	for _, x := range w.store.texts {
		_, queued := w.store.outbox["t-"+x.ID]
		if queued != x.State.Live() {
			t.Fatalf("in the outbox: %v, %+v", queued, x)
		}
		if !x.State.Live() {
			continue
		}
		if other, two := live[x.Conv]; two {
			t.Fatalf("two SMS on their way: %+v, %+v", x, other)
		}
		live[x.Conv] = x
	}
	for _, m := range w.store.messages {
		if m.Kind != Watched || m.Status.Settled() {
			continue
		}
		x, ok := live[m.Conv()]
		if m.Marks.Has(Texting) && !(ok && slices.Contains(x.Messages, m.Ord)) {
			t.Fatalf("waits for an SMS that there is none of: %+v", m)
		}
		if m.Marks.Has(Texting|Wanted) && m.Due == 0 {
			t.Fatalf("nothing rings: %+v", m)
		}
	}
}

// TestTextReports: the reports for an SMS of two parts have the same result in any order, however often they are repeated.
func TestTextReports(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		failing := rapid.Bool().Draw(t, "one fails")
		w := newWorld()
		w.texting()
		w.policy.Mode = Auto
		w.send("m1")
		w.step(2 * time.Minute)
		x := w.sms()[0]
		w.feed(&TextSubmit{Text: x.ID, Messages: x.Messages, Route: "route", Segments: 2})
		said := []Input{
			&TextSent{Text: x.ID, Route: "route", IDs: []string{"a", "b"}},
			&TextReported{PartKey: PartKey{"route", "a"}, Text: x.ID, State: TextTaken},
			&TextReported{PartKey: PartKey{"route", "a"}, Text: x.ID, State: TextDelivered},
			&TextReported{PartKey: PartKey{"route", "b"}, Text: x.ID, State: TextDelivered},
		}
		want := TextDelivered
		if failing {
			said[3], want = &TextReported{PartKey: PartKey{"route", "b"}, Text: x.ID, State: TextFailed}, TextFailed
		}
		more := rapid.SliceOfN(rapid.SampledFrom(said), 0, 4).Draw(t, "again")
		for _, in := range rapid.Permutation(append(said, more...)).Draw(t, "order") {
			w.feed(in)
			if rapid.IntRange(0, 3).Draw(t, "lapsed") == 0 {
				w.feed(&TextEnded{Text: x.ID, State: TextUnsure})
				w.feed(&TextEnded{Text: x.ID, State: TextLost})
			}
		}
		w.step(1 * time.Minute)
		if got := w.sms()[0].State; got != want {
			t.Fatalf("state %d, want %d", got, want)
		}
		if asked := len(w.prompts(PromptOpen)); asked != map[bool]int{true: 1}[failing] {
			t.Fatalf("%d open prompts", asked)
		}
	})
}

// usage has the counts that limit SMS.
func (s *memory) usage(numbers []Number, decided []Conv, now Time) (u Usage) {
	u.Stopped = map[string]StopBy{}
	for _, n := range numbers {
		if by := s.stops[n.E164].By; by != "" {
			u.Stopped[n.E164] = by
		}
		for _, t := range s.texts {
			if t.Number == n.E164 && t.SentAt > 0 {
				u.Known = append(u.Known, t.Number)
			}
		}
	}
	for _, t := range s.texts {
		if t.SentAt != 0 && now < t.QueuedAt.Add(MaxReplyWindow) && slices.ContainsFunc(numbers, func(n Number) bool { return n.E164 == t.Number }) {
			u.Lines = append(u.Lines, LineUse{t.Conv, t.Number, t.line(), t.SentAt})
		}
		if t.State == TextDropped || now >= t.QueuedAt.Add(day) {
			continue
		}
		u.Segments += t.Segments
		if slices.ContainsFunc(numbers, func(n Number) bool { return n.E164 == t.Number }) || slices.ContainsFunc(decided, func(c Conv) bool { return c.Sender == t.Sender }) {
			u.Used = append(u.Used, Used{t.Number, t.Sender, t.Kind, t.QueuedAt})
		}
	}
	return u
}
