package track

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Replies says what becomes of an SMS that answers one of the component's own.
type Replies string

const (
	RepliesForward Replies = "forward" // it counts as reading, and whoever is answered is told
	RepliesRead    Replies = "read"    // it counts as reading
	RepliesOff     Replies = "off"
)

// MaxReplyWindow is the longest SMSPolicy.ReplyWindow.
const MaxReplyWindow = 7 * 24 * time.Hour

// ReplyKey names a reply as a provider does: what has the same one is a repetition.
type ReplyKey struct{ Route, ID string }

// ReplySeen is a reply that was taken in.
type ReplySeen struct {
	ReplyKey
	At Time
}

// ReplyVerdict is what became of a reply.
type ReplyVerdict string

const (
	ReplyForwarded ReplyVerdict = "forwarded"
	ReplyRead      ReplyVerdict = "read"     // and no more than that
	ReplyRepeated  ReplyVerdict = "repeated" // it was taken in before
	ReplyUnknown   ReplyVerdict = "unknown"  // it answers no SMS of ours, or whoever got that has another number now
	ReplyUnclear   ReplyVerdict = "unclear"  // it may answer several people: nobody gets it
	ReplyWithheld  ReplyVerdict = "withheld" // the recipient refuses the sender, or hides from them
	ReplyIgnored   ReplyVerdict = "ignored"  // the policy has it so
)

// Line is what tells the conversations of one phone apart: the number that it writes to, and, of several conversations by the same
// number, the digits that it begins with. The first of them has none: Tag is 0.
type Line struct {
	Route string
	From  string // "": the route's own, whatever it is
	Tag   int
}

// Answerable reports whether a phone can answer what comes by the line: not what comes from a name.
func (l Line) Answerable() bool { return strings.Trim(l.From, "+0123456789") == "" }

// IsOf reports whether both are of the same number of ours.
func (l Line) IsOf(o Line) bool { return l.From == o.From && (l.From != "" || l.Route == o.Route) }

// Choice is what a reply begins with to mean this one.
func (l Line) Choice() int { return max(l.Tag, 1) }

// LineUse is a line by which a conversation was texted.
type LineUse struct {
	Conv
	Number string
	Line
	At Time
}

// ChooseLine says from which of a route's senders an SMS of a conversation goes: from the number it had, from one that no other
// conversation with this phone has, or from the first, with a tag. Where the first is a name, nothing can be answered. used
// are the lines to this phone that may still be answered, oldest first.
func ChooseLine(c Conv, route string, senders []string, used []LineUse) Line {
	if len(senders) == 0 {
		senders = []string{""}
	}
	if first := (Line{Route: route, From: senders[0]}); !first.Answerable() {
		return first
	}
	numbers := slices.DeleteFunc(slices.Clone(senders), func(s string) bool { return !Line{From: s}.Answerable() })
	for _, u := range slices.Backward(used) {
		if u.Conv == c && slices.ContainsFunc(numbers, func(n string) bool { return u.IsOf(Line{Route: route, From: n}) }) {
			return Line{route, u.From, u.Tag}
		}
	}
	for _, from := range numbers {
		if l := (Line{Route: route, From: from}); !slices.ContainsFunc(used, func(u LineUse) bool { return u.Conv != c && u.IsOf(l) }) {
			return l
		}
	}
	for l := (Line{route, numbers[0], 2}); ; l.Tag++ {
		if !taken(used, c, l) {
			return l
		}
	}
}

// taken reports whether another conversation has a line.
func taken(used []LineUse, c Conv, l Line) bool {
	return l.Answerable() && slices.ContainsFunc(used, func(u LineUse) bool { return u.Conv != c && u.IsOf(l) && u.Choice() == l.Choice() })
}

// lines are those by which conversations with a phone may still be answered.
func (b *batch) lines(number string) (used []LineUse) {
	if p := b.policy.SMS; p != nil && p.Replies != RepliesOff {
		for _, u := range b.usage.Lines {
			if u.Number == number && b.now < u.At.Add(p.ReplyWindow) {
				used = append(used, u)
			}
		}
	}
	slices.SortStableFunc(used, func(x, y LineUse) int { return cmp.Compare(x.At, y.At) })
	return used
}

// TextReplied is an SMS from a phone that may answer one of ours. Verdict is set by Apply.
type TextReplied struct {
	ReplyKey
	Number string // E.164, that it came from
	To     string // the number it was written to, as Line.From has it; "" if that is not told
	Text   string
	// Choice are the digits that Text begins with, 0 if there are none, and Rest is what follows them.
	Choice  int
	Rest    string
	Verdict ReplyVerdict
}

func (r *TextReplied) want(_ *Ledger, w *Want) {
	w.Replies, w.Phones = append(w.Replies, r.ReplyKey), append(w.Phones, r.Number)
	w.Numbers, w.SMS = append(w.Numbers, r.Number), true
}

func (r *TextReplied) apply(b *batch) {
	if b.seen[r.ReplyKey] {
		r.Verdict = ReplyRepeated
		return
	}
	switch r.Verdict = b.replied(r); r.Verdict {
	case ReplyForwarded, ReplyRead:
		b.seen[r.ReplyKey] = true
		b.out.Replies = append(b.out.Replies, ReplySeen{r.ReplyKey, b.now})
	}
}

// replied finds the conversation that is answered. A guess would show somebody's words to the wrong one: there is none.
func (b *batch) replied(r *TextReplied) ReplyVerdict {
	p := b.policy.SMS
	if p == nil || p.Replies == RepliesOff {
		return ReplyIgnored
	}
	answered, last := map[Conv][]*text{}, map[Conv]*text{}
	for _, t := range b.texts {
		if t.Number == r.Number && b.now < t.SentAt.Add(p.ReplyWindow) && b.mayAnswer(t, r) {
			answered[t.Conv] = append(answered[t.Conv], t)
			if n := last[t.Conv]; n == nil || n.Row < t.Row {
				last[t.Conv] = t
			}
		}
	}
	var conv Conv
	said, fits := r.Text, 0
	for c, t := range last {
		if len(last) == 1 || t.line().Choice() == r.Choice {
			conv = c
			fits++
		}
	}
	switch {
	case len(last) == 0:
		return ReplyUnknown
	case fits != 1:
		b.explain(r, last)
		return ReplyUnclear
	case len(last) > 1 && r.Rest != "":
		said = r.Rest
	}
	if b.pair(conv).Refused != 0 || b.people.Parties(conv).Hidden {
		return ReplyWithheld
	}
	newest := int64(0)
	for _, t := range answered[conv] {
		for _, ord := range t.Messages {
			newest = max(newest, ord)
			if m := b.rows[ord]; m != nil && m.Kind == Watched {
				b.transit(m, &Fact{Kind: Read, Ord: ord, At: b.now, Basis: BySMSReply})
			}
		}
	}
	if p.Replies == RepliesRead {
		return ReplyRead
	}
	b.out.Outbox = append(b.out.Outbox, Outgoing{
		ID: b.replyID(r.ReplyKey), Kind: OutReply, Owner: conv.Sender, To: []string{conv.Recipient}, Ord: newest, Text: said, After: b.now,
	})
	return ReplyForwarded
}

// explain has whoever can't be understood told how to be, once a day.
func (b *batch) explain(r *TextReplied, candidates map[Conv]*text) {
	choices := map[int]bool{}
	for _, t := range candidates {
		choices[t.line().Choice()] = true
	}
	told := slices.ContainsFunc(b.usage.Used, func(u Used) bool {
		return u.Number == r.Number && u.Kind == TextWhom && b.now < u.At.Add(day)
	})
	if len(choices) == len(candidates) && !told && !b.isStopped(r.Number) && b.answers(r.Number) {
		b.queueText(&text{Text: Text{Kind: TextWhom, Conv: Conv{Recipient: r.Number}, Number: r.Number, From: r.To}})
	}
}

// mayAnswer reports whether a reply can be one to an SMS: that is out, or may be; it came to the number that it was sent from; and
// that is still the number of whom it was for.
func (b *batch) mayAnswer(t *text, r *TextReplied) bool {
	switch {
	case t.Kind != TextAbout, t.State == TextQueued, t.State == TextDropped, t.State == TextRefused:
		return false
	case b.isGone(t.Sender, t.Row), b.numbers[t.Recipient].E164 != t.Number:
		return false
	case t.From == "" || r.To == "":
		return t.Route == r.Route
	}
	return strings.TrimPrefix(t.From, "+") == strings.TrimPrefix(r.To, "+")
}

func (t *Text) line() Line { return Line{t.Route, t.From, t.Tag} }

// replyID is derived as textID is: what is sent again after a crash has the same.
func (l *Ledger) replyID(k ReplyKey) string {
	mac := hmac.New(sha256.New, l.secret)
	mac.Write([]byte("reply\x00" + k.Route + "\x00" + k.ID))
	return "r-" + hex.EncodeToString(mac.Sum(nil)[:16])
}
