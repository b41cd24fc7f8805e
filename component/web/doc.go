// Package web serves the pages linked from chats (protocol §11): a prompt, the user's settings with a timeline of messages,
// and the admin commands.
//
//	server.go    routes, headers, limits; token.go: access tokens
//	prompt.go    /p/TOKEN; settings.go: /me; admin.go: /admin; timeline.go: the drawing of messages
//	form.go      data forms of component/command as HTML and back; pages define no settings of their own
//	render.go    templates and texts
//
// A GET changes nothing, because clients and servers fetch links for previews. Every change is a POST with a CSRF token. The
// package knows neither the wire nor the meaning of settings. Its tests are stories (internal/scenarios), pages_test.go of
// internal/acceptance, and contrib/converse/test with a real browser.
package web

import (
	"context"
	"log/slog"
	"time"

	"mellium.im/xmpp/jid"

	"tocsin/component/phrase"
	"tocsin/track"
	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
)

// Store keeps tokens by the hash of their text.
type Store interface {
	SaveToken(context.Context, track.Token) error
	Token(ctx context.Context, hash string) (track.Token, bool, error)
	DropToken(ctx context.Context, hash string) (bool, error)
}

// Prompts shows and answers prompts on their pages.
type Prompts interface {
	// PromptView returns a prompt as its sender may see it now; ok is false if it is no longer known.
	PromptView(ctx context.Context, prompt string) (o PromptView, ok bool, err error)
	// Answer submits the sender's answer.
	Answer(context.Context, *track.Answer) error
}

// PromptView is a prompt as shown on its page.
type PromptView struct {
	track.Prompt
	Content phrase.PromptContent // Number is "" if none may be shown
	Lang    string
}

// Commands are the data forms that settings and admin pages show: see command.Commands.
type Commands interface {
	Page(ctx context.Context, now time.Time, user jid.JID, lang, name string, filled *forms.Form) (*forms.Form, []adhoc.Note, error)
}

// Timeline returns the messages of a sender, newest first, with states as the sender may see them.
type Timeline interface {
	Timeline(ctx context.Context, sender string, limit int) ([]track.Message, error)
}

// Users knows users' settings.
type Users interface {
	Language(owner string, choices ...string) string
	Zone(owner string) *time.Location
}

// Health returns the service's status, for admins.
type Health interface {
	Health(context.Context) []Condition
}

// Condition is one part of the service: "stream: up".
type Condition struct {
	Name, State string
	OK          bool
}

// Options are the dependencies of a Server. All are required.
type Options struct {
	*Links
	Prompts  Prompts
	Commands Commands
	Timeline Timeline
	Users    Users
	Health   Health
	Forget   func(ctx context.Context, user string) error
	Log      *slog.Logger
}
