package track

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"
)

// loadCodes loads what a Want has about codes.
func (s *memory) loadCodes(w Want, l *Loaded, now Time) {
	l.CodeUse = CodeUse{ByUser: map[string]int{}, ToNumber: map[string]int{}, ToCountry: map[string]int{}, Ended: map[string][]Tried{}, Accounts: map[string][]string{}}
	all := make([]Code, 0, len(s.codes))
	for _, c := range s.codes {
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y Code) int { return cmp.Compare(y.Row, x.Row) })
	for _, t := range l.Texts {
		if c, ok := s.codes[first64(t.Messages)]; ok && t.Kind == TextCode {
			l.Codes = append(l.Codes, c)
		}
	}
	for _, k := range w.Codes {
		newest := false
		for _, c := range all {
			if c.JID == k.User {
				if !newest && !slices.Contains(l.Codes, c) {
					l.Codes = append(l.Codes, c)
				}
				newest = true
				if now < c.MadeAt.Add(day) {
					l.ByUser[k.User] += c.Sends
				}
			}
			if c.Number == k.Number && now < c.MadeAt.Add(time.Hour) {
				l.ToNumber[k.Number] += c.Sends
			}
			if c.Country == k.Country && now < c.MadeAt.Add(day) {
				l.ToCountry[k.Country] += c.Sends
			}
			if c.Country == k.Country && !c.Live(now) && c.MadeAt > s.alerts[Alert{AlertCodes, k.Country}] && len(l.Ended[k.Country]) < CodeSample {
				l.Ended[k.Country] = append(l.Ended[k.Country], Tried{Prefix(c.Number), c.MadeAt, c.Used})
			}
		}
		numbers := []string{k.Number}
		if k.Number == "" {
			for _, c := range l.Codes {
				if c.JID == k.User {
					numbers = append(numbers, c.Number)
				}
			}
		}
		for _, e164 := range numbers {
			l.Accounts[e164] = nil
			for _, n := range s.numbers {
				if n.E164 == e164 && (n.Verified || n.Source != FromUser) {
					l.Accounts[e164] = append(l.Accounts[e164], n.JID)
				}
			}
		}
	}
	for _, a := range append(slices.Clone(w.Alerts), BudgetAlerts...) {
		if at, ok := s.alerts[a]; ok {
			l.Alerts = append(l.Alerts, Alerted{a, at})
		}
	}
}

func first64(list []int64) int64 {
	if len(list) == 0 {
		return 0
	}
	return list[0]
}

// verifying lets users confirm numbers by codes.
func verifying() *world {
	w := newWorld()
	w.texting()
	w.policy.SMS.Verify, w.policy.SMS.PerNumberDay, w.policy.SMS.SegmentsDay, w.policy.SMS.Admins = true, 100, 1000, []string{"admin@example.org"}
	w.policy.SMS.Code = CodePolicy{NumberHour: 3, UserDay: 5, CountryDay: 100, Reaches: func(n string) bool { return n != davesNumber }}
	delete(w.store.numbers, bob)
	return w
}

// orders requests a code for a user.
func (w *world) orders(user, number string) CodeVerdict {
	c := &CodeRequested{CodeKey: CodeKey{user, number, "CN"}, Language: "zh", Salt: fmt.Sprint("salt ", w.n), Consent: true}
	w.n++
	w.feed(c)
	return c.Verdict
}

// gets marks the last SMS as sent, and returns its digits.
func (w *world) gets() (digits string) {
	x := w.sms()[len(w.sms())-1]
	look := &TextSnapshot{Text: x.ID}
	w.feed(look)
	w.feed(&TextSubmit{Text: x.ID, Route: "route", Segments: 1})
	w.feed(&TextSent{Text: x.ID, Route: "route", IDs: []string{x.ID}})
	return look.Digits
}

func (w *world) tries(digits string) string {
	c := &CodeTried{User: bob, Digits: digits}
	w.feed(c)
	if c.Verdict == CodeWrong {
		return fmt.Sprint(c.Verdict, " ", c.Left)
	}
	return string(c.Verdict)
}

// wrong returns another code.
func wrong(digits string) string {
	if digits == "000000" {
		return "000001"
	}
	return "000000"
}

func TestCode(t *testing.T) {
	story := func(name string, tell func(*testing.T, *world)) {
		t.Run(name, func(t *testing.T) { tell(t, verifying()) })
	}
	story("a number counts once its code comes back", func(t *testing.T, w *world) {
		is(t, "wanted", w.orders(bob, bobsNumber), CodeSent)
		is(t, "outbox", w.outbox(), "text")
		is(t, "bound", w.store.numbers[bob], Number{JID: bob, E164: bobsNumber, Source: FromUser, Consent: true, At: w.now})
		digits := w.gets()
		is(t, "digits", len(digits), 6)
		w.restart()
		w.step(CodeLife - time.Second)
		is(t, "another", w.tries(wrong(digits)), "wrong 4")
		is(t, "right", w.tries(digits), "right")
		is(t, "bound", w.store.numbers[bob], Number{JID: bob, E164: bobsNumber, Source: FromUser, Consent: true, Verified: true, At: w.now})
		is(t, "said again, since the answer was lost", w.tries(digits), "right")
	})
	story("five tries", func(t *testing.T, w *world) {
		w.orders(bob, bobsNumber)
		digits := w.gets()
		for _, want := range []string{"wrong 4", "wrong 3", "wrong 2", "wrong 1", "spent", "none"} {
			is(t, "tried", w.tries(wrong(digits)), want)
		}
		is(t, "the right one is of no use any more", w.tries(digits), "none")
		is(t, "bound", w.store.numbers[bob].Verified, false)
		w.step(time.Minute)
		is(t, "a new one", w.orders(bob, bobsNumber), CodeSent)
		is(t, "is another", w.gets() != digits, true)
	})
	story("it expires, and is of one user and one number", func(t *testing.T, w *world) {
		is(t, "without any", w.tries("123456"), "none")
		w.orders(bob, bobsNumber)
		digits := w.gets()
		c := &CodeTried{User: alice, Digits: digits}
		w.feed(c)
		is(t, "by another user", c.Verdict, CodeNone)
		w.step(CodeLife)
		is(t, "late", w.tries(digits), "none")
		w.orders(bob, bobsNumber)
		digits = w.gets()
		w.step(time.Minute)
		is(t, "another number", w.orders(bob, "+8613700137000"), CodeSent)
		w.gets()
		is(t, "the code of the first", w.tries(digits), "wrong 4")
	})
	story("the same again while it lives, a minute later", func(t *testing.T, w *world) {
		w.orders(bob, bobsNumber)
		is(t, "while the SMS waits", w.orders(bob, bobsNumber), CodeTooSoon)
		digits := w.gets()
		is(t, "at once", w.orders(bob, bobsNumber), CodeTooSoon)
		w.step(time.Minute)
		is(t, "later", w.orders(bob, bobsNumber), CodeSent)
		is(t, "digits", w.gets(), digits)
		w.step(CodeLife - time.Second)
		is(t, "it lives longer", w.tries(digits), "right")
	})
	story("the number that is in use stays until the new one is confirmed", func(t *testing.T, w *world) {
		old := Number{JID: bob, E164: bobsNumber, Source: FromAdmin, Consent: true}
		w.store.numbers[bob] = old
		w.orders(bob, "+8613700137000")
		is(t, "bound", w.store.numbers[bob], old)
		is(t, "right", w.tries(w.gets()), "right")
		is(t, "bound", w.store.numbers[bob], Number{JID: bob, E164: "+8613700137000", Source: FromUser, Consent: true, Verified: true, At: w.now})
	})
	for _, together := range []bool{false, true} {
		story(fmt.Sprintf("two order codes, and there is room for one; they enter them together: %t", together), func(t *testing.T, w *world) {
			w.bound(MaxAccounts-1, bobsNumber, Number{Source: FromUser, Verified: true})
			is(t, "wanted", w.orders(bob, bobsNumber), CodeSent)
			first := &CodeTried{User: bob, Digits: w.gets()}
			is(t, "wanted", w.orders(carol, bobsNumber), CodeSent)
			second := &CodeTried{User: carol, Digits: w.gets()}
			if together {
				w.feed(first, second)
			} else {
				w.feed(first)
				w.restart()
				w.feed(second)
			}
			is(t, "the first", first.Verdict, CodeRight)
			is(t, "the second", second.Verdict, CodeFull)
			is(t, "confirmed", w.store.numbers[carol].Verified, false)
			delete(w.store.numbers, bob)
			w.feed(second)
			is(t, "once there is room", second.Verdict, CodeRight)
			is(t, "confirmed", w.store.numbers[carol].Verified, true)
		})
	}
	for _, ends := range []string{"refused", "failed", "expired"} {
		story("the user is told that it was "+ends, func(t *testing.T, w *world) {
			w.orders(bob, bobsNumber)
			said := []string{"submit", "taken", ends}
			if ends == "refused" {
				said = []string{"submit", ends}
			}
			w.provider(said...)
			is(t, "outbox", w.outbox(), "text, alert no-code")
			is(t, "told", w.sent[1].Owner, bob)
		})
	}
	story("an SMS that waits for a route is not sent once its code is of no use", func(t *testing.T, w *world) {
		w.orders(bob, bobsNumber)
		w.step(CodeLife)
		is(t, "goes out", w.provider("submit"), false)
		is(t, "outbox", len(w.store.outbox), 0)
	})
}

// TestNoCode: every reason for sending none. The request changes nothing.
func TestNoCode(t *testing.T) {
	for name, tc := range map[string]struct {
		want CodeVerdict
		has  func(*world)
	}{
		"no SMS":                       {CodeUnreachable, func(w *world) { w.policy.SMS = nil }},
		"no route":                     {CodeUnreachable, func(w *world) { w.policy.SMS.Code.Reaches = func(string) bool { return false } }},
		"STOP":                         {CodeUnreachable, func(w *world) { w.feed(&TextStop{Stop: Stop{Number: bobsNumber, By: StopBySMS}}) }},
		"of three users":               {CodeUnreachable, func(w *world) { w.bound(3, bobsNumber, Number{Source: FromUser, Verified: true}) }},
		"of two users":                 {CodeSent, func(w *world) { w.bound(2, bobsNumber, Number{Source: FromAdmin}) }},
		"of three who did not confirm": {CodeSent, func(w *world) { w.bound(3, bobsNumber, Number{Source: FromUser}) }},
		"three to the number":          {CodeTooMany, func(w *world) { w.sentCodes(3, func(i int, c *Code) { c.Number = bobsNumber }) }},
		"an hour ago": {CodeSent, func(w *world) {
			w.sentCodes(3, func(i int, c *Code) { c.Number, c.MadeAt = bobsNumber, w.now.Add(-time.Hour) })
		}},
		"five of the user":          {CodeTooMany, func(w *world) { w.sentCodes(5, func(i int, c *Code) { c.JID = bob }) }},
		"yesterday":                 {CodeSent, func(w *world) { w.sentCodes(5, func(i int, c *Code) { c.JID, c.MadeAt = bob, w.now.Add(-day) }) }},
		"a hundred to the country":  {CodeTooMany, func(w *world) { w.sentCodes(100, func(i int, c *Code) { c.Used = true }) }},
		"to another country":        {CodeSent, func(w *world) { w.sentCodes(100, func(i int, c *Code) { c.Country = "DE" }) }},
		"SMS to the number":         {CodeTooMany, func(w *world) { w.policy.SMS.PerNumberDay = 1; w.used(Conv{carol, bob}, bobsNumber) }},
		"the budget":                {CodeTooMany, func(w *world) { w.policy.SMS.SegmentsDay = 1; w.used(Conv{carol, bob}, davesNumber) }},
		"hardly any is used":        {CodePaused, func(w *world) { w.sentCodes(50, func(i int, c *Code) { c.Used = i < 14 }) }},
		"some are":                  {CodeSent, func(w *world) { w.sentCodes(50, func(i int, c *Code) { c.Used = i < 15 }) }},
		"there are too few to tell": {CodeSent, func(w *world) { w.sentCodes(49, func(int, *Code) {}) }},
		"they may still be":         {CodeSent, func(w *world) { w.sentCodes(50, func(_ int, c *Code) { c.Expires = w.now + 1 }) }},
		"none of its range": {CodePaused, func(w *world) {
			w.sentCodes(5, func(i int, c *Code) { c.Number = fmt.Sprint(Prefix(bobsNumber), 7000+i) })
		}},
		"two of its range": {CodeSent, func(w *world) {
			w.sentCodes(5, func(i int, c *Code) { c.Number, c.Used = fmt.Sprint(Prefix(bobsNumber), 7000+i), i < 2 })
		}},
		"too few of its range": {CodeSent, func(w *world) {
			w.sentCodes(4, func(i int, c *Code) { c.Number = fmt.Sprint(Prefix(bobsNumber), 7000+i) })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := verifying()
			tc.has(w)
			texts, codes := len(w.store.texts), len(w.store.codes)
			is(t, "wanted", w.orders(bob, bobsNumber), tc.want)
			_, bound := w.store.numbers[bob]
			is(t, "bound", bound, tc.want == CodeSent)
			sent := map[bool]int{true: 1}[tc.want == CodeSent]
			is(t, "texts", len(w.store.texts)-texts, sent)
			is(t, "codes", len(w.store.codes)-codes, sent)
		})
	}
}

// bound binds a number to n other users.
func (w *world) bound(n int, number string, as Number) {
	for i := range n {
		as.JID, as.E164 = fmt.Sprint("user", i, "@example.org"), number
		w.store.numbers[as.JID] = as
	}
}

// sentCodes are unused codes of the last hour, each of a different user and number range.
func (w *world) sentCodes(n int, change func(int, *Code)) {
	for i := range n {
		c := Code{Row: int64(i + 1), JID: fmt.Sprint("user", i, "@example.org"), Number: fmt.Sprintf("+86139%04d0000", i), Country: "CN", MadeAt: w.now.Add(-30 * time.Minute), Sends: 1}
		change(i, &c)
		w.store.codes[c.Row] = c
	}
}

// TestCodesPaused: admins are told once; after a day codes are sent again, and earlier ones do not count.
func TestCodesPaused(t *testing.T) {
	w := verifying()
	w.sentCodes(50, func(int, *Code) {})
	for range 2 {
		is(t, "wanted", w.orders(bob, bobsNumber), CodePaused)
	}
	c := &CodeRequested{CodeKey: CodeKey{alice, "+4915112345678", "DE"}}
	w.feed(c)
	is(t, "to another country", c.Verdict, CodeSent)
	is(t, "outbox", w.outbox(), "alert codes CN, text")
	w.restart()
	w.step(day - time.Second)
	is(t, "wanted", w.orders(bob, bobsNumber), CodePaused)
	w.step(time.Second)
	is(t, "a day later", w.orders(bob, bobsNumber), CodeSent)
}

// TestBudgetAlerts: admins are told at four fifths of the budget, and when it is used up, once a day each.
func TestBudgetAlerts(t *testing.T) {
	w := verifying()
	w.policy.SMS.SegmentsDay = 10
	spend := func(segments int) {
		w.n++
		number := fmt.Sprintf("+861370013%04d", w.n)
		is(t, "wanted", w.orders(fmt.Sprint("user", w.n, "@example.org"), number), CodeSent)
		w.feed(&TextSubmit{Text: w.sms()[len(w.sms())-1].ID, Route: "route", Segments: segments})
	}
	alerts := func() (n int) {
		for _, out := range w.store.outbox {
			if out.Kind == OutAlert && out.Owner == "admin@example.org" {
				n++
			}
		}
		return n
	}
	spend(7)
	is(t, "alerts", alerts(), 0)
	spend(1)
	is(t, "alerts", alerts(), 1)
	spend(1)
	is(t, "alerts", alerts(), 1)
	spend(2) // does not fit
	is(t, "alerts", alerts(), 2)
	spend(1)
	is(t, "alerts", alerts(), 2)
	is(t, "wanted", w.orders(bob, bobsNumber), CodeTooMany)
	w.step(day)
	spend(8)
	is(t, "alerts of two days", alerts(), 3)
}

// TestStopIsConfirmed: changes by STOP and START are confirmed, if anything was ever sent to the number, a limited number of
// times.
func TestStopIsConfirmed(t *testing.T) {
	w := verifying()
	say := func(by StopBy) {
		w.feed(&TextStop{Stop: Stop{Number: bobsNumber, By: by}, To: "10690000"})
	}
	say(StopBySMS)
	is(t, "to who never got one", w.outbox(), "")
	say("")
	w.orders(bob, bobsNumber)
	w.gets()
	w.step(time.Minute)
	for i := range 7 {
		say(StopBySMS)
		say(StopBySMS)
		if i < 3 {
			x := w.sms()[len(w.sms())-1]
			is(t, "answer", x.Kind, TextAnswer)
			is(t, "from", x.From, "10690000")
			is(t, "it goes out all the same", w.provider("submit", "taken"), true)
		}
		is(t, "code", w.orders(bob, bobsNumber), CodeUnreachable)
		say("")
		if i < 2 {
			is(t, "goes out", w.provider("submit", "taken"), true)
		}
	}
	is(t, "SMS", len(w.sms()), 1+maxAnswers)
}

// TestStopOfOurOwn: STOP from one of our own numbers takes effect, but is not confirmed: the number would answer itself.
func TestStopOfOurOwn(t *testing.T) {
	w := verifying()
	w.orders(bob, bobsNumber)
	w.gets()
	w.feed(&TextStop{Stop: Stop{Number: bobsNumber, By: StopBySMS}, Quiet: true})
	is(t, "stopped by", w.store.stops[bobsNumber].By, StopBySMS)
	is(t, "SMS", len(w.sms()), 1)
}

// TestOwnStop: owners can undo their own opt-out, but no other.
func TestOwnStop(t *testing.T) {
	w := verifying()
	own := func(on bool) StopBy {
		s := &OwnStop{Number: bobsNumber, On: on}
		w.feed(s)
		is(t, "stored", w.store.stops[bobsNumber].By, s.By)
		return s.By
	}
	is(t, "off", own(false), "")
	is(t, "on", own(true), StopByOwner)
	is(t, "code", w.orders(bob, bobsNumber), CodeUnreachable)
	is(t, "off", own(false), "")
	w.feed(&TextStop{Stop: Stop{Number: bobsNumber, By: StopBySMS}})
	is(t, "on", own(true), StopBySMS)
	is(t, "off", own(false), StopBySMS)
	is(t, "outbox", w.outbox(), "")
}
