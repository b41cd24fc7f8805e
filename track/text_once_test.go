package track

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// once is a world with phones and providers. It records what really happens, and judges by that what the ledger has stored:
// how many SMS get out, to which number, and with whose consent. Instances that submit them may end anywhere, and several may
// be at it.
type once struct {
	*world
	byKey   bool                   // the provider recognises repetitions: repeat = "key"
	authors map[string]string      // of messages, by id
	out     map[string]int         // SMS that got out, by ID
	length  map[string]int         // segments of an SMS that got out, by ID
	words   map[string][]int64     // the messages that an SMS tells about, by ID
	fates   map[string][]TextState // what became of an SMS, by ID
	states  map[string]TextState   // of SMS, when last judged
	heard   map[string]TextState   // the latest state that was reported of an SMS by its reference, by ID
	rumours map[string]string      // routes that report a failure of an SMS which they never accepted, by its ID
	ids     map[string]int         // the last id that a provider has assigned, by route
	stopped map[string]bool        // numbers whose owners want no SMS
	said    []Input                // what will be said of SMS: in any order, never, or twice
}

const bobsOther = "+8613800138111"

// TestTextOnce: under repeat = "never" no SMS gets out twice, nor do two about the same message unless a person has asked for the
// second; and of each message that timed out either an SMS was taken, or somebody is asked. None goes to a number whose owner has
// opted out or that is not the recipient's any more, is caused by somebody whom the number is hidden from, or exceeds a limit. That
// holds for whatever happens in whatever order, with crashes.
func TestTextOnce(t *testing.T) {
	for name, steps := range map[string][]Step{"prompts": {{Do: DoPrompt}}, "SMS": {{Do: DoSMS}}, "a prompt, then an SMS": {{Do: DoPrompt}, {After: 3 * time.Minute, Do: DoSMS}}} {
		for _, byKey := range []bool{false, true} {
			for _, narrow := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, by key %v, narrow limits %v", name, byKey, narrow), func(t *testing.T) {
					rapid.Check(t, func(t *rapid.T) { newOnce(t, steps, byKey, narrow).run(t) })
				})
			}
		}
	}
}

func newOnce(t *rapid.T, steps []Step, byKey, narrow bool) *once {
	o := &once{
		world: newWorld(), byKey: byKey, authors: map[string]string{}, out: map[string]int{}, length: map[string]int{}, words: map[string][]int64{}, fates: map[string][]TextState{}, states: map[string]TextState{},
		heard: map[string]TextState{}, rumours: map[string]string{}, ids: map[string]int{}, stopped: map[string]bool{},
	}
	o.check = func(*Result) {}
	o.texting()
	p := &o.policy
	p.PerConversationDay, p.PerSenderHour, p.PerRecipientDay = 0, 0, 0
	p.Mode, p.Steps = rapid.SampledFrom([]Mode{Ask, Auto, Auto}).Draw(t, "mode"), steps
	p.SMS.Reaches = func(string) bool { return true }
	if narrow {
		p.SMS.PerNumberDay, p.SMS.PerSenderDay, p.SMS.SegmentsDay = rapid.IntRange(1, 3).Draw(t, "per number"), rapid.IntRange(1, 3).Draw(t, "per sender"), rapid.IntRange(2, 8).Draw(t, "segments")
	}
	return o
}

func (o *once) run(t *rapid.T) {
	t.Repeat(map[string]func(*rapid.T){
		"a message": o.writes,
		"time": func(t *rapid.T) {
			o.step(rapid.SampledFrom([]time.Duration{time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 10 * time.Minute, 12 * time.Hour}).Draw(t, "span"))
		},
		"it reaches Bob": func(t *rapid.T) { o.evidence(t, Received) },
		"Bob reads":      func(t *rapid.T) { o.evidence(t, Read) },
		"Bob's settings": o.settles,
		"an admin tries": func(t *rapid.T) {
			x := &TextTry{Number: rapid.SampledFrom([]string{bobsNumber, bobsNumber, bobsOther}).Draw(t, "number"), Route: "a", Force: rapid.IntRange(0, 3).Draw(t, "force") == 0}
			o.crashing(t, func() []Input { return []Input{x} })
		},
		"Alice has it sent": func(t *rapid.T) {
			if open := o.prompts(PromptOpen); len(open) > 0 {
				a := &Answer{Prompt: rapid.SampledFrom(open).Draw(t, "prompt").ID, By: phone, Action: SendIt, Text: rapid.SampledFrom([]string{"", "Call me"}).Draw(t, "words")}
				o.crashing(t, func() []Input { return []Input{a} })
			}
		},
		"an SMS is submitted": o.submit,
		"another is":          o.submit,
		"a third is":          o.submit,
		"SMS are looked at":   o.looks,
		"something is said":   o.says,
		"more is said":        o.says,
		"restart":             func(*rapid.T) { o.restart() },
		"":                    o.judge,
	})
	o.end(t)
	o.judge(t)
}

// writes sends a message, which may time out.
func (o *once) writes(t *rapid.T) {
	o.n++
	id := fmt.Sprint("m", o.n)
	o.authors[id] = rapid.SampledFrom([]string{alice, alice, alice, carol}).Draw(t, "author")
	o.send(id, func(f *Fact) { f.Sender = o.authors[id] })
	if rapid.IntRange(0, 2).Draw(t, "times out") > 0 {
		o.step(2 * time.Minute)
	}
}

func (o *once) evidence(t *rapid.T, kind FactKind) {
	if o.n > 0 {
		id := fmt.Sprint("m", rapid.IntRange(1, o.n).Draw(t, "message"))
		o.fact(kind, id, func(f *Fact) { f.Sender = o.authors[id] })
	}
}

// settles changes what Bob wants: SMS or none, to which number, and from whom.
func (o *once) settles(t *rapid.T) {
	switch rapid.IntRange(0, 4).Draw(t, "setting") {
	case 0, 1:
		number := rapid.SampledFrom([]string{bobsNumber, bobsNumber, bobsOther}).Draw(t, "number")
		o.stopped[number] = rapid.Bool().Draw(t, "stop")
		in := &TextStop{Stop: Stop{Number: number}}
		if o.stopped[number] {
			in.By = StopBySMS
		}
		o.crashing(t, func() []Input { return []Input{in} })
	case 2:
		switch number := rapid.SampledFrom([]string{bobsNumber, bobsOther, ""}).Draw(t, "number"); number {
		case "":
			delete(o.store.numbers, bob)
		default:
			o.store.numbers[bob] = Number{JID: bob, E164: number, Source: FromUser}
		}
	case 3, 4:
		from := Conv{bob, rapid.SampledFrom([]string{alice, carol}).Draw(t, "from")}
		o.contacts[from] = Contact{Owner: bob, Contact: from.Recipient, Hidden: rapid.Bool().Draw(t, "hidden")}
	}
}

// submit gives an SMS to a provider, as component/texts does. The instance may end before what it begins is durable, before the first
// byte, and before what came of it is. Anything may happen once the SMS is composed.
func (o *once) submit(t *rapid.T) {
	entries := slices.DeleteFunc(slices.Sorted(maps.Keys(o.store.outbox)), func(id string) bool { return o.store.outbox[id].Kind != OutText })
	if len(entries) == 0 {
		return
	}
	look := &TextSnapshot{Text: o.store.outbox[rapid.SampledFrom(entries).Draw(t, "entry")].Prompt}
	if rapid.IntRange(0, 4).Draw(t, "any") == 0 { // of an instance that has stopped looking
		look.Text = rapid.SampledFrom(o.sms()).Draw(t, "text").ID
	}
	if o.feed(look); !look.Found {
		t.Fatalf("an entry of the outbox without its SMS: %s", look.Text)
	}
	s := &TextSubmit{Text: look.Text, Route: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "route"), Segments: rapid.IntRange(1, 3).Draw(t, "segments")}
	if o.byKey && (look.Was.State == TextSubmitting || look.Was.State == TextUnsure) && o.now < look.Was.QueuedAt.Add(TextPatience) {
		s.Route, s.Segments, s.Again = look.Was.Route, look.Was.Segments, true
	}
	for i := range look.Messages {
		s.Messages = append(s.Messages, look.Messages[i].Ord)
	}
	switch rapid.IntRange(0, 11).Draw(t, "meanwhile") {
	case 0, 1:
		o.writes(t)
	case 2:
		o.evidence(t, Read)
	case 3, 4:
		o.settles(t)
	}
	switch crash := rapid.SampledFrom([]string{"", "", "", "before", "after"}).Draw(t, "crash"); crash {
	case "before":
		o.ledger.Apply(o.store.load(o.ledger.Want([]Input{s}), o.now), []Input{s}, o.now)
		o.restart()
	case "after":
		o.feed(s)
		o.restart()
	default:
		if o.feed(s); s.OK {
			o.consents(t, s)
			o.answers(t, s)
		}
	}
}

// answers has a provider answer a submission.
func (o *once) answers(t *rapid.T, s *TextSubmit) {
	if s.Again { // by an instance that knew of no answer: whoever got one to the first attempt is not live any more
		o.said = slices.DeleteFunc(o.said, func(in Input) bool {
			end, ok := in.(*TextEnded)
			return ok && end.Text == s.Text && end.State == TextRefused
		})
	}
	noted := rapid.IntRange(0, 3).Draw(t, "noted") > 0 // it does not end before that
	switch rapid.SampledFrom([]string{"sent", "sent", "not sent", "not sent", "unsure, and it arrives", "unsure, and it does not", "refused"}).Draw(t, "answer") {
	case "not sent":
		switch {
		case s.Again:
		case noted:
			o.feed(&TextNotSent{Text: s.Text})
		case !o.byKey:
			o.said = append(o.said, &TextNotSent{Text: s.Text})
		}
		if o.rumours[s.Text] == "" && rapid.IntRange(0, 3).Draw(t, "rumour") == 0 {
			o.rumours[s.Text] = s.Route
			o.said = append(o.said, &TextReported{PartKey: PartKey{Route: s.Route}, Text: s.Text, State: TextFailed})
		}
		return
	case "refused":
		if !s.Again {
			o.said = append(o.said, &TextEnded{Text: s.Text, State: TextRefused})
		}
		return
	case "unsure, and it does not":
		o.said = append(o.said, &TextEnded{Text: s.Text, State: TextUnsure})
		return
	case "unsure, and it arrives":
		o.said = append(o.said, &TextEnded{Text: s.Text, State: TextUnsure})
		noted = false
	}
	if o.byKey && o.out[s.Text] > 0 {
		return // it is recognised
	}
	o.out[s.Text]++
	o.words[s.Text], o.length[s.Text] = s.Messages, s.Segments
	if s.Route == "a" || o.ids["b"] == 0 || rapid.IntRange(0, 3).Draw(t, "reuses an id") > 0 { // a must not: its reports may lack the reference
		o.ids[s.Route]++
	}
	id, name := PartKey{s.Route, fmt.Sprint(o.ids[s.Route])}, s.Text
	if noted {
		o.said = append(o.said, &TextSent{Text: s.Text, Route: s.Route, IDs: []string{id.ID}})
		if s.Route == "a" && rapid.Bool().Draw(t, "without reference") {
			name = ""
		}
	}
	o.fates[s.Text] = []TextState{TextTaken, rapid.SampledFrom([]TextState{TextDelivered, TextDelivered, TextFailed, TextExpired}).Draw(t, "fate")}
	for _, state := range o.fates[s.Text] {
		o.said = append(o.said, &TextReported{PartKey: PartKey{Route: s.Route}, Text: s.Text, State: state}, &TextReported{PartKey: id, Text: name, State: state})
	}
}

// says has something arrive that is said of an SMS.
func (o *once) says(t *rapid.T) {
	if len(o.said) == 0 {
		return
	}
	i := rapid.IntRange(0, len(o.said)-1).Draw(t, "which")
	in := o.said[i]
	if _, once := in.(*TextNotSent); once || !rapid.Bool().Draw(t, "again") {
		o.said = slices.Delete(o.said, i, i+1)
	}
	o.hear(in)
	o.crashing(t, func() []Input { return []Input{in} })
}

func (o *once) hear(in Input) {
	if r, ok := in.(*TextReported); ok && r.Text != "" && r.ID == "" && o.out[r.Text] > 0 && o.rumours[r.Text] == "" {
		o.heard[r.Text] = max(o.heard[r.Text], r.State)
	}
}

// looks has a sender look at all SMS that are under way, but submit none.
func (o *once) looks(t *rapid.T) {
	for _, x := range o.sms(TextQueued, TextSubmitting, TextUnsure) {
		if in := o.givesUp(x); in != nil {
			o.crashing(t, func() []Input { return []Input{in} })
		}
	}
}

// givesUp is what a sender does about an SMS that is under way, but to submit it.
func (o *once) givesUp(x Text) Input {
	switch {
	case x.State == TextSubmitting: // by an instance that has ended, as far as this one knows
		return &TextEnded{Text: x.ID, State: TextUnsure}
	case x.State == TextUnsure && o.now >= x.SentAt.Add(TextPatience):
		return &TextEnded{Text: x.ID, State: TextLost}
	case x.State == TextQueued && o.now >= x.QueuedAt.Add(TextPatience):
		return &TextEnded{Text: x.ID, State: TextRefused}
	}
	return nil
}

// end lets no route be up, and everything come to its end: what was said arrives, or some of it.
func (o *once) end(t *rapid.T) {
	for _, in := range rapid.Permutation(o.said).Draw(t, "said at last")[rapid.IntRange(0, len(o.said)).Draw(t, "never said"):] {
		o.hear(in)
		o.feed(in)
		o.judge(t)
	}
	for i := 0; i < 100 || i < 1000 && len(o.sms(TextQueued, TextSubmitting, TextUnsure)) > 0; i++ {
		for _, x := range o.sms(TextQueued, TextSubmitting, TextUnsure) {
			if _, ok := o.store.outbox[x.entry()]; !ok {
				t.Fatalf("nobody looks at it any more: %+v", x)
			}
			if in := o.givesUp(x); in != nil {
				o.feed(in)
			}
		}
		o.step(30 * time.Second)
	}
	if all := o.sms(TextQueued, TextSubmitting, TextUnsure); len(all) > 0 {
		t.Fatalf("an SMS is still on its way: %+v", all[0])
	}
	for _, m := range o.store.messages {
		if m.Kind == Watched && !m.Status.Settled() && m.overdue() && !o.isTold(m) {
			t.Fatalf("neither an SMS nor a prompt: %+v\nSMS: %+v\nprompts: %+v", m, o.sms(), o.prompts())
		}
	}
}

// isTold reports whether an SMS about a message was taken, or somebody was asked.
func (o *once) isTold(m Message) bool {
	return slices.ContainsFunc(o.sms(TextTaken, TextDelivered), func(x Text) bool { return x.Kind == TextAbout && slices.Contains(o.words[x.ID], m.Ord) }) ||
		slices.ContainsFunc(o.prompts(PromptOpen, PromptExpired), func(p Prompt) bool { return slices.Contains(p.Messages, m.Ord) })
}

// consents checks that an SMS may be submitted now: the owner of the number has not opted out, it is still the recipient's, and not
// hidden from the sender; somebody has yet to read what it tells; and it exceeds no limit.
func (o *once) consents(t *rapid.T, s *TextSubmit) {
	x, p := o.store.texts[s.Text], o.policy.SMS
	isUnread := func(ord int64) bool { return !o.store.messages[ord].Status.Settled() }
	switch {
	case o.stopped[x.Number] && x.Kind != TextAnswer:
		t.Fatalf("its owner has opted out: %+v", x)
	case x.Kind == TextAbout && o.store.numbers[bob].E164 != x.Number:
		t.Fatalf("not Bob's number any more: %+v", x)
	case x.Kind == TextAbout && o.contacts[Conv{bob, x.Sender}].Hidden:
		t.Fatalf("hidden from %s: %+v", x.Sender, x)
	case x.Kind == TextAbout && !slices.ContainsFunc(s.Messages, isUnread):
		t.Fatalf("read already: %+v", x)
	}
	toNumber, bySender, segments := 0, 0, s.Segments
	for _, other := range o.sms() {
		if other.ID == x.ID || o.out[other.ID] == 0 {
			continue
		}
		if o.now < other.QueuedAt.Add(day) {
			segments += o.length[other.ID]
		}
		if earlier := other.Row < x.Row && x.QueuedAt < other.QueuedAt.Add(day); earlier && other.Number == x.Number {
			toNumber++
		}
		if earlier := other.Row < x.Row && x.QueuedAt < other.QueuedAt.Add(day); earlier && other.Kind == TextAbout && other.Sender == x.Sender {
			bySender++
		}
	}
	switch {
	case segments > p.SegmentsDay:
		t.Fatalf("%d segments: %+v", segments, x)
	case x.Kind == TextAbout && toNumber >= p.PerNumberDay:
		t.Fatalf("after %d to the number: %+v", toNumber, x)
	case x.Kind == TextAbout && bySender >= p.PerSenderDay:
		t.Fatalf("after %d by %s: %+v", bySender, x.Sender, x)
	}
}

// judge checks what the ledger has stored against what really happened.
func (o *once) judge(t *rapid.T) {
	about := map[int64]int{} // SMS that got out without a person's order
	for id, n := range o.out {
		x := o.store.texts[id]
		if n > 1 {
			t.Fatalf("%d times: %+v", n, x)
		}
		if x.Prompt == "" {
			for _, ord := range o.words[id] {
				about[ord]++
			}
		}
	}
	for ord, n := range about {
		if n > 1 {
			t.Fatalf("%d SMS about %+v", n, o.store.messages[ord])
		}
	}
	for id, x := range o.store.texts {
		was := o.states[id]
		o.states[id] = x.State
		switch {
		case x.State < was && !(was == TextSubmitting && x.State == TextQueued) && !(was == TextUnsure && x.State == TextSubmitting && o.byKey):
			t.Fatalf("it falls from state %d: %+v", was, x)
		case (x.State == TextTaken || x.State == TextDelivered) && o.out[id] == 0:
			t.Fatalf("it was not sent: %+v", x)
		case x.State >= TextExpired && !slices.Contains(o.fates[id], x.State) && !(x.State == TextFailed && o.rumours[id] == x.Route):
			t.Fatalf("that became of another: %+v", x)
		case x.State < o.heard[id]:
			t.Fatalf("state %d was reported: %+v", o.heard[id], x)
		case slices.ContainsFunc(o.words[id], func(ord int64) bool { return !slices.Contains(x.Messages, ord) }), o.out[id] > 0 && !o.byKey && len(o.words[id]) != len(x.Messages):
			t.Fatalf("it tells about %v: %+v", o.words[id], x)
		}
	}
}
