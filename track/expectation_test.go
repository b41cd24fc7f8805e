package track

import (
	"bytes"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// circumstanceNames are the names in docs/EXPECTATIONS.md.
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

// TestExpectIsTotal: each table has a rule for all circumstances, and every rule decides in some.
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

// TestRuleNumbers: they are stored in databases.
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

// TestExpectationTable: docs/EXPECTATIONS.md matches the code, and each row has its story.
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
	writePairs(&b)
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

Whether a missing receipt or marker means anything. Generated from the code by ` + "`go test ./track -run ExpectationTable -update`" + `;
a test fails if this page is stale, or if a rule can never apply or has no story.

Each table is read from the top: the first rule whose required circumstances all hold, and whose excluded ones do not, decides. They are
evaluated when a message is sent, when it is delivered, and when its alarm fires. If neither table expects anything, the
message is ` + "`unknown`" + ` at once.

| circumstance | |
|---|---|
| asks for a receipt, markable, sealed | what the message carries: ` + "`<request/>`" + ` (XEP-0184), ` + "`<markable/>`" + ` (XEP-0333), an encryption that may contain receipts and markers (OMEMO 2, OX) |
| discarded | the server reports that it discarded the message without telling the sender |
| stored | the server stores it, offline or only in the archive, and no client of the recipient has connected since |
| fetched | a client has connected since (a new session, not a resumed one), at least a minute ago, and this recipient's clients have been seen to confirm something to somebody |
| handed over | a session without stream management (XEP-0198) got it, and lasted another minute |
| delivered, reached | it is known to have arrived; the same, or it was fetched, or proof of delivery is awaited first |
| shadowed | a later unread message of the conversation is not markable |
| acknowledges | when it was sent, every session of the recipient used XEP-0198, with a server that reports acknowledgements; if there was none, the last one did |
| sees presence | the sender is in the recipient's roster with ` + "`from` or `both`" + `, **or the server can't tell** |
| confirms, confirms sealed | receipts were sent to this sender in the last 90 days; the same, for sealed messages |
| confirms in the old way | the same, with the marker ` + "`<received/>`" + ` of early XEP-0333 |
| never confirms | three times this recipient read or answered a message from this sender that requested a receipt, and sent none; a receipt resets this |
| marks | a marker was sent to this sender in the last 30 days and its client is online or none is, or in the last 7 days |
| marks sealed, marks unasked, marks past | in the last 90 days, a marker to this sender: for a sealed message; for one that was not markable; for a markable one followed by one that was not |
| never marks | three times this recipient answered a markable message from this sender without a marker; a marker resets this |
| marks for somebody | a marker was sent to anybody in the last 30 days |
| announces, announces none | one of the clients online announces markers in disco; all of them are known not to. If no client is online, what was last known |
| assumes markers | track.assume_markers |
`

// TestCircumstances: what is learned counts as long as it should.
func TestCircumstances(t *testing.T) {
	both := AsksReceipt | Markable
	at := func(days int) Time { return noon.Add(-time.Duration(days) * day) }
	for _, tc := range []struct {
		name    string
		message Message
		read    Standing // in a roster that the server allows to be read
		peer    Peer
		pair    Pair
		setup   func(*world)
		has     Circumstances
		hasNot  Circumstances
	}{
		{name: "of a stranger to the server", has: seesPresence, hasNot: acknowledges | confirms | marks | announces | announcesNone},
		{name: "a contact", message: Message{Standing: StandingFrom}, has: seesPresence},
		{name: "no contact", message: Message{Standing: StandingTo}, hasNot: seesPresence},
		{name: "a contact in a roster that can be read", read: StandingFrom, has: seesPresence},
		{name: "none in a roster that can be read", read: StandingNone, hasNot: seesPresence},
		{name: "a contact by the message, and by an old roster none", message: Message{Standing: StandingBoth}, read: StandingNone, has: seesPresence},
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
			c, _ := b.circumstances(&m, first(m.Standing, tc.read))
			if c&tc.has != tc.has || c&tc.hasNot != 0 {
				t.Errorf("%s", nameCircumstances(c))
			}
		})
	}
}
