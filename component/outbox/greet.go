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

// greet tells a user who has come online what is still untold, and shows the new resources the open prompts.
func (n *notifier) greet(ctx context.Context, owner string) error {
	v := n.Presence.Look(owner)
	if !v.Ready {
		return nil // it is retried when that is so
	}
	g, notices := n.Backlog.takeGreeting(owner)
	if !g.due() {
		return nil
	}
	// What happened before the user came is written before it is read, and what was told is known to be.
	n.confirm.wait(ctx)
	err := n.Inputs.Do(ctx, nil)
	switch {
	case err != nil:
	case g.untold && len(v.Capable) > 0:
		err = errors.Join(n.digest(ctx, owner, notices), n.prompter.showOpen(ctx, owner, g.arrived))
	case !g.left.IsZero() && v.Online && len(v.Capable) == 0:
		err = n.welcome(ctx, owner, g.left)
	}
	if err != nil {
		n.Backlog.greet(owner, g, n.Stream.Up() && !errors.Is(err, errUnsendable))
	}
	return err
}

// leaving is how long a user may have been gone before the server reported it.
const leaving = 5 * time.Second

// welcome tells a returning user of an ordinary client, who has asked for that, in one line what became of earlier
// messages. It does not count as told: a client that shows states gets its digest all the same.
func (n *notifier) welcome(ctx context.Context, owner string, left time.Time) error {
	if n.People.Of(owner).Fallback != track.On {
		return nil
	}
	untold, err := n.untold(ctx, owner)
	if err != nil {
		return err
	}
	prompts, err := n.Store.Prompts(ctx, owner)
	if err != nil {
		return fmt.Errorf("load prompts: %w", err)
	}
	// What a prompt asks about is not mentioned a second time.
	asked := func(m *track.Message) bool {
		return slices.ContainsFunc(prompts, func(p track.Prompt) bool { return p.ID == m.Prompt })
	}
	var d phrase.Digest
	add := func(to *[]string, contact string) {
		if who := n.Names.Name(ctx, owner, contact); !slices.Contains(*to, who) {
			*to = append(*to, who)
		}
	}
	for i := range untold {
		m := &untold[i]
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
	m := n.sender.chat(owner, fmt.Sprintf("d-%x", untold[len(untold)-1].Notice.Rev), hints.Store{})
	m.Lang, m.Body = say.Lang, say.Chat.Digest(d)
	return n.sendConfirmed(ctx, m, func(lost bool) {
		if lost {
			n.Backlog.greet(owner, greeting{left: left}, true)
		}
	})
}
