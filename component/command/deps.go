package command

import (
	"context"
	"time"

	"tocsin/track"
)

// Deps are what the commands read and change.
type Deps struct {
	Directory Directory
	Settings  Settings
	Watch     Watch
	Admin     Admin

	Links Links

	// Forget drops all that a user has told us, the number included.
	Forget func(ctx context.Context, user string) error
	// Zone returns the time zone in which a user is told times.
	Zone func(user string) *time.Location
	// Remove drops all that there is of a user whose account was deleted.
	Remove func(ctx context.Context, user string) error
	// Devices returns the resources of a user that are known to be there.
	Devices func(user string) []track.Device
}

// Directory holds the bound numbers, by bare JID.
type Directory interface {
	Number(ctx context.Context, user string) (track.Number, bool, error)
	SetNumbers(context.Context, ...track.Number) error // all or none
	RemoveNumber(ctx context.Context, user string) (bool, error)
	Releases(ctx context.Context, owner string, limit int) ([]track.Release, error) // the newest first
}

// Settings are what users have chosen, as it is stored. Stored gives the zero Prefs, but for the JID, of one who has chosen nothing.
type Settings interface {
	Stored(user string) track.Prefs
	Set(context.Context, track.Prefs) error
	ContactsOf(owner string) []track.Contact
	SetContact(context.Context, track.Contact) error
}

// Watch is what is being watched.
type Watch interface {
	// Watching returns the newest messages of a sender that are not settled, the newest first.
	Watching(ctx context.Context, sender string, limit int) ([]Watched, error)
	// Find returns the watched messages of a sender that have this id, settled or not; those to one recipient, if with
	// is not "".
	Find(ctx context.Context, sender, id, with string) ([]track.Message, error)
	Escalate(context.Context, track.Key) error // now
	Cancel(context.Context, track.Key) error   // stop watching
}

// Watched is a message with what its sender may be told of it.
type Watched struct {
	track.Message
	State  track.State // by the leak rule (protocol §4)
	Reason track.Explanation
}

// Admin is what admins see and order.
type Admin interface {
	Summary(context.Context) (track.Summary, error)
	Paused() bool
	Pause(ctx context.Context, paused bool) error
	Reload(context.Context) error // its error says what is wrong with the configuration
}

// Links makes links to pages: see web.Links. "" is none.
type Links interface {
	SettingsLink(ctx context.Context, owner string) (string, error)
	AdminLink(ctx context.Context, owner string) (string, error)
}
