package request

import (
	"strconv"
	"time"

	"tocsin/track"
	"tocsin/xep/caps"
	"tocsin/xep/escalation"
	"tocsin/xep/forms"
)

// names are the priorities as sent on the wire, lowest first.
var names = []struct {
	priority track.Priority
	name     escalation.Priority
}{{track.Low, escalation.Low}, {track.Normal, escalation.Normal}, {track.High, escalation.High}, {track.Urgent, escalation.Urgent}}

// times returns the form in disco#info with the timeouts, and the limits for users' settings (protocol §9). Times
// are in seconds, 0 means never.
func times(p *track.Policy) caps.Form {
	form := caps.Form{Type: forms.Result, Fields: []caps.Field{{Var: "FORM_TYPE", Type: "hidden", Values: []string{escalation.NS}}}}
	add := func(name string, values ...string) {
		form.Fields = append(form.Fields, caps.Field{Var: name, Values: values})
	}
	add("undelivered_after", seconds(p.UndeliveredAfter))
	add("unread_after", seconds(p.UnreadAfter))
	add("min_after", seconds(p.MinAfter))
	add("max_after", seconds(p.MaxAfter))
	var all, some []string // priorities for everybody, and restricted ones
	for _, n := range names {
		rule, everybody := rule(p, n.priority)
		if everybody {
			all = append(all, string(n.name))
		} else {
			some = append(some, string(n.name))
		}
		if rule == nil {
			continue
		}
		if rule.UndeliveredAfter > 0 {
			add(string(n.name)+".undelivered_after", seconds(rule.UndeliveredAfter))
		}
		if rule.UnreadAfter > 0 {
			add(string(n.name)+".unread_after", seconds(rule.UnreadAfter))
		}
	}
	add("priorities", all...)
	if len(some) > 0 {
		add("restricted_priorities", some...)
	}
	return form
}

// rule returns the rule of a priority that applies to everybody, or the first one if none does.
func rule(p *track.Policy, name track.Priority) (first *track.PriorityRule, everybody bool) {
	for i := range p.Priorities {
		rule := &p.Priorities[i]
		switch {
		case rule.Name != name:
		case len(rule.Senders) == 0:
			return rule, true
		case first == nil:
			first = rule
		}
	}
	return first, first == nil
}

// seconds is a duration in whole seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
