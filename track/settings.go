package track

import (
	"strings"
	"time"
)

// Parties are the settings of the two people of a conversation.
type Parties struct {
	Sender    Prefs
	Recipient Prefs
	Contact   Contact // Sender's settings for Recipient
	// Standing is Sender's in Recipient's roster, where the server lets it be read; otherwise unknown.
	Standing Standing
	Hidden   bool // Recipient hides the number from Sender
}

// Tier is the origin of a setting.
type Tier string

const (
	TierDomain    Tier = "domain" // the policy, or a built-in default
	TierSender    Tier = "sender"
	TierRecipient Tier = "recipient"
	TierHint      Tier = "hint"
)

// Settings are the resulting settings for one message at one time: policy, people and hint combined.
type Settings struct {
	Watch            bool
	Unwatched        Reason        // why Watch is false
	UndeliveredAfter time.Duration // after sending; 0: never
	UnreadAfter      time.Duration
	Priority         Priority
	Mode             Mode
	ModeOf           Tier
	Muted            bool
	Quiet            Quiet // of the recipient; the zero Quiet if the priority overrides it
	QuietOf          Tier
	Steps            []Step
	Sync             Sync // of the recipient
	Expectation
	Delivery bool // silence about delivery means something
	Reading  bool // silence about reading means something
	Reveals  bool // the sender may distinguish undelivered from unread

	// The verdict on a prompt now: none because of Refuse; or not before Hold, because of Held.
	Refuse Reason
	Hold   Time
	Held   Reason
	// The verdict on the component's own SMS now: none because of NoText; or not before TextHold, because of TextHeld.
	NoText   NoText
	TextHold Time
	TextHeld Reason
}

// Resolve combines the settings for a message. Precedence: recipient's opt-out > admin's rules > hint > sender's settings >
// domain default (protocol §3). Senders' own timeouts are kept within the policy's limits.
func (p *Policy) Resolve(m *Message, who Parties, e Expectation) Settings {
	h := m.Hint
	s := Settings{
		UndeliveredAfter: p.UndeliveredAfter,
		UnreadAfter:      p.UnreadAfter,
		Mode:             first(p.Mode, Ask),
		ModeOf:           TierDomain,
		Muted:            who.Contact.Muted,
		Steps:            p.Steps,
	}
	s.watch(p.unwatched(m, &who))
	s.Sync = who.Recipient.Sync
	if who.Sender.Mode != ModeUnset {
		s.Mode, s.ModeOf = who.Sender.Mode, TierSender
	}
	if h.Escalate != ModeUnset {
		s.Mode, s.ModeOf, s.Muted = h.Escalate, TierHint, false
	}
	if d := who.Sender.UndeliveredAfter; d > 0 {
		s.UndeliveredAfter = p.clamp(d)
	}
	if d := who.Sender.UnreadAfter; d > 0 {
		s.UnreadAfter = p.clamp(d)
	}
	p.hinted(&s, h)
	rule := p.priority(&s, h, m.Sender)
	if rule != nil && rule.UndeliveredAfter > 0 {
		s.UndeliveredAfter = rule.UndeliveredAfter
	}
	if rule != nil && rule.UnreadAfter > 0 && h.Until != UntilDelivered {
		s.UnreadAfter = rule.UnreadAfter
	}
	if rule == nil || !rule.BypassQuiet {
		s.Quiet, s.QuietOf = p.quietOf(who.Recipient)
	}
	s.Expectation = e
	s.Delivery, s.Reading = e.Delivery.Expected(), e.Reading.Expected()
	if h.Until == UntilDelivered {
		s.Reading = false // not requested
	}
	if m.Marks.Has(Test) {
		s.UndeliveredAfter, s.UnreadAfter, s.Steps = 0, 0, nil
	}
	return s
}

// awaitsDelivery reports whether an undelivered message gets a timeout.
func (s Settings) awaitsDelivery() bool { return s.Delivery && s.UndeliveredAfter > 0 }

// watch sets that the message is watched, or why it is not.
func (s *Settings) watch(unwatched Reason) { s.Watch, s.Unwatched = unwatched == "", unwatched }

// unwatched returns why the message is not watched, or "".
func (p *Policy) unwatched(m *Message, who *Parties) Reason {
	switch {
	case m.Marks.Has(Test):
	case who.Recipient.Watch == Off:
		return ReasonOptedOut
	case m.Hint.Until == UntilNone,
		p.Senders == SendersOptedIn && !who.Sender.OptedIn(),
		p.Senders == SendersHinted && m.Hint == Hint{}:
		return ReasonNotWatched
	}
	return ""
}

// OptedIn reports whether the user has opted in to Tocsin by a setting of their own.
func (p Prefs) OptedIn() bool {
	return p.Fallback == On || p.Mode == Ask || p.Mode == Auto
}

func (p *Policy) hinted(s *Settings, h Hint) {
	d := p.clamp(time.Duration(h.Timeout) * time.Second)
	switch {
	case h.Until == UntilDelivered:
		s.UnreadAfter = 0
		if h.Timeout > 0 {
			s.UndeliveredAfter = d
		}
	case h.Timeout > 0:
		s.UnreadAfter, s.UndeliveredAfter = d, min(d, s.UndeliveredAfter)
	}
}

func (p *Policy) clamp(d time.Duration) time.Duration {
	if p.MaxAfter > 0 {
		d = min(d, p.MaxAfter)
	}
	return max(d, p.MinAfter)
}

// priority sets the highest priority that the sender may use, up to the requested one, and returns its rule.
func (p *Policy) priority(s *Settings, h Hint, sender string) *PriorityRule {
	for name := first(h.Priority, Normal); ; name-- {
		var ruled bool
		for i := range p.Priorities {
			rule := &p.Priorities[i]
			if rule.Name != name {
				continue
			}
			ruled = true
			if rule.allows(sender) {
				s.Priority = name
				return rule
			}
		}
		if !ruled || name <= Low {
			s.Priority = name
			return nil
		}
	}
}

func (r *PriorityRule) allows(sender string) bool {
	for _, pattern := range r.Senders {
		if pattern.Match(sender) {
			return true
		}
	}
	return len(r.Senders) == 0
}

// quietOf returns the quiet hours of a recipient: their own, otherwise the domain's.
func (p *Policy) quietOf(who Prefs) (Quiet, Tier) {
	if who.Quiet == "" {
		if p.Quiet.Zone == nil {
			return Quiet{}, ""
		}
		return p.Quiet, TierDomain
	}
	zone := p.Quiet.Zone
	if zone == nil {
		zone = time.UTC
	}
	own, lost := loadZone(who.Zone)
	if who.Zone != "" && lost == nil {
		zone = own
	}
	q, err := ParseQuiet(who.Quiet, zone)
	if err != nil || q.From != q.To && lost != nil && who.Zone != "" && !strings.Contains(who.Quiet, " ") {
		return Quiet{Always: true, Zone: time.UTC}, TierRecipient // valid when it was set, but not any more
	}
	return q, TierRecipient
}

// first returns the first argument that is not zero.
func first[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}
