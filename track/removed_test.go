package track

import (
	"testing"
	"time"
)

// An account is deleted, and somebody else registers its name: nothing from before is known or reported, and later messages
// to the name are watched as if it were new.
func TestRemoved(t *testing.T) {
	w := prompted()
	w.send("m2", to(carol))
	w.fact(Received, "m2", func(f *Fact) { f.Recipient = carol })
	w.feed(&Fact{Kind: Sent, Key: Key{bob, alice, "b1"}, At: w.now, Once: true, Marks: AsksReceipt})
	w.fact(Received, "c1", func(f *Fact) { f.Sender, f.Recipient = bob, alice })
	told, sent := len(w.tells), len(w.sent)

	w.feed(&Removed{alice})
	is(t, "told", len(w.tells), told)
	is(t, "sent", len(w.sent), sent)
	for _, m := range w.store.messages {
		is(t, "a message that is left: its sender", m.Sender, bob)
	}
	is(t, "prompts", len(w.store.prompts), 0)
	is(t, "what was learned of her clients", w.store.peers[alice], Peer{})
	remembered, _ := w.ledger.peers.get(alice)
	is(t, "and is remembered", remembered, Peer{JID: alice})
	is(t, "pending", int(w.ledger.pending[alice]), 0)
	is(t, "alarms", len(w.store.alarms()), 1) // Bob's
	w.step(time.Hour)
	for _, o := range w.sent[sent:] {
		is(t, "whom something is sent to later", o.Owner, bob)
	}

	w.send("m1")
	w.step(10 * time.Minute)
	is(t, "the new Alice's", w.told("m1"), "timeout-undelivered timeout-undelivered")
}
