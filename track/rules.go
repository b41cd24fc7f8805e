package track

// Rule is a row of one of the two tables that say what silence means. It is kept with a message: the numbers never change.
type Rule uint8

const (
	NoRule Rule = 0 // nothing was decided

	// Whether a proof of delivery is to be expected.
	RuleStored          Rule = 1
	RuleFetched         Rule = 2
	RuleAcknowledges    Rule = 3
	RuleHanded          Rule = 4
	RuleConfirmsSealed  Rule = 5
	RuleSealed          Rule = 6
	RuleNothingAsked    Rule = 7
	RuleConfirmsOldWay  Rule = 8
	RuleNoReceiptAsked  Rule = 9
	RuleConfirms        Rule = 10
	RuleNeverConfirms   Rule = 11
	RuleReceiptAssumed  Rule = 12
	RuleReceiptStranger Rule = 13
	RuleDiscarded       Rule = 14

	// Whether a proof of reading is to be expected.
	RulePolicy         Rule = 33
	RuleNotReached     Rule = 34
	RuleMarksSealed    Rule = 35
	RuleSealedMarkers  Rule = 36
	RuleMarksUnasked   Rule = 37
	RuleNotMarkable    Rule = 38
	RuleShadowed       Rule = 39
	RuleMarks          Rule = 40
	RuleMarkerStranger Rule = 41
	RuleAnnouncesNone  Rule = 42
	RuleNeverMarks     Rule = 43
	RuleAnnounces      Rule = 44
	RuleMarkerAssumed  Rule = 45
)

// rule is a row: it holds if all of some circumstances are given and none of others. The first that holds decides.
type rule struct {
	Rule
	name      string
	all, none Circumstances
	expected  bool
	reason    Reason // why nothing is expected
	because   string // for docs/EXPECTATIONS.md
}

// deliveryRules is the table for delivery.
var deliveryRules = []rule{
	{RuleDiscarded, "discarded", isDiscarded, 0, false, ReasonNoReceipts,
		"The server threw it away without a word, as for somebody who has blocked the sender. More than is told where nothing can be expected would tell of that."},
	{RuleStored, "stored", isStored, 0, true, "",
		"The server keeps it, and nobody has come for it: it is truly not delivered, whatever was asked for."},
	{RuleFetched, "fetched", isFetched, 0, false, ReasonFetched,
		"Who comes online gets it, or fetches it from the archive, and many clients never confirm what they fetch. The time to read goes on. " +
			"Only of people whose clients were seen to prove something: others may not even know archives."},
	{RuleAcknowledges, "acknowledges", acknowledges, 0, true, "",
		"Stream management (XEP-0198) acknowledges whatever arrives, asked or not, for contacts and strangers."},
	{RuleHanded, "handed", isHanded, 0, false, ReasonHanded,
		"It was handed to a client that acknowledges nothing, and its connection held. Most likely it is there."},
	{RuleConfirmsSealed, "confirms sealed", isSealed | confirmsSealed, 0, true, "",
		"Receipts for sealed messages of this sender came in clear."},
	{RuleSealed, "sealed", isSealed, 0, false, ReasonMaybeHidden,
		"The receipt may be inside the encryption."},
	{RuleNothingAsked, "nothing asked", 0, asksReceipt | isMarkable, false, ReasonNotAsked,
		"Nobody confirms what no confirmation was asked for."},
	{RuleConfirmsOldWay, "confirms in the old way", confirmsOldWay, asksReceipt, true, "",
		"It asks for markers alone, and this recipient still sends the marker for arrival that XEP-0333 had before 0.5."},
	{RuleNoReceiptAsked, "no receipt asked", 0, asksReceipt, false, ReasonNotAsked,
		"It asks for markers alone."},
	{RuleConfirms, "confirms", confirms, 0, true, "",
		"This recipient has sent receipts to this sender in the last 90 days."},
	{RuleNeverConfirms, "never confirms", neverConfirms, 0, false, ReasonNeverConfirm,
		"They read or answered three times what they were asked a receipt for, and sent none."},
	{RuleReceiptAssumed, "receipt assumed", seesPresence, 0, true, "",
		"Nearly every client answers a request of a contact who may see its presence."},
	{RuleReceiptStranger, "stranger", 0, 0, false, ReasonNoReceipts,
		"To others many clients send no receipts: XEP-0184 §8 has them not to."},
}

// readingRules is the table for reading.
var readingRules = []rule{
	{RulePolicy, "policy", assumesMarkers, isDiscarded, true, "",
		"track.assume_markers: the admin wants silence to count."},
	{RuleNotReached, "not reached", 0, isReached, false, ReasonNotAsked,
		"Nobody knows whether it has arrived. Why stands in the table for delivery."},
	{RuleMarksSealed, "marks sealed", isSealed | marksSealed, 0, true, "",
		"Markers for sealed messages of this sender came in clear."},
	{RuleSealedMarkers, "sealed", isSealed, 0, false, ReasonMaybeHidden,
		"The marker may be inside the encryption."},
	{RuleMarksUnasked, "marks unasked", marksUnasked, 0, true, "",
		"This recipient marks what this sender writes whether it is markable or not: Gajim, Dino and Kaidan do."},
	{RuleNotMarkable, "not markable", 0, isMarkable, false, ReasonNotMarkable,
		"Other clients mark only what is markable."},
	{RuleShadowed, "shadowed", isShadowed, marksPast, false, ReasonNotMarkable,
		"Some clients look at the newest message alone, and that one is not markable. Not those that were seen to mark past it."},
	{RuleMarks, "marks", marks, 0, true, "",
		"This recipient has marked for this sender in the last 30 days, from a client that is still in use."},
	{RuleMarkerStranger, "stranger", 0, seesPresence, false, ReasonNoMarkers,
		"To others than those who may see their presence many clients send no markers."},
	{RuleAnnouncesNone, "announces none", announcesNone, 0, false, ReasonNoMarkers,
		"All clients of this recipient say that they don't mark."},
	{RuleNeverMarks, "never marks", neverMarks, 0, false, ReasonNeverMarks,
		"They answered three times what was markable, and marked nothing: many clients announce markers with read receipts switched off."},
	{RuleAnnounces, "announces", announces | marksSomebody, 0, true, "",
		"A client announces markers, and this recipient has marked for somebody in the last 30 days."},
	{RuleMarkerAssumed, "marker assumed", 0, 0, true, "",
		"Nothing speaks against it yet. Three answers without a marker will."},
}

// of finds the row of a rule.
func (r Rule) row() *rule {
	for _, table := range [][]rule{deliveryRules, readingRules} {
		for i := range table {
			if table[i].Rule == r {
				return &table[i]
			}
		}
	}
	return &rule{}
}

// Expected reports whether a proof is to be expected by the rule.
func (r Rule) Expected() bool { return r.row().expected }

// String names the rule as docs/EXPECTATIONS.md does.
func (r Rule) String() string { return r.row().name }
