package track

import (
	"testing"
	"time"
)

func TestReveals(t *testing.T) {
	for name, tc := range map[string]struct {
		reveal   Reveal
		who      Parties
		standing Standing
		consents bool
		refused  bool
		want     bool
	}{
		"a stranger":                      {},
		"in the roster with to":           {standing: StandingTo},
		"in the roster with from":         {standing: StandingFrom, want: true},
		"in the roster with both":         {standing: StandingBoth, want: true},
		"agreed to be called":             {consents: true, want: true},
		"agreed, but not by this sender":  {consents: true, who: Parties{Hidden: true}},
		"agreed, but by contacts alone":   {consents: true, who: Parties{Recipient: Prefs{Share: ShareContacts}}},
		"the admin says so":               {reveal: RevealAll, want: true},
		"refused":                         {reveal: RevealAll, standing: StandingBoth, consents: true, refused: true},
		"not of who is not to be watched": {reveal: RevealAll, standing: StandingBoth, who: Parties{Recipient: Prefs{Watch: Off}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := Policy{Reveal: tc.reveal}
			is(t, name, p.Reveals(tc.who, tc.standing, tc.consents, tc.refused), tc.want)
		})
	}
}

// A stranger's notices reveal neither whether nor when a client of the recipient was online: reports by the server change
// neither their content nor their time.
func TestStrangers(t *testing.T) {
	stranger := func(t *testing.T, tell func(*world)) (told, outbox string) {
		w := newWorld()
		w.strangers = true
		w.clients[bob] = Clients{Markers: Yes}
		w.feed(&Fact{Kind: Sent, Key: key("m0"), At: w.now, Once: true, Marks: AsksReceipt | Markable})
		w.fact(Received, "m0")
		w.fact(Read, "m0", func(f *Fact) { f.Basis = ByMarker })
		w.send("m1")
		tell(w)
		w.step(9 * time.Minute)
		is(t, "before the one time", w.told("m1"), "")
		w.step(time.Minute)
		is(t, "then", w.tells[len(w.tells)-1].Notice.Seq, 1)
		w.step(30 * time.Minute)
		return w.told("m1"), w.outbox()
	}
	acked := func(f *Fact) { f.Basis = ByAck }
	away, asked := stranger(t, func(*world) {})
	is(t, "undelivered", away, "timeout-undelivered")
	there, askedToo := stranger(t, func(w *world) { w.fact(Received, "m1", acked) })
	is(t, "acked", there, "timeout-unread")
	is(t, "what is sent", askedToo, asked)
	late, _ := stranger(t, func(w *world) {
		w.now = w.now.Add(time.Second)
		w.send("m2")
		w.fact(Received, "m2", acked)
	})
	is(t, "a later one acked", late, "timeout-unread")

	story(t, "acked after the timeout", func(t *testing.T, w *world) {
		w.strangers = true
		w.send("m1")
		w.step(10 * time.Minute)
		is(t, "timeout", w.told("m1"), "timeout-undelivered")
		sent := len(w.sent)
		w.fact(Received, "m1", acked)
		w.step(time.Hour)
		is(t, "nothing more", w.told("m1"), "timeout-undelivered")
		is(t, "nor of the prompt, but that it expires", len(w.sent), sent+1)
	})
	story(t, "a receipt after the ack", func(t *testing.T, w *world) {
		w.strangers = true
		w.send("m1")
		w.fact(Received, "m1", acked)
		is(t, "not told", w.told("m1"), "")
		w.fact(Received, "m1")
		is(t, "told", w.told("m1"), "delivered")
	})
	story(t, "of a later one", func(t *testing.T, w *world) {
		w.strangers = true
		w.send("m1")
		w.send("m2")
		w.fact(Received, "m2", acked)
		is(t, "neither told", w.told("m1")+w.told("m2"), "")
		w.send("m3")
		w.fact(Received, "m3")
		is(t, "the first", w.told("m1"), "delivered")
		is(t, "the second", w.told("m2"), "delivered")
	})
	story(t, "with a number bound with consent", func(t *testing.T, w *world) {
		w.strangers, w.store.consents[bob] = true, true
		w.send("m1")
		w.step(2 * time.Minute)
		w.fact(Received, "m1", acked)
		is(t, "told", w.told("m1"), "timeout-undelivered delivered")
	})
}
