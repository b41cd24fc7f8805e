package track

import (
	"slices"
	"time"
)

// Expectation is what silence about a message means: the rule that decides whether to expect proof of delivery, and the
// one for proof of reading.
type Expectation struct {
	Delivery, Reading Rule
	// Until is when an open part will be decided: no message counts as undelivered before. It is 0 if nothing is open.
	Until Time
}

// Circumstances are the inputs of an expectation: what the message asks for, what the server knows about it, and what
// was learned about the recipient. Each either holds or not.
type Circumstances uint32

const (
	// About the message and its way.
	asksReceipt  Circumstances = 1 << iota // it has <request/> (XEP-0184)
	isMarkable                             // it has <markable/> (XEP-0333)
	isSealed                               // receipts and markers may be inside its encryption (XEP-0420)
	isDiscarded                            // the server silently discarded it
	isStored                               // the server stores it, and no client has connected since
	isFetched                              // a client has connected since, and had a minute to fetch it from the archive
	isHanded                               // it was handed to a session without XEP-0198, which stayed a minute
	isDelivered                            // it is known to have arrived
	isShadowed                             // a later unread message is not markable
	acknowledges                           // every session online uses XEP-0198; with nobody online, the last one did
	seesPresence                           // the sender is in the recipient's roster with from or both, or no source can tell

	// What this recipient has shown to this sender.
	confirms       // sends receipts
	confirmsOldWay // sends the delivery markers of XEP-0333 before 0.5
	confirmsSealed // sends unencrypted receipts for sealed messages
	neverConfirms  // was asked for receipts of messages they read or answered, and sent none
	marks          // sent markers recently, from a client still in use
	marksSealed    // sends unencrypted markers for sealed messages
	marksUnasked   // sends markers for messages that are not markable
	marksPast      // sends markers for markable messages followed by one that is not
	neverMarks     // answered markable messages, and sent no marker

	// What this recipient has shown to anybody.
	marksSomebody // sent markers recently
	announces     // a client online announces markers; with nobody online, the last ones did
	announcesNone // all of them announce that they don't

	assumesMarkers // the admin wants silence to count

	endOfCircumstances
)

// Expect decides by the two tables. What cannot be known is decided so that nobody is alarmed.
func Expect(c Circumstances) Expectation {
	e := Expectation{Delivery: decide(deliveryRules, c)}
	if c&(isDelivered|isFetched) != 0 || e.Delivery.Expected() {
		c |= isReached
	}
	e.Reading = decide(readingRules, c)
	return e
}

// isReached is derived: the message is known to have arrived, or proof of that is awaited first.
const isReached = endOfCircumstances

// decide returns the first rule that applies.
func decide(rules []rule, c Circumstances) Rule {
	for i := range rules {
		if r := &rules[i]; c&r.all == r.all && c&r.none == 0 {
			return r.Rule
		}
	}
	panic("track: no rule for these circumstances") // the last rule of each table always applies
}

const (
	// habitLife is how long what a recipient has shown counts as a habit, markingLife the same for markers, which people
	// turn off.
	habitLife   = 90 * 24 * time.Hour
	markingLife = 30 * 24 * time.Hour
	// inUse is how recently a client must have sent a marker to count as still in use, whichever clients are online now.
	inUse = 7 * 24 * time.Hour
	// settling is how long a client has to prove what it received or fetched.
	settling = time.Minute
	// enough is how many messages without proof make a habit.
	enough = 3
)

// circumstances returns the current ones of a message. The unsettled part of its conversation should be loaded.
func (b *batch) circumstances(m *Message, standing Standing) (c Circumstances, until Time) {
	set := func(x Circumstances, is bool) {
		if is {
			c |= x
		}
	}
	// soon reports whether an instant is a minute ago; if not, the decision waits for it.
	soon := func(at Time) bool {
		if at == 0 {
			return false
		}
		if end := at.Add(settling); b.now < end {
			until = max(until, end)
			return false
		}
		return true
	}
	fresh := func(at Time, life time.Duration) bool { return at != 0 && b.now < at.Add(life) }
	peer, pair := b.peer(m.Recipient), b.pair(m.Conv())
	clients := b.people.Clients(m.Recipient)

	set(asksReceipt, m.Marks.Has(AsksReceipt))
	set(isMarkable, m.Marks.Has(Markable))
	set(isSealed, m.Marks.Has(Sealed))
	set(isDelivered, m.Status == Delivered)
	set(isShadowed, slices.ContainsFunc(b.talk(m.Conv()).open, func(r *row) bool {
		return m.Ord != 0 && r.Ord > m.Ord && !r.Status.Settled() && !r.Marks.Has(Markable)
	}))
	set(seesPresence, standing == StandingUnknown || standing.SeesPresence())

	came := peer.Came > m.SentAt && soon(peer.Came)
	proves := fresh(max(peer.Receipts, peer.Markers, peer.Acks), habitLife)
	set(isDiscarded, m.Marks.Has(Discarded))
	set(isStored, m.Marks&(StoredOffline|StoredArchive) != 0 && !came)
	set(isFetched, came && proves)
	set(isHanded, m.HandedAt != 0 && b.now >= m.HandedAt.Add(settling)) // an earlier alarm does not wait for it
	set(acknowledges, m.There == ThereManaged || m.There != ThereMixed && peer.Managed == Yes)

	set(confirms, fresh(pair.Receipts, habitLife))
	set(confirmsOldWay, fresh(pair.Arrivals, habitLife))
	set(confirmsSealed, fresh(pair.SealedReceipts, habitLife))
	set(neverConfirms, pair.Unconfirmed >= enough && fresh(pair.CountedAt, habitLife))
	set(marks, fresh(pair.Markers, markingLife) && (fresh(pair.Markers, inUse) || b.people.Present(m.Recipient, pair.Device)))
	set(marksSealed, fresh(pair.SealedMarkers, habitLife))
	set(marksUnasked, fresh(pair.Unasked, habitLife))
	set(marksPast, fresh(pair.Past, habitLife))
	set(neverMarks, pair.Unmarked >= enough && fresh(pair.CountedAt, habitLife))
	set(marksSomebody, fresh(peer.Markers, markingLife))
	says := clients.Markers
	if says == Unknown {
		says = peer.Announces
	}
	set(announces, says == Yes)
	set(announcesNone, says == No)
	set(assumesMarkers, b.policy.AssumeMarkers)
	return c, until
}

// expect decides about a message now, given the sender's standing in the recipient's roster.
func (b *batch) expect(m *Message, standing Standing) Expectation {
	c, until := b.circumstances(m, standing)
	e := Expect(c)
	e.Until = until
	return e
}
