package component

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/component/session"
	"tocsin/track"
)

// outflow brings out what must leave the house: what the outbox holds, and the notices. Everything of one user goes out
// in order and through the user's share of the queue, so that a flood for one delays nobody else.
//
// An entry of the outbox that cannot go out now is parked: the stream is down, or the sender is not there, or a resource
// is being asked what it can do. It is looked at again when that changes.
type outflow struct {
	svc *Service

	mu     sync.Mutex
	parked map[string][]track.Outgoing // by owner
	held   map[string][]track.Message  // notices of owners whose resources are being asked
	failed []track.Outgoing            // to be tried again soon
	late   map[string]bool             // owners to be greeted again soon
	fresh  map[string][]string         // owners to be told what is untold, and which capable resources of theirs have just come
	back   map[string]time.Time        // owners who have come back, and when they had left
	live   map[string]bool             // prompts that were opened here and are not over, by id
	hooks  chan track.Outgoing         // webhooks

	silenced atomic.Bool // something was held back because another instance may be live
}

// againAfter is how long an entry waits that could not be sent for a reason that passes.
const againAfter = time.Second

// heldMax is how many notices of one user wait for an answer of the user's resource; more are told in the digest.
const heldMax = 1000

func newOutflow(s *Service) *outflow {
	return &outflow{
		svc: s, parked: map[string][]track.Outgoing{}, held: map[string][]track.Message{}, late: map[string]bool{},
		fresh: map[string][]string{}, back: map[string]time.Time{}, live: map[string]bool{}, hooks: make(chan track.Outgoing, 1024),
	}
}

// recall takes over what was in the outbox before a restart; it goes out when the stream is up.
func (o *outflow) recall(list []track.Outgoing) {
	for _, out := range list {
		o.parked[out.Owner] = append(o.parked[out.Owner], out)
	}
}

// job queues work for a user. What there is no room for is told in a digest, as soon as there is.
func (o *outflow) job(owner string, work func(context.Context) error) {
	if o.svc.fair.Put(owner, work) == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.toGreet(owner)
	o.late[owner] = true
}

// dispatch queues an entry of the outbox.
func (o *outflow) dispatch(out track.Outgoing) {
	switch {
	case out.Kind == track.OutWebhook:
		o.hook(out)
		return
	case out.Kind == track.OutShow && o.nobody(out.Owner): // most users are never there to be asked: they take up nobody's turns
		o.park(out, func() bool { return o.nobody(out.Owner) })
		return
	}
	err := o.svc.fair.Put(out.Owner, func(ctx context.Context) error {
		o.send(ctx, out)
		return nil
	})
	if err != nil { // the user's share of the queue is full
		o.again(out)
	}
}

// errNobody says that there is nobody to send an entry to, for now.
var errNobody = errors.New("nobody to send it to yet")

func (o *outflow) send(ctx context.Context, out track.Outgoing) {
	stream := o.svc.session.Stream()
	var err error
	switch out.Kind {
	case track.OutShow:
		err = o.show(ctx, out)
	case track.OutWithdraw:
		err = o.withdraw(ctx, out)
	case track.OutRemind:
		err = o.remind(ctx, out)
	case track.OutChat:
		err = o.chat(ctx, out)
	}
	switch {
	case err == nil:
		o.svc.proofs.put(stream, func(lost bool) {
			if lost {
				o.dispatch(out)
			} else {
				o.done(out)
			}
		})
	case errors.Is(err, errNobody):
		o.park(out, func() bool { return o.nobody(out.Owner) })
	case errors.Is(err, session.ErrDown), ctx.Err() != nil:
		o.park(out, func() bool { return !o.svc.session.Up() })
	case errors.Is(err, session.ErrHeldBack):
		o.again(out)
	case errors.Is(err, track.ErrRefused), errors.Is(err, errGone):
		o.svc.log.Warn("an entry of the outbox can't be sent and is dropped", "kind", out.Kind, "err", err)
		o.done(out)
	default:
		if out.Tries++; out.Tries == 1 {
			o.svc.log.Error("could not send, trying again", "kind", out.Kind, "err", err)
		}
		o.again(out)
	}
}

// done takes an entry out of the outbox.
func (o *outflow) done(out track.Outgoing) { o.svc.queue.Put(&track.OutboxDone{out.ID}, nil) }

// park keeps an entry until something about its owner changes. waiting says whether it still has to wait: the change may
// have come meanwhile.
func (o *outflow) park(out track.Outgoing, waiting func() bool) {
	o.mu.Lock()
	o.parked[out.Owner] = append(o.parked[out.Owner], out)
	o.mu.Unlock()
	if !waiting() {
		o.wake(out.Owner)
	}
}

// again has an entry tried a second later.
func (o *outflow) again(out track.Outgoing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = append(o.failed, out)
}

// Changed implements presence.Events.
func (o *outflow) Changed(owner string) { o.wake(owner) }

// wake looks again at what waits for a user.
func (o *outflow) wake(owner string) {
	o.mu.Lock()
	parked, held := o.parked[owner], o.held[owner]
	delete(o.parked, owner)
	_, back := o.back[owner]
	_, fresh := o.fresh[owner]
	if !fresh { // else they follow the digest
		delete(o.held, owner)
	}
	o.mu.Unlock()
	if back || fresh {
		o.job(owner, func(ctx context.Context) error { return o.greet(ctx, owner) })
	}
	if !fresh {
		for _, m := range held {
			o.tell(m)
		}
	}
	for _, out := range parked {
		o.dispatch(out)
	}
}

// Returned notes that a user is there again who had left.
func (o *outflow) Returned(owner string, left time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.back[owner] = left
}

// Arrived notes that a resource has just turned out to be capable.
func (o *outflow) Arrived(full string) {
	owner := track.Bare(full)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.toGreet(owner, full)
}

// toGreet notes that a user is to be greeted, and which resources have come. The caller holds mu.
func (o *outflow) toGreet(owner string, come ...string) {
	o.fresh[owner] = append(o.fresh[owner], come...)
}

// greet tells a user who has come what is still untold, and shows the resources that have come the prompts that are
// open.
func (o *outflow) greet(ctx context.Context, owner string) error {
	v := o.svc.presence.Look(owner)
	if !v.Ready {
		return nil // it is tried again when that is so
	}
	o.mu.Lock()
	come, fresh := o.fresh[owner]
	left, back := o.back[owner]
	if !fresh && !back {
		o.mu.Unlock()
		return nil
	}
	held := o.held[owner]
	delete(o.fresh, owner)
	delete(o.back, owner)
	delete(o.held, owner)
	o.mu.Unlock()
	// What came before the user did is written before it is read, and what was told is known to be.
	o.svc.proofs.wait(ctx)
	err := o.svc.queue.Do(ctx, nil)
	switch {
	case err != nil:
	case fresh && len(v.Capable) > 0:
		err = errors.Join(o.digest(ctx, owner, held), o.showOpen(ctx, owner, come))
	case back && v.Online && len(v.Capable) == 0:
		err = o.welcome(ctx, owner, left)
	}
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if fresh {
			o.toGreet(owner, come...)
		}
		if back {
			o.back[owner] = left
		}
		if o.svc.session.Up() && !errors.Is(err, errGone) {
			o.late[owner] = true
		}
	}
	return err
}

// up looks again at everything: the stream is there. A capable user who stayed while it was not, or while the component
// was not, is told what could not be told then.
func (o *outflow) up(owners, capable []string) {
	o.mu.Lock()
	for _, owner := range capable {
		o.toGreet(owner)
	}
	for owner := range o.parked {
		owners = append(owners, owner)
	}
	o.mu.Unlock()
	for _, owner := range owners {
		o.wake(owner)
	}
}

var outcomes = map[track.PromptState]string{
	track.PromptSent: "sent", track.PromptDeclined: "declined", track.PromptFailed: "failed", track.PromptExpired: "expired",
	track.PromptWithdrawn: "withdrawn", track.PromptCapped: "capped",
}

// changed counts what becomes of a prompt, and drops one that is over where it still waits to be shown.
func (o *outflow) changed(p *track.Prompt) {
	o.mu.Lock()
	if p.State.Live() {
		if !o.live[p.ID] && p.Sends <= 1 && p.Covered == 0 {
			o.live[p.ID] = true
			o.svc.metrics.Outcomes.WithLabelValues("opened").Inc()
		}
		o.mu.Unlock()
		return
	}
	delete(o.live, p.ID)
	o.svc.metrics.Outcomes.WithLabelValues(outcomes[p.State]).Inc()
	var kept, dropped []track.Outgoing
	for _, out := range o.parked[p.Sender] {
		if out.Kind == track.OutShow && out.Prompt == p.ID {
			dropped = append(dropped, out)
		} else {
			kept = append(kept, out)
		}
	}
	if o.parked[p.Sender] = kept; len(kept) == 0 {
		delete(o.parked, p.Sender)
	}
	o.mu.Unlock()
	for _, out := range dropped {
		o.done(out)
	}
}

// run tries again what has failed, and posts webhooks, until ctx is done.
func (o *outflow) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for range hooksAtOnce {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case out := <-o.hooks:
					o.post(ctx, out)
				}
			}
		})
	}
	for {
		due, stop := o.svc.clock.After(againAfter)
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-due:
		}
		o.retry()
	}
}

// retry dispatches what has failed and may be tried again.
func (o *outflow) retry() {
	now := track.At(o.svc.clock.Now())
	o.mu.Lock()
	var ready, early []track.Outgoing
	for _, out := range o.failed {
		if out.After > now {
			early = append(early, out)
		} else {
			ready = append(ready, out)
		}
	}
	late := o.late
	o.failed, o.late = early, map[string]bool{}
	o.mu.Unlock()
	for _, out := range ready {
		o.dispatch(out)
	}
	for owner := range late {
		o.wake(owner)
	}
}

// say sends a message, unless another instance may be live, which says it itself. What can't ever be sent is gone.
func (o *outflow) say(ctx context.Context, m session.Message) error {
	err := o.svc.session.SendIf(ctx, m, o.svc.opts.IsLeader)
	switch {
	case err == nil, errors.Is(err, session.ErrDown), ctx.Err() != nil:
		return err
	case errors.Is(err, session.ErrHeldBack):
		o.silenced.Store(true)
		return err
	}
	return fmt.Errorf("%w: %w", errGone, err)
}

// message is a chat message from the contact.
func (o *outflow) message(to, id string, payload ...any) session.Message {
	return session.Message{From: o.svc.opts.Contact, To: to, Type: "chat", ID: id, Payload: payload}
}

// stanzaID returns the id of one of several stanzas that an entry of the outbox makes: the same again after a crash.
func stanzaID(out track.Outgoing, to string) string {
	return fmt.Sprintf("%s-%08x", out.ID, hash32(to))
}

func hash32(s string) uint32 {
	h := uint32(2166136261) // FNV-1a
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// allowed reports whether an ordinary client of the user may be sent chat messages (protocol §7).
func (o *outflow) allowed(owner string) bool {
	prefs := o.svc.people.Of(owner)
	switch o.svc.settings.Policy().Fallback {
	case track.FallbackAll:
		return prefs.Fallback != track.Off
	case track.FallbackOptedIn:
		return prefs.Fallback == track.On
	}
	return false
}
