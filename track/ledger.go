package track

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"time"
)

// Limits. Beyond them a message is not watched: it only takes its position in the order, and is counted. Beyond maxPending,
// senders with less than an equal share of it are still watched: there are never more than twice as many. The limits are
// compared with what is stored: one batch may exceed them by its own messages.
const (
	maxPendingPerSender = 10_000
	maxPending          = 2_000_000
)

// copyWindow is how long after sending the same id means another copy of the same message, even if that is settled already:
// on a server that copies at the sender's and at the receiver's session, the recipient's evidence may come before the second
// copy.
const copyWindow = 2 * time.Second

// People is what is known about users in memory: their settings, and their clients' features.
type People interface {
	Parties(Conv) Parties // their settings, with invalid ones made strict
	Clients(bare string) Clients
	// Present reports whether a resource is online, or whether that is unknown: because no source reports presence, or
	// because nobody is online.
	Present(bare, resource string) bool
}

// Ledger turns inputs into changes. It has the state that outlives a batch; one goroutine owns it.
type Ledger struct {
	policy  *Policy
	people  People
	secret  []byte
	pepper  []byte
	lastOrd int64
	lastRev int64
	pending map[string]int32
	total   int
	prompts int
	peers   cache[string, Peer]
	pairs   cache[Conv, Pair]
	threads cache[Conv, *thread]
	early   early // by key: evidence that came before its message
	handed  handovers
	notices int // of the last batch, like rows: room for those of the next one
	rows    int
	// Limited counts the messages that were not watched because of a limit.
	Limited uint64
}

// NewLedger continues from the state of the store.
func NewLedger(seed Seed, policy *Policy, people People) *Ledger {
	l := &Ledger{policy: policy, people: people, secret: seed.Secret, pepper: seed.Pepper, lastOrd: seed.LastOrd, lastRev: seed.LastRev,
		pending: seed.Pending, prompts: seed.Prompts, early: early{}, handed: handovers{},
		peers: newCache[string, Peer](maxRemembered), pairs: newCache[Conv, Pair](maxRemembered), threads: newCache[Conv, *thread](maxThreads)}
	if l.pending == nil {
		l.pending = map[string]int32{}
	}
	for _, n := range l.pending {
		l.total += int(n)
	}
	return l
}

// SetPolicy sets the policy from the next batch on; pending messages adopt it at their next alarm. So that a shorter timeout
// does not wait for an old, longer one, the caller may fire every alarm of the store early, at its leisure: an early alarm
// only re-evaluates the message (docs/design/states.md).
func (l *Ledger) SetPolicy(policy *Policy) { l.policy = policy }

// Policy returns the current policy.
func (l *Ledger) Policy() *Policy { return l.policy }

// Pending is the number of watched messages that are not settled.
func (l *Ledger) Pending() int { return l.total }

// Last returns the greatest Ord and the greatest Rev assigned so far.
func (l *Ledger) Last() (ord, rev int64) { return l.lastOrd, l.lastRev }

// OpenPrompts is the number of prompts that may still be answered.
func (l *Ledger) OpenPrompts() int { return l.prompts }

// Want returns what must be loaded for the inputs.
func (l *Ledger) Want(inputs []Input) Want {
	w := Want{covered: make(map[Key]bool, l.rows), known: map[Conv]bool{}}
	for _, in := range inputs {
		in.want(l, &w)
	}
	return w
}

// Result is the outcome of a batch.
type Result struct {
	Changes
	Notices []Message // whose Notice should reach the sender, in order; a message may occur twice
	Alarms  []Alarm   // that were set; without Due: removed
	ledger  *Ledger
	now     Time
	delta   map[string]int32
	peers   map[string]Peer // known, or learned
	talks   map[Conv]*talk
	live    int // change in the number of live prompts
	early   early
	handed  []handover
	used    []Key // of the ledger's early
	limited uint64
	rows    int // how many the batch had
}

// Apply processes the inputs in order. Nothing takes effect before Result.Commit: a batch that could not be stored is
// applied again, as a whole or in parts. (Only the counters of order and revisions never go back.)
func (l *Ledger) Apply(loaded Loaded, inputs []Input, now Time) *Result {
	b := newBatch(l, loaded, now)
	for _, in := range inputs {
		in.apply(b)
	}
	return b.finish()
}

// Commit makes the ledger remember a batch that was stored.
func (r *Result) Commit() {
	l := r.ledger
	for sender, d := range r.delta {
		l.total += int(d)
		if l.pending[sender] += d; l.pending[sender] <= 0 {
			delete(l.pending, sender)
		}
	}
	l.prompts += r.live
	l.notices, l.rows = len(r.Notices), r.rows
	for _, gone := range r.Removed {
		l.forgetAccount(gone.JID)
	}
	for jid, p := range r.peers {
		l.peers.put(jid, p, 1)
	}
	for c, t := range r.talks {
		if t.learned {
			l.pairs.put(c, t.pair, 1)
		}
		switch {
		case !t.saved:
		case t.thread == nil:
			l.threads.remove(c)
		default:
			l.threads.put(c, t.thread, t.thread.weight())
		}
	}
	l.handed.merge(r.handed, r.now)
	l.early.merge(r.early, r.used, r.now)
	l.Limited += r.limited
}

// maxRemembered limits each generation of what is remembered about people and pairs of them.
const maxRemembered = 100_000

// nothing is what was stored of a new row. It is not to be changed.
var nothing Message

// row is a message in a batch.
type row struct {
	Message
	before   *Message // as stored; not to be changed
	talk     *talk    // its conversation
	fresh    bool
	once     bool // of a fresh one: Fact.Once
	fired    bool // its alarm was taken from the heap
	changed  bool // differs from what is stored; known in the end
	needless bool // not to be stored; known in the end
}

// work is a prompt in a batch.
type work struct {
	Prompt
	was   bool // it was live before
	dirty bool
	fired bool
}

// text is an SMS in a batch.
type text struct {
	Text
	dirty bool
}

// code is a code in a batch.
type code struct {
	Code
	dirty bool
}

// batch is the working set of one Apply.
type batch struct {
	*Ledger
	now      Time
	people   recalled
	rows     map[int64]*row
	all      []*row // the same, in the order in which they were added; in the end, by Ord
	talks    map[Conv]*talk
	last     *talk // the one that was asked for last
	prompts  map[string]*work
	live     map[Conv]*work
	opened   []Opened
	peers    map[string]Peer
	gone     map[string]int64  // the last Ord of removed accounts
	numbers  map[string]Number // by recipient
	handed   []handed
	texts    map[string]*text
	texting  map[Conv]*text // the live ones
	parts    map[PartKey]*Part
	seen     map[ReplyKey]bool // replies processed before
	usage    Usage
	codes    map[int64]*code
	codeUse  CodeUse
	alerts   map[Alert]Time
	newPeers map[string]bool // those of peers that have changed
	out      *Result
}

func newBatch(l *Ledger, loaded Loaded, now Time) *batch {
	room := max(len(loaded.Messages), l.rows)
	b := &batch{
		Ledger: l, now: now, people: recall(l.people), rows: make(map[int64]*row, room), all: make([]*row, 0, room), talks: map[Conv]*talk{},
		prompts: map[string]*work{}, live: map[Conv]*work{}, opened: loaded.Opened, peers: map[string]Peer{}, newPeers: map[string]bool{},
		gone: map[string]int64{}, numbers: map[string]Number{}, texts: map[string]*text{}, texting: map[Conv]*text{},
		parts: map[PartKey]*Part{}, seen: map[ReplyKey]bool{}, usage: loaded.Usage, codes: map[int64]*code{}, codeUse: loaded.CodeUse, alerts: map[Alert]Time{}, out: &Result{ledger: l, now: now, Notices: make([]Message, 0, l.notices), delta: map[string]int32{}, early: early{}},
	}
	for _, c := range loaded.Open {
		b.talk(c).whole = true
	}
	for i := range loaded.Messages {
		b.add(&row{Message: loaded.Messages[i], before: &loaded.Messages[i]})
	}
	for _, p := range loaded.Prompts {
		b.addPrompt(&work{Prompt: p, was: p.State.Live()})
	}
	for _, n := range loaded.Numbers {
		b.numbers[n.JID] = n
	}
	for _, t := range loaded.Texts {
		b.addText(&text{Text: t})
	}
	for _, p := range loaded.Parts {
		b.parts[p.PartKey] = &p
	}
	for _, k := range loaded.Seen {
		b.seen[k] = true
	}
	for _, c := range loaded.Codes {
		b.codes[c.Row] = &code{Code: c}
	}
	b.codeUse.prepare()
	for _, a := range loaded.Alerts {
		b.alerts[a.Alert] = a.At
	}
	for _, p := range loaded.Peers {
		b.peers[p.JID] = p
	}
	for _, p := range loaded.Pairs {
		b.talk(p.Conv).learn(p)
	}
	return b
}

func (b *batch) add(r *row) *row {
	if r.fresh {
		r.before = &nothing
	}
	b.rows[r.Ord], b.all = r, append(b.all, r)
	r.talk = b.talk(r.Conv())
	r.talk.add(r)
	return r
}

func (b *batch) addPrompt(w *work) *work {
	b.prompts[w.ID] = w
	if w.State.Live() {
		b.live[w.Conv] = w
	}
	return w
}

// find returns the message with an id: of a correction, the original.
func (b *batch) find(k Key) *row {
	r := b.newest(k)
	for range 3 {
		if r == nil || r.Kind != Alias {
			break
		}
		r = b.rows[r.Original]
	}
	return r
}

// upTo returns the messages of a conversation that evidence can change, in order, up to and including the Ord last.
func (b *batch) upTo(c Conv, last int64) []*row {
	var open []*row
	for _, r := range b.talk(c).open {
		if r.Ord <= last && !r.Status.Final() {
			open = append(open, r)
		}
	}
	slices.SortFunc(open, func(x, y *row) int { return cmp.Compare(x.Ord, y.Ord) })
	return open
}

func (b *batch) nextOrd() int64 {
	b.lastOrd = nextOrd(b.lastOrd, b.now)
	return b.lastOrd
}

func (b *batch) settings(m *Message) Settings {
	who := b.parties(m.Conv())
	standing := first(m.Standing, who.Standing)
	s := b.policy.Resolve(m, *who, b.expect(m, standing))
	s.Reveals = b.policy.Reveals(*who, standing, b.numbers[m.Recipient].Consent, b.isRefused(m.Conv()))
	return s
}

// finish collects what has changed, in order.
func (b *batch) finish() *Result {
	slices.SortFunc(b.all, func(x, y *row) int { return cmp.Compare(x.Ord, y.Ord) })
	fresh, changed := 0, 0
	for _, r := range b.all {
		switch {
		case r.fresh:
			fresh++
		case r.Message != *r.before:
			r.changed = true
			changed++
		}
	}
	b.out.Insert, b.out.Update, b.out.Was = make([]Message, 0, fresh), make([]Message, 0, changed), make([]Message, 0, changed)
	for _, r := range b.all {
		switch {
		case b.isGone(r.Sender, r.Ord):
			r.Due = 0
		case r.fresh:
			if r.needless = b.isNeedless(r); !r.needless {
				b.out.Insert = append(b.out.Insert, r.Message)
			}
		case r.changed:
			b.out.Update, b.out.Was = append(b.out.Update, r.Message), append(b.out.Was, *r.before)
		case !r.fired:
			continue
		}
		if r.fired || r.Due != r.before.Due {
			b.out.Alarms = append(b.out.Alarms, Alarm{r.Due, r.Ord})
		}
		is := r.Kind == Watched && !r.Status.Settled()
		was := !r.fresh && r.Kind == Watched && !r.before.Status.Settled()
		if is && !was {
			b.out.delta[r.Sender]++
		} else if was && !is {
			b.out.delta[r.Sender]--
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b.prompts)) {
		w := b.prompts[id]
		gone := b.isGone(w.Sender, w.Row)
		if w.dirty {
			w.schedule()
			if !gone {
				b.out.Prompts = append(b.out.Prompts, w.Prompt)
			}
		}
		if is := w.State.Live() && !gone; is && !w.was {
			b.out.live++
		} else if w.was && !is {
			b.out.live--
		}
		if w.dirty || w.fired {
			b.out.Alarms = append(b.out.Alarms, Alarm{w.Due, -w.Row})
		}
	}
	for _, jid := range slices.Sorted(maps.Keys(b.newPeers)) {
		b.out.Peers = append(b.out.Peers, b.peers[jid])
	}
	for _, t := range b.talks {
		if t.news {
			b.out.Pairs = append(b.out.Pairs, t.pair)
		}
	}
	slices.SortFunc(b.out.Pairs, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(x.Sender, y.Sender), cmp.Compare(x.Recipient, y.Recipient))
	})
	for _, id := range slices.Sorted(maps.Keys(b.texts)) {
		if t := b.texts[id]; t.dirty && !b.isGone(t.Sender, t.Row) {
			b.out.Texts = append(b.out.Texts, t.Text)
		}
	}
	for _, row := range slices.Sorted(maps.Keys(b.codes)) {
		if c := b.codes[row]; c.dirty && !b.isGone(c.JID, row) {
			b.out.Codes = append(b.out.Codes, c.Code)
		}
	}
	b.out.Numbers = slices.DeleteFunc(b.out.Numbers, func(n Number) bool { return b.gone[n.JID] != 0 })
	b.out.Parts = slices.DeleteFunc(b.out.Parts, func(p Part) bool { t := b.texts[p.Text]; return t == nil || b.isGone(t.Sender, t.Row) })
	b.out.peers, b.out.talks, b.out.rows = b.peers, b.talks, len(b.all)
	b.out.handed = b.handovers()
	b.saveThreads()
	for _, r := range b.all {
		r.before, r.talk = nil, nil // what is remembered keeps the row, and would keep all its predecessors
	}
	return b.out
}

// promptID derives an unguessable id from the database's secret, so that a repetition after a crash has the same one.
func (b *batch) promptID(row int64) (id string, code uint32) {
	mac := hmac.New(sha256.New, b.secret)
	binary.Write(mac, binary.BigEndian, row)
	sum := mac.Sum(nil)
	return "p-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20])), binary.BigEndian.Uint32(sum[20:])
}
