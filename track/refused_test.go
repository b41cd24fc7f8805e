package track

import (
	"testing"
	"time"
)

// released shows the open prompt with a number, and reports whether the number may be disclosed.
func released(t *testing.T, w *world) bool {
	t.Helper()
	open := w.prompts(PromptOpen)
	if len(open) != 1 {
		t.Fatalf("%d open prompts", len(open))
	}
	s := &Shown{Prompt: open[0].ID, To: []string{phone}, Releases: []Release{{Owner: bob, To: alice, Number: "+1"}}}
	before := len(w.store.releases)
	w.feed(s)
	if !s.OK {
		s.Releases = nil
	}
	is(t, "recorded", len(w.store.releases)-before, len(s.Releases))
	return len(s.Releases) > 0
}

func TestRefused(t *testing.T) {
	refusal := func(f *Fact) { f.Refusal = true }
	offline := func(w *world) { w.live = false }
	story(t, "another message, whose row is pruned", func(t *testing.T, w *world) {
		offline(w)
		w.send("m1")
		w.fact(Bounced, "m1", refusal)
		w.step(time.Hour)
		delete(w.store.messages, w.store.find(key("m1")).Ord)
		w.restart()
		w.send("m2")
		w.step(10 * time.Minute)
		is(t, "released", released(t, w), false)
	})
	for name, tt := range map[string]struct {
		kind  FactKind
		id    string
		basis Basis
		lifts bool
	}{
		"a receipt of an earlier one":                  {Received, "m1", ByReceipt, false},
		"a marker for an earlier one":                  {Read, "m1", ByMarker, false},
		"an acknowledgement of the one that bounced":   {Received, "m2", ByAck, false},
		"the recipient's own devices tell one another": {Synced, "m3", ByMarker, false},
		"a receipt of the one that bounced":            {Received, "m2", ByReceipt, true},
		"a receipt of a later one":                     {Received, "m3", ByReceipt, true},
		"an acknowledgement of a later one":            {Received, "m3", ByAck, true},
		"a marker for a later one":                     {Read, "m3", ByMarker, true},
	} {
		story(t, name, func(t *testing.T, w *world) {
			offline(w)
			w.send("m1")
			w.send("m2")
			w.fact(Bounced, "m2", refusal)
			w.send("m3")
			w.fact(tt.kind, tt.id, func(f *Fact) { f.Basis = tt.basis })
			w.send("m4")
			w.step(time.Hour)
			is(t, "released", released(t, w), tt.lifts)
		})
	}
	story(t, "under the id of one that has arrived", func(t *testing.T, w *world) {
		offline(w)
		w.send("m1")
		w.fact(Stopped, "m1")
		w.step(time.Minute)
		w.send("m1") // after he has blocked her
		w.fact(Bounced, "m1", refusal)
		w.fact(Received, "m1", func(f *Fact) { f.Basis = ByAck }) // for the first one
		w.send("m2")
		w.step(time.Hour)
		is(t, "released", released(t, w), false)
	})
	story(t, "a correction, one that was cancelled, one that was not watched", func(t *testing.T, w *world) {
		for _, refused := range []func(){
			func() { w.send("c", func(f *Fact) { f.Kind, f.Original = Corrected, "m1" }) },
			func() { w.send("c"); w.fact(Stopped, "c") },
			func() { w.send("c", func(f *Fact) { f.Passed = true }) },
		} {
			offline(w)
			w.send("m1")
			refused()
			w.fact(Bounced, "c", refusal)
			w.step(10 * time.Minute)
			is(t, "released", released(t, w), false)
			w.feed(&Removed{alice})
		}
	})
	story(t, "one device of several", func(t *testing.T, w *world) {
		offline(w)
		w.send("m1")
		w.fact(Received, "m1")
		w.fact(Bounced, "m1", refusal)
		w.step(time.Hour)
		is(t, "released", released(t, w), true)
	})
	story(t, "between the decision and the record", func(t *testing.T, w *world) {
		for _, change := range []func(){
			func() { w.prefs[bob] = Prefs{Watch: Off} },
			func() { w.contacts[Conv{bob, alice}] = Contact{Hidden: true} },
		} {
			offline(w)
			w.send("m1")
			w.step(10 * time.Minute)
			is(t, "before", released(t, w), true)
			change()
			is(t, "after", released(t, w), false)
			w.feed(&Removed{alice})
			delete(w.prefs, bob)
		}
	})
	story(t, "on its way", func(t *testing.T, w *world) {
		offline(w)
		w.send("m1")
		w.fact(Forced, "m1")
		w.ring()
		is(t, "released", released(t, w), false)
		is(t, "shown", len(w.prompts()[0].Shown), 0)
		o := &PromptViewed{Prompt: w.prompts()[0].ID, Releases: []Release{{Owner: bob, To: alice, Number: "+1"}}}
		w.feed(o)
		is(t, "on a page", len(o.Releases), 0)
		is(t, "recorded", len(w.store.releases), 0)
		w.step(verdictAfter)
		is(t, "a moment later", released(t, w), true)
		w.feed(&PromptViewed{Prompt: w.prompts()[0].ID, Releases: []Release{{Owner: bob, To: alice, Number: "+1"}}})
		is(t, "recorded, with the page", len(w.store.releases), 2)
		w.send("m2")
		w.fact(Dropped, "m2")
		o = &PromptViewed{Prompt: w.prompts()[0].ID, Releases: []Release{{Owner: bob, To: alice, Number: "+1"}}}
		w.feed(o)
		is(t, "on a page after a refusal", len(o.Releases), 0)
		is(t, "what the page asks about", len(o.Messages), 1)
	})
}

// So many refuse a sender that they are no longer counted one by one: it counts as refused by all, for good.
func TestRefusedByAll(t *testing.T) {
	refusal := func(f *Fact) { f.Refusal = true }
	begun := func(before int64) *world {
		w := newWorld()
		w.live = false
		w.store.peers[alice] = Peer{JID: alice, Refusals: before}
		w.send("b1")
		w.fact(Bounced, "b1", refusal)
		return w
	}
	arrives := func(w *world) {
		w.send("b2")
		w.fact(Read, "b2")
	}
	t.Run("below the limit", func(t *testing.T) {
		w := begun(maxRefusals - 2)
		is(t, "refusals", w.store.peers[alice].Refusals, maxRefusals-1)
		w.fact(Bounced, "b1", refusal)
		is(t, "refusals when it is told again", w.store.peers[alice].Refusals, maxRefusals-1)
		w.send("c1", to(carol))
		w.step(time.Hour)
		is(t, "released of somebody who does not refuse", released(t, w), true)
		arrives(w)
		is(t, "refusals when something arrives", w.store.peers[alice].Refusals, maxRefusals-2)
		is(t, "recorded", w.store.pairs[Conv{alice, bob}].Refused, 0)
	})
	t.Run("at the limit", func(t *testing.T) {
		w := begun(maxRefusals - 1)
		w.send("c1", to(carol))
		w.fact(Bounced, "c1", func(f *Fact) { f.Recipient, f.Refusal = carol, true })
		is(t, "recorded", w.store.pairs[Conv{alice, carol}].Refused, 0)
		arrives(w)
		is(t, "refusals when something arrives", w.store.peers[alice].Refusals, maxRefusals)
		w.restart()
		w.send("d1", to("dave@example.org"))
		w.step(time.Hour)
		is(t, "released of somebody who does not refuse", released(t, w), false)
		w.feed(&Removed{alice})
		w.send("d2", to("dave@example.org"))
		w.step(time.Hour)
		is(t, "released to the next Alice", released(t, w), true)
	})
}
