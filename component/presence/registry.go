// Package presence knows which users of the configured domains are online, with which resources, and what these support: one
// registry for all sources of presence (registry.go), and the disco#info queries that learn about resources and check them
// (disco.go).
//
// It does not know what is sent to them; Events tells others about changes. Its tests (registry_test.go) step the clock and
// answer the queries themselves.
package presence

import (
	"maps"
	"sync"
	"time"

	"tocsin/component/clock"
	"tocsin/component/queue"
	"tocsin/track"
	"tocsin/xep/caps"
)

// Source is how a resource became known, the most reliable last.
type Source uint8

const (
	// FromStore: it was capable before the component started.
	FromStore Source = iota
	// FromActivity: it wrote something. Believed for activityLife.
	FromActivity
	// FromPresence: the server reported it (our Prosody module, privileged presence, ejabberd's copies). Believed until
	// it reports otherwise, which not every server does.
	FromPresence
	// FromDirected: the client itself sent presence to the component, so the server has to report when it leaves.
	FromDirected
)

const (
	// activityLife is how long a resource is considered online because it wrote.
	activityLife = 15 * time.Minute
	// sureFor is how long a sign of life needs no check. After that, a resource that has answered disco#info before is
	// queried again before anything is sent to it: that works on every server, whatever it reports about presence.
	sureFor = 2 * time.Minute
	// askAgain is after how long a resource that supported nothing is queried again (protocol §9).
	askAgain = time.Hour
	// lateCopy is how long copies of a resource's messages may still arrive after it has left (ejabberd copies a message a
	// second time when it reaches its recipient).
	lateCopy = 10 * time.Second
	// forgetAfter is how long a resource may be silent before it is queried.
	forgetAfter = 24 * time.Hour
	// deviceTries is how many more times a resource known from before a restart is queried: there may be no other sign of it,
	// and while another instance still has a stream, ejabberd sends some of the answers there.
	deviceTries = 3
	// maxResources limits the resources remembered, maxPerUser those of one user: the newest are kept.
	maxResources = 200_000
	maxPerUser   = 50
	// sweepEvery is how often silent resources are looked for; at most sweepAsks are then queried.
	sweepEvery = 10 * time.Minute
	sweepAsks  = 1000
)

// device is one resource of a local user.
type device struct {
	full     string
	features track.Features
	source   Source
	caps     caps.Caps
	seen     time.Time // the last sign of life
	asked    time.Time // when its features were last asked for
	asking   bool
	outdated bool      // its capabilities changed during the query
	silent   time.Time // when it last failed to answer a check; it is not checked again for sureFor
	tries    int       // FromStore: number of queries without an answer
	answers  bool      // it has answered disco#info: it can be checked
	acks     bool      // it acknowledges what it receives (XEP-0198)
	itself   bool      // its features come from its own answer, not from another resource with the same hash
	// confirmed: there has been a round trip since it came online. Before that, a stanza to the bare JID may arrive too
	// early, and be stored for the next login instead.
	confirmed bool
	check     bool // in a query: cached answers are not enough
}

// Events are notified of changes, in the goroutine that noticed. They must not block.
type Events interface {
	// Changed: something about the user's resources is new. clients is what is known of them now.
	Changed(owner string, clients track.Clients)
	// Arrived: a resource has turned out to be capable. It is called before anybody can see that, while the Registry is locked.
	// Changed follows.
	Arrived(full string)
	// Returned: a user who had left is back. Changed follows.
	Returned(owner string, left time.Time)
}

// Registry knows who is online, and with which features, from all sources of presence. It is safe for concurrent use.
type Registry struct {
	events  Events
	clock   clock.Clock
	queries *queue.Shared[device] // for a Learner, which calls answered for each
	unsaved queue.Signal          // saves is not empty

	mu        sync.Mutex
	users     map[string]map[string]*device // by bare, then by full JID
	reporting map[string]bool               // domains whose server reports presence
	ended     map[string]time.Time          // resources that have left, and when
	left      map[string]time.Time          // users who have left, and when
	saves     map[string]track.Device       // by full JID: what must survive a restart; without features: to be deleted
	began     time.Time                     // when the stream came up
	n         int
	max       int
	shares    queue.Shares // of n, by user
}

// New returns an empty registry.
func New(events Events, c clock.Clock) *Registry {
	return &Registry{
		events: events, clock: c, queries: queue.NewShared[device](maxQuestions), unsaved: queue.NewSignal(),
		users: map[string]map[string]*device{}, reporting: map[string]bool{}, ended: map[string]time.Time{}, left: map[string]time.Time{},
		saves: map[string]track.Device{}, max: maxResources,
	}
}

// Observe records a sign of life of a resource.
func (r *Registry) Observe(full string, from Source, c caps.Caps) {
	owner, now := track.Bare(full), r.clock.Now()
	r.mu.Lock()
	if from == FromActivity && now.Sub(r.ended[full]) < lateCopy {
		r.mu.Unlock()
		return
	}
	d, isNew := r.device(owner, full)
	if d == nil {
		r.mu.Unlock()
		return
	}
	if from == FromPresence {
		r.reporting[track.Domain(owner)] = true
	}
	if from >= FromPresence {
		delete(r.ended, full)
		d.confirmed = d.confirmed && d.source >= FromPresence
	}
	d.seen, d.source = now, max(d.source, from)
	ask := d.asked.IsZero() || now.Sub(d.asked) >= askAgain && d.features&track.CanStatus == 0
	if c.Ver != "" && c != d.caps {
		d.caps, d.outdated, ask = c, d.asking, true
	}
	ask = r.begin(d, ask, now)
	asked := *d
	left, back := r.left[owner]
	delete(r.left, owner)
	r.mu.Unlock()
	if back {
		r.events.Returned(owner, left)
	}
	if ask {
		r.enqueue(asked)
	}
	if isNew {
		r.changed(owner)
	}
}

func (r *Registry) changed(owner string) { r.events.Changed(owner, r.Clients(owner)) }

// device finds or adds a resource; it returns nil when there is no room. When the total is too large, the largest
// holder loses one.
func (r *Registry) device(owner, full string) (d *device, isNew bool) {
	if d = r.users[owner][full]; d != nil {
		return d, false
	}
	if len(r.users[owner]) >= maxPerUser && !r.makeRoom(owner) {
		return nil, false
	}
	if r.n >= r.max {
		largest, larger := r.shares.Larger(owner)
		if !larger {
			largest = owner
		}
		if !r.makeRoom(largest) {
			return nil, false
		}
	}
	devices := r.users[owner]
	if devices == nil {
		devices = map[string]*device{}
		r.users[owner] = devices
	}
	d = &device{full: full}
	devices[full] = d
	r.n++
	r.shares.Add(owner, 1)
	return d, true
}

// makeRoom removes the user's least recently seen resource. One that is being queried stays, so that the number of pending
// queries is limited, too.
func (r *Registry) makeRoom(owner string) bool {
	var oldest *device
	for _, d := range r.users[owner] {
		if !d.asking && (oldest == nil || d.seen.Before(oldest.seen)) {
			oldest = d
		}
	}
	return oldest != nil && r.remove(owner, oldest.full)
}

func (r *Registry) begin(d *device, ask bool, now time.Time) bool {
	if !ask || d.asking {
		return false
	}
	d.asking, d.asked = true, now
	return true
}

// Restore adds a resource that was capable before the component started: it has to be checked.
func (r *Registry) Restore(d track.Device) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if dev, isNew := r.device(track.Bare(d.JID), d.JID); isNew {
		dev.features, dev.answers, dev.seen = d.Features, true, d.At.Std()
	}
}

// Left records that a resource has left.
func (r *Registry) Left(full string) {
	owner, now := track.Bare(full), r.clock.Now()
	r.mu.Lock()
	was := r.remove(owner, full)
	if len(r.ended) >= maxResources {
		clear(r.ended)
	}
	r.ended[full] = now
	if was && r.users[owner] == nil {
		if len(r.left) >= maxResources {
			clear(r.left)
		}
		r.left[owner] = now
	}
	r.mu.Unlock()
	if was {
		r.changed(owner)
	}
}

// Forget drops everything about a user whose account was deleted.
func (r *Registry) Forget(owner string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for full := range r.users[owner] {
		r.remove(owner, full)
	}
	delete(r.left, owner)
}

func (r *Registry) remove(owner, full string) bool {
	devices := r.users[owner]
	d := devices[full]
	if d == nil {
		return false
	}
	if d.features&track.CanStatus != 0 {
		r.save(track.Device{JID: full})
	}
	r.n--
	r.shares.Add(owner, -1)
	if delete(devices, full); len(devices) == 0 {
		delete(r.users, owner)
	}
	return true
}

// reply is the outcome of a query to a resource.
type reply uint8

const (
	known   reply = iota // it was not queried: its capabilities are known by their hash
	replied              // it has answered
	refused              // an error: it does not support this, or is offline
	silent               // no answer
	unasked              // it was not queried: too many were waiting
)

// resolve handles the answer to a query. A resource that has answered before and now returns an error is gone.
func (r *Registry) resolve(asked device, features track.Features, as reply) {
	full, owner, now := asked.full, track.Bare(asked.full), r.clock.Now()
	r.mu.Lock()
	d := r.users[owner][full]
	if d == nil || d.asked != asked.asked { // it has left, and may have come back
		r.mu.Unlock()
		return
	}
	d.asking = false
	unheard := d.source == FromStore && as == silent && d.tries < deviceTries
	if unheard {
		d.tries++
	}
	if d.outdated || unheard {
		d.outdated = false
		r.begin(d, true, now)
		again := *d
		r.mu.Unlock()
		r.enqueue(again)
		return
	}
	before := d.features
	switch {
	case as == known:
		d.features, d.answers, d.itself = features, true, false
	case as == replied:
		d.features, d.answers, d.itself, d.confirmed, d.seen = features, true, true, true, now
	case as == unasked: // unchanged, and queried at the next sign of life
		d.confirmed, d.silent, d.asked = true, now, time.Time{}
	case d.source == FromStore, as == refused && d.answers:
		r.remove(owner, full)
	default:
		d.confirmed, d.silent = true, now
	}
	was, is := before&track.CanStatus != 0, d.features&track.CanStatus != 0
	if is && d.features != before {
		r.save(track.Device{JID: full, Features: d.features, At: track.At(now)})
	} else if was && !is {
		r.save(track.Device{JID: full})
	}
	if is && !was {
		r.events.Arrived(full)
	}
	r.mu.Unlock()
	r.changed(owner)
}

// Recheck schedules a check of every resource that can be checked: the stream was down, and nobody reported who left
// meanwhile. Interrupted queries are repeated. It returns the users, and those of them with a capable resource.
func (r *Registry) Recheck() (owners, capable []string) {
	now := r.clock.Now()
	r.mu.Lock()
	r.began = now
	var asks []device
	for owner, devices := range r.users {
		can := false
		for _, d := range devices {
			can = can || d.features&track.CanStatus != 0
			d.silent = time.Time{}
			if d.seen, d.confirmed = (time.Time{}), d.confirmed && !d.answers; d.asking {
				d.asked = now
				asks = append(asks, *d)
			}
		}
		owners = append(owners, owner)
		if can {
			capable = append(capable, owner)
		}
	}
	r.mu.Unlock()
	for _, d := range asks {
		r.enqueue(d)
	}
	return owners, capable
}

// sweep forgets resources that have left silently, and queries those that have been silent for long.
func (r *Registry) sweep() {
	now := r.clock.Now()
	r.mu.Lock()
	var asks []device
	for owner, devices := range r.users {
		for _, d := range devices {
			unheard := min(now.Sub(d.seen), now.Sub(d.silent))
			reported := d.source >= FromPresence && (!d.seen.IsZero() || now.Sub(r.began) < forgetAfter)
			switch {
			case !d.answers && !d.asking && !reported && unheard > activityLife:
				r.remove(owner, d.full)
			case d.answers && unheard > forgetAfter && len(asks) < sweepAsks && r.begin(d, true, now):
				check := *d
				check.check = true
				asks = append(asks, check)
			}
		}
	}
	for full, at := range r.ended {
		if now.Sub(at) >= lateCopy {
			delete(r.ended, full)
		}
	}
	r.mu.Unlock()
	for _, d := range asks {
		r.enqueue(d)
	}
}

// enqueue queues a query, unless too many are waiting.
func (r *Registry) enqueue(d device) {
	if lost, ok := r.queries.Push(track.Bare(d.full), d); !ok {
		r.resolve(lost, 0, unasked)
	}
}

// save schedules a device to be stored; one without features is deleted. The caller holds mu.
func (r *Registry) save(d track.Device) {
	r.saves[d.JID] = d
	r.unsaved.Set()
}

// popSaves returns the devices to store and those to delete.
func (r *Registry) popSaves() map[string]track.Device {
	r.mu.Lock()
	defer r.mu.Unlock()
	saves := r.saves
	r.saves = map[string]track.Device{}
	return saves
}

// saveAgain puts back what could not be saved, except what has changed since.
func (r *Registry) saveAgain(saves map[string]track.Device) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(saves, r.saves)
	r.saves = saves
}
