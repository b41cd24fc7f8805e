package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tocsin/component/fair"
	"tocsin/component/presence"
	"tocsin/component/session"
	"tocsin/track"
)

const (
	// The rate and burst of one user, and how many jobs run at once: a prompt waits for two transactions, which many
	// users share.
	ownerRate  = 20
	ownerBurst = 200
	senders    = 128
	// retryAfter is how long an entry waits after a temporary failure. After an error it doubles with each attempt, up
	// to retryAfterMax.
	retryAfter    = time.Second
	retryAfterMax = time.Minute
)

// errNobody says that there is currently nobody to send an entry to.
var errNobody = errors.New("no client to send it to yet")

// Dispatcher sends what follows from committed batches. An outbox entry that cannot be sent now is parked in the
// backlog: the stream is down, the sender is offline, or a resource is being queried for its features. It is looked at
// again when that changes.
type Dispatcher struct {
	Options
	fair     *fair.Queue
	confirm  *confirmer
	sender   *sender
	prompter *prompter
	notifier *notifier
	webhooks *webhooks
	entries  map[string]bool // ids of the entries in the outbox; owned by the same goroutine as live
	live     map[string]bool // ids of the prompts opened here that are still live; owned by the goroutine that calls Committed
}

// New returns a dispatcher with the stored outbox, which is sent once the stream is up.
func New(ctx context.Context, o Options) (*Dispatcher, error) {
	d := &Dispatcher{Options: o, entries: map[string]bool{}, live: map[string]bool{}}
	d.fair = fair.New(fair.Options{Rate: ownerRate, Burst: ownerBurst, Workers: senders, Clock: o.Clock, Failed: d.failed})
	d.confirm = newConfirmer(o.Stream, o.Clock)
	d.sender = newSender(&d.Options)
	d.prompter = &prompter{&d.Options, d.sender}
	d.notifier = &notifier{&d.Options, d.sender, d.confirm, d.prompter}
	d.webhooks = newWebhooks(&d.Options)
	pending, err := o.Store.Pending(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the outbox: %w", err)
	}
	o.Backlog.park(pending...)
	d.count(pending, nil)
	return d, nil
}

// failed logs the error of a user's job. Jobs that were only delayed are retried anyway.
func (d *Dispatcher) failed(_ string, err error) {
	if !errors.Is(err, session.ErrDown) && !errors.Is(err, session.ErrHeldBack) && !errors.Is(err, context.Canceled) {
		d.Log.Error("could not notify a user", "err", err)
	}
}

// Reach returns where a prompt for a user would go now: to the resources that show it or, with chat, the bare JID; nowhere if
// it has to wait. ready is false until the resources' features are known.
func (d *Dispatcher) Reach(user string) (to []string, chat, ready bool) {
	return d.prompter.targets(user)
}

// Run dispatches until ctx is done. ConfirmSent is called after it.
func (d *Dispatcher) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { d.fair.Run(ctx) }) //nolint:errcheck // it returns nil
	wg.Go(func() { d.confirm.run(ctx) })
	wg.Go(func() { d.webhooks.run(ctx) })
	d.processBacklog(ctx)
	return nil
}

// ConfirmSent determines which of the last stanzas the server has received. It is called when the stream has ended.
func (d *Dispatcher) ConfirmSent(ctx context.Context) { d.confirm.confirm(ctx) }

// Up looks at everything again: the stream is up, and nobody reported who left meanwhile. Capable users who stayed online
// while it was down get the notices of that time.
func (d *Dispatcher) Up() {
	_, capable := d.Presence.Recheck()
	for _, owner := range capable {
		d.Backlog.scheduleGreeting(owner, greeting{digest: true}, false)
	}
	d.Backlog.wakeAll()
}

// Committed dispatches the effects of a durable batch. It does not block.
func (d *Dispatcher) Committed(r *track.Result) {
	for i := range r.Notices {
		d.countTimeout(&r.Notices[i])
	}
	d.notify(r.Notices)
	for i := range r.Prompts {
		d.promptChanged(&r.Prompts[i])
	}
	for _, out := range r.Outbox {
		d.dispatch(out)
	}
	d.count(r.Outbox, r.Done)
}

// count updates the size of the outbox.
func (d *Dispatcher) count(came []track.Outgoing, left []string) {
	for i := range came {
		d.entries[came[i].ID] = true
	}
	for _, id := range left {
		delete(d.entries, id)
	}
	d.Metrics.Outbox.Set(float64(len(d.entries)))
}

func (d *Dispatcher) countTimeout(m *track.Message) {
	if m.Notice.At != m.TimeoutAt {
		return // repeated by a step of the chain
	}
	switch m.Notice.State {
	case track.StateTimeoutUndelivered:
		d.Metrics.Timeouts.WithLabelValues("undelivered").Inc()
	case track.StateTimeoutUnread:
		d.Metrics.Timeouts.WithLabelValues("unread").Inc()
	}
}

var outcomes = map[track.PromptState]string{
	track.PromptSent: "sent", track.PromptDeclined: "declined", track.PromptFailed: "failed", track.PromptExpired: "expired",
	track.PromptWithdrawn: "withdrawn", track.PromptCapped: "capped", track.PromptReminded: "reminded",
}

// promptChanged counts a prompt's changes, and drops one that is over if it is still waiting to be shown.
func (d *Dispatcher) promptChanged(p *track.Prompt) {
	if p.State.Live() {
		if !d.live[p.ID] && p.Sends <= 1 && p.Covered == 0 {
			d.live[p.ID] = true
			d.Metrics.Outcomes.WithLabelValues("opened").Inc()
		}
		return
	}
	delete(d.live, p.ID)
	d.Metrics.Outcomes.WithLabelValues(outcomes[p.State]).Inc()
	over := d.Backlog.unpark(p.Sender, func(out *track.Outgoing) bool { return out.Kind == track.OutShow && out.Prompt == p.ID })
	for _, out := range over {
		d.done(out)
	}
}

// notify sends notices to their senders, if these have a resource that shows them. The others stay pending: the latest state of
// every message is kept, and sent on return.
func (d *Dispatcher) notify(notices []track.Message) {
	views := map[string]presence.View{}
	for i := range notices {
		m := &notices[i]
		v, ok := views[m.Sender]
		if !ok {
			v = d.Presence.View(m.Sender)
			views[m.Sender] = v
		}
		switch {
		case len(v.Capable) > 0:
			reported := withoutText(m)
			d.job(m.Sender, func(ctx context.Context) error { return d.notifier.sendStatus(ctx, reported) })
		case !v.Ready:
			d.Backlog.parkNotice(m)
		}
	}
	for owner, v := range views {
		if !v.Ready && d.Presence.View(owner).Ready { // they have answered in the meantime
			d.Backlog.Changed(owner)
		}
	}
}

// withoutText copies a message. Its text is not sent, and a great many may have to wait.
func withoutText(m *track.Message) track.Message {
	copied := *m
	copied.Text = ""
	return copied
}

// job queues work for a user. If there is no room, a digest follows later.
func (d *Dispatcher) job(owner string, work func(context.Context) error) {
	d.fair.Push(owner, work, func() { d.Backlog.scheduleGreeting(owner, greeting{digest: true}, true) })
}

// dispatch queues an entry of the outbox.
func (d *Dispatcher) dispatch(out track.Outgoing) {
	switch {
	case out.After > track.At(d.Clock.Now()):
		d.Backlog.retry(out)
	case out.Kind == track.OutWebhook:
		if lost, ok := d.webhooks.queue.Push(out.Owner, out); !ok {
			d.Backlog.retry(lost)
		}
	case out.Kind == track.OutText:
		if !d.Texts.Push(out, func(after time.Duration) { d.postpone(out, after, after) }) {
			d.Backlog.retry(out)
		}
	case out.Kind == track.OutShow && d.prompter.nobody(out.Owner): // most users are never online to be prompted: they should not take turns in the queue
		d.park(out, func() bool { return d.prompter.nobody(out.Owner) })
	default:
		d.fair.Push(out.Owner, func(ctx context.Context) error {
			d.send(ctx, out)
			return nil
		}, func() { d.Backlog.retry(out) })
	}
}

// send sends an entry and handles the result.
func (d *Dispatcher) send(ctx context.Context, out track.Outgoing) {
	stream := d.Stream.Stream()
	var err error
	switch out.Kind {
	case track.OutShow:
		err = d.prompter.show(ctx, out)
	case track.OutWithdraw:
		err = d.prompter.withdraw(ctx, out)
	case track.OutRemind:
		err = d.prompter.sendReminder(ctx, out)
	case track.OutChat:
		err = d.prompter.sendCapped(ctx, out)
	case track.OutReply:
		err = d.prompter.sendReply(ctx, out)
	case track.OutAlert:
		err = d.prompter.sendAlert(ctx, out)
	}
	switch {
	case err == nil:
		d.confirm.after(stream, func(lost bool) {
			if lost {
				d.dispatch(out)
			} else {
				d.done(out)
			}
		})
	case errors.Is(err, errNobody):
		d.park(out, func() bool { return d.prompter.nobody(out.Owner) })
	case errors.Is(err, session.ErrDown), ctx.Err() != nil:
		d.park(out, func() bool { return !d.Stream.Up() })
	case errors.Is(err, session.ErrHeldBack):
		d.Backlog.retry(out)
	case errors.Is(err, track.ErrRefused), errors.Is(err, errUnsendable):
		d.Log.Warn("dropping undeliverable outbox entry", "kind", out.Kind, "err", err)
		d.done(out)
	default:
		if out.Tries == 0 {
			d.Log.Error("could not send, retrying", "kind", out.Kind, "err", err)
		}
		d.postpone(out, retryAfter, retryAfterMax)
	}
}

// done removes an entry from the outbox.
func (d *Dispatcher) done(out track.Outgoing) { d.Inputs.Push(&track.OutboxDone{out.ID}, nil) }

// park keeps an entry until something about its owner changes. waiting reports whether it still has to wait: the change
// may already have come.
func (d *Dispatcher) park(out track.Outgoing, waiting func() bool) {
	d.Backlog.park(out)
	if !waiting() {
		d.Backlog.Changed(out.Owner)
	}
}

// processBacklog processes the backlog until ctx is done.
func (d *Dispatcher) processBacklog(ctx context.Context) {
	var due <-chan time.Time
	stop := func() {}
	defer func() { stop() }()
	for {
		for _, owner := range d.Backlog.next() {
			d.sendWaiting(owner)
		}
		if due == nil && (d.Backlog.waits() || d.sender.silenced.Load()) {
			due, stop = d.Clock.After(retryAfter)
		}
		select {
		case <-ctx.Done():
			return
		case <-d.Backlog.wake:
		case <-due:
			due = nil
			for _, out := range d.Backlog.again(track.At(d.Clock.Now())) {
				d.dispatch(out)
			}
			if d.IsLeader() && d.sender.silenced.CompareAndSwap(true, false) {
				d.Up() // what was held back is sent now
			}
		}
	}
}

// sendWaiting sends what is waiting for a user, if it can be sent now.
func (d *Dispatcher) sendWaiting(owner string) {
	parked, notices, greet := d.Backlog.pop(owner)
	if greet {
		d.job(owner, func(ctx context.Context) error { return d.notifier.greet(ctx, owner) })
	}
	d.notify(notices)
	for _, out := range parked {
		d.dispatch(out)
	}
}
