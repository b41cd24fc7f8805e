package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tocsin/component/phrase"
	"tocsin/track"
	"tocsin/xep/hints"
)

// greet sends a user who has come online the pending notices, and shows new resources the open prompts.
func (n *notifier) greet(ctx context.Context, owner string) error {
	v := n.Presence.View(owner)
	if !v.Ready {
		return nil // retried when that changes
	}
	g, notices := n.Backlog.popGreeting(owner)
	if !g.due() {
		return nil
	}
	// Facts from before the user came must be written before they are read, and delivered notices must be known to be.
	n.confirm.wait(ctx)
	err := n.Inputs.Do(ctx, nil)
	switch {
	case err != nil:
	case g.digest && len(v.Capable) > 0:
		err = errors.Join(n.sendDigest(ctx, owner, notices), n.prompter.showOpen(ctx, owner, &g))
	case !g.left.IsZero() && v.Online && len(v.Capable) == 0:
		err = n.sendSummary(ctx, owner, g.left)
	}
	if err != nil {
		n.Backlog.scheduleGreeting(owner, g, n.Stream.Up() && !errors.Is(err, errUnsendable))
	}
	return err
}

// leaving is how long a user may have been gone before the server reported it.
const leaving = 5 * time.Second

// sendSummary sends a returning user of an ordinary client who has opted in one line about earlier messages. It does not count as
// delivered: a client that shows states still gets its digest.
func (n *notifier) sendSummary(ctx context.Context, owner string, left time.Time) error {
	if n.People.Of(owner).Fallback != track.On {
		return nil
	}
	pending, err := n.pendingNotices(ctx, owner)
	if err != nil {
		return err
	}
	prompts, err := n.Store.Prompts(ctx, owner)
	if err != nil {
		return fmt.Errorf("load prompts: %w", err)
	}
	// Messages in a prompt are not mentioned again.
	asked := func(m *track.Message) bool {
		return slices.ContainsFunc(prompts, func(p track.Prompt) bool { return p.ID == m.Prompt })
	}
	var d phrase.Digest
	add := func(to *[]string, contact string) {
		if who := n.Names.Name(ctx, owner, contact); !slices.Contains(*to, who) {
			*to = append(*to, who)
		}
	}
	for i := range pending {
		m := &pending[i]
		if m.Notice.At < track.At(left.Add(-leaving)) || asked(m) {
			continue
		}
		switch n.Privacy.State(ctx, m, m.Notice.State) {
		case track.StateDisplayed:
			add(&d.Read, m.Recipient)
		case track.StateTimeoutUnread, track.StateTimeout:
			add(&d.Unread, m.Recipient)
		case track.StateTimeoutUndelivered:
			add(&d.Undelivered, m.Recipient)
		case track.StateFailed:
			add(&d.Failed, m.Recipient)
		}
	}
	if len(d.Read)+len(d.Unread)+len(d.Undelivered)+len(d.Failed) == 0 {
		return nil
	}
	say := phrase.In(n.People.Language(owner, ""))
	m := n.sender.chat(owner, fmt.Sprintf("d-%x", pending[len(pending)-1].Notice.Rev), hints.Store{})
	m.Lang, m.Body = say.Lang, say.Chat.Digest(d)
	return n.sendConfirmed(ctx, m, func(lost bool) {
		if lost {
			n.Backlog.scheduleGreeting(owner, greeting{left: left}, true)
		}
	})
}
