package component

import (
	"context"
	"fmt"
	"slices"

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
	v := o.svc.presence.Look(m.Sender)
	switch {
	case len(v.Capable) > 0:
		o.job(m.Sender, func(ctx context.Context) error { return o.status(ctx, m) })
	case !v.Ready:
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
	if o.svc.presence.Look(m.Sender).Ready { // they have meanwhile
		o.wake(m.Sender)
	}
}

// status sends one notice, as a headline to all resources.
func (o *outflow) status(ctx context.Context, m track.Message) error {
	status := session.Message{
		To: m.Sender, Type: "headline", ID: fmt.Sprintf("s-%x-%d", m.Ord, m.Notice.Seq),
		Payload: []any{o.statusOf(ctx, &m), hints.NoStore{}},
	}
	return o.sayTold(ctx, status, []track.Message{m}, func() { o.toGreet(m.Sender) }) // after an error it stays untold
}

// sayTold sends notices to their sender. They are told when the server is known to have them; if they are lost, the
// sender is greeted once more, as missed notes while mu is held.
func (o *outflow) sayTold(ctx context.Context, m session.Message, list []track.Message, missed func()) error {
	stream := o.svc.session.Stream()
	if err := o.say(ctx, m); err != nil {
		return err
	}
	o.svc.proofs.put(stream, func(lost bool) {
		if !lost {
			o.reached(list)
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		missed()
		o.late[list[0].Sender] = true
	})
	return nil
}

func (o *outflow) reached(list []track.Message) {
	told := make(track.NoticesDelivered, len(list))
	for i := range list {
		told[i] = toldOf(&list[i])
	}
	o.svc.queue.Put(&told, nil)
}

// toldOf says that the notice of a message is told.
func toldOf(m *track.Message) track.Told { return track.Told{Ord: m.Ord, Seq: m.Notice.Seq} }

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

// digest sends what is untold, in headlines of at most 50 states. What has come up since the user came was held back, and
// is told after it one by one, if there is no more of it than one headline could hold.
func (o *outflow) digest(ctx context.Context, owner string, held []track.Message) error {
	untold, err := o.untold(ctx, owner)
	if err != nil {
		return err
	}
	if len(held) > escalation.MaxStatuses {
		held = nil
	}
	later := map[track.Told]bool{}
	for i := range held {
		later[toldOf(&held[i])] = true
	}
	untold = slices.DeleteFunc(untold, func(m track.Message) bool { return later[toldOf(&m)] })
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
		if err := o.sayTold(ctx, digest, untold[:n], func() { o.toGreet(owner) }); err != nil {
			return err
		}
		untold = untold[n:]
	}
	for _, m := range held {
		if err := o.status(ctx, m); err != nil {
			return err
		}
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
			o.svc.metrics.Forgotten.Add(float64(over))
			o.reached(list[:over])
			list = list[over:]
		}
		if len(page) < digestMax {
			return list, nil
		}
		after = page[len(page)-1].Notice.Rev
	}
}
