package track

import (
	"reflect"
	"testing"
	"time"
)

// TestResolve checks the precedence of protocol §3: recipient's opt-out > admin's rules > hint > sender's settings > domain.
func TestResolve(t *testing.T) {
	type given struct {
		policy func(*Policy)
		hint   Hint
		who    Parties
		expect Expectation
		sender string
	}
	minute := time.Minute
	urgentOps := func(p *Policy) {
		p.Priorities = []PriorityRule{
			{Name: Urgent, UndeliveredAfter: 30 * time.Second, UnreadAfter: 2 * minute, BypassQuiet: true, Senders: []Pattern{"*@ops.example.org"}},
			{Name: Urgent, UnreadAfter: 5 * minute, Senders: []Pattern{"boss@example.org"}},
		}
	}
	night := Quiet{From: 22 * 60, To: 7 * 60, Zone: time.UTC}
	for _, tc := range []struct {
		name  string
		given given
		want  Settings // Steps and Expectation are not compared; Priority, Mode and ModeOf default to normal, ask and domain
	}{
		{"the domain's", given{}, Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute}},
		{"the sender's times", given{who: Parties{Sender: Prefs{UndeliveredAfter: 3 * minute, UnreadAfter: 4 * minute}}},
			Settings{Watch: true, UndeliveredAfter: 3 * minute, UnreadAfter: 4 * minute}},
		{"the sender's times, clamped", given{who: Parties{Sender: Prefs{UndeliveredAfter: time.Second, UnreadAfter: 1000 * time.Hour}}},
			Settings{Watch: true, UndeliveredAfter: 10 * time.Second, UnreadAfter: 72 * time.Hour}},
		{"hint over sender", given{hint: Hint{Timeout: 60}, who: Parties{Sender: Prefs{UndeliveredAfter: 3 * minute, UnreadAfter: 4 * minute}}},
			Settings{Watch: true, UndeliveredAfter: minute, UnreadAfter: minute}},
		{"a long hint leaves the time to deliver", given{hint: Hint{Until: UntilDisplayed, Timeout: 3600}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: time.Hour}},
		{"hint clamped below", given{hint: Hint{Timeout: 1}}, Settings{Watch: true, UndeliveredAfter: 10 * time.Second, UnreadAfter: 10 * time.Second}},
		{"hint clamped above", given{hint: Hint{Timeout: 999_999_999}}, Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 72 * time.Hour}},
		{"until delivered", given{hint: Hint{Until: UntilDelivered, Timeout: 60}, expect: Expectation{Delivery: RuleReceiptAssumed, Reading: RuleMarks}}, Settings{Watch: true, UndeliveredAfter: minute, Delivery: true}},
		{"until delivered without a time", given{hint: Hint{Until: UntilDelivered}, expect: Expectation{Delivery: RuleReceiptAssumed, Reading: RuleMarks}}, Settings{Watch: true, UndeliveredAfter: 2 * minute, Delivery: true}},
		{"until none", given{hint: Hint{Until: UntilNone}}, Settings{Unwatched: ReasonNotWatched, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute}},
		{"opt-out over hint", given{hint: Hint{Until: UntilDisplayed, Escalate: Ask, Priority: High}, who: Parties{Recipient: Prefs{Watch: Off}}},
			Settings{Unwatched: ReasonOptedOut, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Priority: High, ModeOf: TierHint}},

		{"senders hinted, no hint", given{policy: func(p *Policy) { p.Senders = SendersHinted }}, Settings{Unwatched: ReasonNotWatched, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute}},
		{"senders hinted, hint", given{policy: func(p *Policy) { p.Senders = SendersHinted }, hint: Hint{Until: UntilDisplayed}}, Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute}},
		{"senders opted in, not this one", given{policy: func(p *Policy) { p.Senders = SendersOptedIn }, who: Parties{Sender: Prefs{Mode: Never}}},
			Settings{Unwatched: ReasonNotWatched, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Mode: Never, ModeOf: TierSender}},
		{"senders opted in, by mode", given{policy: func(p *Policy) { p.Senders = SendersOptedIn }, who: Parties{Sender: Prefs{Mode: Ask}}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, ModeOf: TierSender}},
		{"senders opted in, by chat prompts", given{policy: func(p *Policy) { p.Senders = SendersOptedIn }, who: Parties{Sender: Prefs{Fallback: On}}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute}},

		{"mode of the domain", given{policy: func(p *Policy) { p.Mode = Never }}, Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Mode: Never}},
		{"mode of the sender", given{policy: func(p *Policy) { p.Mode = Never }, who: Parties{Sender: Prefs{Mode: Auto}}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Mode: Auto, ModeOf: TierSender}},
		{"mode of the hint", given{hint: Hint{Escalate: Never}, who: Parties{Sender: Prefs{Mode: Auto}}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Mode: Never, ModeOf: TierHint}},
		{"mode not configured", given{policy: func(p *Policy) { p.Mode = ModeUnset }}, Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute}},
		{"muted", given{who: Parties{Contact: Contact{Muted: true}}}, Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Muted: true}},
		{"hint over mute", given{hint: Hint{Escalate: Ask}, who: Parties{Contact: Contact{Muted: true}}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, ModeOf: TierHint}},

		{"admin's rule over hint", given{policy: urgentOps, sender: "a@ops.example.org", hint: Hint{Priority: Urgent, Timeout: 3600}},
			Settings{Watch: true, UndeliveredAfter: 30 * time.Second, UnreadAfter: 2 * minute, Priority: Urgent}},
		{"the first rule that allows", given{policy: urgentOps, sender: "boss@example.org", hint: Hint{Priority: Urgent}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 5 * minute, Priority: Urgent}},
		{"a priority that the sender may not use", given{policy: urgentOps, hint: Hint{Priority: Urgent}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Priority: High}},
		{"nor the next", given{policy: func(p *Policy) {
			urgentOps(p)
			p.Priorities = append(p.Priorities, PriorityRule{Name: High, Senders: []Pattern{"ops.example.org"}}, PriorityRule{Name: Normal, UnreadAfter: 20 * minute})
		}, hint: Hint{Priority: Urgent}}, Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 20 * minute}},
		{"low, reserved for others", given{policy: func(p *Policy) {
			p.Priorities = []PriorityRule{{Name: Low, UnreadAfter: minute, Senders: []Pattern{"x.org"}}}
		}, hint: Hint{Priority: Low}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Priority: Low}},
		{"a rule for those who set nothing", given{policy: func(p *Policy) { p.Priorities = []PriorityRule{{Name: Normal, UndeliveredAfter: minute}} }},
			Settings{Watch: true, UndeliveredAfter: minute, UnreadAfter: 10 * minute}},
		{"until delivered, under a rule", given{policy: urgentOps, sender: "a@ops.example.org", hint: Hint{Priority: Urgent, Until: UntilDelivered}},
			Settings{Watch: true, UndeliveredAfter: 30 * time.Second, Priority: Urgent}},

		{"quiet hours of the domain", given{policy: func(p *Policy) { p.Quiet = night }}, Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Quiet: night, QuietOf: TierDomain}},
		{"quiet hours of the recipient", given{policy: func(p *Policy) { p.Quiet = night }, who: Parties{Recipient: Prefs{Quiet: "13:00-14:00"}, Sender: Prefs{Quiet: "01:00-02:00"}}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Quiet: Quiet{From: 13 * 60, To: 14 * 60, Zone: time.UTC}, QuietOf: TierRecipient}},
		{"no quiet hours, says the recipient", given{policy: func(p *Policy) { p.Quiet = night }, who: Parties{Recipient: Prefs{Quiet: NoQuiet}}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, QuietOf: TierRecipient}},
		{"quiet hours that can't be read", given{policy: func(p *Policy) { p.Quiet = night }, who: Parties{Recipient: Prefs{Quiet: "late"}}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Quiet: Quiet{Always: true, Zone: time.UTC}, QuietOf: TierRecipient}},
		{"quiet hours in a zone that is gone", given{who: Parties{Recipient: Prefs{Quiet: "22:00-07:00 Europe/Nowhere"}}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Quiet: Quiet{Always: true, Zone: time.UTC}, QuietOf: TierRecipient}},
		{"quiet hours of a recipient whose zone is gone", given{who: Parties{Recipient: Prefs{Quiet: "22:00-07:00", Zone: "Europe/Nowhere"}}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, Quiet: Quiet{Always: true, Zone: time.UTC}, QuietOf: TierRecipient}},
		{"no quiet hours, of a recipient whose zone is gone", given{who: Parties{Recipient: Prefs{Quiet: NoQuiet, Zone: "Europe/Nowhere"}}},
			Settings{Watch: true, UndeliveredAfter: 2 * minute, UnreadAfter: 10 * minute, QuietOf: TierRecipient}},
		{"urgent goes through quiet hours", given{policy: func(p *Policy) { urgentOps(p); p.Quiet = night }, sender: "a@ops.example.org", hint: Hint{Priority: Urgent}},
			Settings{Watch: true, UndeliveredAfter: 30 * time.Second, UnreadAfter: 2 * minute, Priority: Urgent}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := standard()
			if tc.given.policy != nil {
				tc.given.policy(&p)
			}
			m := Message{Key: Key{first(tc.given.sender, alice), bob, "m1"}, Hint: tc.given.hint}
			got := p.Resolve(&m, tc.given.who, tc.given.expect)
			tc.want.Priority = first(tc.want.Priority, Normal)
			tc.want.Mode, tc.want.ModeOf = first(tc.want.Mode, Ask), first(tc.want.ModeOf, TierDomain)
			if got.Steps, got.Expectation = nil, (Expectation{}); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

// A test message has no timeouts and no chain of its own, whatever the settings: only the test happens.
func TestResolveATest(t *testing.T) {
	p := standard()
	p.Senders = SendersHinted
	m := Message{Key: Key{alice, alice, "m1"}, Marks: Test}
	got := p.Resolve(&m, Parties{Recipient: Prefs{Watch: Off}}, Expectation{})
	if !got.Watch || got.UndeliveredAfter != 0 || got.UnreadAfter != 0 || len(got.Steps) > 0 {
		t.Errorf("got %+v", got)
	}
}

func TestPattern(t *testing.T) {
	for _, tc := range []struct {
		pattern Pattern
		yes, no []string
	}{
		{"alice@example.org", []string{"alice@example.org"}, []string{"bob@example.org", "example.org", "xalice@example.org"}},
		{"example.org", []string{"example.org", "bob@example.org"}, []string{"a@sub.example.org", "xexample.org", "a@xexample.org"}},
		{"*@example.org", []string{"bob@example.org"}, []string{"example.org", "a@sub.example.org"}},
	} {
		for _, jid := range tc.yes {
			if !tc.pattern.Match(jid) {
				t.Errorf("%s does not match %s", tc.pattern, jid)
			}
		}
		for _, jid := range tc.no {
			if tc.pattern.Match(jid) {
				t.Errorf("%s matches %s", tc.pattern, jid)
			}
		}
	}
}
