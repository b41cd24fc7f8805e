package config

import "tocsin/track"

var priorities = map[string]track.Priority{"low": track.Low, "normal": track.Normal, "high": track.High, "urgent": track.Urgent}

var timeouts = map[string]track.State{"undelivered": track.StateTimeoutUndelivered, "unread": track.StateTimeoutUnread}

// Policy returns the decisions of [track] and [escalate]. As long as the component can't send SMS itself, "auto" is
// "ask", and a step "sms" a step "prompt".
func (c *Config) Policy() track.Policy {
	t, e := c.Track, c.Escalate
	p := track.Policy{
		Senders:            t.Senders,
		UndeliveredAfter:   t.UndeliveredAfter,
		UnreadAfter:        t.UnreadAfter,
		MinAfter:           t.MinAfter,
		MaxAfter:           t.MaxAfter,
		ReplyReads:         t.ReplyReads,
		AssumeMarkers:      t.AssumeMarkers,
		Mode:               track.Ask,
		Fallback:           e.Fallback,
		Expires:            e.Expires,
		Disclose:           e.Disclose,
		Reveal:             e.Reveal,
		Quiet:              e.Quiet,
		PerConversationDay: e.PerConversationPerDay,
		PerRecipientDay:    e.PerRecipientPerDay,
		PerSenderHour:      e.PerSenderPerHour,
	}
	if e.Mode == "never" {
		p.Mode = track.Never
	}
	for _, rule := range t.Priorities {
		p.Priorities = append(p.Priorities, track.PriorityRule{
			Name:             priorities[rule.Name],
			UndeliveredAfter: rule.UndeliveredAfter,
			UnreadAfter:      rule.UnreadAfter,
			BypassQuiet:      rule.BypassQuietHours,
			Senders:          rule.Senders,
		})
	}
	for _, step := range e.Steps {
		do := step.Do
		if do == track.DoSMS {
			do = track.DoPrompt
		}
		p.Steps = append(p.Steps, track.Step{
			After: step.After,
			Do:    do,
			On:    timeouts[step.On],
			From:  priorities[step.Priority],
			URL:   step.URL,
			Key:   string(step.Secret),
		})
	}
	return p
}
