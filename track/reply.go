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

// Replies says what happens to SMS replies to the component's own SMS.
type Replies string

const (
	RepliesForward Replies = "forward" // it counts as reading, and is forwarded to the sender
	RepliesRead    Replies = "read"    // it counts as reading
	RepliesOff     Replies = "off"
)

// MaxReplyWindow is the longest SMSPolicy.ReplyWindow.
const MaxReplyWindow = 7 * 24 * time.Hour

// ReplyKey identifies a reply by the provider's id: the same key again is a repetition.
type ReplyKey struct{ Route, ID string }

// ReplySeen is a reply that was processed.
type ReplySeen struct {
	ReplyKey
	At Time
}

// ReplyVerdict is what was done with a reply.
type ReplyVerdict string

const (
	ReplyForwarded ReplyVerdict = "forwarded"
	ReplyRead      ReplyVerdict = "read"     // counted as reading, not forwarded
	ReplyRepeated  ReplyVerdict = "repeated" // processed before
	ReplyUnknown   ReplyVerdict = "unknown"  // it answers no SMS of ours, or the recipient has another number now
	ReplyUnclear   ReplyVerdict = "unclear"  // ambiguous: it may answer several people, so nobody gets it
	ReplyWithheld  ReplyVerdict = "withheld" // the recipient rejects the sender, or hides the number from them
	ReplyIgnored   ReplyVerdict = "ignored"  // by policy
)

// Line distinguishes the conversations with one phone: by the number that replies go to and, where several conversations
// share a number, by the digits a reply starts with. The first of them needs none: its Tag is 0.
type Line struct {
	Route string
	From  string // "": the provider's default
	Tag   int
}

// Answerable reports whether a phone can reply: not to an alphanumeric sender.
func (l Line) Answerable() bool { return strings.Trim(l.From, "+0123456789") == "" }

// IsOf reports whether both lines use the same number of ours.
func (l Line) IsOf(o Line) bool { return l.From == o.From && (l.From != "" || l.Route == o.Route) }

// Choice is the number that a reply starts with to select this line.
func (l Line) Choice() int { return max(l.Tag, 1) }

// LineUse is a line that was used for a conversation.
type LineUse struct {
	Conv
	Number string
	Line
	At Time
}

// ChooseLine returns the line for an SMS of a conversation on a route: the number it used before, or one that no other
// conversation with this phone uses, or the first with a tag. If the first sender is alphanumeric, there are no replies, and
// it is used as is. used are the lines to this phone that can still be replied to, oldest first.
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
		if !isLineUsed(used, c, l) {
			return l
		}
	}
}

// isLineUsed reports whether another conversation uses a line.
func isLineUsed(used []LineUse, c Conv, l Line) bool {
	return l.Answerable() && slices.ContainsFunc(used, func(u LineUse) bool { return u.Conv != c && u.IsOf(l) && u.Choice() == l.Choice() })
}

// lines returns the lines to a phone that can still be replied to.
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

// TextReplied is an incoming SMS that may answer one of ours. Verdict is set by Apply.
type TextReplied struct {
	ReplyKey
	Number string // E.164: its sender
	To     string // the number it was sent to, like Line.From; "" if unknown
	Text   string
	// Choice is the number that Text starts with, 0 for none; Rest is what follows it.
	Choice  int
	Rest    string
	Help    bool // it is a word like HELP: it is answered, and yet somebody's words
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
	helps := r.Help && !b.isStopped(r.Number) && b.answers(r.Number)
	if helps {
		b.queueText(&text{Text: Text{Kind: TextHelp, Conv: Conv{Recipient: r.Number}, Number: r.Number, From: r.To}})
	}
	r.Verdict = b.replied(r)
	if helps || r.Verdict == ReplyForwarded || r.Verdict == ReplyRead {
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
	if b.isRefused(conv) || b.parties(conv).Hidden {
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

// explain answers an ambiguous reply with instructions, once a day.
func (b *batch) explain(r *TextReplied, candidates map[Conv]*text) {
	choices := map[int]bool{}
	for _, t := range candidates {
		choices[t.line().Choice()] = true
	}
	asked := slices.ContainsFunc(b.usage.Used, func(u Used) bool {
		return u.Number == r.Number && u.Kind == TextWhom && b.now < u.At.Add(day)
	})
	if len(choices) == len(candidates) && !asked && !b.isStopped(r.Number) && b.answers(r.Number) {
		b.queueText(&text{Text: Text{Kind: TextWhom, Conv: Conv{Recipient: r.Number}, Number: r.Number, From: r.To}})
	}
}

// mayAnswer reports whether a reply can be one to an SMS: it was sent, or may have been, from the number that the reply went
// to, and the recipient still has the same number.
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

// replyID is derived like textID, so that a repetition after a crash has the same ID.
func (l *Ledger) replyID(k ReplyKey) string {
	mac := hmac.New(sha256.New, l.secret)
	mac.Write([]byte("reply\x00" + k.Route + "\x00" + k.ID))
	return "r-" + hex.EncodeToString(mac.Sum(nil)[:16])
}
