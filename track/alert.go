package track

import "fmt"

// AlertKind is what people are told outside of prompts, each in one line of a chat: admins, but for AlertNoCode.
type AlertKind string

const (
	AlertBudgetLow   AlertKind = "budget-low"   // four fifths of the SMS of a day are used up
	AlertBudgetSpent AlertKind = "budget-spent" // all of them: senders are asked, and there are no codes
	AlertNoCode      AlertKind = "no-code"      // to a user: the SMS with the code did not arrive
	AlertCodes       AlertKind = "codes"        // codes to a country are paused, because hardly anybody uses them
)

// Alert is what admins are told, once a day at most. Its time is kept for it, as that of codes that are paused.
type Alert struct {
	Kind    AlertKind
	Country string // AlertCodes
}

// Alerted is an alert, and when it was told last.
type Alerted struct {
	Alert
	At Time
}

// BudgetAlerts are those that every decision on SMS may come to.
var BudgetAlerts = []Alert{{Kind: AlertBudgetLow}, {Kind: AlertBudgetSpent}}

// alert tells admins something, unless they were told within a day.
func (b *batch) alert(a Alert) {
	if at, ok := b.alerts[a]; ok && b.now < at.Add(day) {
		return
	}
	b.alerts[a] = b.now
	b.out.Alerts = append(b.out.Alerts, Alerted{a, b.now})
	for i, admin := range b.policy.SMS.Admins {
		b.out.Outbox = append(b.out.Outbox, Outgoing{
			ID: fmt.Sprintf("alert-%s%s-%d-%d", a.Kind, a.Country, b.now, i), Kind: OutAlert, Owner: admin, Alert: a, After: b.now,
		})
	}
}

// watchBudget tells admins how the budget stands, once segments were added to what is used of it.
func (b *batch) watchBudget() {
	p := b.policy.SMS
	if b.overBudget() {
		b.alert(Alert{Kind: AlertBudgetSpent})
	} else if b.usage.Segments*5 >= p.SegmentsDay*4 {
		b.alert(Alert{Kind: AlertBudgetLow})
	}
}

func (b *batch) overBudget() bool { return b.usage.Segments >= b.policy.SMS.SegmentsDay }
