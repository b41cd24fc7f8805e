package track

import "fmt"

// AlertKind is the kind of a chat message that is no prompt: to admins, except for AlertNoCode.
type AlertKind string

const (
	AlertBudgetLow   AlertKind = "budget-low"   // four fifths of the day's SMS budget are used
	AlertBudgetSpent AlertKind = "budget-spent" // all of it is used: senders are prompted instead, and no codes are sent
	AlertNoCode      AlertKind = "no-code"      // to a user: the SMS with the code was not delivered
	AlertCodes       AlertKind = "codes"        // codes to a country are paused, because hardly any were used
)

// Alert is one alert. Admins get it at most once a day. For AlertCodes the stored time is also when the pause began.
type Alert struct {
	Kind    AlertKind
	Country string // AlertCodes
}

// Alerted is an alert and the time it was last sent.
type Alerted struct {
	Alert
	At Time
}

// BudgetAlerts are the alerts that any decision on SMS may raise.
var BudgetAlerts = []Alert{{Kind: AlertBudgetLow}, {Kind: AlertBudgetSpent}}

// alert sends an alert to the admins, unless it was sent in the last day.
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

// checkBudget alerts the admins if the segments used have reached a threshold of the budget.
func (b *batch) checkBudget() {
	p := b.policy.SMS
	if b.overBudget() {
		b.alert(Alert{Kind: AlertBudgetSpent})
	} else if b.usage.Segments*5 >= p.SegmentsDay*4 {
		b.alert(Alert{Kind: AlertBudgetLow})
	}
}

func (b *batch) overBudget() bool { return b.usage.Segments >= b.policy.SMS.SegmentsDay }
