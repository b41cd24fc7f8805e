package phrase

import (
	"time"

	"tocsin/component/numbers"
	"tocsin/track"
)

// Form is what the ad-hoc commands and the registration say. A Title of a command is its name in lists, too.
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
	Default     string // the choice that goes back to what holds for everybody
}

// Title heads a form.
type Title struct{ Title, Intro string }

// Label names a field, and explains it.
type Label struct{ Label, Hint string }

// NumberForm is that of the command number.
type NumberForm struct {
	Title
	Number, Consent, HideFrom, Code, Resend, NoSMS, Remove Label

	Bound      func(n track.Number) string
	NotBound   string
	Releases   string // heads the list of Release; short, as all that heads something
	Release    func(to, id string, at, now time.Time) string
	NoReleases string
	Removed    string
	Now        func(n track.Number) string // after a change

	Unconfirmed      string // the number is not confirmed, and not used
	CodeSent         func(number string, life time.Duration) string
	Expected         func(number string) string // the code that was sent there
	Confirmed        string
	SMSOn, SMSOff    string // SMS to the number are allowed, or not
	StoppedElsewhere string // they are not, and it was not chosen here
}

// PreferencesForm is that of the command preferences.
type PreferencesForm struct {
	Title
	Mode, UndeliveredAfter, UnreadAfter, QuietHours, TimeZone, Language, Text, Fallback, WatchMe, Share, ReadSync, Gateway Label

	AsSender, AsRecipient, Both string // head the parts
	DefaultIs                   func(what string) string
	// Usual says how times and hours are written, and what "default" is: clients hide the hints of fields.
	Usual                        func(undelivered, unread time.Duration, quiet string) string
	Ask, Auto, Never             string // modes
	English, Chinese             string
	Message, Notice              string
	ShareAll                     string // who may see a number that is released
	ShareContacts                string
	SyncOff, SyncQuiet, SyncTell string
	Unreadable                   func(names []string) string     // settings that count on their stricter side
	NoQuiet                      string                          // there are no quiet hours
	Bounded                      func(least, most string) string // times were brought within the bounds
	AutoAsks                     string                          // auto acts as ask, for there is no way to send an SMS
	ZoneNeeded                   string                          // quiet hours were set, but no time zone
}

// WatchingForm is that of the command watching.
type WatchingForm struct {
	Title
	Nothing string
	Count   func(n int) string
	More    string // there are older ones
	Line    func(with string, sent, now time.Time, state, why string) string
}

// MessageForm is that of a command about one message.
type MessageForm struct {
	Title
	ID, With Label
	Choice   func(w Waiting, now time.Time) string
	Done     func(with string) string
}

// MuteForm is that of the command mute.
type MuteForm struct {
	Title
	JID, Muted Label
	Now        func(muted []string) string // those muted at present
	On, Off    func(who string) string
}

// RegisterForm is that of jabber:iq:register.
type RegisterForm struct {
	Title
	Phone, Consent Label
}

// AdminForms are those of the admins' commands.
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

// Faults are what can be wrong with what a person filled in, or with the moment.
type Faults struct {
	Refused      func(text string, why numbers.Refusal) string
	File         func(faults numbers.Faults) string // bad lines
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
	Code         map[track.CodeVerdict]string // why none is sent, or it is not taken
	WrongCode    func(left int) string
	NoNumber     string
	NoMessage    string
	Several      string // the same id to several people
	Settled      func(with string, state track.State) string
}
