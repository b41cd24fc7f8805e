// Package selftest sends a test prompt all the way to a user and waits for the answer: through the queue, the database, an
// alarm, the outbox and the stream to the user's clients. There is no real message, and nobody else receives anything.
//
// It does not know how prompts are sent. TestTestOnAServer in cmd/tocsin tests it on a real server.
package selftest

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/component/clock"
	"tocsin/component/phrase"
	"tocsin/component/settings"
	"tocsin/track"
)

// Step is one step of a test.
type Step struct {
	At     time.Time `json:"at"`
	Name   string    `json:"step"` // clients, database, prompt, shown, answer
	Text   string    `json:"text"`
	Failed bool      `json:"failed,omitempty"` // the test has failed
}

// Inputs queues inputs of the ledger; Do returns when the input is durable.
type Inputs interface {
	Do(context.Context, track.Input) error
}

// Outbox knows where a prompt would go.
type Outbox interface {
	Reach(user string) (to []string, chat, ready bool)
}

// Messages reads messages from the database.
type Messages interface {
	Messages(ctx context.Context, sender string, f track.Filter) ([]track.Message, error)
}

// People know the languages of users.
type People interface {
	Language(user string, choices ...string) string
}

// Test has the dependencies of a test. All are required.
type Test struct {
	Inputs   Inputs
	Outbox   Outbox
	Messages Messages
	People   People
	Settings *settings.Live
	Contact  string // bare JID from which chat messages are sent
	Clock    clock.Clock
}

const (
	// readyWithin is how long clients have to report their features, promptWithin how long a prompt may take to be shown.
	readyWithin  = 10 * time.Second
	promptWithin = 30 * time.Second
	// cleanWithin is how long withdrawing the prompt may take.
	cleanWithin = 10 * time.Second
	poll        = 100 * time.Millisecond
)

// Run performs all steps, and reports each as it is completed. It returns when the user has answered, a step has failed, or
// ctx ends. Errors come from the database.
func (t *Test) Run(ctx context.Context, user string, report func(Step)) error {
	r := &run{Test: t, user: user, report: report, key: track.Key{Sender: user, Recipient: user, ID: "tocsin-test-" + rand.Text()}}
	if !t.Settings.Get().IsUser(user) {
		r.fail("clients", "%s is not a user of tap.domains (%s)", user, strings.Join(t.Settings.Get().Tap.Domains, ", "))
		return nil
	}
	if !r.clients(ctx) {
		return nil
	}
	now := track.At(t.Clock.Now())
	say := phrase.In(t.People.Language(user))
	sent := &track.Fact{Kind: track.Sent, Key: r.key, At: now, Marks: track.Test, Text: say.Chat.Test, Lang: say.Lang}
	if err := t.Inputs.Do(ctx, sent); err != nil {
		return err
	}
	defer r.clean(ctx)
	r.step("database", "test message stored")
	if err := t.Inputs.Do(ctx, &track.Fact{Kind: track.Forced, Key: r.key, At: now, Basis: track.ByCommand}); err != nil {
		return err
	}
	return r.follow(ctx)
}

// run is a running test.
type run struct {
	*Test
	user   string
	key    track.Key
	report func(Step)
}

func (r *run) step(name, format string, args ...any) {
	r.report(Step{At: r.Clock.Now(), Name: name, Text: fmt.Sprintf(format, args...)})
}

func (r *run) fail(name, format string, args ...any) {
	r.report(Step{At: r.Clock.Now(), Name: name, Text: fmt.Sprintf(format, args...), Failed: true})
}

// wait waits a little. It reports false when ctx ends.
func (r *run) wait(ctx context.Context) bool {
	due, stop := r.Clock.After(poll)
	defer stop()
	select {
	case <-due:
		return true
	case <-ctx.Done():
		return false
	}
}

// clients determines which clients would show a prompt.
func (r *run) clients(ctx context.Context) bool {
	end := r.Clock.Now().Add(readyWithin)
	to, chat, ready := r.Outbox.Reach(r.user)
	for !ready && r.Clock.Now().Before(end) && r.wait(ctx) {
		to, chat, ready = r.Outbox.Reach(r.user)
	}
	switch {
	case !ready:
		r.fail("clients", "a client of %s does not report its features (disco#info)", r.user)
	case len(to) == 0:
		r.fail("clients", "no client that shows prompts is online, and prompts by chat are disabled for this user (escalate.fallback = %q; users can write \"start\" to %s)",
			r.Settings.Policy().Fallback, r.Contact)
	case chat:
		r.step("clients", "no client shows prompts itself: %s is prompted by chat", r.user)
	default:
		r.step("clients", "prompts are shown by %s", strings.Join(to, ", "))
	}
	return ready && len(to) > 0
}

// follow reports the prompt and its outcome.
func (r *run) follow(ctx context.Context) error {
	m, err := r.prompted(ctx)
	if m == nil || err != nil {
		return err
	}
	r.step("prompt", "opened")
	end, state, shown := r.Clock.Now().Add(promptWithin), track.PromptOpen, []string(nil)
	for {
		snap := &track.Snapshot{Prompt: m.Prompt}
		if err := r.Inputs.Do(ctx, snap); err != nil {
			if ctx.Err() != nil {
				break
			}
			return err
		}
		was := &snap.Was
		for _, to := range was.Shown {
			if !slices.Contains(shown, to) {
				r.step("shown", "to %s; waiting for the answer", to)
			}
		}
		shown = was.Shown
		if was.State != state {
			if state = was.State; r.changed(was) {
				return nil
			}
		}
		if len(shown) == 0 && r.Clock.Now().After(end) {
			r.fail("shown", "the prompt was not shown to anybody within %s", promptWithin)
			return nil
		}
		if !r.wait(ctx) {
			break
		}
	}
	r.fail("answer", "none received")
	return nil
}

// prompted waits for the prompt about the test message, and returns the message, or nil after reporting that there is none.
func (r *run) prompted(ctx context.Context) (*track.Message, error) {
	within := promptWithin + r.Settings.Get().Grace // alarms wait that long after connecting
	for end := r.Clock.Now().Add(within); ; {
		list, err := r.Messages.Messages(ctx, r.user, track.Filter{ID: r.key.ID, With: r.user, Newest: true, Limit: 1})
		switch {
		case err != nil && ctx.Err() == nil:
			return nil, err
		case len(list) > 0 && list[0].Prompt != "":
			return &list[0], nil
		case len(list) > 0 && list[0].Reason != "" && !list[0].Marks.Has(track.Wanted):
			why := track.Explanation{Reason: list[0].Reason, Until: list[0].Due}
			r.fail("prompt", "not opened: %s", phrase.In("en").Watch.Reason(why, r.Clock.Now()))
			return nil, nil
		case r.Clock.Now().After(end):
			r.fail("prompt", "not opened within %s", within)
			return nil, nil
		}
		if !r.wait(ctx) {
			r.fail("prompt", "not opened")
			return nil, nil
		}
	}
}

// changed reports the new state of the prompt, and whether it ends the test.
func (r *run) changed(p *track.Prompt) (over bool) {
	switch p.State {
	case track.PromptClaimed:
		r.step("answer", "claimed by %s: waiting for the result", p.Claimer)
		return false
	case track.PromptOpen: // the claim has expired
		r.step("answer", "the claim has expired")
		return false
	case track.PromptExpired, track.PromptWithdrawn:
		r.fail("answer", "none: the prompt is over")
	default:
		r.step("answer", "%q, by %s", answers[p.State], p.Claimer)
	}
	return true
}

var answers = map[track.PromptState]string{
	track.PromptSent: "sent", track.PromptDeclined: "declined", track.PromptFailed: "failed", track.PromptSnoozed: "later",
}

// clean settles the test message, which withdraws the prompt.
func (r *run) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanWithin)
	defer cancel()
	stop := &track.Fact{Kind: track.Stopped, Key: r.key, At: track.At(r.Clock.Now()), Basis: track.ByCommand}
	if err := r.Inputs.Do(ctx, stop); err != nil {
		r.fail("database", "could not settle the test message: %v", err)
	}
}
