package storagetest

import (
	"fmt"
	"time"

	"tocsin/track"
)

const codeNumber = "+8613800138000"

func code(after int64, user string) track.Code {
	at := now + track.Time(after)
	return track.Code{
		Row: ord(after), JID: user, Number: codeNumber, Country: "CN", Language: "zh", Salt: "00112233445566778899aabbccddeeff", MadeAt: at, SentAt: at, Expires: at.Add(track.CodeLife), Sends: 1,
	}
}

// Codes are stored and loaded unchanged: the newest one of a user, and that of an SMS.
func codes(s *suite) {
	old, x := code(1, alice), code(2, alice)
	sms := text(3, "0123456789abcdef0123456789abcdef")
	sms.Kind, sms.Conv, sms.Messages = track.TextCode, track.Conv{Sender: alice, Recipient: alice}, []int64{x.Row}
	bound := track.Number{JID: alice, E164: codeNumber, Source: track.FromUser, At: now}
	s.commit(track.Changes{Codes: []track.Code{old, x}, Texts: []track.Text{sms}, Numbers: []track.Number{number(alice, "+1"), bound}})
	loaded := s.load(track.Want{Codes: []track.CodeKey{{User: alice}}, Recipients: []string{alice}})
	s.same([]track.Code{x}, loaded.Codes)
	s.same([]track.Text{sms}, loaded.Texts)
	s.same([]track.Number{bound}, loaded.Numbers)
	s.same([]track.Code{x}, s.load(track.Want{Texts: []string{sms.ID}}).Codes)

	x.SentAt, x.Expires, x.Sends, x.Tries, x.Used = now+10, now+20, 2, 3, true
	s.commit(track.Changes{Codes: []track.Code{x}})
	s.same([]track.Code{x}, s.load(track.Want{Codes: []track.CodeKey{{User: alice}}}).Codes)
	seed, err := s.Seed(s.Context())
	s.must(err)
	s.same(sms.Row, seed.LastOrd)
	newer := code(5, alice)
	s.commit(track.Changes{Codes: []track.Code{newer}})
	pending := func(at track.Time) bool {
		c, ok, err := s.PendingCode(s.Context(), alice, at)
		s.must(err)
		s.same(newer.Row, c.Row)
		return ok
	}
	s.same(true, pending(newer.Expires-1))
	s.same(false, pending(newer.Expires))
	_, ok, err := s.PendingCode(s.Context(), bob, now)
	s.must(err)
	s.same(false, ok)
	removed, err := s.RemoveNumber(s.Context(), alice)
	s.must(err)
	s.same(true, removed)
	newer.Expires = 0 // removing the number invalidates pending codes
	s.same([]track.Code{x, newer}, s.load(track.Want{Codes: []track.CodeKey{{User: alice}}}).Codes)
}

// Limits count SMS, not rows, each at its time, and codes that were used or have expired.
func codeUse(s *suite) {
	hour := time.Hour.Milliseconds()
	used, again, live, ofBob, yesterday, german := code(-2*hour, alice), code(-hour/2, alice), code(-1, carol), code(-3, bob), code(-25*hour, alice), code(-4, alice)
	used.Used, again.Sends, ofBob.Number, ofBob.Expires, german.Country = true, 2, "+8613900139000", now, "DE"
	s.commit(track.Changes{Codes: []track.Code{used, again, live, ofBob, yesterday, german}})
	admins, theirs, unconfirmed, own := number("a@example.org", codeNumber), number("b@example.org", codeNumber), number("c@example.org", codeNumber), number(alice, codeNumber)
	theirs.Source, theirs.Verified, unconfirmed.Source = track.FromUser, true, track.FromUser
	s.must(s.SetNumbers(s.Context(), admins, theirs, unconfirmed, own))
	key := track.CodeKey{User: alice, Number: codeNumber, Country: "CN"}
	ended := []track.Tried{
		{Prefix: "+861390013", At: ofBob.MadeAt}, {Prefix: "+861380013", At: again.MadeAt}, {Prefix: "+861380013", At: used.MadeAt, Used: true}, {Prefix: "+861380013", At: yesterday.MadeAt},
	}
	want := track.CodeUse{
		ByUser: map[string]int{alice: 4}, ToNumber: map[string]int{codeNumber: 4}, ToCountry: map[string]int{"CN": 5}, Accounts: map[string][]string{codeNumber: {"a@example.org", alice, "b@example.org"}},
		Ended: map[string][]track.Tried{"CN": ended},
	}
	s.same(want, s.load(track.Want{Codes: []track.CodeKey{key}}).CodeUse)
	paused := track.Alert{Kind: track.AlertCodes, Country: "CN"}
	s.commit(track.Changes{Alerts: []track.Alerted{{Alert: paused, At: used.MadeAt}}})
	want.Ended["CN"] = ended[:2]
	s.same(want, s.load(track.Want{Codes: []track.CodeKey{key}, Alerts: []track.Alert{paused}}).CodeUse)
	// Of one that is entered, who has its number, which the key does not know.
	s.same(want.Accounts, s.load(track.Want{Codes: []track.CodeKey{{User: carol}}}).Accounts)
	s.must(s.SetNumbers(s.Context(), number("d@example.org", codeNumber), number("e@example.org", codeNumber)))
	s.same(track.MaxAccounts+1, len(s.load(track.Want{Codes: []track.CodeKey{key}}).Accounts[codeNumber]))
}

// Forgetting or removing a user does not reset the limits, but the user and the number are no longer stored.
func forgottenCodes(s *suite) {
	for i, forget := range []func(){
		func() { s.must(s.Forget(s.Context(), alice)) },
		func() { s.commit(track.Changes{Removed: []track.Removal{{JID: alice, Ord: ord(9)}}}) },
	} {
		x := code(int64(i), alice)
		sms := text(int64(i), fmt.Sprint("sms", i))
		sms.Kind, sms.Conv, sms.State, sms.Segments = track.TextCode, track.Conv{Sender: alice, Recipient: alice}, track.TextTaken, 1
		s.commit(track.Changes{Codes: []track.Code{x}, Texts: []track.Text{sms}})
		forget()
		loaded := s.load(track.Want{Codes: []track.CodeKey{{User: alice, Number: codeNumber, Country: "CN"}}, Texts: []string{sms.ID}, SMS: true})
		s.same(0, len(loaded.Codes))
		s.same(i+1, loaded.ByUser[alice])
		s.same(i+1, loaded.ToNumber[codeNumber])
		s.same(i+1, loaded.ToCountry["CN"])
		s.same(i+1, loaded.Segments)
		s.same("", loaded.Texts[0].Number)
	}
	s.same("", s.load(track.Want{Texts: []string{"sms1"}}).Texts[0].Sender)
}

func alerts(s *suite) {
	cn, de := track.Alerted{Alert: track.Alert{Kind: track.AlertCodes, Country: "CN"}, At: now}, track.Alerted{Alert: track.Alert{Kind: track.AlertCodes, Country: "DE"}, At: now + 1}
	low := track.Alerted{Alert: track.Alert{Kind: track.AlertBudgetLow}, At: now + 2}
	out := track.Outgoing{ID: "alert", Kind: track.OutAlert, Owner: "admin@example.org", Alert: cn.Alert}
	s.commit(track.Changes{Alerts: []track.Alerted{cn, de, low}, Outbox: []track.Outgoing{out}})
	s.same([]track.Alerted{cn}, s.load(track.Want{Alerts: []track.Alert{cn.Alert}}).Alerts)
	s.same([]track.Alerted{low}, s.load(track.Want{SMS: true}).Alerts)
	cn.At += 9
	s.commit(track.Changes{Alerts: []track.Alerted{cn}})
	s.same([]track.Alerted{cn}, s.load(track.Want{Alerts: []track.Alert{cn.Alert}}).Alerts)
	queue, err := s.Pending(s.Context())
	s.must(err)
	s.same([]track.Outgoing{out}, queue)
}
