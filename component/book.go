package component

import (
	"slices"
	"strings"
	"sync"
	"time"

	"tocsin/track"
	"tocsin/xep/caps"
)

// source is how a resource became known, the surest last.
type source uint8

const (
	// fromDevice: it was capable before the component started.
	fromDevice source = iota
	// fromActivity: it wrote something. Believed for activityLife.
	fromActivity
	// fromPresence: the server told (our Prosody module, privileged presence, ejabberd's copies). Believed until it
	// tells otherwise, which not every server does.
	fromPresence
	// fromDirected: the client itself sent presence to the component: the server has to tell when it goes.
	fromDirected
)

const (
	// activityLife is how long a resource is taken to be there because it wrote.
	activityLife = 15 * time.Minute
	// sureFor is how long a sign of life needs no check. After it, a resource that has answered disco#info before is
	// asked again before anything is sent to it: that works on every server, whatever it tells about presence.
	sureFor = 2 * time.Minute
	// askAgain is when a resource that supported nothing is asked again (protocol §9).
	askAgain = time.Hour
	// lateCopy is how long after a resource has left copies of what it wrote may still come (ejabberd copies a message a
	// second time when it reaches its recipient).
	lateCopy = 10 * time.Second
	// forgetAfter is how long a resource may not be heard of before it is asked whether it is still there.
	forgetAfter = 24 * time.Hour
	// deviceTries is how often more a resource is asked that is known from before a restart: nothing else may tell of it, and
	// where another instance still has a stream, ejabberd brings some of the answers there.
	deviceTries = 3
	// bookMax is how many resources are remembered, ownerMax how many of one user: of more, the newest.
	bookMax  = 200_000
	ownerMax = 50
	// sweepEvery is how often those are looked for that are not heard of any more; sweepAsks are asked then at most.
	sweepEvery = 10 * time.Minute
	sweepAsks  = 1000
)

// device is one resource of a local user.
type device struct {
	full     string
	features track.Features
	source   source
	caps     caps.Caps
	seen     time.Time // the last sign of life
	asked    time.Time // when its features were last asked for
	asking   bool
	outdated bool      // its capabilities have changed while it was being asked
	silent   time.Time // when it last did not answer a check; it is left alone for sureFor
	tries    int       // fromDevice: how often it was asked in vain
	answers  bool      // it has answered disco#info: it can be checked
	// confirmed: something has gone there and back since it came. Before, what is sent to its user's bare JID may be a
	// little too early, and be stored for the next login instead.
	confirmed bool
	check     bool // of the copy that is asked: what is known must not do
}

// book is what is known about who is there, and with what: one presence book for all sources.
type book struct {
	ask     func(device)                       // asks for the features of a resource; the answer comes to answered
	keep    func(track.Device)                 // what a restart must not forget; without features: it may. It must not call back
	changed func(owner string)                 // something about the user's resources is new
	arrived func(full string)                  // a capable resource has come
	back    func(owner string, left time.Time) // a user has come back who had left

	mu    sync.Mutex
	users map[string]map[string]*device // by bare, then by full JID
	told  map[string]bool               // domains whose server tells presence
	ended map[string]time.Time          // resources that have left, and when
	left  map[string]time.Time          // users who have left, and when
	began time.Time                     // of the stream
	n     int
}

func newBook() *book {
	return &book{users: map[string]map[string]*device{}, told: map[string]bool{}, ended: map[string]time.Time{}, left: map[string]time.Time{}}
}

// saw notes a sign of life.
func (b *book) saw(full string, from source, c caps.Caps, now time.Time) {
	owner := track.Bare(full)
	b.mu.Lock()
	if from == fromActivity && now.Sub(b.ended[full]) < lateCopy {
		b.mu.Unlock()
		return
	}
	d, isNew := b.device(owner, full)
	if d == nil {
		b.mu.Unlock()
		return
	}
	if from == fromPresence {
		b.told[track.Domain(owner)] = true
	}
	if from >= fromPresence {
		delete(b.ended, full)
		d.confirmed = d.confirmed && d.source >= fromPresence
	}
	d.seen, d.source = now, max(d.source, from)
	ask := d.asked.IsZero() || now.Sub(d.asked) >= askAgain && d.features&track.CanStatus == 0
	if c.Ver != "" && c != d.caps {
		d.caps, d.outdated, ask = c, d.asking, true
	}
	ask = b.begin(d, ask, now)
	asked := *d
	left, back := b.left[owner]
	delete(b.left, owner)
	b.mu.Unlock()
	if back {
		b.back(owner, left)
	}
	if ask {
		b.ask(asked)
	}
	if isNew {
		b.changed(owner)
	}
}

// device finds or adds a resource; it returns nil when there is no room for one.
func (b *book) device(owner, full string) (d *device, isNew bool) {
	if d = b.users[owner][full]; d != nil {
		return d, false
	}
	if b.n >= bookMax || len(b.users[owner]) >= ownerMax && !b.makeRoom(owner) {
		return nil, false
	}
	devices := b.users[owner]
	if devices == nil {
		devices = map[string]*device{}
		b.users[owner] = devices
	}
	d = &device{full: full}
	devices[full] = d
	b.n++
	return d, true
}

// makeRoom forgets the resource of a user that was not heard of for longest. One that is being asked stays: nobody can
// have more questions under way than that.
func (b *book) makeRoom(owner string) bool {
	var oldest *device
	for _, d := range b.users[owner] {
		if !d.asking && (oldest == nil || d.seen.Before(oldest.seen)) {
			oldest = d
		}
	}
	return oldest != nil && b.remove(owner, oldest.full)
}

func (b *book) begin(d *device, ask bool, now time.Time) bool {
	if !ask || d.asking {
		return false
	}
	d.asking, d.asked = true, now
	return true
}

// remember adds a resource that was capable before the component started: it has to be checked.
func (b *book) remember(d track.Device) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if dev, isNew := b.device(track.Bare(d.JID), d.JID); isNew {
		dev.features, dev.answers, dev.seen = d.Features, true, d.At.Std()
	}
}

// gone notes that a resource has left.
func (b *book) gone(full string, now time.Time) {
	owner := track.Bare(full)
	b.mu.Lock()
	was := b.remove(owner, full)
	if len(b.ended) >= bookMax {
		clear(b.ended)
	}
	b.ended[full] = now
	if was && b.users[owner] == nil {
		if len(b.left) >= bookMax {
			clear(b.left)
		}
		b.left[owner] = now
	}
	b.mu.Unlock()
	if was {
		b.changed(owner)
	}
}

func (b *book) remove(owner, full string) bool {
	devices := b.users[owner]
	d := devices[full]
	if d == nil {
		return false
	}
	if d.features&track.CanStatus != 0 {
		b.keep(track.Device{JID: full})
	}
	b.n--
	if delete(devices, full); len(devices) == 0 {
		delete(b.users, owner)
	}
	return true
}

// reply is what became of a question to a resource.
type reply uint8

const (
	known   reply = iota // it was not asked: its capabilities are known by their hash
	replied              // it has answered
	refused              // an error came: it does not support this, or is not there
	silent               // nothing came
	unasked              // there was no time to ask
)

// answered takes in the answer to a question. A resource that has answered before and is refused now is not there any
// more.
func (b *book) answered(asked device, features track.Features, r reply, now time.Time) {
	full, owner := asked.full, track.Bare(asked.full)
	b.mu.Lock()
	d := b.users[owner][full]
	if d == nil || d.asked != asked.asked { // it has left, and may have come again
		b.mu.Unlock()
		return
	}
	d.asking = false
	unheard := d.source == fromDevice && r == silent && d.tries < deviceTries
	if unheard {
		d.tries++
	}
	if d.outdated || unheard {
		d.outdated = false
		b.begin(d, true, now)
		again := *d
		b.mu.Unlock()
		b.ask(again)
		return
	}
	before := d.features
	switch {
	case r == known:
		d.features, d.answers = features, true
	case r == replied:
		d.features, d.answers, d.confirmed, d.seen = features, true, true, now
	case r == unasked: // it is taken for what it was, and asked at the next sign of life
		d.confirmed, d.silent, d.asked = true, now, time.Time{}
	case d.source == fromDevice, r == refused && d.answers:
		b.remove(owner, full)
	default:
		d.confirmed, d.silent = true, now
	}
	was, is := before&track.CanStatus != 0, d.features&track.CanStatus != 0
	if is && d.features != before {
		b.keep(track.Device{JID: full, Features: d.features, At: track.At(now)})
	} else if was && !is {
		b.keep(track.Device{JID: full})
	}
	capable := is && !was
	b.mu.Unlock()
	if capable {
		b.arrived(full)
	}
	b.changed(owner)
}

// doubt makes every resource that can be checked need a check: the stream was down, and nobody told who left
// meanwhile. What was being asked then is asked again. It returns the users, and those of them who had a capable resource.
func (b *book) doubt(now time.Time) (owners, capable []string) {
	b.mu.Lock()
	b.began = now
	var asks []device
	for owner, devices := range b.users {
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
	b.mu.Unlock()
	for _, d := range asks {
		b.ask(d)
	}
	return owners, capable
}

// sweep forgets resources that have left without a word, and asks those that were not heard of for long.
func (b *book) sweep(now time.Time) {
	b.mu.Lock()
	var asks []device
	for owner, devices := range b.users {
		for _, d := range devices {
			unheard := min(now.Sub(d.seen), now.Sub(d.silent))
			told := d.source >= fromPresence && (!d.seen.IsZero() || now.Sub(b.began) < forgetAfter)
			switch {
			case !d.answers && !d.asking && !told && unheard > activityLife:
				b.remove(owner, d.full)
			case d.answers && unheard > forgetAfter && len(asks) < sweepAsks && b.begin(d, true, now):
				check := *d
				check.check = true
				asks = append(asks, check)
			}
		}
	}
	for full, at := range b.ended {
		if now.Sub(at) >= lateCopy {
			delete(b.ended, full)
		}
	}
	b.mu.Unlock()
	for _, d := range asks {
		b.ask(d)
	}
}

// view is who can be reached of a user at a moment.
type view struct {
	ready   bool // false: something is being asked; changed will be called
	online  bool
	told    bool     // the user's server tells presence: silence means absence
	sms     []string // full JIDs that support T#sms
	capable []string // full JIDs that support T
}

// look returns who can be reached of a user. Resources that have not been seen for long are checked first.
func (b *book) look(owner string, now time.Time) view {
	b.mu.Lock()
	v := view{ready: true, told: b.told[track.Domain(owner)]}
	var asks []device
	for _, d := range b.users[owner] {
		if d.source == fromActivity && now.Sub(d.seen) > activityLife && !d.answers {
			b.remove(owner, d.full)
			continue
		}
		if !d.confirmed || d.answers && min(now.Sub(d.seen), now.Sub(d.silent)) > sureFor {
			if b.begin(d, true, now) {
				check := *d
				check.check = true
				asks = append(asks, check)
			}
		}
		if d.asking {
			v.ready = false
			continue
		}
		v.online = true
		if d.features&track.CanStatus != 0 {
			v.capable = append(v.capable, d.full)
		}
		if d.features&track.CanSMS != 0 {
			v.sms = append(v.sms, d.full)
		}
	}
	b.mu.Unlock()
	for _, d := range asks {
		b.ask(d)
	}
	return v
}

// isTold reports whether some server has told presence.
func (b *book) isTold() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.told) > 0
}

// here reports whether a resource is believed to be there, without asking.
func (b *book) here(full string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.users[track.Bare(full)][full] != nil
}

// devices returns the resources of a user that are known to be there.
func (b *book) devices(owner string) []track.Device {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []track.Device
	for _, d := range b.users[owner] {
		list = append(list, track.Device{JID: d.full, Features: d.features, At: track.At(d.seen)})
	}
	slices.SortFunc(list, func(x, y track.Device) int { return strings.Compare(x.JID, y.JID) })
	return list
}

// can returns what is known of the clients of a user from their features.
func (b *book) can(bare string) track.Can {
	b.mu.Lock()
	defer b.mu.Unlock()
	var can track.Can
	known, silent := 0, 0
	for _, d := range b.users[bare] {
		known++
		can.Receipt = can.Receipt || d.features&track.CanReceipts != 0
		if d.features&track.CanMarkers != 0 {
			can.Marker = true
		} else if d.answers {
			silent++
		}
	}
	can.NoMarker = known > 0 && silent == known
	return can
}
