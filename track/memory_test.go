package track

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// memory is a store that loads exactly what is wanted and not a row more, so that a missing want is found.
type memory struct {
	messages map[int64]Message
	newest   map[Key]int64           // of its rows
	open     map[Conv]map[int64]bool // watched rows that evidence can change
	prompts  map[string]Prompt
	peers    map[string]Peer
	pairs    map[Conv]Pair
	outbox   map[string]Outgoing
	gone     []Outgoing // what was removed from the outbox
	releases []Release
	consents map[string]bool // recipients with a number, and consent
	numbers  map[string]Number
	texts    map[string]Text
	codes    map[int64]Code
	alerts   map[Alert]Time
	parts    map[PartKey]Part
	stops    map[string]Stop
	seen     map[ReplyKey]Time
	ord, rev int64 // the last that were given out
}

func newMemory() *memory {
	return &memory{messages: map[int64]Message{}, newest: map[Key]int64{}, open: map[Conv]map[int64]bool{}, prompts: map[string]Prompt{}, consents: map[string]bool{}, numbers: map[string]Number{}, texts: map[string]Text{}, codes: map[int64]Code{}, alerts: map[Alert]Time{}, parts: map[PartKey]Part{}, stops: map[string]Stop{}, seen: map[ReplyKey]Time{}, peers: map[string]Peer{}, pairs: map[Conv]Pair{}, outbox: map[string]Outgoing{}}
}

func (s *memory) load(w Want, now Time) Loaded {
	l := Loaded{Open: w.Open}
	messages, prompts := map[int64]bool{}, map[string]bool{}
	var addPrompt func(Prompt)
	add := func(m Message) {
		if messages[m.Ord] {
			return
		}
		messages[m.Ord] = true
		l.Messages = append(l.Messages, m)
		if p, ok := s.prompts[m.Prompt]; ok && p.State.Live() {
			addPrompt(p)
		}
	}
	addPrompt = func(p Prompt) {
		if prompts[p.ID] {
			return
		}
		prompts[p.ID] = true
		p.Messages, p.Shown = slices.Clone(p.Messages), slices.Clone(p.Shown)
		l.Prompts = append(l.Prompts, p)
		for _, ord := range p.Messages {
			if m, ok := s.messages[ord]; ok {
				add(m)
			}
		}
	}
	for _, k := range w.Replies {
		if _, seen := s.seen[k]; seen {
			l.Seen = append(l.Seen, k)
		}
	}
	senders, peers, capped, open := slices.Clone(w.Senders), slices.Clone(w.Peers), []Conv{}, slices.Clone(w.Open)
	recipients, decided := slices.Clone(w.Recipients), []Conv{}
	for _, k := range w.Codes {
		decided = append(decided, Conv{k.User, k.User})
	}
	for _, n := range w.Numbers {
		decided = append(decided, Conv{Recipient: n})
	}
	for _, t := range s.texts {
		part := slices.ContainsFunc(w.Parts, func(k PartKey) bool { return s.parts[k].Text == t.ID })
		answered := slices.Contains(w.Phones, t.Number) && now < t.QueuedAt.Add(MaxReplyWindow)
		if !part && !answered && !slices.Contains(w.Texts, t.ID) {
			continue
		}
		l.Texts = append(l.Texts, t)
		for _, p := range s.parts {
			if p.Text == t.ID {
				l.Parts = append(l.Parts, p)
			}
		}
		for _, ord := range t.Messages {
			if m, ok := s.messages[ord]; ok {
				add(m)
			}
		}
		senders, open, decided = append(senders, t.Sender), append(open, t.Conv), append(decided, t.Conv)
		recipients = append(recipients, t.Recipient)
	}
	for _, ord := range w.Ords {
		if m, ok := s.messages[ord]; ok {
			add(m)
			senders, peers, capped = append(senders, m.Sender), append(peers, m.Recipient), append(capped, m.Conv())
			open, decided = append(open, m.Conv()), append(decided, m.Conv())
			recipients = append(recipients, m.Recipient)
		}
	}
	for _, k := range w.Keys {
		for m, ok := s.messages[s.newest[k]]; ok; m, ok = s.messages[m.Original] {
			add(m)
		}
	}
	for _, c := range open {
		for ord := range s.open[c] {
			add(s.messages[ord])
		}
	}
	for c, ords := range s.open {
		if slices.Contains(w.Of, c.Sender) {
			for ord := range ords {
				add(s.messages[ord])
			}
		}
	}
	for _, id := range w.Prompts {
		if p, ok := s.prompts[id]; ok {
			capped, decided = append(capped, p.Conv), append(decided, p.Conv)
			if w.SMS {
				recipients = append(recipients, p.Recipient)
			}
		}
	}
	for _, p := range s.prompts {
		if slices.Contains(w.Rows, p.Row) {
			decided = append(decided, p.Conv)
		}
	}
	for _, p := range s.prompts {
		if slices.Contains(w.Prompts, p.ID) || slices.Contains(w.Rows, p.Row) || p.State.Live() && slices.Contains(senders, p.Sender) {
			addPrompt(p)
		}
		if len(p.Shown) > 0 && now < p.OpenedAt.Add(day) && slices.ContainsFunc(capped, func(c Conv) bool { return c.Sender == p.Sender || c.Recipient == p.Recipient }) {
			l.Opened = append(l.Opened, Opened{p.Conv, p.OpenedAt, p.State})
		}
	}
	of := slices.Concat(w.Pairs, capped)
	for _, t := range l.Texts {
		of = append(of, t.Conv)
	}
	for _, c := range of {
		if p, ok := s.pairs[c]; ok && !slices.Contains(l.Pairs, p) {
			l.Pairs = append(l.Pairs, p)
		}
	}
	for _, jid := range recipients {
		n := s.numbers[jid]
		if n.JID, n.Consent = jid, n.Consent || s.consents[jid]; n.Consent || n.E164 != "" {
			l.Numbers = append(l.Numbers, n)
		}
	}
	for _, t := range s.texts {
		if t.State.Live() && slices.Contains(decided, t.Conv) && !slices.ContainsFunc(l.Texts, func(x Text) bool { return x.ID == t.ID }) {
			l.Texts = append(l.Texts, t)
		}
	}
	for i := range l.Texts {
		l.Texts[i].Messages = slices.Clone(l.Texts[i].Messages)
	}
	s.loadCodes(w, &l, now)
	if w.SMS {
		about := slices.Clone(l.Numbers)
		for _, n := range w.Numbers {
			about = append(about, Number{E164: n})
		}
		for _, t := range l.Texts {
			about = append(about, Number{E164: t.Number})
		}
		l.Usage = s.usage(about, decided, now)
	}
	for _, jid := range peers {
		if p, ok := s.peers[jid]; ok && !slices.Contains(l.Peers, p) {
			l.Peers = append(l.Peers, p)
		}
	}
	return l
}

// commit writes a batch; it panics on what no database would take.
func (s *memory) commit(c Changes) {
	for _, gone := range c.Removed {
		s.remove(gone.JID, gone.Ord)
	}
	for _, m := range c.Insert {
		if _, ok := s.messages[m.Ord]; ok {
			panic(fmt.Sprintf("row %d is inserted twice", m.Ord))
		}
		s.newest[m.Key] = max(s.newest[m.Key], m.Ord)
		s.put(m)
	}
	for _, m := range c.Update {
		if old := s.messages[m.Ord]; old.Key != m.Key {
			panic(fmt.Sprintf("row %d is updated, but is not there", m.Ord))
		}
		s.put(m)
	}
	for _, p := range c.Prompts {
		p.Messages, p.Shown = slices.Clone(p.Messages), slices.Clone(p.Shown)
		s.prompts[p.ID] = p
		s.ord = max(s.ord, p.Row)
	}
	for _, p := range c.Peers {
		s.peers[p.JID] = p
	}
	for _, p := range c.Pairs {
		s.pairs[p.Conv] = p
	}
	for _, o := range c.Outbox {
		if _, ok := s.outbox[o.ID]; !ok {
			s.outbox[o.ID] = o
		}
	}
	for _, id := range c.Done {
		if o, ok := s.outbox[id]; ok {
			s.gone = append(s.gone, o)
			delete(s.outbox, id)
		}
	}
	for _, t := range c.Told {
		if m, ok := s.messages[t.Ord]; ok {
			m.Notice.Told = max(m.Notice.Told, t.Seq)
			s.messages[t.Ord] = m
		}
	}
	s.releases = append(s.releases, c.Releases...)
	for _, t := range c.Texts {
		t.Messages = slices.Clone(t.Messages)
		s.texts[t.ID] = t
		s.ord = max(s.ord, t.Row)
	}
	for _, p := range c.Parts {
		s.parts[p.PartKey] = p
	}
	for _, r := range c.Replies {
		s.seen[r.ReplyKey] = r.At
	}
	for _, stop := range c.Stops {
		s.stops[stop.Number] = stop
	}
	for _, x := range c.Codes {
		s.codes[x.Row] = x
		s.ord = max(s.ord, x.Row)
	}
	for _, n := range c.Numbers {
		s.numbers[n.JID] = n
	}
	for _, a := range c.Alerts {
		s.alerts[a.Alert] = a.At
	}
}

func (s *memory) remove(jid string, last int64) {
	maps.DeleteFunc(s.messages, func(ord int64, m Message) bool { return m.Sender == jid && ord <= last })
	maps.DeleteFunc(s.newest, func(k Key, ord int64) bool { return k.Sender == jid && ord <= last })
	for _, ords := range s.open {
		maps.DeleteFunc(ords, func(ord int64, _ bool) bool { _, ok := s.messages[ord]; return !ok })
	}
	maps.DeleteFunc(s.prompts, func(_ string, p Prompt) bool { return p.Sender == jid && p.Row <= last })
	maps.DeleteFunc(s.texts, func(_ string, t Text) bool { return t.Sender == jid && t.Row <= last })
	maps.DeleteFunc(s.parts, func(_ PartKey, p Part) bool { _, ok := s.texts[p.Text]; return !ok })
	maps.DeleteFunc(s.outbox, func(_ string, o Outgoing) bool { return o.Owner == jid })
	delete(s.peers, jid)
	s.releases = slices.DeleteFunc(s.releases, func(r Release) bool { return r.Owner == jid })
}

func (s *memory) put(m Message) {
	s.messages[m.Ord] = m
	s.ord, s.rev = max(s.ord, m.Ord), max(s.rev, m.Notice.Rev)
	open := s.open[m.Conv()]
	switch {
	case m.Kind != Watched || m.Status.Final():
		delete(open, m.Ord)
	case open == nil:
		s.open[m.Conv()] = map[int64]bool{m.Ord: true}
	default:
		open[m.Ord] = true
	}
}

func (s *memory) alarms() []Alarm {
	var list []Alarm
	for _, m := range s.messages {
		if m.Due != 0 {
			list = append(list, Alarm{m.Due, m.Ord})
		}
	}
	for _, p := range s.prompts {
		if p.Due != 0 {
			list = append(list, Alarm{p.Due, -p.Row})
		}
	}
	return list
}

func (s *memory) seed() Seed {
	seed := Seed{LastOrd: s.ord, LastRev: s.rev, Secret: bytes.Repeat([]byte{7}, 32), Pending: map[string]int32{}}
	for _, m := range s.messages {
		if m.Kind == Watched && !m.Status.Settled() {
			seed.Pending[m.Sender]++
		}
	}
	for _, p := range s.prompts {
		if p.State.Live() {
			seed.Prompts++
		}
	}
	return seed
}

func (s *memory) find(k Key) Message { return s.messages[s.newest[k]] }

// folk are the settings and clients of a test's people.
type folk struct {
	prefs     map[string]Prefs
	contacts  map[Conv]Contact
	clients   map[string]Clients
	present   map[string]bool // by full JID; nobody there: nobody can tell
	strangers bool            // senders are in nobody's roster, as far as is known
}

func (f *folk) Parties(c Conv) Parties {
	standing := StandingBoth // so that stories about something else need not say it
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

// world is a ledger on a store, with a clock that is stepped and a heap of alarms that knows only what it was told.
type world struct {
	folk
	store  *memory
	ledger *Ledger
	policy Policy
	now    Time
	heap   map[Alarm]bool
	tells  []Message  // all that were told
	sent   []Outgoing // all that went into the outbox
	n      int        // of messages
	live   bool       // devices: whether prompts find somebody at once
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

// feed is one batch.
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
	w.tells = append(w.tells, r.Tells...)
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

// show brings a prompt to the devices.
func (w *world) show(prompt string, to ...string) *Shown {
	s := &Shown{Prompt: prompt, To: to}
	w.feed(s)
	return s
}

// due takes out the alarms that are due.
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

// ring lets everything happen that is due at this instant.
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

// step lets the time pass, each alarm ringing when it is due.
func (w *world) step(d time.Duration) {
	end := w.now.Add(d)
	for range 10_000 {
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

// restart begins again from what is stored.
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
