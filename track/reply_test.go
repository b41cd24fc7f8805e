package track

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	ours  = "+8613700000001"
	other = "+8613700000002"
)

// answered begins a story in which Bob has received an SMS by Alice about m1.
func answered(t *testing.T, name string, tell func(*testing.T, *world)) {
	t.Run(name, func(t *testing.T) {
		w := newWorld()
		w.texting()
		w.policy.Mode = Auto
		w.send("m1")
		w.step(2 * time.Minute)
		w.smsFrom(alice, Line{"route", ours, 0})
		tell(t, w)
	})
}

// smsFrom has a provider accept a sender's queued SMS.
func (w *world) smsFrom(sender string, l Line) *TextSubmit {
	for _, x := range w.sms(TextQueued) {
		if x.Sender == sender {
			s := &TextSubmit{Text: x.ID, Messages: x.Messages, Route: l.Route, From: l.From, Tag: l.Tag, Segments: 1}
			w.feed(s)
			if s.OK {
				w.feed(&TextSent{Text: x.ID, Route: l.Route})
			}
			return s
		}
	}
	panic("no SMS waits")
}

// reply is an SMS from Bob's phone. It returns the result.
func (w *world) reply(id, text string, change ...func(*TextReplied)) ReplyVerdict {
	r := &TextReplied{ReplyKey: ReplyKey{"route", id}, Number: bobsNumber, To: ours, Text: text}
	for _, c := range change {
		c(r)
	}
	w.feed(r)
	return r.Verdict
}

// explained are the SMS that explain how to reply, by the number they are sent from.
func (w *world) explained() string {
	var from []string
	for _, x := range w.sms() {
		if x.Kind == TextWhom {
			from = append(from, x.From)
		}
	}
	return strings.Join(from, " ")
}

// handedOn are the replies in the outbox: receiver, author, message and text.
func (w *world) handedOn() string {
	var list []string
	for _, o := range w.sent {
		if o.Kind == OutReply {
			list = append(list, fmt.Sprintf("%s<%s %s: %s", localpart(o.Owner), localpart(o.To[0]), w.store.messages[o.Ord].ID, o.Text))
		}
	}
	return strings.Join(list, ", ")
}

// localpart is a person's name for comparisons.
func localpart(jid string) string { local, _, _ := strings.Cut(jid, "@"); return local }

func TestReply(t *testing.T) {
	answered(t, "it reads, and is handed on", func(t *testing.T, w *world) {
		is(t, "reply", w.reply("1", "on my way"), ReplyForwarded)
		is(t, "handed on", w.handedOn(), "alice<bob m1: on my way")
		is(t, "told", w.heard("m1"), "timeout-undelivered escalated/sent displayed")
		is(t, "basis", w.tells[len(w.tells)-1].Notice.Basis, BySMSReply)
		w.step(time.Hour)
		is(t, "nobody is asked", len(w.prompts()), 0)
	})
	answered(t, "a repetition changes nothing, also after a restart", func(t *testing.T, w *world) {
		w.reply("1", "on my way")
		is(t, "again", w.reply("1", "on my way"), ReplyRepeated)
		w.restart()
		is(t, "again", w.reply("1", "on my way"), ReplyRepeated)
		is(t, "another route's", w.reply("1", "yes", func(r *TextReplied) { r.Route = "second" }), ReplyForwarded)
		is(t, "handed on", w.handedOn(), "alice<bob m1: on my way, alice<bob m1: yes")
		two := &TextReplied{ReplyKey: ReplyKey{"route", "2"}, Number: bobsNumber, To: ours, Text: "twice"}
		w.feed(two, two)
		is(t, "twice in one batch", w.handedOn(), "alice<bob m1: on my way, alice<bob m1: yes, alice<bob m1: twice")
	})
	answered(t, "only what the SMS was about is read", func(t *testing.T, w *world) {
		w.send("m2")
		is(t, "reply", w.reply("1", "which one?"), ReplyForwarded)
		is(t, "m1", w.store.find(key("m1")).Status, Displayed)
		is(t, "m2", w.store.find(key("m2")).Status, Pending)
	})
	answered(t, "it reads no more than that, if the policy has it so", func(t *testing.T, w *world) {
		w.policy.SMS.Replies = RepliesRead
		is(t, "reply", w.reply("1", "ok"), ReplyRead)
		is(t, "again", w.reply("1", "ok"), ReplyRepeated)
		is(t, "handed on", w.handedOn(), "")
		is(t, "m1", w.store.find(key("m1")).Status, Displayed)
	})
	answered(t, "nothing, if the policy has it so", func(t *testing.T, w *world) {
		w.policy.SMS.Replies = RepliesOff
		is(t, "reply", w.reply("1", "ok"), ReplyIgnored)
		is(t, "m1", w.store.find(key("m1")).Status, Pending)
	})
	answered(t, "from another phone, to another number, too late", func(t *testing.T, w *world) {
		is(t, "phone", w.reply("1", "hi", func(r *TextReplied) { r.Number = davesNumber }), ReplyUnknown)
		is(t, "number", w.reply("2", "hi", func(r *TextReplied) { r.To = other }), ReplyUnknown)
		is(t, "another route's own", w.reply("3", "hi", func(r *TextReplied) { r.To, r.Route = "", "second" }), ReplyUnknown)
		w.step(23 * time.Hour)
		is(t, "in time, without its plus", w.reply("4", "hi", func(r *TextReplied) { r.To = ours[1:] }), ReplyForwarded)
		w.step(time.Hour)
		is(t, "too late", w.reply("5", "hi"), ReplyUnknown)
	})
	answered(t, "nobody gets what comes from a number that is somebody else's now", func(t *testing.T, w *world) {
		w.store.numbers[bob] = Number{JID: bob, E164: davesNumber, Source: FromUser}
		is(t, "reply", w.reply("1", "who is this?"), ReplyUnknown)
	})
	answered(t, "whoever is refused, or hidden from, learns nothing", func(t *testing.T, w *world) {
		w.contacts[Conv{bob, alice}] = Contact{Hidden: true}
		is(t, "hidden", w.reply("1", "hi"), ReplyWithheld)
		delete(w.contacts, Conv{bob, alice})
		w.send("m2")
		w.fact(Bounced, "m2", func(f *Fact) { f.Refusal = true })
		before := w.heard("m1")
		is(t, "refused", w.reply("2", "hi"), ReplyWithheld)
		is(t, "told", w.heard("m1"), before)
		is(t, "handed on", w.handedOn(), "")
	})
	answered(t, "it lifts an error, and answers what may never have been sent", func(t *testing.T, w *world) {
		w.fact(Bounced, "m1")
		is(t, "m1", w.store.find(key("m1")).Status, Failed)
		w.reply("1", "hi")
		is(t, "m1", w.store.find(key("m1")).Status, Displayed)
		w.send("m2")
		w.step(2 * time.Minute)
		w.provider("submit", "unsure")
		is(t, "unsure", w.reply("2", "got it", func(r *TextReplied) { r.To = "" }), ReplyForwarded)
		is(t, "handed on", w.handedOn(), "alice<bob m1: hi, alice<bob m2: got it")
	})
	answered(t, "an account that is removed gets nothing", func(t *testing.T, w *world) {
		w.feed(&Removed{alice})
		is(t, "reply", w.reply("1", "hi"), ReplyUnknown)
		w.send("m2")
		w.step(2 * time.Minute)
		w.smsFrom(alice, Line{"route", ours, 0})
		r := &TextReplied{ReplyKey: ReplyKey{"route", "2"}, Number: bobsNumber, To: ours, Text: "hi"}
		w.feed(&Removed{alice}, r)
		is(t, "in one batch", r.Verdict, ReplyUnknown)
	})
}

// Alice's SMS came first, and has no digits; Carol's says (2).
func TestReplyToOneOfSeveral(t *testing.T) {
	two := func(t *testing.T, name string, line Line, tell func(*testing.T, *world)) {
		answered(t, name, func(t *testing.T, w *world) {
			w.send("c1", func(f *Fact) { f.Sender = carol })
			w.step(2 * time.Minute)
			if s := w.smsFrom(carol, line); !s.OK {
				t.Fatalf("not sent: %+v", s)
			}
			tell(t, w)
		})
	}
	choice := func(n int, rest string) func(*TextReplied) {
		return func(r *TextReplied) { r.Choice, r.Rest = n, rest }
	}
	two(t, "by another number of ours", Line{"route", other, 0}, func(t *testing.T, w *world) {
		w.reply("1", "2 beers", choice(2, "beers"))
		w.reply("2", "hi", func(r *TextReplied) { r.To = other })
		is(t, "handed on", w.handedOn(), "alice<bob m1: 2 beers, carol<bob c1: hi")
		is(t, "who is meant is not told", w.reply("3", "hi", func(r *TextReplied) { r.To = "" }), ReplyUnclear)
		is(t, "there are no digits to tell", w.explained(), "")
	})
	two(t, "by digits", Line{"route", ours, 2}, func(t *testing.T, w *world) {
		is(t, "without", w.reply("1", "yes"), ReplyUnclear)
		is(t, "told how", w.explained(), ours)
		is(t, "wrong", w.reply("2", "3 yes", choice(3, "yes")), ReplyUnclear)
		is(t, "told once", w.explained(), ours)
		is(t, "m1", w.store.find(key("m1")).Status, Pending)
		w.reply("3", "2 yes", choice(2, "yes"))
		w.reply("4", "1 no", choice(1, "no"))
		w.reply("5", "2", choice(2, ""))
		is(t, "handed on", w.handedOn(), "carol<bob c1: yes, alice<bob m1: no, carol<bob c1: 2")
		w.step(22 * time.Hour)
		w.step(119 * time.Minute)
		is(t, "only Carol's is left", w.reply("6", "at last"), ReplyForwarded)
	})
	two(t, "whoever wants no SMS is not told how", Line{"route", ours, 2}, func(t *testing.T, w *world) {
		w.feed(&TextStop{Stop: Stop{Number: bobsNumber, By: StopBySMS}})
		is(t, "without", w.reply("1", "yes"), ReplyUnclear)
		is(t, "told how", w.explained(), "")
	})
	answered(t, "the line of another is not used", func(t *testing.T, w *world) {
		w.send("c1", func(f *Fact) { f.Sender = carol })
		w.step(2 * time.Minute)
		s := w.smsFrom(carol, Line{"route", ours, 0})
		is(t, "taken", s.Stale && !s.OK, true)
		s = w.smsFrom(carol, Line{"route", ours, 2})
		is(t, "taken", s.Stale || !s.OK, false)
	})
	answered(t, "names can't be answered, and are nobody's own", func(t *testing.T, w *world) {
		w.send("c1", func(f *Fact) { f.Sender = carol })
		w.step(2 * time.Minute)
		is(t, "sent", w.smsFrom(carol, Line{"route", "Tocsin", 0}).OK, true)
	})
}

func TestChooseLine(t *testing.T) {
	a, b, c := Conv{alice, bob}, Conv{carol, bob}, Conv{"dave@example.org", bob}
	use := func(c Conv, from string, tag int) LineUse { return LineUse{Conv: c, Line: Line{"r", from, tag}} }
	for _, x := range []struct {
		name    string
		senders []string
		used    []LineUse
		want    Line
	}{
		{"the first", []string{ours, other}, nil, Line{"r", ours, 0}},
		{"the route's own", nil, nil, Line{"r", "", 0}},
		{"a name", []string{"Tocsin", ours}, []LineUse{use(b, "Tocsin", 0)}, Line{"r", "Tocsin", 0}},
		{"its own", []string{ours, other}, []LineUse{use(a, other, 0), use(b, ours, 0)}, Line{"r", other, 0}},
		{"its own, with its tag", []string{ours}, []LineUse{use(a, ours, 3)}, Line{"r", ours, 3}},
		{"its own is gone", []string{other}, []LineUse{use(a, ours, 3)}, Line{"r", other, 0}},
		{"a further one", []string{ours, "Tocsin", other}, []LineUse{use(b, ours, 0)}, Line{"r", other, 0}},
		{"none left", []string{ours, other}, []LineUse{use(b, ours, 0), use(c, other, 0)}, Line{"r", ours, 2}},
		{"nor the 2", []string{ours}, []LineUse{use(b, ours, 0), use(c, ours, 2)}, Line{"r", ours, 3}},
		{"only the 1", []string{ours}, []LineUse{use(c, ours, 3)}, Line{"r", ours, 2}},
		{"another route's own is another", nil, []LineUse{{Conv: b, Line: Line{Route: "s"}}}, Line{"r", "", 0}},
		{"the route's own has another", nil, []LineUse{use(b, "", 0)}, Line{"r", "", 2}},
	} {
		if got := ChooseLine(a, "r", x.senders, x.used); got != x.want {
			t.Errorf("%s: %+v, want %+v", x.name, got, x.want)
		}
	}
}

// TestHelp: it is answered once, as an answer like those to STOP, and handed on like any reply.
func TestHelp(t *testing.T) {
	help := func(r *TextReplied) { r.Help = true }
	helped := func(w *world) (from []string) {
		for _, x := range w.sms() {
			if x.Kind == TextHelp {
				from = append(from, x.From)
			}
		}
		return from
	}
	answered(t, "answered, and handed on", func(t *testing.T, w *world) {
		is(t, "reply", w.reply("1", "Help!", help), ReplyForwarded)
		is(t, "from what was written to", fmt.Sprint(helped(w)), "["+ours+"]")
		is(t, "handed on", w.handedOn(), "alice<bob m1: Help!")
		is(t, "goes out", w.provider("submit", "taken"), true)
	})
	answered(t, "a repetition is not answered, also after a restart, and if nobody got it", func(t *testing.T, w *world) {
		w.policy.SMS.Replies = RepliesOff
		is(t, "reply", w.reply("1", "HELP", help), ReplyIgnored)
		w.provider("submit", "taken")
		is(t, "again", w.reply("1", "HELP", help), ReplyRepeated)
		w.restart()
		is(t, "again", w.reply("1", "HELP", help), ReplyRepeated)
		is(t, "answers", len(helped(w)), 1)
	})
	answered(t, "five a day", func(t *testing.T, w *world) {
		for i := range 9 {
			w.reply(fmt.Sprint(i), "HELP", help)
			if w.provider("submit") {
				w.provider("taken")
			}
		}
		is(t, "answers", len(helped(w)), maxAnswers)
		w.step(day)
		w.reply("tomorrow", "HELP", help)
		is(t, "a day later", len(helped(w)), maxAnswers+1)
	})
	for name, forbid := range map[string]func(*world){
		"after STOP":           func(w *world) { w.store.stops[bobsNumber] = Stop{Number: bobsNumber, By: StopBySMS} },
		"beyond the budget":    func(w *world) { w.policy.SMS.SegmentsDay = 1 },
		"where no route leads": func(w *world) { w.policy.SMS.Reaches = func(string) bool { return false } },
		"without [sms]":        func(w *world) { w.policy.SMS = nil },
	} {
		answered(t, "no answer "+name, func(t *testing.T, w *world) {
			forbid(w)
			w.reply("1", "HELP", help)
			is(t, "answers", len(helped(w)), 0)
		})
	}
	answered(t, "stopped while it waits for a route", func(t *testing.T, w *world) {
		w.reply("1", "HELP", help)
		w.feed(&TextStop{Stop: Stop{Number: bobsNumber, By: StopBySMS}})
		is(t, "goes out", w.provider("submit"), false)
	})
	answered(t, "a phone that got no SMS", func(t *testing.T, w *world) {
		w.policy.SMS.Reaches = func(string) bool { return true }
		is(t, "reply", w.reply("1", "HELP", help, func(r *TextReplied) { r.Number = davesNumber }), ReplyUnknown)
		is(t, "answers", len(helped(w)), 0)
	})
}
