package track

import (
	"strings"
	"time"
)

// Policy is the admin's policy: the [track] and [escalate] tables of the config, checked and compiled.
type Policy struct {
	Senders          Senders
	UndeliveredAfter time.Duration
	UnreadAfter      time.Duration
	MinAfter         time.Duration // limits for hints and users' settings
	MaxAfter         time.Duration
	ReplyReads       bool // for the tap: otherwise replies and reactions are no evidence
	AssumeMarkers    bool
	Priorities       []PriorityRule

	Mode     Mode
	Fallback Fallback
	Expires  time.Duration // how long a prompt lives
	Disclose Disclose
	Reveal   Reveal
	Quiet    Quiet
	Steps    []Step

	PerConversationDay int // prompts; 0: no limit
	PerRecipientDay    int
	PerSenderHour      int

	SMS *SMSPolicy // nil: the component sends no SMS itself

	Paused bool // an admin has paused all prompts
}

// Senders says whose messages are watched.
type Senders string

const (
	SendersAll     Senders = "all"
	SendersOptedIn Senders = "opted-in"
	SendersHinted  Senders = "hinted"
)

// Fallback says which ordinary clients get prompts as chat messages (protocol §7).
type Fallback string

const (
	FallbackAll     Fallback = "all"
	FallbackOptedIn Fallback = "opted-in"
	FallbackNever   Fallback = "never"
)

// Disclose says who may see a bound number.
type Disclose string

const (
	DiscloseConsented Disclose = "consented"
	DiscloseRoster    Disclose = "roster"
	DiscloseAll       Disclose = "all"
)

// Reveal says who may tell undelivered from unread.
type Reveal string

const (
	RevealConsented Reveal = "consented"
	RevealAll       Reveal = "all"
)

// PriorityRule is one [[track.priority]]: its own timeouts, and who may use it. The first rule whose name and sender match
// wins.
type PriorityRule struct {
	Name             Priority
	UndeliveredAfter time.Duration // 0: the policy's
	UnreadAfter      time.Duration
	BypassQuiet      bool
	Senders          []Pattern // empty: everybody
}

// Action is what a step of the chain does.
type Action string

const (
	DoStatus  Action = "status"
	DoRemind  Action = "remind"
	DoPrompt  Action = "prompt"
	DoSMS     Action = "sms"
	DoWebhook Action = "webhook"
)

// Step is one [[escalate.step]]: what to do, how long after the timeout, and on which condition.
type Step struct {
	After time.Duration
	Do    Action
	On    State    // StateTimeoutUndelivered, StateTimeoutUnread, or "" for both
	From  Priority // lowest priority it is for; PriorityUnset: all
	URL   string   // DoWebhook
	Key   string   // DoWebhook: the secret of the HMAC-SHA256 signature
}

// Quiet is a daily span of hours in a time zone in which nobody is prompted. The zero Quiet is never.
type Quiet struct {
	From, To int // minutes after midnight; From > To spans midnight
	Zone     *time.Location
	Always   bool // the hours are unreadable, so any time may be among them
}

// Pattern matches bare JIDs: "alice@example.org" that user, "example.org" the domain itself and all its users,
// "*@example.org" all its users, but not the domain itself.
type Pattern string

// Match reports whether the bare JID matches.
func (p Pattern) Match(bare string) bool {
	s := string(p)
	local, domain, found := strings.Cut(s, "@")
	if !found {
		return bare == s || strings.HasSuffix(bare, "@"+s)
	}
	if local != "*" {
		return bare == s
	}
	_, d, isUser := strings.Cut(bare, "@")
	return isUser && d == domain
}
