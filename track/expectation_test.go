package track

import (
	"bytes"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// circumstanceNames are the words of docs/EXPECTATIONS.md.
var circumstanceNames = []struct {
	c    Circumstances
	name string
}{
	{asksReceipt, "asks for a receipt"}, {isMarkable, "markable"}, {isSealed, "sealed"}, {isDiscarded, "discarded"}, {isStored, "stored"}, {isFetched, "fetched"},
	{isHanded, "handed over"}, {isDelivered, "delivered"}, {isShadowed, "shadowed"}, {acknowledges, "acknowledges"}, {seesPresence, "sees presence"},
	{confirms, "confirms"}, {confirmsOldWay, "confirms in the old way"}, {confirmsSealed, "confirms sealed"}, {neverConfirms, "never confirms"},
	{marks, "marks"}, {marksSealed, "marks sealed"}, {marksUnasked, "marks unasked"}, {marksPast, "marks past"}, {neverMarks, "never marks"},
	{marksSomebody, "marks for somebody"}, {announces, "announces"}, {announcesNone, "announces none"}, {assumesMarkers, "assumes markers"},
	{isReached, "reached"},
}

func nameCircumstances(c Circumstances) string {
	var names []string
	for _, n := range circumstanceNames {
		if c&n.c != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ", ")
}

var tables = []struct {
	title string
	rules []rule
}{{"Delivery", deliveryRules}, {"Reading", readingRules}}

// TestExpectIsTotal: whatever the circumstances, each table decides, by the first of its rules that holds; and every rule is
// needed: in some circumstances it decides.
func TestExpectIsTotal(t *testing.T) {
	for _, table := range tables {
		var all Circumstances
		for _, r := range table.rules {
			all |= r.all | r.none
		}
		var relevant []Circumstances
		for rest := all; rest != 0; rest &= rest - 1 {
			relevant = append(relevant, 1<<bits.TrailingZeros32(uint32(rest)))
		}
		decided := map[Rule]int{}
		for n := range 1 << len(relevant) {
			var c Circumstances
			for i, x := range relevant {
				if n>>i&1 != 0 {
					c |= x
				}
			}
			got := decide(table.rules, c)
			decided[got]++
			for _, r := range table.rules {
				holds := c&r.all == r.all && c&r.none == 0
				if holds != (r.Rule == got) && holds {
					t.Fatalf("%s: %q decides, and %q before it holds", nameCircumstances(c), got, r.name)
				}
				if r.Rule == got {
					break
				}
			}
		}
		for _, r := range table.rules {
			if decided[r.Rule] == 0 {
				t.Errorf("%s: %q never decides", table.title, r.name)
			}
			if r.expected == (r.reason != "") || r.name == "" || r.because == "" {
				t.Errorf("%s: half a rule: %+v", table.title, r)
			}
		}
	}
}

// TestRuleNumbers: they are in databases.
func TestRuleNumbers(t *testing.T) {
	for i, want := range []Rule{RuleStored, RuleFetched, RuleAcknowledges, RuleHanded, RuleConfirmsSealed, RuleSealed, RuleNothingAsked, RuleConfirmsOldWay,
		RuleNoReceiptAsked, RuleConfirms, RuleNeverConfirms, RuleReceiptAssumed, RuleReceiptStranger, RuleDiscarded} {
		if want != Rule(i+1) {
			t.Errorf("%q is %d", want, want)
		}
	}
	for i, want := range []Rule{RulePolicy, RuleNotReached, RuleMarksSealed, RuleSealedMarkers, RuleMarksUnasked, RuleNotMarkable, RuleShadowed, RuleMarks,
		RuleMarkerStranger, RuleAnnouncesNone, RuleNeverMarks, RuleAnnounces, RuleMarkerAssumed} {
		if want != Rule(i+33) {
			t.Errorf("%q is %d", want, want)
		}
	}
	if NoRule.Expected() || NoRule.String() != "" || Rule(255).Expected() {
		t.Error("something is expected by no rule")
	}
}

// storyOf names the story of a rule in internal/scenarios.
func storyOf(table string, r rule) string {
	return "expect_" + strings.ToLower(table) + "_" + strings.ReplaceAll(r.name, " ", "_")
}

// TestExpectationTable holds that docs/EXPECTATIONS.md is what the code does, and that each row has its story.
func TestExpectationTable(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(expectationsIntro)
	for _, table := range tables {
		fmt.Fprintf(&b, "\n## %s\n\n| # | rule | if | and not | a proof is expected | why | story |\n|---|---|---|---|---|---|---|\n", table.title)
		for i, r := range table.rules {
			expected := "no"
			if r.expected {
				expected = "**yes**"
			}
			story := storyOf(table.title, r)
			fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s | [%s](../internal/scenarios/testdata/%s.txtar) |\n",
				i+1, r.name, nameCircumstances(r.all), nameCircumstances(r.none), expected, r.because, story, story)
			if _, err := os.Stat(filepath.Join("../internal/scenarios/testdata", story+".txtar")); err != nil {
				t.Errorf("no story: %v", err)
			}
		}
	}
	const page = "../docs/EXPECTATIONS.md"
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(page); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is stale (%v): go test ./track -run ExpectationTable -update", page, err)
	}
}

const expectationsIntro = `# What silence means

Whether a receipt or a marker that does not come is news: generated from the code by ` + "`go test ./track -run ExpectationTable -update`" + `; a
test fails when this page is stale, when a rule can't decide anything, or when one has no story.

Each table is read from the top: the first rule whose circumstances are all given, and none of the others, decides. They are looked at
when a message is sent, when it is delivered, and when its alarm fires. If neither table expects anything, the message is ` + "`unknown`" + ` at once.

| circumstance | |
|---|---|
| asks for a receipt, markable, sealed | what the message carries: ` + "`<request/>`" + ` (XEP-0184), ` + "`<markable/>`" + ` (XEP-0333), an encryption that may hold receipts and markers (OMEMO 2, OX) |
| discarded | the server says that it threw the message away, and tells the sender nothing |
| stored | the server keeps it, offline or in the archive alone, and no client of the recipient's has come since |
| fetched | a client has come since (a new session, not a resumed one), a minute ago at least, and this recipient's clients were seen to prove something to somebody |
| handed over | a session without stream management (XEP-0198) got it, and lasted a minute more |
| delivered, reached | it is known to have arrived; that, or it was fetched, or a proof of delivery is awaited first |
| shadowed | a later message of the conversation is unread that is not markable |
| acknowledges | when it was sent, every session of the recipient spoke XEP-0198, to a server that tells of acknowledgements; if none was there, the last one did |
| sees presence | the sender is in the recipient's roster with ` + "`from` or `both`" + `, **or the server can't tell** |
| confirms, confirms sealed | receipts came to this sender in the last 90 days; such for sealed messages |
| confirms in the old way | so did the marker ` + "`<received/>`" + ` of early XEP-0333 |
| never confirms | three times this recipient read or answered something of this sender's that a receipt was asked for, and sent none; a receipt makes it void |
| marks | a marker came to this sender in the last 30 days, from a client that is there, or in the last 7 days, or when nobody is there |
| marks sealed, marks unasked, marks past | in the last 90 days, a marker to this sender: for a sealed message; for one that was not markable; for a markable one that another stood behind that was not |
| never marks | three times this recipient answered something markable of this sender's without a marker; a marker makes it void |
| marks for somebody | a marker went to anybody in the last 30 days |
| announces, announces none | one of the clients that are there says in disco that it marks; all of them say that they don't. If none is there, what was last known |
| assumes markers | track.assume_markers |
`

// TestCircumstances: what is learned counts for as long as it should.
func TestCircumstances(t *testing.T) {
	both := AsksReceipt | Markable
	at := func(days int) Time { return noon.Add(-time.Duration(days) * day) }
	for _, tc := range []struct {
		name    string
		message Message
		peer    Peer
		pair    Pair
		setup   func(*world)
		has     Circumstances
		hasNot  Circumstances
	}{
		{name: "of a stranger to the server", has: seesPresence, hasNot: acknowledges | confirms | marks | announces | announcesNone},
		{name: "a contact", message: Message{Standing: StandingFrom}, has: seesPresence},
		{name: "no contact", message: Message{Standing: StandingTo}, hasNot: seesPresence},
		{name: "all managed", message: Message{There: ThereManaged}, peer: Peer{Managed: No}, has: acknowledges},
		{name: "not all managed", message: Message{There: ThereMixed}, peer: Peer{Managed: Yes}, hasNot: acknowledges},
		{name: "nobody there, the last one managed", message: Message{There: ThereNobody}, peer: Peer{Managed: Yes}, has: acknowledges},
		{name: "nobody there, the last one not", message: Message{There: ThereNobody}, peer: Peer{Managed: No, Acks: noon}, hasNot: acknowledges},
		{name: "a receipt of long ago", pair: Pair{Receipts: at(89)}, has: confirms},
		{name: "a receipt of too long ago", pair: Pair{Receipts: at(91)}, hasNot: confirms},
		{name: "a marker of a week", pair: Pair{Markers: at(6)}, has: marks},
		{name: "a marker of a month, of a client that is there", pair: Pair{Markers: at(29), Device: "phone"},
			setup: func(w *world) { w.present[bob+"/phone"] = true }, has: marks},
		{name: "a marker of a month, of another client", pair: Pair{Markers: at(29), Device: "phone"},
			setup: func(w *world) { w.present[bob+"/desk"] = true }, hasNot: marks},
		{name: "a marker of a month, nobody there", pair: Pair{Markers: at(29), Device: "phone"}, has: marks},
		{name: "a marker of more than a month", pair: Pair{Markers: at(31)}, hasNot: marks},
		{name: "three in vain", pair: Pair{Unconfirmed: 3, Unmarked: 3, CountedAt: at(1)}, has: neverConfirms | neverMarks},
		{name: "two in vain", pair: Pair{Unconfirmed: 2, Unmarked: 2, CountedAt: at(1)}, hasNot: neverConfirms | neverMarks},
		{name: "in vain, long ago", pair: Pair{Unconfirmed: 3, Unmarked: 3, CountedAt: at(91)}, hasNot: neverConfirms | neverMarks},
		{name: "stored", message: Message{Marks: both | StoredOffline}, has: isStored},
		{name: "in the archive", message: Message{Marks: both | StoredArchive}, has: isStored},
		{name: "stored, and somebody came", message: Message{Marks: both | StoredArchive}, peer: Peer{Came: noon.Add(-2 * time.Minute)}, hasNot: isStored | isFetched},
		{name: "fetched", message: Message{Marks: both | StoredArchive}, peer: Peer{Came: noon.Add(-2 * time.Minute), Receipts: at(3)}, has: isFetched, hasNot: isStored},
		{name: "came before it", peer: Peer{Came: noon.Add(-time.Hour), Receipts: at(3)}, hasNot: isFetched},
		{name: "came a moment ago", message: Message{Marks: StoredOffline}, peer: Peer{Came: noon.Add(-time.Second), Receipts: at(3)}, has: isStored, hasNot: isFetched},
		{name: "handed over", message: Message{HandedAt: noon.Add(-time.Minute)}, has: isHanded},
		{name: "handed over a moment ago", message: Message{HandedAt: noon.Add(-59 * time.Second)}, hasNot: isHanded},
		{name: "says that it marks", setup: func(w *world) { w.clients[bob] = Clients{Markers: Yes} }, peer: Peer{Announces: No}, has: announces, hasNot: announcesNone},
		{name: "said so when last there", peer: Peer{Announces: No}, has: announcesNone},
	} {
		story(t, tc.name, func(t *testing.T, w *world) {
			if tc.setup != nil {
				tc.setup(w)
			}
			w.knows(tc.peer, tc.pair)
			m := tc.message
			m.Key, m.SentAt = key("m1"), noon.Add(-10*time.Minute)
			b := newBatch(w.ledger, w.store.load(Want{Peers: []string{bob}, Pairs: []Conv{m.Conv()}}, w.now), w.now)
			c, _ := b.circumstances(&m)
			if c&tc.has != tc.has || c&tc.hasNot != 0 {
				t.Errorf("%s", nameCircumstances(c))
			}
		})
	}
}

// TestLearning: what is learned, and from what.
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

// TestHandedOver tells of sessions that acknowledge nothing.
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

// TestFetched tells of clients that come for what they missed.
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

// TestSynced tells what a recipient's own devices say to each other (XEP-0490).
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

// TestLearningDependsOnTheRecipient: what a recipient is taken for by others does not depend on what a sender claims, and what
// is learned towards one sender does not reach another.
func TestLearningDependsOnTheRecipient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const eve = "eve@elsewhere.example"
		w, x := newWorld(), newWorld()
		ids := []string{"m1", "m2", "m3"}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "claims") { // whatever Eve sends, in one world
				k := Key{eve, bob, rapid.SampledFrom(ids).Draw(t, "id")}
				f := drawSent(t, k, w.now)
				f.Standing = rapid.SampledFrom([]Standing{StandingUnknown, StandingNone, StandingBoth}).Draw(t, "standing")
				w.feed(f)
				if rapid.Bool().Draw(t, "corrects") {
					w.feed(&Fact{Kind: Corrected, Key: Key{eve, bob, "c"}, Original: k.ID, At: w.now, Marks: f.Marks})
				}
				w.feed(&Fact{Kind: rapid.SampledFrom([]FactKind{Retracted, Stopped, Forced}).Draw(t, "command"), Key: k, At: w.now})
			} else { // what Bob and his server do, towards Alice, in both
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
		if w.store.peers[bob] != x.store.peers[bob] || w.store.pairs[Conv{alice, bob}] != x.store.pairs[Conv{alice, bob}] {
			t.Fatalf("with Eve's doings %+v %+v, without %+v %+v", w.store.peers[bob], w.store.pairs[Conv{alice, bob}], x.store.peers[bob], x.store.pairs[Conv{alice, bob}])
		}
		if p := w.store.pairs[Conv{eve, bob}]; p != (Pair{}) {
			t.Fatalf("learned from what Eve claims: %+v", p)
		}
	})
}

// TestNoErrorSticks: whatever the order, a message that a client of the recipient's was seen to have is not failed in the end.
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
