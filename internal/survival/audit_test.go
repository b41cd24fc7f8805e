package survival

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/fakeserver"
	"tocsin/storage"
	"tocsin/track"
)

// audit records what was sent and what the component said about it, and collects faults.
type audit struct {
	mu      sync.Mutex
	fates   map[track.Key]*fate
	prompts map[string]*asked      // by id
	came    map[string][]time.Time // messages by bare receiver; nil: not recorded
	faults  []string
	tally
}

// tally is the counts of an audit.
type tally struct {
	kills, pauses, cuts         int
	takeovers                   int
	slowest                     time.Duration // takeover from a killed instance
	messages                    int           // number sent
	known, asked                int           // durable messages, and prompts, before the last forget
	statuses, digests           int
	shown, repeats, withdrawals int // prompts: stanzas, repetitions under the same id, withdrawn ones
	answered                    int
}

// fate is what is known about one message.
type fate struct {
	sent    track.Time
	known   bool              // it was durable at some time
	settled string            // its final state, once durable
	states  map[string]string // by seq
	asked   []string          // ids of the prompts about it
	closed  string            // the prompt whose answer the component has accepted
	over    bool              // it was delivered before its prompt was shown, and nothing more is due
}

// asked is what is known about one prompt.
type asked struct {
	owner     string
	about     []track.Key
	ids       map[string][]string // stanza ids, by receiver
	withdrawn bool
	at        time.Time // when it was first shown
	early     bool      // nothing that it asked about then was overdue
}

func newAudit() *audit {
	return &audit{fates: map[track.Key]*fate{}, prompts: map[string]*asked{}}
}

// fault records a fault. The caller holds mu.
func (a *audit) fault(format string, args ...any) {
	a.faults = append(a.faults, fmt.Sprintf(format, args...))
}

// note is fault without holding mu.
func (a *audit) note(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault(format, args...)
}

// report fails the test with the recorded faults.
func (a *audit) report(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, f := range a.faults {
		if i == 10 {
			t.Errorf("… and %d more", len(a.faults)-i)
			break
		}
		t.Error(f)
	}
}

// count updates the tally.
func (a *audit) count(what *int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*what++
}

// tookOver records a takeover from a killed instance.
func (a *audit) tookOver(after time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.takeovers++
	a.slowest = max(a.slowest, after)
}

// forget starts anew with other people; the tally goes on.
func (a *audit) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known, a.asked = a.durable(), a.asked+len(a.prompts)
	clear(a.fates)
	clear(a.prompts)
}

// durable is the number of messages known to be durable. The caller holds mu.
func (a *audit) durable() int {
	n := a.known
	for _, f := range a.fates {
		if f.known {
			n++
		}
	}
	return n
}

// wrote records a message before it is sent.
func (a *audit) wrote(key track.Key, at track.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fates[key] = &fate{sent: at, states: map[string]string{}}
	a.messages++
}

// heard processes a message from the component.
func (a *audit) heard(e *fakeserver.Element, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	owner, _, _ := strings.Cut(e.Attr["to"], "/")
	if a.came != nil {
		a.came[owner] = append(a.came[owner], now)
	}
	for _, c := range e.Children {
		switch {
		case c.Name.Space != ns:
		case c.Name.Local == "status":
			a.statuses++
			a.told(owner, c, now)
		case c.Name.Local == "statuses":
			a.digests++
			for _, status := range c.Children {
				a.told(owner, status, now)
			}
		case c.Name.Local == "escalate":
			a.asks(owner, e, c, now)
		case c.Name.Local == "withdraw":
			a.withdrawals++
			if p := a.prompts[c.Attr["prompt"]]; p != nil {
				p.withdrawn = true
			} // otherwise the kill came after Shown was stored and before the prompt was sent
		}
	}
}

var settles = map[string]bool{"displayed": true, "failed": true, "cancelled": true}

// told processes a state of a message: states are only reported when durable.
func (a *audit) told(owner string, status *fakeserver.Element, now time.Time) {
	key := track.Key{Sender: owner, Recipient: status.Attr["with"], ID: status.Attr["id"]}
	f := a.fates[key]
	if f == nil {
		a.fault("told of a message that nobody wrote: %v", key)
		return
	}
	f.known = true
	seq, state := status.Attr["seq"], status.Attr["state"]
	if before, ok := f.states[seq]; ok && before != state {
		a.fault("%v: state %s is %s, was told as %s", key, seq, state, before)
	}
	f.states[seq] = state
	if strings.HasPrefix(state, "timeout") {
		if early := f.early(now); early > 0 {
			a.fault("%v: fired %s before its due", key, early)
		}
	}
	if settles[state] {
		f.settled = state
	}
}

// asks processes a prompt.
func (a *audit) asks(owner string, e, prompt *fakeserver.Element, now time.Time) {
	id := prompt.Attr["prompt"]
	p := a.prompts[id]
	begins := p == nil
	if begins {
		p = &asked{owner: owner, ids: map[string][]string{}, at: now}
		a.prompts[id] = p
	}
	a.shown++
	to, stanza := e.Attr["to"], e.Attr["id"]
	if slices.Contains(p.ids[to], stanza) {
		a.repeats++
	} else {
		p.ids[to] = append(p.ids[to], stanza)
	}
	about := []string{prompt.Attr["id"]}
	for _, c := range prompt.Children {
		if c.Name.Space == ns && c.Name.Local == "also" {
			about = append(about, c.Attr["id"])
		}
	}
	p.about = nil
	timely := false // it asks about the whole burst as soon as one message is due
	for _, message := range about {
		key := track.Key{Sender: owner, Recipient: prompt.Attr["with"], ID: message}
		p.about = append(p.about, key)
		f := a.fates[key]
		if f == nil {
			a.fault("asked about a message that nobody wrote: %v", key)
			continue
		}
		f.known = true
		timely = timely || f.early(now) <= 0
		if f.settled != "" {
			a.fault("%v: asked about after it was %s, in %s as %s", key, f.settled, id, stanza)
		}
		if f.closed != "" && f.closed != id {
			a.fault("%v: asked about in %s after the answer to %s", key, id, f.closed)
		}
		if !slices.Contains(f.asked, id) {
			f.asked = append(f.asked, id)
		}
	}
	p.early = p.early || begins && !timely
}

// early is how long before its time a prompt is. The stamps are exact to a millisecond.
func (f *fate) early(now time.Time) time.Duration {
	return f.sent.Add(undeliveredAfter).Std().Sub(now) - time.Millisecond
}

// took records that an answer to a prompt is durable, for the messages it was about at the time.
func (a *audit) took(prompt string, about []track.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answered++
	for _, key := range about {
		a.fates[key].closed = prompt
	}
}

// open returns a prompt that was shown and not answered yet.
func (a *audit) open() (prompt, owner string, about []track.Key, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, p := range a.prompts {
		if p.owner != "" && a.fates[p.about[0]].closed == "" && a.fates[p.about[0]].settled == "" {
			owner, p.owner = p.owner, "" // it is answered once
			return id, owner, slices.Clone(p.about), true
		}
	}
	return "", "", nil, false
}

// look compares what was said with the database. last says that nothing more is due.
func (a *audit) look(ctx context.Context, t *testing.T, dsn string, senders []string, last bool) {
	t.Helper()
	store, err := storage.Open(ctx, dsn, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	rows := map[track.Key]track.Message{}
	var opened []string
	for _, sender := range senders {
		list, err := store.Messages(ctx, sender, track.Filter{Newest: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if _, twice := rows[m.Key]; twice {
				a.fault("%v: stands twice", m.Key)
			}
			rows[m.Key] = m
		}
	}
	for id := range a.prompts {
		opened = append(opened, id)
	}
	for _, m := range rows {
		if m.Prompt != "" && a.prompts[m.Prompt] == nil {
			opened = append(opened, m.Prompt)
		}
	}
	loaded, err := store.Load(ctx, track.Want{Prompts: opened}, track.At(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	prompts := map[string]track.Prompt{}
	for _, p := range loaded.Prompts {
		prompts[p.ID] = p
	}
	for key, f := range a.fates {
		if !slices.Contains(senders, key.Sender) {
			continue
		}
		m, ok := rows[key]
		if !ok {
			if f.known {
				a.fault("%v: was durable, and is gone", key)
			}
			continue
		}
		f.known = true
		a.compare(key, f, &m, prompts, last)
	}
	for id, p := range a.prompts {
		row, ok := prompts[id]
		if !ok {
			a.fault("prompt %s was shown and is not in the database", id)
			continue
		}
		if p.early && !slices.ContainsFunc(row.Messages, func(ord int64) bool { return a.overdue(rows, ord, p.at) }) {
			// One that was overdue may have ended between the note that the prompt would be shown and the showing, by a kill.
			a.fault("prompt %s was shown before any of its messages was overdue: %+v", id, row)
		}
		if last && row.State == track.PromptWithdrawn && !p.withdrawn {
			a.fault("prompt %s was not withdrawn where it was shown: %+v", id, row)
		}
		for to, ids := range p.ids {
			if len(ids) > int(row.Sends) {
				a.fault("prompt %s went to %s under %d ids, was sent %d times: %v", id, to, len(ids), row.Sends, ids)
			}
		}
	}
	if !last {
		return
	}
	for _, out := range owed(ctx, t, store, senders) {
		a.fault("left in the outbox: %+v", out)
	}
}

// overdue reports whether a message's time had passed at an instant.
func (a *audit) overdue(rows map[track.Key]track.Message, ord int64, at time.Time) bool {
	for key, m := range rows {
		if m.Ord == ord {
			return a.fates[key] != nil && a.fates[key].early(at) <= 0
		}
	}
	return false
}

// owed is what must still be sent to those online.
func owed(ctx context.Context, t *testing.T, store *storage.Store, senders []string) []track.Outgoing {
	t.Helper()
	all, err := store.Pending(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(o track.Outgoing) bool { return !slices.Contains(senders, o.Owner) })
}

// compare checks one message.
func (a *audit) compare(key track.Key, f *fate, m *track.Message, prompts map[string]track.Prompt, last bool) {
	if f.settled != "" && !m.Status.Settled() {
		a.fault("%v: was told as %s, and is not settled: %+v", key, f.settled, *m)
	}
	if m.Status.Settled() {
		if f.settled == "" {
			f.settled = "settled as " + strconv.Itoa(int(m.Status))
		}
		if m.Text != "" {
			a.fault("%v: is settled and keeps its text", key)
		}
	}
	for i := 1; i < len(f.asked); i++ {
		// A second prompt is right only if a late delivery removed the reason for the first (protocol §5).
		if before := prompts[f.asked[i-1]]; before.Withdrew != "delivered" {
			a.fault("%v: was asked about in %v: %+v", key, f.asked, before)
		}
	}
	fired := m.Marks&(track.TimedOutUndelivered|track.TimedOutUnread) != 0
	f.over = m.Due == 0 && m.Reason == track.ReasonTimedOut && prompts[m.Prompt].Withdrew == track.WithdrawDelivered
	if !m.Status.Settled() && m.Due == 0 && !fired {
		a.fault("%v: has lost its alarm: %+v", key, *m)
	}
	if !last || m.Status.Settled() {
		return
	}
	switch {
	case !fired:
		a.fault("%v: did not fire: %+v", key, *m)
	case m.Notice.Delivered != m.Notice.Seq:
		a.fault("%v: its state was not told: %+v", key, *m)
	case len(f.asked) == 0 && !f.over && !(prompts[m.Prompt].Resend && prompts[m.Prompt].Due != 0): // it has joined a prompt that is still gathering
		a.fault("%v: was not asked about in %+v: %+v", key, prompts[m.Prompt], *m)
	}
}

// missing is the number of durable messages that have neither ended nor been asked about.
func (a *audit) missing() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.fates {
		if f.known && f.settled == "" && len(f.asked) == 0 && !f.over {
			n++
		}
	}
	return n
}

// String formats the tally in one line.
func (a *audit) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	line := fmt.Sprintf("%d kills", a.kills)
	if a.pauses+a.cuts > 0 {
		line += fmt.Sprintf(", %d pauses, %d cuts", a.pauses, a.cuts)
	}
	if a.takeovers > 0 {
		line += fmt.Sprintf(", %d takeovers within %s", a.takeovers, a.slowest.Round(time.Millisecond))
	}
	return line + fmt.Sprintf("; %d messages, %d durable; %d states told, %d digests; %d prompts in %d stanzas, %d of them repeats, %d withdrawals, %d answers; %d faults",
		a.messages, a.durable(), a.statuses, a.digests, a.asked+len(a.prompts), a.shown, a.repeats, a.withdrawals, a.answered, len(a.faults))
}

func (a *audit) faulty() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.faults) > 0
}
