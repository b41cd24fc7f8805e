package phrase

import (
	"time"

	"tocsin/component/numbers"
	"tocsin/track"
)

// Form has the texts of ad-hoc commands and of the registration. The Title of a command is also its name in lists.
type Form struct {
	Number      NumberForm
	Preferences PreferencesForm
	Watching    WatchingForm
	Escalate    MessageForm
	Cancel      MessageForm
	Mute        MuteForm
	Register    RegisterForm
	Admin       AdminForms
	Fault       Faults
	Saved       string
	Unchanged   string
	Yes, No     string
	Default     string // a choice: the server's default
}

// Title is the title of a form, with instructions.
type Title struct{ Title, Intro string }

// Label is the label of a field, with a hint.
type Label struct{ Label, Hint string }

// NumberForm is the form of the command number.
type NumberForm struct {
	Title
	Number, Consent, HideFrom, Code, Resend, NoSMS, Remove Label

	Bound      func(n track.Number) string
	NotBound   string
	Releases   string // heading of the list of Release; short, as all headings
	Release    func(to, id string, at, now time.Time) string
	NoReleases string
	Removed    string
	Now        func(n track.Number) string // after a change

	Unconfirmed      string // the number is not confirmed, and not used
	CodeSent         func(number string, life time.Duration) string
	Expected         func(number string) string // a code was sent
	Confirmed        string
	SMSOn, SMSOff    string // SMS to the number are allowed, or not
	StoppedElsewhere string // they are not, and that can't be changed here
}

// PreferencesForm is the form of the command preferences.
type PreferencesForm struct {
	Title
	Mode, UndeliveredAfter, UnreadAfter, QuietHours, TimeZone, Language, Text, Fallback, WatchMe, Share, ReadSync, Gateway Label

	AsSender, AsRecipient, Both string // headings
	DefaultIs                   func(what string) string
	// Usual explains how to write durations and hours, and what "default" is, because clients hide hints.
	Usual                        func(undelivered, unread time.Duration, quiet string) string
	Ask, Auto, Never             string // modes
	English, Chinese             string
	Message, Notice              string
	ShareAll                     string // who may see a shared number
	ShareContacts                string
	SyncOff, SyncQuiet, SyncTell string
	Unreadable                   func(names []string) string     // invalid settings, for which the stricter choice applies
	NoQuiet                      string                          // no quiet hours
	Bounded                      func(least, most string) string // durations were changed to be within limits
	AutoAsks                     string                          // auto acts as ask, because the server can't send SMS
	ZoneNeeded                   string                          // quiet hours were set, but no time zone
}

// WatchingForm is the form of the command watching.
type WatchingForm struct {
	Title
	Nothing string
	Count   func(n int) string
	More    string // there are older ones
	Line    func(with string, sent, now time.Time, state, why string) string
}

// MessageForm is the form of a command about one message.
type MessageForm struct {
	Title
	ID, With Label
	Choice   func(w Waiting, now time.Time) string
	Done     func(with string) string
}

// MuteForm is the form of the command mute.
type MuteForm struct {
	Title
	JID, Muted Label
	Now        func(muted []string) string // currently muted
	On, Off    func(who string) string
}

// RegisterForm is the form of jabber:iq:register.
type RegisterForm struct {
	Title
	Phone, Consent Label
}

// AdminForms are the forms of admins' commands.
type AdminForms struct {
	Status                                                Title
	Pending, Overdue, OpenPrompts, Outbox, Oldest, Paused string
	SMSSegments, SMSUnsure, SMSDown                       string
	None                                                  string

	User        Title
	JID, Forget Label
	Devices     string
	Forgotten   func(who string) string

	Numbers                       Title
	Phone, Consent, Remove, Lines Label
	Imported                      func(n int) string
	Removed                       func(who string) string
	Bound                         func(n track.Number) string
	NotBound                      func(who string) string

	Cancel         Title
	Sender         Label
	CancelID, With Label
	Cancelled      func(n int) string

	AnnounceOff Title
	Pause       Label
	PausedNow   string
	ResumedNow  string

	Reload   Title
	Reloaded string
}

// Faults has the errors about a form's content or the current state.
type Faults struct {
	Refused      func(text string, why numbers.Refusal) string
	File         func(faults numbers.Faults) string // invalid lines
	Missing      func(field string) string
	NotYesNo     func(field string) string
	NotOneOf     func(field, text string) string
	NotADuration func(text string) string
	NotQuiet     func(text string) string
	NotAZone     func(text string) string
	NotADomain   func(text string) string
	NotAUser     func(text string) string
	Yourself     string
	TooMany      func(limit int) string
	ByAdminOnly  string                       // self_service is off
	Code         map[track.CodeVerdict]string // why no code is sent, or a code is rejected
	WrongCode    func(left int) string
	NoNumber     string
	NoMessage    string
	Several      string // several messages have the id
	Settled      func(with string, state track.State) string
}
