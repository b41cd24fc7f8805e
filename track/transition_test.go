package track

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/transitions.golden and docs/TRANSITIONS.md again")

// Times of the table, counted from sending.
const (
	tableUndelivered = 2 * time.Minute
	tableUnread      = 10 * time.Minute
	tableWebhook     = 15 * time.Minute // after the timeout
)

func tableSettings() Settings {
	return Settings{
		Reveals: true,
		Watch:   true, UndeliveredAfter: tableUndelivered, UnreadAfter: tableUnread, Priority: Normal, Mode: Ask, ModeOf: TierDomain,
		Steps: []Step{{Do: DoPrompt}, {After: tableWebhook, Do: DoWebhook}}, Delivery: true, Reading: true,
		Expectation: Expectation{Delivery: RuleReceiptAssumed, Reading: RuleMarkerAssumed},
	}
}

// tableState is one row of states: how a message gets there, and under which settings.
type tableState struct {
	name, means string
	settings    func(*Settings)
	hint        Hint
	facts       []FactKind // AlarmFired: when due
	after       func(*Settings)
}

func expecting(s *Settings, delivery, reading Rule) {
	s.Expectation = Expectation{Delivery: delivery, Reading: reading}
	s.Delivery, s.Reading = delivery.Expected(), reading.Expected()
}
func unknowable(s *Settings)     { expecting(s, RuleNothingAsked, RuleNotReached) }
func onlyReading(s *Settings)    { expecting(s, RuleFetched, RuleMarkerAssumed) }
func onlyDelivery(s *Settings)   { expecting(s, RuleReceiptAssumed, RuleNotMarkable) }
func quietTillSeven(s *Settings) { s.Hold, s.Held = noon.Add(19*time.Hour), ReasonQuiet }

var tableStates = []tableState{
	{name: "pending", means: "sent; a receipt and a marker can be expected"},
	{name: "pending, delivery only", means: "sent; no marker can be expected", settings: onlyDelivery},
	{name: "pending, reading only", means: "fetched from the archive: no receipt can be expected, but a marker", settings: onlyReading},
	{name: "pending, until delivered", means: "the hint asks for delivery only", hint: Hint{Until: UntilDelivered}, settings: func(s *Settings) { onlyDelivery(s); s.UnreadAfter = 0 }},
	{name: "unknown", means: "neither can be expected: silence means nothing", settings: unknowable},
	{name: "undelivered", means: "timeout-undelivered was told, the sender prompted", facts: []FactKind{AlarmFired}},
	{name: "undelivered, held", means: "timeout-undelivered was told, the prompt waits for the end of quiet hours", settings: quietTillSeven, facts: []FactKind{AlarmFired}},
	{name: "undelivered, the hold over", means: "the same at seven in the morning", settings: quietTillSeven, facts: []FactKind{AlarmFired}, after: func(s *Settings) { s.Hold = 0 }},
	{name: "undelivered, over the cap", means: "timeout-undelivered is due, and a cap is reached", settings: func(s *Settings) { s.Refuse = ReasonCap }},
	{name: "undelivered, chain done", means: "every step was done", facts: []FactKind{AlarmFired, AlarmFired}},
	{name: "delivered", means: "the recipient's side has it; a marker can be expected", facts: []FactKind{Received}},
	{name: "delivered by order", means: "a later message arrived: so did this one", facts: []FactKind{byOrder}},
	{name: "delivered, reading unknown", means: "no marker can be expected", settings: onlyDelivery, facts: []FactKind{Received}},
	{name: "delivered, until delivered", means: "all that the hint asks for", hint: Hint{Until: UntilDelivered}, settings: func(s *Settings) { onlyDelivery(s); s.UnreadAfter = 0 }, facts: []FactKind{Received}},
	{name: "delivered late", means: "after timeout-undelivered: the time to read counts from the delivery", facts: []FactKind{AlarmFired, Received}},
	{name: "unread", means: "timeout-unread was told, the sender prompted", facts: []FactKind{Received, AlarmFired}},
	{name: "unread, never delivered", means: "as no receipt could be expected", settings: onlyReading, facts: []FactKind{AlarmFired}},
	{name: "unread after late delivery", means: "both timeouts were told", facts: []FactKind{AlarmFired, Received, AlarmFired}},
	{name: "command waits", means: "the sender asked for escalation; its alarm is due at once", facts: []FactKind{Forced}},
	{name: "escalated", means: "an SMS was reported sent", facts: []FactKind{AlarmFired, SMSSent}},
	{name: "SMS on its way", means: "the component is to send an SMS, and has not yet", facts: []FactKind{AlarmFired}, settings: automatic},
	{name: "SMS sent", means: "a provider has taken the component's own SMS", facts: []FactKind{AlarmFired, smsTaken}, settings: automatic},
	{name: "not watched any more", means: "the recipient opted out after the message was sent", after: func(s *Settings) { s.Watch, s.Unwatched = false, ReasonOptedOut }},
	{name: "displayed", means: "read", facts: []FactKind{Read}},
	{name: "hushed", means: "read on a device of the recipient's, who wants nothing said of that", settings: func(s *Settings) { s.Sync = SyncQuiet }, facts: []FactKind{Received, Synced}},
	{name: "failed", means: "returned by the recipient's side", facts: []FactKind{Bounced}},
	{name: "delivered after an error", means: "returned by one device, and received by another", facts: []FactKind{Bounced, Received}},
	{name: "cancelled", means: "retracted, or by command", facts: []FactKind{Retracted}},
}

// make returns a message in the state, and the instant at which to look at it next.
func (ts tableState) make() (Message, Settings, Time) {
	s, now := tableSettings(), noon
	if ts.settings != nil {
		ts.settings(&s)
	}
	m := newMessage(&Fact{Kind: Sent, Key: Key{alice, bob, "m1"}, At: now, Text: "text", Marks: AsksReceipt | Markable, Hint: ts.hint}, Sessions{})
	m.Ord = 1
	m.begin(s, now)
	for _, kind := range ts.facts {
		now = now.Add(time.Minute)
		if kind == AlarmFired {
			now = m.Due
		}
		for _, e := range Transition(&m, tableFact(kind, now), s, now) {
			if e.Kind == SendText { // as the ledger does
				m.Marks, m.Reason = m.Marks|Texting, ReasonTexting
			}
		}
	}
	if ts.after != nil {
		ts.after(&s)
	}
	return m, s, now.Add(time.Minute)
}

// byOrder stands for a Received by order, the others for outcomes of the component's own SMS.
const (
	byOrder = factKinds + iota
	smsTaken
	smsUnsure
	smsDelivered
	smsFailed
)

func automatic(s *Settings) { s.Mode = Auto }

func tableFact(kind FactKind, at Time) Fact {
	basis := map[FactKind]Basis{Received: ByReceipt, byOrder: ByOrder, Read: ByMarker, Replied: ByReply, Bounced: ByError, Stopped: ByCommand}
	if kind == byOrder {
		return Fact{Kind: Received, Key: Key{alice, bob, "m1"}, At: at, Basis: ByOrder}
	}
	switch kind {
	case smsTaken:
		return Fact{Kind: SMSSent, Ord: 1, At: at, Basis: BySMS, SMS: SMSStateSent}
	case smsUnsure:
		return Fact{Kind: SMSSent, Ord: 1, At: at, Basis: BySMS, SMS: SMSStateUnsure}
	case smsDelivered:
		return Fact{Kind: SMSEnded, Ord: 1, At: at, Basis: BySMS, SMS: SMSStateDelivered}
	case smsFailed:
		return Fact{Kind: SMSEnded, Ord: 1, At: at, Basis: BySMS, SMS: SMSStateFailed}
	}
	return Fact{Kind: kind, Key: Key{alice, bob, "m1"}, At: at, Basis: basis[kind], Text: "better"}
}

// tableFacts are the columns; an alarm fires early and when it is due.
var tableFacts = []struct {
	kind FactKind
	due  bool
	name string
}{
	{Sent, false, "another copy"}, {Received, false, "received"}, {byOrder, false, "received, by order"}, {Read, false, "read"}, {Replied, false, "replied"}, {Stored, false, "stored"}, {Handed, false, "handed"}, {Unacked, false, "unacked"}, {Dropped, false, "dropped"}, {RosterChanged, false, "roster changed"}, {Named, false, "named"},
	{Bounced, false, "bounced"}, {Deferred, false, "deferred"}, {Corrected, false, "corrected"}, {Synced, false, "synced"}, {Retracted, false, "retracted"},
	{Stopped, false, "stopped"}, {Forced, false, "forced"}, {SMSSent, false, "SMS sent"},
	{smsTaken, false, "own SMS taken"}, {smsUnsure, false, "own SMS unsure"}, {smsDelivered, false, "own SMS delivered"}, {smsFailed, false, "own SMS failed"}, {SMSEnded, false, "own SMS not sent"}, {Aged, false, "aged"}, {AlarmFired, false, "alarm, early"}, {AlarmFired, true, "alarm"},
}

// transition is one cell of the table.
type transition struct {
	fact, state, told, does, next string
	same                          bool
}

func (ts tableState) transitions() []transition {
	var list []transition
	for _, f := range tableFacts {
		m, s, now := ts.make()
		if f.kind == AlarmFired && m.Due != 0 {
			if f.due {
				now = m.Due
			} else {
				now = min(now, m.Due-1)
			}
		}
		before := m
		effects := Transition(&m, tableFact(f.kind, now), s, now)
		t := transition{fact: f.name, state: nameState(m), next: nameAlarm(m), same: m == before && len(effects) == 0}
		t.told, t.does = nameEffects(effects, s)
		list = append(list, t)
	}
	return list
}

func nameState(m Message) string {
	name := []string{"pending", "delivered", "displayed", "failed", "cancelled"}[m.Status]
	for _, mark := range []struct {
		mark Marks
		name string
	}{
		{TimedOutUndelivered, "timeout-undelivered"}, {TimedOutUnread, "timeout-unread"}, {Escalated, "escalated"}, {PromptingEnded, "prompting ended"},
		{StoredOffline, "stored"}, {Hushed, "hushed"}, {Discarded, "discarded"}, {Wanted, "prompt wanted"}, {Texting, "SMS on its way"}, {SMSTried, "SMS tried"},
	} {
		if m.Marks.Has(mark.mark) {
			name += " + " + mark.name
		}
	}
	return name
}

func nameAlarm(m Message) string {
	var words []string
	if m.Due != 0 {
		after := m.Due.Std().Sub(m.SentAt.Std())
		words = append(words, fmt.Sprintf("alarm at %d:%02d", int(after.Hours()), int(after.Minutes())%60))
	}
	if m.Reason != "" && m.Reason != ReasonSettled {
		words = append(words, string(m.Reason))
	}
	return strings.Join(words, ", ")
}

func nameEffects(effects []Effect, s Settings) (told, does string) {
	var tells, others []string
	for _, e := range effects {
		switch e.Kind {
		case Notify:
			say := string(e.Notice.State)
			if e.Notice.Further != "" {
				say += " (further: " + string(e.Notice.Further) + ")"
			}
			if e.Notice.Basis != "" {
				say += " by " + string(e.Notice.Basis)
			}
			if e.Notice.SMS != "" {
				say += " (sms: " + string(e.Notice.SMS) + ")"
			}
			tells = append(tells, say)
		case Prompting:
			others = append(others, "prompt")
		case SendText:
			others = append(others, "SMS")
		case Do:
			others = append(others, string(s.Steps[e.Step].Do))
		case Arrived:
			others = append(others, "withdraw if all it asked about is delivered")
		case Settle:
			others = append(others, "withdraw if all is settled: "+string(e.Reason))
		case Refresh:
			others = append(others, "show its prompt again")
		case Capped:
			others = append(others, "tell once that the cap is reached")
		}
	}
	return strings.Join(tells, ", "), strings.Join(others, ", ")
}

// TestTransitionTable compares every fact in every state with testdata/transitions.golden, and the page made from the same
// table.
func TestTransitionTable(t *testing.T) {
	var golden, page bytes.Buffer
	page.WriteString(pageHead)
	for _, ts := range tableStates {
		m, _, _ := ts.make()
		fmt.Fprintf(&golden, "%s: %s [%s]\n", ts.name, nameState(m), nameAlarm(m))
		fmt.Fprintf(&page, "\n## %s\n\n%s. In the message: %s.\n\n", ts.name, upper(ts.means), strings.Join(slices.DeleteFunc([]string{nameState(m), nameAlarm(m)}, func(s string) bool { return s == "" }), "; "))
		var same []string
		rows := 0
		for _, c := range ts.transitions() {
			fmt.Fprintf(&golden, "\t%-13s -> %s [%s]", c.fact, c.state, c.next)
			if c.told != "" {
				fmt.Fprintf(&golden, "; told: %s", c.told)
			}
			if c.does != "" {
				fmt.Fprintf(&golden, "; %s", c.does)
			}
			golden.WriteByte('\n')
			if c.same {
				same = append(same, c.fact)
				continue
			}
			if rows++; rows == 1 {
				page.WriteString("| fact | becomes | reported | does | then |\n|---|---|---|---|---|\n")
			}
			fmt.Fprintf(&page, "| %s | %s | %s | %s | %s |\n", c.fact, c.state, c.told, c.does, c.next)
		}
		if len(same) == len(tableFacts) {
			page.WriteString("No fact changes anything.\n")
		} else if len(same) > 0 {
			fmt.Fprintf(&page, "\nNo change: %s.\n", strings.Join(same, ", "))
		}
	}
	for file, got := range map[string][]byte{"testdata/transitions.golden": golden.Bytes(), "../docs/TRANSITIONS.md": page.Bytes()} {
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: go test ./track -run TransitionTable -update, and look at what changes\n%s", file, firstDifference(got, want))
		}
	}
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d: got  %s\n         want %s", i+1, g[i], strings.Join(w[min(i, len(w)):min(i+1, len(w))], ""))
		}
	}
	return "the end is missing"
}

const pageHead = `# Transitions

The effect of every fact on a message in every state, generated from the code by ` + "`go test ./track -run TransitionTable -update`" + `;
a test fails when this page is stale. [design/states.md](design/states.md) has the reasons.

The table is made with a time of 2 minutes for delivery and 10 for reading, no quiet hours, and a chain of two steps: prompt at
once, webhook 15 minutes after the timeout. "alarm at" is in hours and minutes from sending. A fact that names no single message applies
to those selected by the ledger: a marker to all up to the named one, a plain reply to the delivered ones (so *replied* never
meets a pending message). Whether a prompt is really opened, joined or withdrawn depends on the others of the conversation.
`

// TestTransitionIsTotal applies every fact to every status with every combination of marks, under different settings, and
// checks the invariants of each result.
func TestTransitionIsTotal(t *testing.T) {
	marks := []Marks{AsksReceipt, Inferred, TimedOutUndelivered, TimedOutUnread, Escalated, PromptingEnded, OutOfTurn, Wanted, Ordered, Texting, SMSTried}
	settings := []Settings{tableSettings()}
	for _, vary := range []func(*Settings){unknowable, onlyReading, onlyDelivery, quietTillSeven,
		func(s *Settings) { s.Watch, s.Unwatched = false, ReasonOptedOut },
		func(s *Settings) { s.Mode = Never },
		automatic,
		func(s *Settings) { s.Mode, s.NoText = Auto, NoNumber },
		func(s *Settings) { s.Refuse = ReasonCap },
		func(s *Settings) { s.UndeliveredAfter, s.UnreadAfter = 0, 0 },
		func(s *Settings) { s.Steps = nil },
		func(s *Settings) {
			s.Steps = []Step{{Do: DoStatus}, {Do: DoRemind}, {Do: DoStatus, After: time.Minute}, {Do: DoSMS, From: Urgent}}
		},
	} {
		s := tableSettings()
		vary(&s)
		settings = append(settings, s)
	}
	for status := Pending; status <= Cancelled; status++ {
		for bits := range 1 << len(marks) {
			for kind := range smsFailed + 1 {
				for i, s := range settings {
					for _, wait := range []time.Duration{0, 5 * time.Minute, 30 * time.Hour} {
						m := Message{Ord: 1, Key: Key{alice, bob, "m1"}, Status: status, SentAt: noon, Text: "text", Due: noon.Add(wait / 2)}
						for j, mark := range marks {
							if bits>>j&1 != 0 {
								m.Marks |= mark
							}
						}
						if status != Pending {
							m.DeliveredAt = noon
						}
						if status.Settled() {
							m.Due, m.Reason, m.Text = 0, ReasonSettled, ""
						} else if m.Marks&(TimedOutUndelivered|TimedOutUnread) != 0 {
							m.TimeoutAt = noon
						}
						before, plain, now := m, m, noon.Add(wait)
						effects := Transition(&m, tableFact(kind, now), s, now)
						if kind.isPlain() {
							same := Transition(&plain, tableFact(kind, now), Settings{Watch: s.Watch, Unwatched: s.Unwatched}, now)
							if plain != m || !slices.Equal(same, effects) {
								t.Fatalf("fact %d depends on settings %d, after %v:\n%+v\n%+v\n%+v", kind, i, wait, before, m, plain)
							}
							if slices.ContainsFunc(effects, func(e Effect) bool { return e.Kind != Notify && e.Kind != Settle }) {
								t.Fatalf("fact %d has effects that depend on settings: %+v", kind, effects)
							}
						}
						if fault := faultOf(before, m, effects, kind); fault != "" {
							t.Fatalf("%s: fact %d, settings %d, after %v:\n%+v\n%+v\n%+v", fault, kind, i, wait, before, m, effects)
						}
					}
				}
			}
		}
	}
}

func faultOf(before, m Message, effects []Effect, kind FactKind) string {
	told := slices.ContainsFunc(effects, func(e Effect) bool { return e.Kind == Notify })
	once := TimedOutUndelivered | TimedOutUnread | Reminded | StoredOffline | SMSTried
	if kind != SMSEnded && kind != smsFailed { // an SMS may fail after a provider accepted it
		once |= Escalated
	}
	switch {
	case m.Status.rank() < before.Status.rank() && !(before.Status == Delivered && before.Marks.Has(Inferred)):
		return "the status goes back"
	case m.Status == Failed && before.Status != Failed && before.Marks.Has(Confirmed):
		return "an error outdoes evidence"
	case before.Marks&once&^m.Marks != 0:
		return "what has happened is forgotten"
	case before.Status.Final() && len(effects) > 0:
		return "something follows for a message that is over"
	case m.Status.Settled() && (m.Due != 0 || m.Text != ""):
		return "a message that is over keeps its alarm or text"
	case !m.Status.Settled() && m.Due == 0 && m.Reason == "" && kind == AlarmFired:
		return "neither an alarm nor a reason for none"
	case told != (m.Notice.Seq > before.Notice.Seq):
		return "told without a new seq"
	case m.Marks&^before.Marks&(TimedOutUndelivered|TimedOutUnread) != 0 && kind != AlarmFired:
		return "a timeout without an alarm"
	case m.Status == Pending && before.Marks.Has(TimedOutUndelivered) && m.Marks&^before.Marks&TimedOutUnread != 0:
		return "timeout-unread on top of timeout-undelivered"
	}
	return ""
}
