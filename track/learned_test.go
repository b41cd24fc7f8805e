package track

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestLearning: what is learned, and from which evidence.
func TestLearning(t *testing.T) {
	pair := func(w *world) Pair { p := w.store.pairs[Conv{alice, bob}]; p.Conv = Conv{}; return p }
	story(t, "a receipt", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Received, "m1")
		is(t, "pair", pair(w), Pair{Receipts: noon})
		is(t, "peer", w.store.peers[bob], Peer{JID: bob, Receipts: noon})
	})
	story(t, "a marker", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Read, "m1", func(f *Fact) { f.Resource = "desk" })
		is(t, "pair", pair(w), Pair{Markers: noon, Device: "desk", Unconfirmed: 1, CountedAt: noon})
	})
	story(t, "a marker for a sealed one, which asked for nothing in clear", func(t *testing.T, w *world) {
		w.send("m1", marked(Sealed|Encrypted))
		w.fact(Received, "m1")
		w.fact(Read, "m1")
		is(t, "pair", pair(w), Pair{Receipts: noon, SealedReceipts: noon, Markers: noon, SealedMarkers: noon, Unasked: noon})
	})
	story(t, "a marker past one that is not markable", func(t *testing.T, w *world) {
		w.send("m1")
		w.send("m2", marked(AsksReceipt))
		w.fact(Received, "m2")
		w.fact(Read, "m1")
		is(t, "at once: it may not have been there yet", pair(w).Past, Time(0))
		w.send("m3")
		w.send("m4", marked(AsksReceipt))
		w.fact(Received, "m4")
		w.step(11 * time.Second)
		w.fact(Read, "m3")
		is(t, "later", pair(w).Past, w.now)
	})
	story(t, "answers without a marker, three times, and one with it", func(t *testing.T, w *world) {
		for i := range 4 {
			for j := range 3 { // an answer counts once
				w.send(fmt.Sprint("m", i, j))
				w.fact(Received, fmt.Sprint("m", i, j))
			}
			w.fact(Replied, "")
		}
		is(t, "counted up to three", pair(w).Unmarked, 3)
		w.send("m9")
		w.fact(Received, "m9")
		is(t, "no marker is expected", w.told("m9"), "delivered/unknown")
		w.fact(Read, "m9")
		is(t, "and then there was one", pair(w).Unmarked, 0)
	})
	story(t, "nothing from an id that is unknown", func(t *testing.T, w *world) {
		w.fact(Received, "nothing")
		w.fact(Read, "nothing")
		is(t, "pairs", len(w.store.pairs)+len(w.store.peers), 0)
	})
	story(t, "written once a day", func(t *testing.T, w *world) {
		for i := range 40 {
			w.send(fmt.Sprint("m", i))
			w.fact(Received, fmt.Sprint("m", i))
			w.fact(Read, fmt.Sprint("m", i))
			w.step(time.Hour)
		}
		is(t, "the second time after a day", pair(w).Receipts, noon.Add(day))
	})
	story(t, "a client that comes and goes", func(t *testing.T, w *world) {
		w.feed(&Client{JID: bob + "/phone", At: noon, Came: true})
		w.feed(&Client{JID: bob + "/phone", At: noon + 5, Left: true, Managed: Yes, Markers: No})
		is(t, "peer", w.store.peers[bob], Peer{JID: bob, Came: noon, Managed: Yes, Announces: No})
		w.restart()
		w.feed(&Client{JID: bob + "/phone", At: noon + 9, Left: true, Managed: No})
		is(t, "after a restart", w.store.peers[bob], Peer{JID: bob, Came: noon, Managed: No, Announces: No})
	})
}

// TestHandedOver: sessions that acknowledge nothing.
func TestHandedOver(t *testing.T) {
	handed := func(w *world, id, resource string) { w.fact(Handed, id, func(f *Fact) { f.Resource = resource }) }
	story(t, "to one that stays", func(t *testing.T, w *world) {
		w.send("m1")
		handed(w, "m1", "pidgin")
		w.step(time.Hour)
		is(t, "told", w.told("m1"), "unknown")
		is(t, "why", w.store.find(key("m1")).Reason, ReasonHanded)
	})
	story(t, "to one that was dead", func(t *testing.T, w *world) {
		w.send("m1")
		handed(w, "m1", "pidgin")
		w.step(30 * time.Second)
		w.feed(&Client{JID: bob + "/pidgin", At: w.now, Left: true})
		w.step(time.Hour)
		is(t, "told", w.told("m1"), "timeout-undelivered")
	})
	story(t, "to one that was dead, and one that was not", func(t *testing.T, w *world) {
		w.send("m1")
		handed(w, "m1", "old")
		handed(w, "m1", "new")
		w.step(30 * time.Second)
		w.feed(&Client{JID: bob + "/old", At: w.now, Left: true})
		w.step(time.Hour)
		is(t, "told", w.told("m1"), "unknown")
	})
	story(t, "to one that leaves later", func(t *testing.T, w *world) {
		w.send("m1")
		handed(w, "m1", "pidgin")
		w.step(90 * time.Second)
		w.feed(&Client{JID: bob + "/pidgin", At: w.now, Left: true})
		w.step(time.Hour)
		is(t, "told", w.told("m1"), "unknown")
	})
	story(t, "just before the time to deliver is over", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(110 * time.Second)
		w.feed(&Client{JID: bob + "/pidgin", At: w.now, Came: true})
		handed(w, "m1", "pidgin")
		w.step(59 * time.Second)
		is(t, "told", w.told("m1"), "")
		w.step(time.Second)
		is(t, "told", w.told("m1"), "unknown")
	})
	story(t, "and the time to deliver is over within that minute", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(100 * time.Second)
		handed(w, "m1", "pidgin")
		w.step(20 * time.Second)
		is(t, "told", w.told("m1"), "timeout-undelivered")
	})
	story(t, "and answered", func(t *testing.T, w *world) {
		w.send("m1", marked(0))
		handed(w, "m1", "pidgin")
		w.step(59 * time.Second)
		w.fact(Replied, "")
		is(t, "too soon", w.told("m1"), "unknown")
		w.step(time.Second)
		w.fact(Replied, "")
		is(t, "a minute later", w.told("m1"), "unknown displayed")
	})
	story(t, "never acknowledged, and answered", func(t *testing.T, w *world) {
		w.send("m1", marked(0), func(f *Fact) { f.Sessions = Sessions{Known: true, All: 1, Managed: 1} })
		w.fact(Unacked, "m1", func(f *Fact) { f.Resource = "phone" })
		w.step(70 * time.Second)
		w.fact(Replied, "")
		is(t, "told", w.told("m1"), "")
	})
}

// TestFetched: clients that fetch what they missed.
func TestFetched(t *testing.T) {
	comes := func(w *world) { w.feed(&Client{JID: bob + "/desk", At: w.now, Came: true}) }
	story(t, "the time to deliver stops, the time to read goes on", func(t *testing.T, w *world) {
		w.knows(Peer{Receipts: noon}, Pair{Receipts: noon, Markers: noon})
		w.send("m1")
		w.fact(Stored, "m1", func(f *Fact) { f.Archived = true })
		w.step(90 * time.Second)
		comes(w)
		w.step(8 * time.Minute)
		is(t, "told", w.told("m1"), "")
		w.step(time.Minute)
		is(t, "told", w.told("m1"), "timeout-unread")
	})
	story(t, "of one who never proved anything", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Stored, "m1", func(f *Fact) { f.Archived = true })
		w.step(90 * time.Second)
		comes(w)
		w.step(time.Minute)
		is(t, "told", w.told("m1"), "timeout-undelivered")
	})
	story(t, "stored, and nobody comes", func(t *testing.T, w *world) {
		w.send("m1", marked(0), func(f *Fact) { f.Standing, f.Sessions = StandingNone, Sessions{Known: true} })
		w.fact(Stored, "m1")
		is(t, "at once, before that is known", w.told("m1"), "unknown")
		w.step(time.Hour)
		is(t, "told", w.told("m1"), "unknown timeout-undelivered")
	})
}

// TestSynced: what a recipient's own devices synchronise (XEP-0490).
func TestSynced(t *testing.T) {
	for _, tc := range []struct {
		sync Sync
		told string
		out  string
	}{
		{SyncOff, "delivered timeout-unread", "show"},
		{SyncQuiet, "delivered", ""},
		{SyncTold, "delivered displayed", ""},
	} {
		story(t, fmt.Sprint(tc.sync), func(t *testing.T, w *world) {
			w.prefs[bob] = Prefs{Sync: tc.sync}
			w.send("m1", func(f *Fact) { f.ArchiveID = "s1" })
			w.send("m2", func(f *Fact) { f.ArchiveID = "s2" })
			w.fact(Received, "m2")
			w.fact(Synced, "s2")
			w.step(time.Hour)
			is(t, "told", strings.TrimPrefix(w.told("m1"), ""), tc.told)
			is(t, "outbox", w.outbox(), tc.out)
		})
	}
	story(t, "while a prompt is open, and a marker after it", func(t *testing.T, w *world) {
		w.prefs[bob] = Prefs{Sync: SyncQuiet}
		w.send("m1", func(f *Fact) { f.ArchiveID = "s1" })
		w.step(5 * time.Minute)
		w.fact(Synced, "s1")
		is(t, "outbox", w.outbox(), "show, withdraw cancelled /phone /desk")
		is(t, "why", w.store.find(key("m1")).Reason, ReasonOptedOut)
		w.fact(Read, "m1")
		is(t, "told", w.told("m1"), "timeout-undelivered displayed")
	})
}

// TestLearningDependsOnTheRecipient: what others see of a recipient does not depend on what a sender claims, and what is
// learned for one sender does not affect another.
func TestLearningDependsOnTheRecipient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const eve = "eve@elsewhere.example"
		w, x := newWorld(), newWorld()
		ids := []string{"m1", "m2", "m3"}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "claims") { // whatever Eve sends, in one world only
				k := Key{eve, bob, rapid.SampledFrom(ids).Draw(t, "id")}
				f := drawSent(t, k, w.now)
				f.Standing = rapid.SampledFrom([]Standing{StandingUnknown, StandingNone, StandingBoth}).Draw(t, "standing")
				w.feed(f)
				if rapid.Bool().Draw(t, "corrects") {
					w.feed(&Fact{Kind: Corrected, Key: Key{eve, bob, "c"}, Original: k.ID, At: w.now, Marks: f.Marks})
				}
				w.feed(&Fact{Kind: rapid.SampledFrom([]FactKind{Retracted, Stopped, Forced}).Draw(t, "command"), Key: k, At: w.now})
			} else { // what Bob and his server do towards Alice, in both
				f := drawEvidence(t, Key{alice, bob, rapid.SampledFrom(ids).Draw(t, "id")}, w.now)
				for _, world := range []*world{w, x} {
					own := *f
					world.feed(&own)
				}
			}
			if rapid.Bool().Draw(t, "alice writes") {
				f := drawSent(t, Key{alice, bob, rapid.SampledFrom(ids).Draw(t, "her id")}, w.now)
				for _, world := range []*world{w, x} {
					own := *f
					world.feed(&own)
				}
			}
			w.step(time.Second)
			x.step(time.Second)
		}
		with, without := w.store.pairs[Conv{alice, bob}], x.store.pairs[Conv{alice, bob}]
		with.Refused, without.Refused = min(with.Refused, 1), min(without.Refused, 1) // numbers of rows differ
		if w.store.peers[bob] != x.store.peers[bob] || with != without {
			t.Fatalf("with Eve's stanzas %+v %+v, without %+v %+v", w.store.peers[bob], with, x.store.peers[bob], without)
		}
		if p := w.store.pairs[Conv{eve, bob}]; p != (Pair{}) {
			t.Fatalf("learned from Eve's claims: %+v", p)
		}
	})
}

// TestNothingIsForgotten: after a restart, what the database knows about the recipient applies to the next message, whatever
// comes first.
func TestNothingIsForgotten(t *testing.T) {
	for kind := range factKinds {
		story(t, kind.String(), func(t *testing.T, w *world) {
			peer, pair := Peer{JID: bob, Receipts: noon, Markers: noon}, Pair{Conv: Conv{alice, bob}, Receipts: noon, Unasked: noon}
			w.knows(peer, pair)
			w.fact(kind, "m1", func(f *Fact) { f.Standing = StandingNone })
			w.send("m2", func(f *Fact) { f.Standing = StandingNone; f.Marks = AsksReceipt })
			if got := w.store.find(key("m2")).Expects; got.Delivery != RuleConfirms || got.Reading != RuleMarksUnasked {
				t.Errorf("expected by %q and %q", got.Delivery, got.Reading)
			}
			if w.store.peers[bob] != peer || w.store.pairs[pair.Conv] != pair {
				t.Errorf("known: %+v, %+v", w.store.peers[bob], w.store.pairs[pair.Conv])
			}
		})
	}
}

// TestNoErrorSticks: in any order, a message that is known to have reached a client of the recipient has not failed in the
// end.
func TestNoErrorSticks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		ids := []string{"m1", "m2", "m3"}
		for _, id := range ids {
			w.send(id)
		}
		evidence := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *Fact {
			f := rapid.SampledFrom([]Fact{
				{Kind: Bounced, Basis: ByError}, {Kind: Bounced, Basis: ByError, Refusal: true}, {Kind: Deferred, Basis: ByError},
				{Kind: Received, Basis: ByReceipt}, {Kind: Received, Basis: ByAck}, {Kind: Read, Basis: ByMarker}, {Kind: Read, Basis: ByReply},
			}).Draw(t, "kind")
			f.Key, f.At = key(rapid.SampledFrom(ids).Draw(t, "id")), noon
			return &f
		}), 1, 10).Draw(t, "evidence")
		evidence = rapid.Permutation(evidence).Draw(t, "order")
		for _, f := range evidence {
			own := *f
			w.feed(&own)
		}
		for i, id := range ids {
			m := w.store.find(key(id))
			seen := slices.ContainsFunc(evidence, func(f *Fact) bool {
				return f.ID == id && f.Kind == Received || f.Kind == Read && slices.Index(ids, f.ID) >= i
			})
			bounced := slices.ContainsFunc(evidence, func(f *Fact) bool { return f.ID == id && f.Kind == Bounced })
			if seen && m.Status == Failed || bounced && !seen && m.Status != Failed {
				t.Fatalf("%s is %d: seen %v, bounced %v", id, m.Status, seen, bounced)
			}
		}
	})
}

// What was handed over is forgotten after a minute, once there is no room; of what is newer, the newest are kept.
func TestHandovers(t *testing.T) {
	h := handovers{}
	add := func(n int, at Time) {
		for i := range n {
			h.merge([]handover{{Key{alice, bob, fmt.Sprint("m", i)}, "phone", at}}, at)
		}
	}
	add(10*maxHandedTo, noon)
	list := h[bob]
	if n := len(list); n < maxHandedTo || n > 2*maxHandedTo {
		t.Errorf("%d are kept", n)
	}
	is(t, "newest", list[len(list)-1].ID, fmt.Sprint("m", 10*maxHandedTo-1))
	later := noon.Add(settling)
	add(2*maxHandedTo, later)
	is(t, "old ones", slices.ContainsFunc(h[bob], func(o handover) bool { return o.at == noon }), false)
	is(t, "new ones", len(h[bob]), 2*maxHandedTo)
}
