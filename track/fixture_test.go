package track

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// folk are the settings and clients of a test's people.
type folk struct {
	prefs     map[string]Prefs
	contacts  map[Conv]Contact
	clients   map[string]Clients
	present   map[string]bool // by full JID; empty: unknown
	strangers bool            // rosters are unknown
}

func (f *folk) Parties(c Conv) Parties {
	standing := StandingBoth // by default
	if f.strangers {
		standing = StandingUnknown
	}
	return Parties{Sender: f.prefs[c.Sender], Recipient: f.prefs[c.Recipient], Contact: f.contacts[c], Standing: standing,
		Hidden: f.contacts[Conv{c.Recipient, c.Sender}].Hidden}
}

func (f *folk) Clients(bare string) Clients { return f.clients[bare] }

func (f *folk) Present(bare, resource string) bool {
	return len(f.present) == 0 || f.present[bare+"/"+resource]
}

// world is a ledger on a store, with a stepped clock and a heap of alarms that has only what results set.
type world struct {
	folk
	store  *memory
	ledger *Ledger
	policy Policy
	now    Time
	heap   map[Alarm]bool
	tells  []Message  // all so far
	sent   []Outgoing // all outbox entries so far
	n      int        // number of messages
	live   bool       // prompts are shown at once
	check  func(*Result)
}

const (
	alice = "alice@example.org"
	bob   = "bob@example.org"
	carol = "carol@example.org"
	phone = alice + "/phone"
	desk  = alice + "/desk"
)

// noon is when tests begin: 12:00 UTC, 13:00 in Berlin.
var noon = At(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))

// standard is the policy of config.example.toml.
func standard() Policy {
	return Policy{
		Senders: SendersAll, UndeliveredAfter: 2 * time.Minute, UnreadAfter: 10 * time.Minute, MinAfter: 10 * time.Second,
		MaxAfter: 72 * time.Hour, ReplyReads: true, Mode: Ask, Fallback: FallbackOptedIn, Expires: time.Hour,
		Disclose: DiscloseConsented, Reveal: RevealConsented, Steps: []Step{{Do: DoPrompt}},
		PerConversationDay: 4, PerRecipientDay: 20, PerSenderHour: 30,
	}
}

func newWorld() *world {
	w := &world{store: newMemory(), policy: standard(), now: noon, heap: map[Alarm]bool{}, live: true,
		folk: folk{prefs: map[string]Prefs{}, contacts: map[Conv]Contact{}, clients: map[string]Clients{}, present: map[string]bool{}}}
	w.ledger = NewLedger(w.store.seed(), &w.policy, &w.folk)
	return w
}

// feed applies one batch.
func (w *world) feed(inputs ...Input) *Result {
	r := w.ledger.Apply(w.store.load(w.ledger.Want(inputs), w.now), inputs, w.now)
	if w.check != nil {
		w.check(r)
	}
	w.store.commit(r.Changes)
	r.Commit()
	w.ledger.checkThreads(w.store)
	for _, a := range r.Alarms {
		if a.Due != 0 {
			w.heap[a] = true
		}
	}
	w.tells = append(w.tells, r.Notices...)
	w.sent = append(w.sent, r.Outbox...)
	if w.live {
		for _, o := range r.Outbox {
			if o.Kind == OutShow {
				w.show(o.Prompt, phone, desk)
			}
		}
	}
	return r
}

// show shows a prompt on devices.
func (w *world) show(prompt string, to ...string) *Shown {
	s := &Shown{Prompt: prompt, To: to}
	w.feed(s)
	return s
}

// due removes and returns the alarms that are due.
func (w *world) due() []Input {
	var due []Alarm
	for a := range w.heap {
		if a.Due <= w.now {
			due = append(due, a)
		}
	}
	slices.SortFunc(due, func(x, y Alarm) int { return cmp.Or(cmp.Compare(x.Due, y.Due), cmp.Compare(x.Ref, y.Ref)) })
	var inputs []Input
	for _, a := range due {
		delete(w.heap, a)
		inputs = append(inputs, a.input())
	}
	return inputs
}

func (a Alarm) input() Input {
	if a.Ref < 0 {
		return &PromptAlarm{Row: -a.Ref, Due: a.Due}
	}
	return &Fact{Kind: AlarmFired, Ord: a.Ref, At: a.Due}
}

// ring fires every alarm that is due.
func (w *world) ring() {
	for range 100 {
		due := w.due()
		if len(due) == 0 {
			return
		}
		w.feed(due...)
	}
	panic("alarms ring for ever")
}

// step advances the clock, firing each alarm when it is due.
func (w *world) step(d time.Duration) {
	end := w.now.Add(d)
	for range 100_000 { // messages that wait for an SMS without a report look at it twice a minute
		next := end
		for a := range w.heap {
			next = min(next, max(a.Due, w.now))
		}
		w.now = next
		w.ring()
		if w.now == end {
			return
		}
	}
	panic("alarms ring for ever")
}

// restart starts a new ledger from the store.
func (w *world) restart() {
	w.ledger = NewLedger(w.store.seed(), &w.policy, &w.folk)
	clear(w.heap)
	for _, a := range w.store.alarms() {
		w.heap[a] = true
	}
}

func (w *world) prompts(states ...PromptState) []Prompt {
	all := slices.Collect(maps.Values(w.store.prompts))
	all = slices.DeleteFunc(all, func(p Prompt) bool { return len(states) > 0 && !slices.Contains(states, p.State) })
	slices.SortFunc(all, func(x, y Prompt) int { return cmp.Compare(x.Row, y.Row) })
	return all
}
