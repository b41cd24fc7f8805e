package command

import (
	"context"
	"time"

	"tocsin/track"
)

// Deps are the dependencies of the commands.
type Deps struct {
	Directory Directory
	Phone     Phones
	Settings  Settings
	Watch     Watch
	Admin     Admin

	Links Links

	// Forget deletes everything a user has told us, including the number.
	Forget func(ctx context.Context, user string) error
	// Zone returns the time zone for times shown to a user.
	Zone func(user string) *time.Location
	// Remove deletes everything about a user whose account was deleted.
	Remove func(ctx context.Context, user string) error
	// Devices returns a user's resources that are known to be online.
	Devices func(user string) []track.Device
}

// Directory holds the bound numbers, by bare JID.
type Directory interface {
	Number(ctx context.Context, user string) (track.Number, bool, error)
	SetNumbers(context.Context, ...track.Number) error // all or none
	RemoveNumber(ctx context.Context, user string) (bool, error)
	Releases(ctx context.Context, owner string, limit int) ([]track.Release, error) // the newest first
}

// Phones has the state of the component's own SMS to users' numbers.
type Phones interface {
	Phone(ctx context.Context, user, number string, now track.Time) (Phone, error)
	RequestCode(context.Context, *track.CodeRequested) error // sets its Salt
	TryCode(context.Context, *track.CodeTried) error
	Stop(context.Context, *track.OwnStop) error
}

// Phone is the state of SMS to a user's number.
type Phone struct {
	Code    track.Code // the expected one
	Pending bool       // a code is expected
	Stopped track.StopBy
}

// Settings are users' settings as stored. For a user without any, Stored returns the zero Prefs with only the JID set.
type Settings interface {
	Stored(user string) track.Prefs
	Set(context.Context, track.Prefs) error
	ContactsOf(owner string) []track.Contact
	SetContact(context.Context, track.Contact) error
}

// Watch is access to the watched messages.
type Watch interface {
	// Watching returns a sender's newest unsettled messages, newest first.
	Watching(ctx context.Context, sender string, limit int) ([]Watched, error)
	// Find returns a sender's watched messages with this id, settled or not; only those to with, unless it is "".
	Find(ctx context.Context, sender, id, with string) ([]track.Message, error)
	Escalate(context.Context, track.Key) error // now
	Cancel(context.Context, track.Key) error   // stop watching
}

// Watched is a message, and what its sender may learn about it.
type Watched struct {
	track.Message
	State  track.State // by the leak rule (protocol §4)
	Reason track.Explanation
}

// Admin is what admins can see and do.
type Admin interface {
	Summary(context.Context) (track.Summary, error)
	Paused() bool
	Pause(ctx context.Context, paused bool) error
	Reload(context.Context) error // the error describes the fault in the configuration
}

// Links returns links to pages, or "": see web.Links.
type Links interface {
	SettingsLink(ctx context.Context, owner string) (string, error)
	AdminLink(ctx context.Context, owner string) (string, error)
}
