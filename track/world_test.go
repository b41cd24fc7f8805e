package track

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAnyHistory feeds random inputs in random batches, some of them lost or applied twice, and checks the invariants after
// each one.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.policy.PerConversationDay, w.policy.PerSenderHour = 2, 3
		w.policy.Steps = rapid.SampledFrom(chains).Draw(t, "chain")
		w.texting()
		w.policy.Priorities = []PriorityRule{{Name: Urgent, UndeliveredAfter: 30 * time.Second, BypassQuiet: true}}
		j := newJudge(t, w)
		t.Repeat(map[string]func(*rapid.T){
			"batch": func(t *rapid.T) {
				inputs := rapid.SliceOfN(rapid.Custom(w.anything), 1, 6).Draw(t, "inputs")
				w.crashing(t, func() []Input { return inputs })
			},
			"alarms": func(t *rapid.T) { w.crashing(t, w.due) },
			"alarms and more": func(t *rapid.T) {
				inputs := append(w.due(), rapid.SliceOfN(rapid.Custom(w.anything), 1, 3).Draw(t, "inputs")...)
				w.crashing(t, func() []Input { return inputs })
			},
			"time": func(t *rapid.T) {
				w.step(rapid.SampledFrom(spans).Draw(t, "span"))
			},
			"a message times out": func(t *rapid.T) {
				w.n++
				w.live = rapid.Bool().Draw(t, "sender there")
				w.feed(&Fact{Kind: Sent, Key: Key{alice, rapid.SampledFrom([]string{bob, bob, bob, carol}).Draw(t, "to"), fmt.Sprint("n", w.n)}, At: w.now, Marks: AsksReceipt | Markable})
				w.step(rapid.SampledFrom([]time.Duration{115 * time.Second, 2 * time.Minute, 3 * time.Minute}).Draw(t, "span"))
			},
			"answer": func(t *rapid.T) {
				a := w.drawAnswer(t)
				w.crashing(t, func() []Input { return []Input{a} })
			},
			"time without a look at the alarms": func(t *rapid.T) {
				w.now = w.now.Add(rapid.SampledFrom(spans).Draw(t, "span"))
			},
			"an SMS": func(t *rapid.T) {
				if in := w.drawText(t); in != nil {
					w.crashing(t, func() []Input { return []Input{in} })
				}
			},
			"an SMS is tried": func(t *rapid.T) {
				x := &TextTry{Number: rapid.SampledFrom([]string{bobsNumber, bobsNumber, davesNumber}).Draw(t, "number"), Route: "route", Force: rapid.Bool().Draw(t, "force")}
				w.crashing(t, func() []Input { return []Input{x} })
			},
			"restart": func(*rapid.T) { w.restart() },
			"setting": func(t *rapid.T) { w.change(t) },
			"":        func(t *rapid.T) { j.look(t) },
		})
	})
}

var chains = [][]Step{
	{{Do: DoPrompt}},
	{{Do: DoStatus}, {After: time.Minute, Do: DoRemind}, {After: 2 * time.Minute, Do: DoPrompt, From: Normal}, {After: 20 * time.Minute, Do: DoWebhook, On: StateTimeoutUnread}},
	{{Do: DoPrompt, On: StateTimeoutUnread}, {Do: DoWebhook}, {After: 5 * time.Minute, Do: DoRemind}, {After: 30 * time.Minute, Do: DoPrompt}},
	{{Do: DoSMS}},
	{{Do: DoPrompt}, {After: 2 * time.Minute, Do: DoSMS}, {After: 9 * time.Minute, Do: DoPrompt}},
	nil,
}

var spans = []time.Duration{
	time.Millisecond, time.Second, 3 * time.Second, 29 * time.Second, 31 * time.Second, time.Minute, 2 * time.Minute, 8 * time.Minute,
	10 * time.Minute, time.Hour, 9 * time.Hour, 25 * time.Hour,
}

var convs = []Conv{{alice, bob}, {alice, bob}, {alice, bob}, {alice, carol}, {alice, "dave@example.org"}, {bob, alice}}

// anything draws an input of any kind.
func (w *world) anything(t *rapid.T) Input {
	conv := rapid.SampledFrom(convs).Draw(t, "conv")
	key := Key{conv.Sender, conv.Recipient, rapid.SampledFrom([]string{"m1", "m2", "m3", "m4", "m5", "c1", "c2"}).Draw(t, "id")}
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0, 1, 2:
		return drawSent(t, key, w.now)
	case 3, 4:
		return drawEvidence(t, key, w.now)
	case 5:
		if rapid.IntRange(0, 9).Draw(t, "removed") == 0 {
			return &Removed{conv.Sender}
		}
		return &Fact{Kind: Forced, Key: key, At: w.now}
	case 6: // an alarm, early or not
		alarms := w.store.alarms()
		if len(alarms) == 0 {
			return &Fact{Kind: AlarmFired, Ord: 1}
		}
		slices.SortFunc(alarms, func(x, y Alarm) int { return int(x.Ref - y.Ref) })
		return rapid.SampledFrom(alarms).Draw(t, "alarm").input()
	case 7: // presence arrives
		if p := w.drawPrompt(t); p != "" {
			return &Shown{Prompt: p, To: []string{rapid.SampledFrom([]string{phone, desk}).Draw(t, "device")}}
		}
		if len(w.sent) > 0 {
			if out := rapid.SampledFrom(w.sent).Draw(t, "entry"); out.Kind == OutRemind || out.Kind == OutWebhook {
				return &Overdue{Ord: out.Ord, Kind: out.Kind, Again: rapid.Bool().Draw(t, "again")}
			}
		}
	case 8:
		if rapid.Bool().Draw(t, "regret") {
			return &TakeBack{Prompt: w.drawPrompt(t), By: rapid.SampledFrom([]string{alice, bob}).Draw(t, "by")}
		}
		var told NoticesDelivered
		for _, m := range w.store.messages {
			if m.Notice.Delivered < m.Notice.Seq {
				told = append(told, NoticeKey{m.Ord, m.Notice.Seq})
			}
		}
		return &told
	}
	return w.drawAnswer(t)
}

func (w *world) drawAnswer(t *rapid.T) *Answer {
	return &Answer{
		Prompt: w.drawPrompt(t),
		By:     rapid.SampledFrom([]string{phone, desk, alice, bob + "/x"}).Draw(t, "by"),
		Action: rapid.SampledFrom([]AnswerAction{Claim, SentSMS, Declined, NotSent, Snooze, Claim, Snooze, SendIt, SendIt, "dance"}).Draw(t, "action"),
		For:    rapid.SampledFrom(spans).Draw(t, "for"),
	}
}

func (w *world) drawPrompt(t *rapid.T) string {
	prompts := w.prompts()
	if len(prompts) == 0 {
		return ""
	}
	if live := w.prompts(PromptOpen, PromptClaimed, PromptSnoozed); len(live) > 0 && rapid.IntRange(0, 3).Draw(t, "live") > 0 {
		prompts = live
	}
	return rapid.SampledFrom(prompts).Draw(t, "prompt").ID
}

func drawSent(t *rapid.T, key Key, now Time) *Fact {
	f := &Fact{Kind: Sent, Key: key, At: now, Resource: "phone", Text: "text"}
	f.Marks = rapid.SampledFrom([]Marks{AsksReceipt | Markable, AsksReceipt, Markable, 0, Encrypted | AsksReceipt, Encrypted | Sealed}).Draw(t, "marks")
	f.Passed = rapid.IntRange(0, 5).Draw(t, "passed") == 0
	f.Once = rapid.Bool().Draw(t, "once")
	if rapid.IntRange(0, 2).Draw(t, "hinted") == 0 {
		f.Hint = Hint{
			Until:    rapid.SampledFrom([]Until{UntilUnset, UntilDelivered, UntilDisplayed, UntilNone}).Draw(t, "until"),
			Timeout:  rapid.SampledFrom([]int32{0, 1, 60, 3600}).Draw(t, "timeout"),
			Priority: rapid.SampledFrom([]Priority{PriorityUnset, Low, High, Urgent}).Draw(t, "priority"),
			Escalate: rapid.SampledFrom([]Mode{ModeUnset, Ask, Auto, Never}).Draw(t, "escalate"),
		}
	}
	return f
}

func drawEvidence(t *rapid.T, key Key, now Time) *Fact {
	f := rapid.SampledFrom([]Fact{
		{Kind: Received, Basis: ByReceipt}, {Kind: Received, Basis: ByAck}, {Kind: Received, Basis: ByMarker},
		{Kind: Read, Basis: ByMarker}, {Kind: Read, Basis: ByReaction}, {Kind: Replied, Basis: ByReply}, {Kind: Stored},
		{Kind: Bounced, Basis: ByError}, {Kind: Deferred}, {Kind: Corrected, Original: "m1", Text: "better"}, {Kind: Corrected, Original: "m2", Text: "better"},
		{Kind: Retracted}, {Kind: Stopped, Basis: ByCommand}, {Kind: Stored, Archived: true}, {Kind: Handed, Resource: "desk"}, {Kind: Unacked}, {Kind: Dropped},
		{Kind: Synced}, {Kind: RosterChanged, Standing: StandingBoth}, {Kind: RosterChanged, Standing: StandingNone}, {Kind: Named, ArchiveID: "m5"},
	}).Draw(t, "evidence")
	f.Key, f.At = key, now
	return &f
}

// crashing feeds a batch with faults: storing may fail, and the batch is applied again, or it may succeed unnoticed, and the
// batch is applied again after a restart.
func (w *world) crashing(t *rapid.T, inputs func() []Input) {
	w.live = rapid.Bool().Draw(t, "sender there")
	list := inputs()
	switch rapid.IntRange(0, 5).Draw(t, "crash") {
	case 0:
		w.ledger.Apply(w.store.load(w.ledger.Want(list), w.now), list, w.now)
	case 1:
		r := w.ledger.Apply(w.store.load(w.ledger.Want(list), w.now), list, w.now)
		w.check(r)
		w.store.commit(r.Changes)
		w.tells = append(w.tells, r.Notices...)
		w.sent = append(w.sent, r.Outbox...)
		w.restart()
	}
	w.feed(list...)
}

// change draws new settings of the admin or of a user.
func (w *world) change(t *rapid.T) {
	p := w.policy
	switch rapid.IntRange(0, 6).Draw(t, "setting") {
	case 0:
		p.Paused = !p.Paused
	case 1:
		p.Mode = rapid.SampledFrom([]Mode{Ask, Auto, Never}).Draw(t, "mode")
	case 2:
		p.Quiet = rapid.SampledFrom([]Quiet{{}, {From: 22 * 60, To: 7 * 60, Zone: time.UTC}, {From: 12 * 60, To: 14 * 60, Zone: time.UTC}}).Draw(t, "quiet")
	case 3:
		p.AssumeMarkers = !p.AssumeMarkers
	case 4:
		w.prefs[bob] = Prefs{JID: bob, Watch: rapid.SampledFrom([]Switch{Unset, Off}).Draw(t, "watch")}
	case 5:
		w.contacts[Conv{alice, carol}] = Contact{Owner: alice, Contact: carol, Muted: rapid.Bool().Draw(t, "muted")}
	case 6:
		w.prefs[alice] = Prefs{JID: alice, Mode: rapid.SampledFrom([]Mode{ModeUnset, Ask, Auto, Never}).Draw(t, "mode"), Quiet: rapid.SampledFrom([]string{"", "13:00-15:00"}).Draw(t, "hours")}
	}
	w.policy = p
	w.ledger.SetPolicy(&w.policy)
}

// judge checks the invariants, and records what was reported.
type judge struct {
	w        *world
	seqs     map[int64]uint32
	rev      int64
	settled  map[int64]bool // reported as ended
	timeouts map[string]int
	outbox   map[string]Outgoing
	reminds  map[int64]int
	opened   map[string]bool
}

func newJudge(t *rapid.T, w *world) *judge {
	j := &judge{w: w, seqs: map[int64]uint32{}, settled: map[int64]bool{}, timeouts: map[string]int{}, outbox: map[string]Outgoing{}, reminds: map[int64]int{}, opened: map[string]bool{}}
	w.check = func(r *Result) { j.batch(t, r) }
	return j
}

// batch checks one batch before it is stored.
func (j *judge) batch(t *rapid.T, r *Result) {
	now := j.w.now
	told := map[int64]uint32{}
	for _, m := range r.Notices {
		n := m.Notice
		if n.Rev <= j.rev {
			t.Fatalf("rev goes from %d to %d", j.rev, n.Rev)
		}
		j.rev = n.Rev
		if before := max(told[m.Ord], j.w.store.messages[m.Ord].Notice.Seq); n.Seq != before+1 {
			t.Fatalf("%s: seq goes from %d to %d", m.ID, before, n.Seq)
		}
		told[m.Ord] = n.Seq
		if old, ok := j.w.store.messages[m.Ord]; ok && old.Status.Final() {
			t.Fatalf("%s is reported as %s, but has ended", m.ID, n.State)
		}
		j.timeout(t, m, now)
	}
	for _, m := range slices.Concat(r.Insert, r.Update) {
		if old, ok := j.w.store.messages[m.Ord]; ok && (m.Status.rank() < old.Status.rank() && !old.Marks.Has(Inferred) || m.Notice.Seq < old.Notice.Seq || m.Notice.Rev < old.Notice.Rev) {
			t.Fatalf("%s goes back from %+v to %+v", m.ID, old, m)
		}
	}
	for _, p := range r.Prompts {
		_, known := j.w.store.prompts[p.ID]
		if known || p.State.isNote() {
			continue
		}
		if !slices.ContainsFunc(p.Messages, func(ord int64) bool { return j.mayOpen(j.newest(r, ord), now) }) {
			t.Fatalf("a prompt was opened although none of its messages may be prompted about")
		}
		for _, ord := range p.Messages {
			if m := j.newest(r, ord); m.Hint.Escalate == Never && !m.Marks.Has(OutOfTurn) {
				t.Fatalf("%s was added to a prompt, but must not be escalated", m.ID)
			}
		}
	}
	for _, o := range r.Outbox {
		if o.ID == "" || o.Owner == "" && o.Kind != OutText { // nobody has an answer to STOP, or what an admin tries
			t.Fatalf("incomplete entry: %+v", o)
		}
		switch o.Kind {
		case OutRemind:
			if _, again := j.outbox[o.ID]; !again {
				j.reminds[o.Ord]++
			}
			if j.reminds[o.Ord] > 1 {
				t.Fatalf("reminded twice")
			}
		case OutReply:
			if !slices.ContainsFunc(r.Replies, func(seen ReplySeen) bool { return o.ID == j.w.ledger.replyID(seen.ReplyKey) }) {
				t.Fatalf("a reply was passed on without a record: %+v", o)
			}
			if _, seen := j.w.store.outbox[o.ID]; seen {
				t.Fatalf("a reply was passed on twice: %+v", o)
			}
		case OutWithdraw:
			p := j.w.store.prompts[o.Prompt]
			for _, to := range o.To {
				if !slices.Contains(p.Shown, to) && !slices.ContainsFunc(r.Prompts, func(p Prompt) bool { return slices.Contains(p.Shown, to) }) {
					t.Fatalf("withdrawn from %s, who never saw it", to)
				}
			}
		}
		j.outbox[o.ID] = o
	}
}

// mayOpen reports whether nothing prevents a prompt about the message.
func (j *judge) mayOpen(m Message, now Time) bool {
	s := j.w.policy.Resolve(&m, j.w.Parties(m.Conv()), Expectation{})
	commanded := m.Marks.Has(OutOfTurn)
	return !j.w.policy.Paused && s.Watch && (commanded || s.Quiet.Until(now) == 0 && s.Mode != Never && !s.Muted)
}

func (j *judge) newest(r *Result, ord int64) Message {
	for _, m := range slices.Concat(r.Insert, r.Update) {
		if m.Ord == ord {
			return m
		}
	}
	return j.w.store.messages[ord]
}

// timeout checks that each timeout is reached once, and not too early. The shortest ones in the test are those of hints and
// of the urgent rule.
func (j *judge) timeout(t *rapid.T, m Message, now Time) {
	n := m.Notice
	if n.Basis != ByTimer {
		return
	}
	shortest := j.w.policy.UndeliveredAfter
	if n.State == StateTimeoutUnread {
		shortest = j.w.policy.UnreadAfter
	}
	if m.Hint.Timeout > 0 {
		shortest = max(10*time.Second, min(shortest, time.Duration(m.Hint.Timeout)*time.Second))
	}
	if m.Hint.Priority == Urgent && n.State == StateTimeoutUndelivered {
		shortest = min(shortest, 30*time.Second)
	}
	from := m.SentAt
	if n.State == StateTimeoutUnread && m.Marks.Has(TimedOutUndelivered) {
		if from = m.DeliveredAt; from == 0 {
			t.Fatalf("%s: timeout-unread on top of timeout-undelivered", m.ID)
		}
	}
	if now < from.Add(shortest) {
		t.Fatalf("%s: %s at %v, %v after %v", m.ID, n.State, now.Std(), now.Std().Sub(from.Std()), from.Std())
	}
	// The same notice again means that a batch was applied twice: the row was not changed in between.
	key := fmt.Sprint(m.Ord, n.State)
	if j.timeouts[key]++; j.timeouts[key] > 1 {
		t.Fatalf("%s: %s twice", m.ID, n.State)
	}
}

// look checks what is stored.
func (j *judge) look(t *rapid.T) {
	w := j.w
	live, codes := map[Conv]string{}, map[string]bool{}
	for _, p := range w.store.prompts {
		if !p.State.Live() {
			if p.Due != 0 {
				t.Fatalf("an ended prompt has an alarm: %+v", p)
			}
			continue
		}
		if live[p.Conv] != "" {
			t.Fatalf("two live prompts for %v", p.Conv)
		}
		live[p.Conv] = p.ID
		if codes[p.Sender+p.Code] || len(p.Code) != 4 {
			t.Fatalf("code %q of %s is not unique", p.Code, p.Sender)
		}
		codes[p.Sender+p.Code] = true
		if p.Due == 0 || !w.heap[Alarm{p.Due, -p.Row}] {
			t.Fatalf("the alarm of a prompt is lost: %+v", p)
		}
		if !slices.ContainsFunc(p.Messages, func(ord int64) bool {
			m := w.store.messages[ord]
			return !m.Status.Settled() && m.Prompt == p.ID && !m.Marks.Has(PromptingEnded)
		}) {
			t.Fatalf("a live prompt asks about nothing: %+v", p)
		}
		if p.Sends == 0 || p.Covered > len(p.Messages) || p.State == PromptOpen && p.Claimer != "" {
			t.Fatalf("odd prompt: %+v", p)
		}
	}
	for conv, n := range w.shownPerDay() {
		if n > w.policy.PerConversationDay {
			t.Fatalf("%d prompts for %v in a day", n, conv)
		}
	}
	for _, p := range w.store.prompts {
		for _, q := range w.store.prompts {
			if p.State == PromptCapped && q.State == PromptCapped && p.ID != q.ID && p.Conv == q.Conv && p.OpenedAt <= q.OpenedAt && q.OpenedAt < p.OpenedAt.Add(day) {
				t.Fatalf("the cap was reported twice: %+v, %+v", p, q)
			}
		}
	}
	for _, m := range w.store.messages {
		j.message(t, m)
	}
	j.texts(t)
	if got, want := w.ledger.pending, w.store.seed().Pending; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("pending: %v counted, %v stored", got, want)
	}
	if got, want := w.ledger.OpenPrompts(), w.store.seed().Prompts; got != want {
		t.Fatalf("open prompts: %d counted, %d stored", got, want)
	}
}

func (j *judge) message(t *rapid.T, m Message) {
	switch {
	case m.Kind != Watched:
		if m.Due != 0 || m.Notice.Seq != 0 || m.Text != "" {
			t.Fatalf("more than a position in the order: %+v", m)
		}
		return
	case m.Status.Settled():
		if m.Due != 0 || m.Text != "" || m.SettledAt == 0 {
			t.Fatalf("settled, and yet: %+v", m)
		}
		return
	case m.Due == 0 && m.Reason == "":
		t.Fatalf("neither an alarm nor a reason for none: %+v", m)
	case m.Due != 0 && !j.w.heap[Alarm{m.Due, m.Ord}]:
		t.Fatalf("the alarm of a message is lost: %+v", m)
	case m.Marks&(Ordered|WantsSMS) != 0 && !m.Marks.Has(Wanted):
		t.Fatalf("ordered, but not wanted: %+v", m)
	case m.Marks.Has(Wanted) && m.Due == 0:
		t.Fatalf("a prompt is wanted, but there is no alarm: %+v", m)
	case m.Reason == ReasonPrompted && !j.w.store.prompts[m.Prompt].State.Live():
		t.Fatalf("prompted, but the prompt has ended: %+v, %+v", m, j.w.store.prompts[m.Prompt])
	}
	s := j.w.policy.Resolve(&m, j.w.Parties(m.Conv()), Expectation{})
	if r := Explain(&m, s, j.w.now); r.Reason == "" {
		t.Fatalf("no explanation for %+v", m)
	}
}

// shownPerDay counts the prompts of the last day that were shown.
func (w *world) shownPerDay() map[Conv]int {
	n := map[Conv]int{}
	for _, p := range w.store.prompts {
		if !p.State.isNote() && len(p.Shown) > 0 && w.now < p.OpenedAt.Add(day) {
			n[p.Conv]++
		}
	}
	return n
}
