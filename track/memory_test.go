package track

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// memory is a store that loads exactly what is wanted, so that an incomplete Want is detected.
type memory struct {
	messages map[int64]Message
	newest   map[Key]int64           // of its rows
	open     map[Conv]map[int64]bool // watched rows that evidence can change
	prompts  map[string]Prompt
	peers    map[string]Peer
	pairs    map[Conv]Pair
	outbox   map[string]Outgoing
	gone     []Outgoing // removed from the outbox
	releases []Release
	consents map[string]bool // recipients with a number, and consent
	numbers  map[string]Number
	texts    map[string]Text
	codes    map[int64]Code
	alerts   map[Alert]Time
	parts    map[PartKey]Part
	stops    map[string]Stop
	seen     map[ReplyKey]Time
	ord, rev int64 // the last ones assigned
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
		peers = append(peers, c.Sender)
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

// commit writes a batch; it panics if a database would refuse it.
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
	for _, t := range c.Delivered {
		if m, ok := s.messages[t.Ord]; ok {
			m.Notice.Delivered = max(m.Notice.Delivered, t.Seq)
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
