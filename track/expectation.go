package track

import (
	"slices"
	"time"
)

// Expectation is what the silence about a message means: the rule that decides whether a proof of its delivery is to be
// expected, and the rule for a proof of its reading.
type Expectation struct {
	Delivery, Reading Rule
	// Until is when something of it will be decided that is open yet: no message is called undelivered before. It is 0 if
	// nothing is.
	Until Time
}

// Circumstances are what an expectation is made of: what the message asks for, what the server knows of it, and what was
// learned of the recipient. Each is either so or not.
type Circumstances uint32

const (
	// Of the message and of its way.
	asksReceipt  Circumstances = 1 << iota // it carries <request/> (XEP-0184)
	isMarkable                             // it carries <markable/> (XEP-0333)
	isSealed                               // receipts and markers may be inside its encryption (XEP-0420)
	isDiscarded                            // the server threw it away, without a word
	isStored                               // the server keeps it, and nobody has come for it
	isFetched                              // somebody has come since, and has had a minute to get it from the archive
	isHanded                               // it was handed to a session without XEP-0198, which stayed a minute
	isDelivered                            // it is known to have arrived
	isShadowed                             // a later message is unread that is not markable
	acknowledges                           // every session there speaks XEP-0198; with nobody there, the last one did
	seesPresence                           // the sender is in the recipient's roster with from or both, or nobody can tell

	// What this recipient has shown to this sender.
	confirms       // receipts
	confirmsOldWay // the markers for arrival that XEP-0333 had before 0.5
	confirmsSealed // receipts in clear, for sealed messages
	neverConfirms  // asked for receipts they read or answered, and sent none
	marks          // markers, of late, from a client still in use
	marksSealed    // markers in clear, for sealed messages
	marksUnasked   // markers for messages that are not markable
	marksPast      // markers for markable messages that a later one stands behind that is not
	neverMarks     // they answered markable messages, and sent no marker

	// What this recipient has shown to anybody.
	marksSomebody // markers, of late
	announces     // a client there says that it marks; with nobody there, the last ones did
	announcesNone // all of them say that they don't

	assumesMarkers // the admin wants silence to count

	endOfCircumstances
)

// Expect decides by the two tables. What they can't know, they take for the side on which nobody is alarmed.
func Expect(c Circumstances) Expectation {
	e := Expectation{Delivery: decide(deliveryRules, c)}
	if c&(isDelivered|isFetched) != 0 || e.Delivery.Expected() {
		c |= isReached
	}
	e.Reading = decide(readingRules, c)
	return e
}

// isReached follows from the rest: the message is known to have arrived, or a proof of that is awaited first.
const isReached = endOfCircumstances

// decide returns the first rule that holds.
func decide(rules []rule, c Circumstances) Rule {
	for i := range rules {
		if r := &rules[i]; c&r.all == r.all && c&r.none == 0 {
			return r.Rule
		}
	}
	panic("track: no rule for these circumstances") // the last rule of each table holds always
}

const (
	// habitLife is for how long what a recipient has shown is taken for a habit, markingLife for markers, which people
	// switch off.
	habitLife   = 90 * 24 * time.Hour
	markingLife = 30 * 24 * time.Hour
	// inUse is how long ago a client may have sent a marker to count as still in use, whoever else is there now.
	inUse = 7 * 24 * time.Hour
	// settling is how long a client has to prove what it got, or got at.
	settling = time.Minute
	// enough is how many messages without a proof make a habit of it.
	enough = 3
)

// circumstances are those of a message now. Of its conversation what is unsettled should be loaded.
func (b *batch) circumstances(m *Message, standing Standing) (c Circumstances, until Time) {
	set := func(x Circumstances, is bool) {
		if is {
			c |= x
		}
	}
	// soon says whether an instant lies a minute back; one that does not is waited for.
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
	set(isShadowed, slices.ContainsFunc(b.convs[m.Conv()], func(r *row) bool {
		return m.Ord != 0 && r.Ord > m.Ord && !r.Status.Settled() && !r.Marks.Has(Markable)
	}))
	set(seesPresence, standing == StandingUnknown || standing.SeesPresence())

	came := peer.Came > m.SentAt && soon(peer.Came)
	proves := fresh(max(peer.Receipts, peer.Markers, peer.Acks), habitLife)
	set(isDiscarded, m.Marks.Has(Discarded))
	set(isStored, m.Marks&(StoredOffline|StoredArchive) != 0 && !came)
	set(isFetched, came && proves)
	set(isHanded, m.HandedAt != 0 && b.now >= m.HandedAt.Add(settling)) // an alarm that passes before does not wait for it
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

// expect decides about a message now, by the sender's place in the recipient's roster.
func (b *batch) expect(m *Message, standing Standing) Expectation {
	c, until := b.circumstances(m, standing)
	e := Expect(c)
	e.Until = until
	return e
}
