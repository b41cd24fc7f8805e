// Package request handles everything incoming besides the tap: requests (IQ), presence, and chat messages to the contact. One
// table defines what exists and who may request it (routes.go); the router runs it (router.go).
//
//	routes.go      the table, and the disco features derived from it; disco.go answers with them
//	escalation.go  our own protocol: sync, with tokens (token.go), and answer
//	command.go     ad-hoc commands and registration, implemented by component/command
//	chat.go        chat messages to the contact; reaction.go: answers by reaction
//	contact.go     the contact's name, avatar and description
//	presence.go    presence, and the privileges granted by the server
//
// Requesters are identified by the address stamped by the server, and by nothing else. The package knows nothing about
// outgoing traffic (component/outbox) or the tap. Its tests are those of component, which sends it stanzas, and
// internal/scenarios.
package request

import (
	"context"
	"log/slog"
	"time"

	"mellium.im/xmpp/jid"

	"tocsin/component/clock"
	"tocsin/component/phrase"
	"tocsin/component/presence"
	"tocsin/component/settings"
	"tocsin/track"
	"tocsin/xep/adhoc"
	"tocsin/xep/caps"
	"tocsin/xep/escalation"
	"tocsin/xep/forms"
	"tocsin/xep/privilege"
	"tocsin/xep/register"

	"mellium.im/xmpp/disco"
	"mellium.im/xmpp/disco/items"
)

// Stream is the connection to the server: see session.Session.
type Stream interface {
	Send(ctx context.Context, stanza any) error
}

// Inputs accepts changes to the ledger, in order.
type Inputs interface {
	Do(context.Context, track.Input) error
	Fault() error // why nothing can be written now
}

// Presence records who is online.
type Presence interface {
	Observe(full string, from presence.Source, c caps.Caps)
	Left(full string)
	Online(full string) bool
}

// Server records what the server grants.
type Server interface {
	Grant(domain string, g privilege.Grants)
	Grants(domain string) privilege.Grants
	Name(ctx context.Context, owner, contact string) string // what owner calls the contact, else the address
}

// People knows users' settings.
type People interface {
	Stored(bare string) track.Prefs
	Set(context.Context, track.Prefs) error
	OptedIn() []string // users who have opted in to prompts by chat
	Synced() bool      // some user wants the synchronisation of their devices to count (XEP-0490)
}

// Locales knows users' languages and time zones.
type Locales interface {
	Language(owner string, choices ...string) string
	Zone(owner string) *time.Location
	Locate(ctx context.Context, owner, from string) // determines the zone, if possible
}

// Privacy decides what senders may learn about recipients.
type Privacy interface {
	State(context.Context, *track.Message, track.State) track.State
	Status(context.Context, *track.Message) escalation.Status
}

// Store reads messages and prompts.
type Store interface {
	Messages(ctx context.Context, sender string, f track.Filter) ([]track.Message, error)
	Prompts(ctx context.Context, sender string) ([]track.Prompt, error) // the live ones
}

// Commands are the ad-hoc commands and registration: see command.Commands.
type Commands interface {
	Command(ctx context.Context, now time.Time, from jid.JID, lang string, in adhoc.Payload[forms.Form]) (*adhoc.Payload[forms.Form], *adhoc.Error)
	Register(ctx context.Context, now time.Time, from jid.JID, lang string, set bool, in register.Query[forms.Form]) (*register.Query[forms.Form], error)
	Items(from jid.JID, lang string) []items.Item
	Info(node string, from jid.JID, lang string) (disco.Info, *adhoc.Error)
}

// ChatCommands executes what people write to the contact, except answers: see command.Commands. ok is false for other verbs.
type ChatCommands interface {
	Chat(ctx context.Context, now time.Time, from jid.JID, lang string, command phrase.Command) (text string, ok bool, err error)
}

// Options are the dependencies of a Router. All are required.
type Options struct {
	JID          string // the component's domain
	Contact      string // bare JID from which chat messages are sent
	Version      string
	Secret       []byte       // the database's: tokens are derived from it
	Revision     func() int64 // the newest revision in the database
	Stream       Stream
	Inputs       Inputs
	Registry     Presence
	Server       Server
	People       People
	Locales      Locales
	Privacy      Privacy
	Store        Store
	Commands     Commands
	ChatCommands ChatCommands
	Settings     *settings.Live
	Clock        clock.Clock
	Log          *slog.Logger
}
