package outbox

import (
	"slices"
	"sync"
	"time"

	"tocsin/component/queue"
	"tocsin/track"
)

// Backlog holds what is waiting for users, by owner, and which owners to look at again because something about them has
// changed. Changes may be reported from anywhere; the Dispatcher acts on them.
type Backlog struct {
	mu     sync.Mutex
	owners map[string]*ownerState
	woken  []string         // owners to look at again, in order
	failed []track.Outgoing // entries to retry, each not before its After
	late   []string         // owners to look at again soon
	wake   queue.Signal
}

// ownerState is what is waiting for one user.
type ownerState struct {
	parked  []track.Outgoing // until something about the user changes
	notices []track.Message  // until the features of the user's resources are known
	greeting
	woken, late bool // is in the list of that name
}

// greeting is what to tell a user who has come online.
type greeting struct {
	digest  bool      // all pending notices
	arrived []string  // capable resources that have just come online, and know of no prompt
	shown   []showing // since then
	left    time.Time // when a returning user had left; zero: not returning
}

// showing is a prompt that was shown to a resource.
type showing struct{ prompt, to string }

// maxNotices is how many notices for one user wait until the user's resource has answered; more go into the digest.
const maxNotices = 1000

// NewBacklog returns an empty backlog.
func NewBacklog() *Backlog {
	return &Backlog{owners: map[string]*ownerState{}, wake: queue.NewSignal()}
}

// Changed schedules another look at what is waiting for a user.
func (b *Backlog) Changed(owner string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wakeOwner(owner)
}

// Arrived records that a resource has turned out to be capable. The user is greeted at the next Changed.
func (b *Backlog) Arrived(full string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.of(track.Bare(full))
	s.digest, s.arrived = true, append(s.arrived, full)
}

// Returned records that a user who had left is back. The user is greeted at the next Changed.
func (b *Backlog) Returned(owner string, left time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of(owner).left = left
}

// Forget drops what is waiting for a user whose account was deleted.
func (b *Backlog) Forget(owner string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.owners[owner]; s != nil {
		s.parked, s.notices, s.greeting = nil, nil, greeting{}
		b.drop(owner)
	}
	b.failed = slices.DeleteFunc(b.failed, func(out track.Outgoing) bool { return out.Owner == owner })
}

// of returns the state of an owner. The caller holds mu.
func (b *Backlog) of(owner string) *ownerState {
	s := b.owners[owner]
	if s == nil {
		s = &ownerState{}
		b.owners[owner] = s
	}
	return s
}

// wakeOwner adds an owner to the woken ones if something is waiting for them. The caller holds mu.
func (b *Backlog) wakeOwner(owner string) {
	if s := b.owners[owner]; s != nil && !s.woken {
		s.woken = true
		b.woken = append(b.woken, owner)
		b.wake.Set()
	}
}

// drop forgets an owner if nothing is waiting for them. The caller holds mu.
func (b *Backlog) drop(owner string) {
	s := b.owners[owner]
	if s != nil && len(s.parked) == 0 && len(s.notices) == 0 && !s.due() && !s.woken && !s.late {
		delete(b.owners, owner)
	}
}

// showed records that a prompt was sent to resources: a greeting that is pending need not show it to them again.
func (b *Backlog) showed(owner, prompt string, to []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.owners[owner]
	if s == nil {
		return
	}
	for _, full := range to {
		if slices.Contains(s.arrived, full) {
			s.shown = append(s.shown, showing{prompt, full})
		}
	}
}

// lacking returns those of the resources that do not have a prompt.
func (g *greeting) lacking(p *track.Prompt, resources []string) (to []string) {
	for _, full := range resources {
		if !slices.Contains(p.Shown, full) || slices.Contains(g.arrived, full) && !slices.Contains(g.shown, showing{p.ID, full}) {
			to = append(to, full)
		}
	}
	return to
}

// due reports whether a greeting is pending.
func (g *greeting) due() bool { return g.digest || !g.left.IsZero() }

// park keeps entries until something about their owner changes.
func (b *Backlog) park(entries ...track.Outgoing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, out := range entries {
		s := b.of(out.Owner)
		s.parked = append(s.parked, out)
	}
}

// unpark removes and returns the matching entries of an owner.
func (b *Backlog) unpark(owner string, fits func(*track.Outgoing) bool) (out []track.Outgoing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.owners[owner]
	if s == nil {
		return nil
	}
	s.parked = slices.DeleteFunc(s.parked, func(e track.Outgoing) bool {
		if !fits(&e) {
			return false
		}
		out = append(out, e)
		return true
	})
	b.drop(owner)
	return out
}

// parkNotice keeps a notice until something about its sender changes. Beyond maxNotices it is left to the digest.
func (b *Backlog) parkNotice(m *track.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.of(m.Sender); len(s.notices) < maxNotices {
		s.notices = append(s.notices, withoutText(m))
	}
}

// retry schedules an entry for another attempt soon, but not before its After.
func (b *Backlog) retry(out track.Outgoing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = append(b.failed, out)
	b.wake.Set()
}

// scheduleGreeting schedules a greeting; soon says that it does not wait for a change.
func (b *Backlog) scheduleGreeting(owner string, g greeting, soon bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.of(owner)
	s.digest = s.digest || g.digest
	s.arrived, s.shown = append(s.arrived, g.arrived...), append(s.shown, g.shown...)
	if !g.left.IsZero() {
		s.left = g.left
	}
	if soon && !s.late {
		s.late = true
		b.late = append(b.late, owner)
		b.wake.Set()
	}
}

// wakeAll schedules another look at all owners.
func (b *Backlog) wakeAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for owner := range b.owners {
		b.wakeOwner(owner)
	}
}

// next returns the owners to look at again, in order.
func (b *Backlog) next() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	woken := b.woken
	b.woken = nil
	return woken
}

// pop removes and returns what is waiting for an owner. If a greeting is due, the notices stay, as they follow the digest.
func (b *Backlog) pop(owner string) (parked []track.Outgoing, notices []track.Message, greet bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.owners[owner]
	if s == nil {
		return nil, nil, false
	}
	s.woken = false
	parked, s.parked = s.parked, nil
	if !s.digest {
		notices, s.notices = s.notices, nil
	}
	greet = s.due()
	b.drop(owner)
	return parked, notices, greet
}

// popGreeting removes and returns an owner's greeting, with the notices that have to follow it.
func (b *Backlog) popGreeting(owner string) (g greeting, notices []track.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.owners[owner]
	if s == nil || !s.due() {
		return greeting{}, nil
	}
	g, notices = s.greeting, s.notices
	s.greeting, s.notices = greeting{}, nil
	b.drop(owner)
	return g, notices
}

// again returns the entries that are due for a retry, and rouses the late owners.
func (b *Backlog) again(now track.Time) (ready []track.Outgoing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = slices.DeleteFunc(b.failed, func(out track.Outgoing) bool {
		if out.After > now {
			return false
		}
		ready = append(ready, out)
		return true
	})
	for _, owner := range b.late {
		b.owners[owner].late = false
		b.wakeOwner(owner)
		b.drop(owner)
	}
	b.late = nil
	return ready
}

// waits reports whether anything is due for another attempt.
func (b *Backlog) waits() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.failed)+len(b.late) > 0
}
