package track

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestUnseenPrompts: the sender is offline (protocol §5).
func TestUnseenPrompts(t *testing.T) {
	story(t, "it waits until it expires, and holds nothing back", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(30 * time.Minute)
		w.send("m2")
		w.step(3 * time.Minute)
		is(t, "joined", w.asked(), "m1 m2")
		w.step(3 * time.Hour)
		is(t, "prompts", len(w.prompts(PromptExpired)), 1)
		is(t, "nothing to take back", w.outbox(), "show")
		is(t, "why", w.store.find(key("m1")).Reason, ReasonUnseen)
		w.live = true
		for i := range 4 {
			w.send(fmt.Sprint("n", i))
			w.step(90 * time.Minute)
		}
		is(t, "no cap counts it", len(w.prompts(PromptExpired)), 5)
	})
	story(t, "shown late, it is a prompt like any other", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(30 * time.Minute)
		p := w.prompts()[0]
		shown := w.show(p.ID, phone)
		is(t, "shown", shown.OK, true)
		is(t, "it", shown.Messages[0].ID, "m1")
		is(t, "claim", w.answer(phone, Claim), OK)
		w.fact(Read, "m1")
		is(t, "outbox", w.outbox(), "show, withdraw displayed /phone")
	})
	story(t, "not shown after its expiry, or when it is over", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(3 * time.Minute)
		p := w.prompts()[0]
		w.now = w.now.Add(time.Hour)
		is(t, "expired, though its alarm is late", w.show(p.ID, phone).OK, false)
		w.ring()
		is(t, "over", w.show(p.ID, phone).OK, false)
		is(t, "unknown", w.show("p-x", phone).OK, false)
	})
	story(t, "a device that comes later", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(2 * time.Minute)
		p := w.prompts()[0]
		w.show(p.ID, phone)
		is(t, "again", w.show(p.ID, desk).OK, true)
		w.fact(Read, "m1")
		is(t, "both are told", w.outbox(), "show, withdraw displayed /phone /desk")
	})
}

// TestOnePromptPerConversation: messages are added to a prompt (protocol §5, §7).
func TestOnePromptPerConversation(t *testing.T) {
	story(t, "it takes in what was written before it", func(t *testing.T, w *world) {
		for i := range 3 {
			w.send(fmt.Sprint("m", i))
			w.step(time.Second)
		}
		w.send("n1", hinted(Hint{Escalate: Never}))
		w.step(2*time.Minute - 3*time.Second)
		is(t, "with the first", w.asked(), "m0 m1 m2")
		w.show(w.prompts()[0].ID, phone)
		w.step(2 * time.Minute)
		is(t, "their own times are told", w.told("m2"), "timeout-undelivered")
		is(t, "and ask nothing new", w.outbox(), "show")
		w.answer(phone, SentSMS)
		is(t, "one SMS for all", w.told("m0")+", "+w.told("m2"), "timeout-undelivered escalated, timeout-undelivered escalated")
	})
	story(t, "answered before their own times", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(time.Minute)
		w.send("m2", hinted(Hint{Timeout: 3600}))
		w.step(time.Minute)
		is(t, "both", w.asked(), "m1 m2")
		w.show(w.prompts()[0].ID, phone)
		w.answer(phone, Declined)
		w.step(3 * time.Hour)
		is(t, "the timeout is told", w.told("m2"), "timeout-undelivered")
		is(t, "nothing is asked", len(w.prompts()), 1)
	})
	story(t, "undelivered messages that are delivered one by one, before their own times", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(time.Minute)
		w.send("m2")
		w.step(time.Minute)
		w.fact(Received, "m1")
		is(t, "one is left", len(w.prompts(PromptOpen)), 1)
		w.fact(Received, "m2")
		is(t, "none is left", w.prompts()[0].Withdrew, WithdrawDelivered)
	})
	story(t, "what nothing can be known of is of the burst for an hour", func(t *testing.T, w *world) {
		w.send("m1", marked(0))
		w.step(59 * time.Minute)
		w.send("m2", marked(0))
		w.send("m3")
		w.step(2 * time.Minute)
		is(t, "asked", w.asked(), "m2 m3")
	})
	story(t, "joins within thirty seconds are gathered", func(t *testing.T, w *world) {
		w.send("m0")
		w.step(2 * time.Minute)
		is(t, "the first", w.asked(), "m0")
		for i := range 4 {
			w.send(fmt.Sprint("m", i+1))
			w.step(10 * time.Second)
		}
		w.step(2 * time.Minute)
		is(t, "all", w.asked(), "m0 m1 m2 m3 m4")
		is(t, "outbox", w.outbox(), "show, show more, show more")
		first := w.prompts()[0]
		is(t, "one prompt", len(w.prompts()), 1)
		is(t, "for all", first.Covered, 5)
		w.fact(Read, "m3")
		is(t, "not yet", w.outbox(), "show, show more, show more")
		w.fact(Read, "m4")
		is(t, "when all are settled", w.outbox(), "show, show more, show more, withdraw displayed /phone /desk")
	})
	story(t, "the time to answer is that of the newest", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(50 * time.Minute)
		w.send("m2")
		w.step(2 * time.Minute)
		is(t, "expires", w.prompts()[0].ExpiresAt, w.now.Add(time.Hour))
	})
	story(t, "no cap keeps a message from joining", func(t *testing.T, w *world) {
		w.policy.PerConversationDay = 1
		w.send("m1")
		w.step(3 * time.Minute)
		w.send("m2")
		w.step(3 * time.Minute)
		is(t, "joined", w.asked(), "m1 m2")
	})
	story(t, "to an ordinary client every five minutes", func(t *testing.T, w *world) {
		w.live = false
		w.send("m1")
		w.step(2 * time.Minute)
		w.feed(&Shown{Prompt: w.prompts()[0].ID, To: []string{alice}, Chat: "p-1"})
		w.send("m2")
		w.step(4*time.Minute + 59*time.Second)
		is(t, "gathered", w.outbox(), "show")
		w.step(time.Second)
		is(t, "corrected", w.outbox(), "show, show more")
	})
	story(t, "delivered takes back only what was all undelivered", func(t *testing.T, w *world) {
		w.send("m1")
		w.fact(Received, "m1")
		w.step(8*time.Minute + time.Second)
		w.send("m2")
		w.step(4 * time.Minute)
		is(t, "one unread, one undelivered", w.asked(), "m1 m2")
		w.fact(Received, "m2")
		is(t, "it stays", len(w.prompts(PromptOpen)), 1)
	})
	story(t, "whichever came first", func(t *testing.T, w *world) {
		w.send("m1")
		w.send("m2")
		w.fact(Received, "m2")
		w.step(11 * time.Minute)
		is(t, "one undelivered, one unread", w.asked(), "m1 m2")
		w.fact(Received, "m1")
		is(t, "it stays", len(w.prompts(PromptOpen)), 1)
	})
	story(t, "all undelivered, delivered one by one", func(t *testing.T, w *world) {
		w.send("m1")
		w.send("m2")
		w.step(3 * time.Minute)
		w.fact(Received, "m1")
		is(t, "one is left", len(w.prompts(PromptOpen)), 1)
		w.fact(Received, "m2")
		is(t, "none is left", w.prompts()[0].Withdrew, "delivered")
		w.step(10 * time.Minute)
		is(t, "unread in the same prompt", w.asked(), "m1 m2")
		is(t, "prompts", len(w.prompts()), 2)
	})
	story(t, "a message joins a prompt that is claimed, and is asked about by itself after the answer", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(2 * time.Minute)
		w.answer(phone, Claim)
		w.send("m2", hinted(Hint{Timeout: 10}))
		w.step(10 * time.Second)
		is(t, "joined", w.asked(), "m1 m2")
		is(t, "sent", w.answer(phone, SentSMS), OK)
		w.ring()
		is(t, "prompts", len(w.prompts()), 2)
		is(t, "by itself", w.asked(), "m2")
		is(t, "escalated", w.told("m1"), "timeout-undelivered escalated")
		is(t, "not escalated", w.told("m2"), "timeout-undelivered")
	})
	story(t, "what joins a claimed prompt is shown when the lease is over", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(50 * time.Second)
		w.send("m2")
		w.step(80 * time.Second)
		w.answer(phone, Claim)
		w.step(55 * time.Second)
		is(t, "joined", w.asked(), "m1 m2")
		is(t, "claimed", w.outbox(), "show, withdraw claimed /desk")
		w.step(5 * time.Second)
		is(t, "over", w.outbox(), "show, withdraw claimed /desk, show")
	})
	story(t, "very many, of which some were not shown yet", func(t *testing.T, w *world) {
		for i := range maxAsked {
			w.send(fmt.Sprint("m", i))
		}
		w.step(2 * time.Minute)
		for i := range 3 {
			w.send(fmt.Sprint("n", i), hinted(Hint{Timeout: 10}))
		}
		w.step(31 * time.Second) // all of the first were shown
		for i := range 3 {
			w.send(fmt.Sprint("o", i), hinted(Hint{Timeout: 10}))
		}
		w.step(10 * time.Second)
		w.answer(phone, SentSMS)
		w.ring()
		is(t, "those ask again", w.asked(), "o0 o1 o2")
	})
	story(t, "the newest messages stand for very many", func(t *testing.T, w *world) {
		for i := range maxAsked + 20 {
			w.send(fmt.Sprint("m", i))
		}
		w.step(3 * time.Minute)
		is(t, "bounded", len(w.prompts()[0].Messages), maxAsked)
		w.fact(Read, fmt.Sprint("m", maxAsked+18))
		is(t, "one is left", len(w.prompts(PromptOpen)), 1)
		w.fact(Read, fmt.Sprint("m", maxAsked+19))
		is(t, "none is left", len(w.prompts(PromptWithdrawn)), 1)
	})
	story(t, "a correction is shown anew", func(t *testing.T, w *world) {
		w.send("m1")
		w.step(3 * time.Minute)
		w.fact(Corrected, "c1", func(f *Fact) { f.Original = "m1" })
		is(t, "outbox", w.outbox(), "show, show")
	})
	story(t, "codes", func(t *testing.T, w *world) {
		w.policy.PerSenderHour, w.policy.PerRecipientDay = 0, 0
		codes := map[string]bool{}
		for i := range 300 {
			w.send("m1", to(fmt.Sprintf("bob%d@example.org", i)))
		}
		w.step(3 * time.Minute)
		for _, p := range w.prompts() {
			codes[p.Code] = true
			if len(p.Code) != 4 || strings.Trim(p.Code, codeDigits) != "" {
				t.Errorf("code %q", p.Code)
			}
			if len(p.ID) != 2+32 { // 160 bits
				t.Errorf("prompt id %q", p.ID)
			}
		}
		is(t, "unique", len(codes), 300)
	})
	story(t, "a code that is taken", func(t *testing.T, w *world) {
		b := newBatch(w.ledger, Loaded{}, w.now)
		code := b.code(alice, 7)
		b.live[Conv{alice, bob}] = &work{Prompt: Prompt{Conv: Conv{alice, bob}, Code: code}}
		if again := b.code(alice, 7); again == code {
			t.Error("the same code twice for one sender")
		}
		is(t, "another sender", b.code(carol, 7), code)
	})
}

// TestCaps: what happens at each cap, and that it is reported once.
func TestCaps(t *testing.T) {
	prompted := func(w *world, id string, d time.Duration, change ...func(*Fact)) {
		w.send(id, change...)
		w.step(2 * time.Minute)
		w.answer(phone, Declined)
		w.step(d - 2*time.Minute)
	}
	story(t, "per conversation and day", func(t *testing.T, w *world) {
		w.policy.PerConversationDay = 2
		for i := range 5 {
			w.send(fmt.Sprint("m", i))
			w.step(2 * time.Minute)
			if len(w.prompts(PromptOpen)) > 0 {
				w.answer(phone, Declined)
			}
			w.step(time.Hour)
		}
		is(t, "prompts", len(w.prompts(PromptDeclined)), 2)
		is(t, "timeouts are told", w.told("m4"), "timeout-undelivered")
		is(t, "said once", w.outbox(), "show, withdraw answered /desk, show, withdraw answered /desk, chat cap-conversation")
		is(t, "why", w.store.find(key("m2")).Reason, ReasonCap)
		w.restart()
		w.step(17*time.Hour + 58*time.Minute)
		w.send("n1")
		w.step(2 * time.Minute)
		is(t, "said once, even so", len(w.prompts(PromptCapped)), 1)
		w.step(2 * time.Hour)
		w.send("n2")
		w.step(2 * time.Minute)
		is(t, "a day later, with those that were not asked about", w.asked(), "m2 m3 m4 n1 n2")
	})
	story(t, "per recipient and day, whoever sends, but for each sender's first and what is urgent", func(t *testing.T, w *world) {
		w.policy.PerRecipientDay = 2
		w.policy.PerConversationDay = 9
		prompted(w, "m1", time.Hour)
		prompted(w, "m2", time.Hour)
		w.feed(&Fact{Kind: Sent, Key: Key{carol, bob, "c1"}, At: w.now, Once: true, Marks: AsksReceipt})
		w.step(3 * time.Minute)
		is(t, "carol's first", w.store.find(Key{carol, bob, "c1"}).Reason, ReasonPrompted)
		w.send("m3")
		w.step(3 * time.Minute)
		is(t, "alice's third", w.store.find(key("m3")).Reason, ReasonCap)
		is(t, "which she is told", w.sent[len(w.sent)-1].Cap, CapRecipient)
		prompted(w, "d1", time.Hour, to("dave@example.org"))
		is(t, "others", w.store.find(Key{alice, "dave@example.org", "d1"}).Reason, ReasonEnded)
		w.send("m4", hinted(Hint{Priority: Urgent}))
		w.step(3 * time.Minute)
		is(t, "urgent", w.store.find(key("m4")).Reason, ReasonPrompted)
	})
	story(t, "per sender and hour, said once for all conversations", func(t *testing.T, w *world) {
		w.policy.PerSenderHour = 2
		for i := range 5 {
			prompted(w, "m", 3*time.Minute, to(fmt.Sprintf("bob%d@example.org", i)))
		}
		is(t, "prompts", len(w.prompts(PromptDeclined)), 2)
		is(t, "said", len(w.prompts(PromptCapped)), 1)
		w.step(time.Hour)
		prompted(w, "m", 3*time.Minute, to("bob9@example.org"))
		is(t, "an hour later", len(w.prompts(PromptDeclined)), 3)
	})
	story(t, "shown a moment ago", func(t *testing.T, w *world) {
		w.live = false
		w.policy.PerSenderHour = 1
		w.send("m1")
		w.step(5 * time.Minute)
		w.send("m2", to(carol))
		w.now = w.now.Add(2 * time.Minute)
		w.feed(append([]Input{&Shown{Prompt: w.prompts()[0].ID, To: []string{phone}}}, w.due()...)...)
		is(t, "why", w.store.find(Key{alice, carol, "m2"}).Reason, ReasonCap)
	})
	story(t, "many at once for a sender who is there", func(t *testing.T, w *world) {
		w.policy.PerSenderHour = 3
		for i := range 10 {
			w.send("m", to(fmt.Sprintf("bob%d@example.org", i)))
		}
		w.step(10 * time.Minute)
		is(t, "prompts", len(w.prompts(PromptOpen)), 3)
		is(t, "said", len(w.prompts(PromptCapped)), 1)
	})
	story(t, "many at once for a sender who is away", func(t *testing.T, w *world) {
		w.live = false
		w.policy.PerSenderHour = 3
		for i := range 10 {
			w.send("m", to(fmt.Sprintf("bob%d@example.org", i)))
		}
		w.step(10 * time.Minute)
		is(t, "all wait", len(w.prompts(PromptOpen)), 10)
		for _, p := range w.prompts(PromptOpen) {
			w.feed(&Shown{Prompt: p.ID, To: []string{phone}})
		}
		is(t, "she comes back", len(w.prompts(PromptOpen)), 3)
		is(t, "the others are over", len(w.prompts(PromptWithdrawn)), 7)
		is(t, "said", len(w.prompts(PromptCapped)), 1)
	})
	for why, change := range map[Reason]func(*world){
		ReasonOptedOut:  func(w *world) { w.prefs[bob] = Prefs{Watch: Off} },
		ReasonMuted:     func(w *world) { w.contacts[Conv{alice, bob}] = Contact{Muted: true} },
		ReasonNeverMode: func(w *world) { w.prefs[alice] = Prefs{Mode: Never} },
	} {
		story(t, "changed while nobody was there to be asked: "+string(why), func(t *testing.T, w *world) {
			w.live = false
			w.send("m1")
			w.step(5 * time.Minute)
			change(w)
			s := &Shown{Prompt: w.prompts(PromptOpen)[0].ID, To: []string{phone}, Releases: []Release{{Owner: bob, To: alice}}}
			w.feed(s)
			is(t, "shown", s.OK, false)
			is(t, "released", len(w.store.releases), 0)
			is(t, "open", len(w.prompts(PromptOpen)), 0)
			is(t, "why", w.store.find(key("m1")).Reason, why)
		})
	}
	story(t, "a command does not go through caps", func(t *testing.T, w *world) {
		w.policy.PerConversationDay = 1
		prompted(w, "m1", time.Hour)
		w.send("m2")
		w.fact(Forced, "m2")
		w.ring()
		is(t, "prompts", len(w.prompts(PromptOpen)), 0)
		is(t, "said", len(w.prompts(PromptCapped)), 1)
	})
}
