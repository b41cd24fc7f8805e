package track

// Rule is a row of one of the two expectation tables. It is stored with messages, so the numbers never change.
type Rule uint8

const (
	NoRule Rule = 0 // nothing was decided

	// Whether to expect proof of delivery.
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

	// Whether to expect proof of reading.
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

// rule is a row: it applies if all circumstances in one set hold and none in the other. The first one that applies decides.
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
		"The server discarded it silently, as for somebody who has blocked the sender. Saying more than \"no confirmation expected\" would reveal that."},
	{RuleStored, "stored", isStored, 0, true, "",
		"The server stores it, and nobody has fetched it: it really is undelivered, whatever was asked for."},
	{RuleFetched, "fetched", isFetched, 0, false, ReasonFetched,
		"A client that connects gets it, or fetches it from the archive, and many clients never confirm what they fetch. The time to read goes on. " +
			"Only for people whose clients have been seen to confirm something: others may not even support archives."},
	{RuleAcknowledges, "acknowledges", acknowledges, 0, true, "",
		"Stream management (XEP-0198) acknowledges whatever arrives, requested or not, from contacts and strangers alike."},
	{RuleHanded, "handed", isHanded, 0, false, ReasonHanded,
		"It was handed to a client that acknowledges nothing, and the connection stayed up. It has most likely arrived."},
	{RuleConfirmsSealed, "confirms sealed", isSealed | confirmsSealed, 0, true, "",
		"Receipts for sealed messages from this sender came in the clear."},
	{RuleSealed, "sealed", isSealed, 0, false, ReasonMaybeHidden,
		"The receipt may be inside the encryption."},
	{RuleNothingAsked, "nothing asked", 0, asksReceipt | isMarkable, false, ReasonNotAsked,
		"It requests no confirmation, so none is sent."},
	{RuleConfirmsOldWay, "confirms in the old way", confirmsOldWay, asksReceipt, true, "",
		"It requests only markers, and this recipient still sends the `<received/>` marker that XEP-0333 had before 0.5."},
	{RuleNoReceiptAsked, "no receipt asked", 0, asksReceipt, false, ReasonNotAsked,
		"It requests only markers."},
	{RuleConfirms, "confirms", confirms, 0, true, "",
		"This recipient has sent receipts to this sender in the last 90 days."},
	{RuleNeverConfirms, "never confirms", neverConfirms, 0, false, ReasonNeverConfirm,
		"Three times they read or answered a message that requested a receipt, and sent none."},
	{RuleReceiptAssumed, "receipt assumed", seesPresence, 0, true, "",
		"Nearly every client answers a request from a contact who may see its presence."},
	{RuleReceiptStranger, "stranger", 0, 0, false, ReasonNoReceipts,
		"Many clients send no receipts to others, as XEP-0184 §8 recommends."},
}

// readingRules is the table for reading.
var readingRules = []rule{
	{RulePolicy, "policy", assumesMarkers, isDiscarded, true, "",
		"track.assume_markers: the admin wants silence to count."},
	{RuleNotReached, "not reached", 0, isReached, false, ReasonNotAsked,
		"Nobody knows whether it has arrived; the delivery table says why."},
	{RuleMarksSealed, "marks sealed", isSealed | marksSealed, 0, true, "",
		"Markers for sealed messages from this sender came in the clear."},
	{RuleSealedMarkers, "sealed", isSealed, 0, false, ReasonMaybeHidden,
		"The marker may be inside the encryption."},
	{RuleMarksUnasked, "marks unasked", marksUnasked, 0, true, "",
		"This recipient marks this sender's messages whether they are markable or not, as Gajim, Dino and Kaidan do."},
	{RuleNotMarkable, "not markable", 0, isMarkable, false, ReasonNotMarkable,
		"Other clients mark only what is markable."},
	{RuleShadowed, "shadowed", isShadowed, marksPast, false, ReasonNotMarkable,
		"Some clients look only at the newest message, and that one is not markable. This excludes clients that have been seen marking past one."},
	{RuleMarks, "marks", marks, 0, true, "",
		"This recipient has sent this sender markers in the last 30 days, from a client that is still in use."},
	{RuleMarkerStranger, "stranger", 0, seesPresence, false, ReasonNoMarkers,
		"Many clients send markers only to contacts who may see their presence."},
	{RuleAnnouncesNone, "announces none", announcesNone, 0, false, ReasonNoMarkers,
		"All of this recipient's clients announce that they send no markers."},
	{RuleNeverMarks, "never marks", neverMarks, 0, false, ReasonNeverMarks,
		"They answered three markable messages without a marker: many clients announce markers even with read receipts switched off."},
	{RuleAnnounces, "announces", announces | marksSomebody, 0, true, "",
		"A client announces markers, and this recipient has sent somebody a marker in the last 30 days."},
	{RuleMarkerAssumed, "marker assumed", 0, 0, true, "",
		"There is no evidence against it yet. Three answers without a marker would be."},
}

// rowOf has the rows by their numbers, empty ones for those that no rule has.
var rowOf = func() (all [1 << 8]rule) {
	for _, table := range [][]rule{deliveryRules, readingRules} {
		for _, r := range table {
			all[r.Rule] = r
		}
	}
	return all
}()

// row returns the rule's row, or an empty one for NoRule.
func (r Rule) row() *rule { return &rowOf[r] }

// Expected reports whether the rule expects proof.
func (r Rule) Expected() bool { return r.row().expected }

// String returns the rule's name in docs/EXPECTATIONS.md.
func (r Rule) String() string { return r.row().name }
