package config

import "tocsin/track"

var priorities = map[string]track.Priority{"low": track.Low, "normal": track.Normal, "high": track.High, "urgent": track.Urgent}

var timeouts = map[string]track.State{"undelivered": track.StateTimeoutUndelivered, "unread": track.StateTimeoutUnread}

var modes = map[string]track.Mode{"ask": track.Ask, "auto": track.Auto, "never": track.Never}

// Policy returns the policy set by [track], [escalate] and [sms].
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
		Mode:               modes[e.Mode],
		SMS:                c.smsPolicy(),
		Fallback:           e.Fallback,
		Expires:            e.Expires,
		Disclose:           e.Disclose,
		Reveal:             e.Reveal,
		Quiet:              e.Quiet,
		PerConversationDay: e.PerConversationPerDay,
		PerRecipientDay:    e.PerRecipientPerDay,
		PerSenderHour:      e.PerSenderPerHour,
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
		p.Steps = append(p.Steps, track.Step{
			After: step.After,
			Do:    step.Do,
			On:    timeouts[step.On],
			From:  priorities[step.Priority],
			URL:   step.URL,
			Key:   string(step.Secret),
		})
	}
	return p
}
