package track

import (
	"strings"
	"testing"
	"time"
)

// Helpers of the stories.

func key(id string) Key { return Key{alice, bob, id} }

// send has Alice write to Bob, requesting a receipt and a marker.
func (w *world) send(id string, change ...func(*Fact)) {
	f := &Fact{Kind: Sent, Key: key(id), At: w.now, Once: true, Resource: "phone", Marks: AsksReceipt | Markable, Text: "text of " + id}
	for _, c := range change {
		c(f)
	}
	w.feed(f)
}

func to(recipient string) func(*Fact) { return func(f *Fact) { f.Recipient = recipient } }
func marked(m Marks) func(*Fact)      { return func(f *Fact) { f.Marks = m } }
func hinted(h Hint) func(*Fact)       { return func(f *Fact) { f.Hint = h } }
func passed(f *Fact)                  { f.Passed, f.Marks, f.Text = true, 0, "" }
func copied(f *Fact)                  { f.Once = false }

// knows sets what is known about Bob, in general and towards Alice, before the story.
func (w *world) knows(peer Peer, pair Pair) {
	peer.JID, pair.Conv = bob, Conv{alice, bob}
	w.store.peers[bob], w.store.pairs[pair.Conv] = peer, pair
	w.restart()
}

func (w *world) fact(kind FactKind, id string, change ...func(*Fact)) {
	f := tableFact(kind, w.now)
	f.Key = key(id)
	for _, c := range change {
		c(&f)
	}
	w.feed(&f)
}

// told returns the states reported for a message, in order.
func (w *world) told(id string) string {
	var states []string
	for _, m := range w.tells {
		if m.ID == id {
			state := string(m.Notice.State)
			if m.Notice.Further != "" {
				state += "/" + string(m.Notice.Further)
			}
			states = append(states, state)
		}
	}
	return strings.Join(states, " ")
}

// outbox lists the entries made so far, in order: kind, and reason or receiver.
func (w *world) outbox() string {
	var list []string
	for _, o := range w.sent {
		s := string(o.Kind)
		why := first(string(o.Withdrawal), string(o.State), string(o.Cap), strings.TrimSpace(string(o.Alert.Kind)+" "+o.Alert.Country))
		if o.More {
			why = "more"
		}
		if why != "" {
			s += " " + why
		}
		for _, to := range o.To {
			s += " " + strings.TrimPrefix(to, alice)
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

func (w *world) answer(by string, action AnswerAction, d ...time.Duration) Verdict {
	prompts := w.prompts()
	a := &Answer{Prompt: prompts[len(prompts)-1].ID, By: by, Action: action}
	if len(d) > 0 {
		a.For = d[0]
	}
	w.feed(a)
	return a.Verdict
}

// asked returns the ids of the messages of the newest prompt.
func (w *world) asked() string {
	prompts := w.prompts()
	if len(prompts) == 0 {
		return "nothing"
	}
	var ids []string
	for _, ord := range prompts[len(prompts)-1].Messages {
		ids = append(ids, w.store.messages[ord].ID)
	}
	return strings.Join(ids, " ")
}

func is[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func story(t *testing.T, name string, tell func(*testing.T, *world)) {
	t.Run(name, func(t *testing.T) { tell(t, newWorld()) })
}
