package web

import (
	"time"

	"tocsin/component/phrase"
	"tocsin/track"
)

// timelineView is the timeline of messages: one line each from sending to settlement, with a dot for each event.
type timelineView struct{ Rows []rowView }

// rowView is a message.
type rowView struct {
	With, Sent, State string // texts
	From, To          int    // ends of the line, in 1/1000 of the width
	Class             string // of the line: read, late, open, failed
	Dots              []dotView
}

type dotView struct {
	X            int
	Class, Label string
}

// timelineViewOf returns the timeline of messages, newest first. Times are shown in the zone of now.
func timelineViewOf(messages []track.Message, now time.Time, say *phrase.Phrases) *timelineView {
	v := &timelineView{}
	if len(messages) == 0 {
		return v
	}
	for i := range messages {
		m := &messages[i]
		end := m.SettledAt
		for _, at := range []track.Time{m.DeliveredAt, m.TimeoutAt, m.Notice.At} {
			end = max(end, at)
		}
		if !m.Status.Settled() {
			end = max(end, track.At(now))
		}
		span := max(1, int64(end-m.SentAt))
		at := func(t track.Time) int { return 20 + int(960*min(max(0, int64(t-m.SentAt)), span)/span) }
		state := m.Notice.State
		if m.Notice.Seq == 0 {
			state = track.StatePending
		}
		row := rowView{
			With: m.Recipient, Sent: say.Time(m.SentAt.Std().In(now.Location()), now), State: say.Watch.State(state),
			From: 20, To: at(end), Class: classOf(m, state),
		}
		dot := func(t track.Time, class string, s track.State) {
			if t != 0 {
				row.Dots = append(row.Dots, dotView{at(t), class, say.Watch.State(s) + ", " + say.Time(t.Std().In(now.Location()), now)})
			}
		}
		dot(m.SentAt, "sent", track.StatePending)
		dot(m.DeliveredAt, "delivered", track.StateDelivered)
		if m.TimeoutAt != 0 {
			late := track.StateTimeoutUnread
			if m.Marks.Has(track.TimedOutUndelivered) && !m.Marks.Has(track.TimedOutUnread) {
				late = track.StateTimeoutUndelivered
			}
			if state == track.StateTimeout { // the sender may not learn which
				late = track.StateTimeout
			}
			dot(m.TimeoutAt, "late", late)
		}
		if m.Status == track.Displayed {
			dot(m.SettledAt, "read", track.StateDisplayed)
		}
		if m.Marks.Has(track.Escalated) {
			dot(m.Notice.At, "sms", track.StateEscalated)
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func classOf(m *track.Message, state track.State) string {
	switch {
	case m.Status == track.Displayed:
		return "read"
	case state == track.StateFailed || state == track.StateCancelled:
		return "failed"
	case m.TimeoutAt != 0:
		return "late"
	}
	return "open"
}
