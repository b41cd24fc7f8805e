package component

import (
	"context"
	"fmt"

	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/escalation"
	"tocsin/xep/hints"
)

// digestMax is how many states a returning sender is told at most; the oldest of more are dropped, and counted.
const digestMax = 1000

// tell brings a notice to its sender, if the sender has a resource that shows it. Else it stays untold: the latest state
// of every message is kept, and told on return.
func (o *outflow) tell(m track.Message) {
	m.Text = "" // nothing of it is told, and very many may have to wait
	v := o.svc.book.look(m.Sender, o.svc.clock.Now())
	switch {
	case len(v.capable) > 0:
		o.job(m.Sender, func(ctx context.Context) error { return o.status(ctx, m) })
	case !v.ready:
		o.hold(m)
	}
}

// hold keeps a notice until the sender's resources have said what they can do.
func (o *outflow) hold(m track.Message) {
	o.mu.Lock()
	if held := o.held[m.Sender]; len(held) < heldMax {
		o.held[m.Sender] = append(held, m)
	}
	o.mu.Unlock()
	if o.svc.book.look(m.Sender, o.svc.clock.Now()).ready { // they have meanwhile
		o.wake(m.Sender)
	}
}

// status sends one notice, as a headline to all resources.
func (o *outflow) status(ctx context.Context, m track.Message) error {
	status := session.Message{
		To: m.Sender, Type: "headline", ID: fmt.Sprintf("s-%x-%d", m.Ord, m.Notice.Seq),
		Payload: []any{o.statusOf(ctx, &m), hints.NoStore{}},
	}
	if err := o.say(ctx, status); err != nil {
		return err // it stays untold
	}
	o.reached([]track.Message{m})
	return nil
}

func (o *outflow) reached(list []track.Message) {
	told := make(track.Reached, len(list))
	for i, m := range list {
		told[i] = track.Told{Ord: m.Ord, Seq: m.Notice.Seq}
	}
	if len(told) > 0 {
		o.svc.ingest.put(&told, nil)
	}
}

// statusOf is a notice as its sender may see it.
func (o *outflow) statusOf(ctx context.Context, m *track.Message) escalation.Status {
	n := m.Notice
	return escalation.Status{
		ID: m.ID, With: m.Recipient, Seq: n.Seq, State: o.stateOf(ctx, m, n.State), Stamp: escalation.Time(n.At),
		Basis: escalation.Basis(n.Basis), Further: escalation.State(n.Further),
	}
}

// stateOf merges the two timeouts for a sender who may not tell them apart (protocol §4).
func (o *outflow) stateOf(ctx context.Context, m *track.Message, state track.State) escalation.State {
	timeout := state == track.StateTimeoutUndelivered || state == track.StateTimeoutUnread
	if timeout && !o.svc.reveals(ctx, m.Conv()) {
		state = track.StateTimeout
	}
	return escalation.State(state)
}

// digest sends what is untold, in headlines of at most 50 states.
func (o *outflow) digest(ctx context.Context, owner string) error {
	untold, err := o.untold(ctx, owner)
	if err != nil {
		return err
	}
	for len(untold) > 0 {
		n := min(len(untold), escalation.MaxStatuses)
		var list escalation.Statuses
		for i := range untold[:n] {
			list.Status = append(list.Status, o.statusOf(ctx, &untold[i]))
		}
		last := untold[n-1].Notice
		digest := session.Message{
			To: owner, Type: "headline", ID: fmt.Sprintf("d-%x-%d", last.Rev, n),
			Payload: []any{list, hints.NoStore{}},
		}
		if err := o.say(ctx, digest); err != nil {
			return err
		}
		o.reached(untold[:n])
		untold = untold[n:]
	}
	return nil
}

// untold returns the newest of what a sender was not told, oldest first. It reads in pages: one who has never come may have
// any number.
func (o *outflow) untold(ctx context.Context, owner string) ([]track.Message, error) {
	var list []track.Message
	for after := int64(0); ; {
		page, err := o.svc.opts.Store.Messages(ctx, owner, track.Filter{Untold: true, AfterRev: after, Limit: digestMax})
		if err != nil {
			return nil, fmt.Errorf("load what is untold: %w", err)
		}
		list = append(list, page...)
		if over := len(list) - digestMax; over > 0 {
			o.svc.meter.forgotten.Add(float64(over))
			o.reached(list[:over])
			list = list[over:]
		}
		if len(page) < digestMax {
			return list, nil
		}
		after = page[len(page)-1].Notice.Rev
	}
}
