package track

import (
	"fmt"
	"testing"
)

// Many facts about unknown ids by one author displace nobody else's early evidence.
func TestEarlyShares(t *testing.T) {
	w := newWorld()
	const mallory = "mallory@example.org"
	var flood []Input
	for i := range 2 * maxEarly {
		flood = append(flood, &Fact{Kind: Received, Key: Key{alice, mallory, fmt.Sprint("x", i)}, At: w.now, Basis: ByReceipt})
	}
	w.feed(flood...)
	w.fact(Received, "m1")
	w.send("m1")
	is(t, "Bob's receipt", w.told("m1"), "delivered")
	is(t, "what is kept", len(w.ledger.early) <= maxEarlyOf, true)
	for i := range maxEarly {
		w.feed(&Fact{Kind: Received, Key: Key{alice, fmt.Sprint(i, "@elsewhere.example"), "x"}, At: w.now, Basis: ByReceipt})
	}
	is(t, "of all", len(w.ledger.early), maxEarly)
}
