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
	fresh  map[string]bool             // owners of whom a capable resource has come
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
	return &outflow{svc: s, parked: map[string][]track.Outgoing{}, held: map[string][]track.Message{}, fresh: map[string]bool{}, back: map[string]time.Time{}, live: map[string]bool{}, hooks: make(chan track.Outgoing, 1024)}
}

// recall takes over what was in the outbox before a restart; it goes out when the stream is up.
func (o *outflow) recall(list []track.Outgoing) {
	for _, out := range list {
		o.parked[out.Owner] = append(o.parked[out.Owner], out)
	}
}

// job queues work for a user.
func (o *outflow) job(owner string, work func(context.Context) error) {
	o.svc.fair.Put(owner, work) //nolint:errcheck // what is not told now is told in a digest
}

// dispatch queues an entry of the outbox.
func (o *outflow) dispatch(out track.Outgoing) {
	if out.Kind == track.OutWebhook {
		o.hook(out)
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
		o.svc.ingest.put(&track.Left{out.ID}, nil)
	case errors.Is(err, errNobody):
		o.park(out, func() bool { return o.nobody(out.Owner) })
	case errors.Is(err, session.ErrDown), ctx.Err() != nil:
		o.park(out, func() bool { return !o.svc.session.Up() })
	case errors.Is(err, session.ErrHeldBack):
		o.again(out)
	case errors.Is(err, session.ErrTooBig), errors.Is(err, errGone):
		o.svc.log.Warn("an entry of the outbox can't be sent and is dropped", "kind", out.Kind, "err", err)
		o.svc.ingest.put(&track.Left{out.ID}, nil)
	default:
		o.svc.log.Error("could not send, trying again", "kind", out.Kind, "err", err)
		o.again(out)
	}
}

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

// wake looks again at what waits for a user.
func (o *outflow) wake(owner string) {
	o.mu.Lock()
	parked, held := o.parked[owner], o.held[owner]
	delete(o.parked, owner)
	delete(o.held, owner)
	_, back := o.back[owner]
	greet := back || o.fresh[owner]
	o.mu.Unlock()
	if greet {
		o.job(owner, func(ctx context.Context) error { return o.greet(ctx, owner) })
	}
	for _, m := range held {
		o.tell(m)
	}
	for _, out := range parked {
		o.dispatch(out)
	}
}

// comeBack notes that a user is there again who had left.
func (o *outflow) comeBack(owner string, left time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.back[owner] = left
}

// arrived notes that a resource of a user has just turned out to be capable.
func (o *outflow) arrived(owner string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fresh[owner] = true
}

// greet tells a user who has come what is still untold, and shows the prompts that the new resource has not been shown.
func (o *outflow) greet(ctx context.Context, owner string) error {
	v := o.svc.book.look(owner, o.svc.clock.Now())
	if !v.ready {
		return nil // it is tried again when that is so
	}
	o.mu.Lock()
	fresh := o.fresh[owner]
	left, back := o.back[owner]
	delete(o.fresh, owner)
	delete(o.back, owner)
	o.mu.Unlock()
	// What came before the user did is written before it is read.
	if err := o.svc.ingest.do(ctx, nil); err != nil {
		return err
	}
	switch {
	case fresh && len(v.capable) > 0:
		return errors.Join(o.digest(ctx, owner), o.showOpen(ctx, owner))
	case back && v.online && len(v.capable) == 0:
		return o.welcome(ctx, owner, left)
	}
	return nil
}

// up looks again at everything: the stream is there. A capable user who stayed while it was not, or while the component
// was not, is told what could not be told then.
func (o *outflow) up(owners, capable []string) {
	o.mu.Lock()
	for _, owner := range capable {
		o.fresh[owner] = true
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
			o.svc.meter.outcomes.WithLabelValues("opened").Inc()
		}
		o.mu.Unlock()
		return
	}
	delete(o.live, p.ID)
	o.svc.meter.outcomes.WithLabelValues(outcomes[p.State]).Inc()
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
		o.svc.ingest.put(&track.Left{out.ID}, nil)
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
		now := track.At(o.svc.clock.Now())
		o.mu.Lock()
		var early []track.Outgoing
		failed := o.failed
		for i := len(failed) - 1; i >= 0; i-- {
			if failed[i].After > now {
				early = append(early, failed[i])
				failed = append(failed[:i:i], failed[i+1:]...)
			}
		}
		o.failed = early
		o.mu.Unlock()
		for _, out := range failed {
			o.dispatch(out)
		}
	}
}

// say sends a message, unless another instance may be live, which says it itself.
func (o *outflow) say(ctx context.Context, m session.Message) error {
	err := o.svc.session.SendIf(ctx, m, o.svc.opts.Sure)
	if errors.Is(err, session.ErrHeldBack) {
		o.silenced.Store(true)
	}
	return err
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
	switch o.svc.policy().Fallback {
	case track.FallbackAll:
		return prefs.Fallback != track.Off
	case track.FallbackOptedIn:
		return prefs.Fallback == track.On
	}
	return false
}
