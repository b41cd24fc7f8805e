// Package outbox sends everything meant for people: the durable entries of the outbox (prompts, withdrawals, reminders,
// webhooks, SMS), and notices about the states of messages.
//
//	dispatch.go   from a committed batch to the stream: sends, parks, retries and removes entries
//	backlog.go    what is waiting for users: the state of all owners, under one lock
//	prompt.go     prompts for capable clients; chat.go: those for ordinary ones, and all other outgoing chat; content.go: the
//	              wording of a prompt, by chat or on a page
//	notice.go     the states of messages; greet.go: what users are told when they come online
//	webhook.go    calls to the admin's systems
//	confirm.go    nothing counts as sent before the server has answered a ping sent after it
//
// Everything for one owner is sent in order and through the owner's share of a fair queue, so that a flood for one delays
// nobody else.
//
// It knows nothing about incoming requests: that is component/request. Its tests cover single parts; internal/scenarios
// covers what users see.
package outbox

import (
	"context"
	"log/slog"
	"time"

	"tocsin/component/clock"
	"tocsin/component/metrics"
	"tocsin/component/presence"
	"tocsin/component/settings"
	"tocsin/track"
	"tocsin/xep/escalation"
)

// Stream is the connection to the server: see session.Session.
type Stream interface {
	SendIf(ctx context.Context, stanza any, may func() bool) error
	Confirm(ctx context.Context, stream uint64) error
	Stream() uint64
	Up() bool
}

// Inputs queues inputs of the ledger, in order.
type Inputs interface {
	Push(in track.Input, done func(error))
	Do(context.Context, track.Input) error
}

// Presence knows who is online, and with which features.
type Presence interface {
	View(owner string) presence.View
	Online(full string) bool
	Recheck() (owners, capable []string)
}

// People knows users' settings.
type People interface {
	Of(bare string) track.Prefs
	Language(owner string, choices ...string) string
	Zone(owner string) *time.Location
	Locate(ctx context.Context, owner, from string) // determines the zone, if possible
}

// Privacy decides what senders may learn about recipients.
type Privacy interface {
	Number(_ context.Context, _ track.Conv, known track.Standing) (string, error)
	State(context.Context, *track.Message, track.State) track.State
	Status(context.Context, *track.Message) escalation.Status
}

// Names are the names that users have given others in their rosters; they are shown only to these users.
type Names interface {
	Name(ctx context.Context, owner, contact string) string // the address, if there is none
}

// Store reads the outbox and the state of messages.
type Store interface {
	Pending(context.Context) ([]track.Outgoing, error) // the outbox, in order
	Messages(ctx context.Context, sender string, f track.Filter) ([]track.Message, error)
	Prompts(ctx context.Context, sender string) ([]track.Prompt, error) // the live ones
}

// Texts sends SMS: see texts.Sender.
type Texts interface {
	Push(out track.Outgoing, again func(after time.Duration)) bool
}

// Links returns links to the pages of prompts, or "": see web.Links.
type Links interface {
	PromptLink(context.Context, *track.Prompt) (string, error)
}

// Options are the dependencies of a Dispatcher. All are required.
type Options struct {
	Contact  string // bare JID from which chat messages are sent
	Stream   Stream
	Inputs   Inputs
	Presence Presence
	People   People
	Privacy  Privacy
	Names    Names
	Store    Store
	Backlog  *Backlog
	Links    Links
	Texts    Texts
	Settings *settings.Live
	// IsLeader reports whether it is certain that no other instance is live now; otherwise nothing is sent.
	IsLeader func() bool
	Clock    clock.Clock
	Log      *slog.Logger
	Metrics  *metrics.Metrics
}

// postpone schedules another attempt after a wait that doubles with each one, from first up to limit. The attempt is
// durable: a restart does not reset it. It returns the wait.
func (o *Options) postpone(out track.Outgoing, first, limit time.Duration) time.Duration {
	wait := min(first<<min(out.Tries, 20), limit)
	out.Tries++
	out.After = track.At(o.Clock.Now().Add(wait))
	o.Inputs.Push(&track.OutboxRetry{{ID: out.ID, Tries: out.Tries, After: out.After}}, nil)
	o.Backlog.retry(out)
	return wait
}
