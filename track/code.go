package track

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
)

// Code verifies that a number belongs to a user: it is sent there by SMS, and the user enters it. Its digits are not stored;
// see Digits.
type Code struct {
	Row      int64 // from the same sequence as Message.Ord
	JID      string
	Number   string // E.164
	Country  string // ISO 3166
	Language string // of the SMS
	Salt     string // unguessable
	MadeAt   Time
	SentAt   Time // when it was last queued
	Expires  Time
	Sends    int
	Tries    int // wrong attempts
	Used     bool
}

const (
	// CodeLife is how long a code is valid after it was last sent.
	CodeLife = 10 * time.Minute
	// codePause is the minimum time between two codes for a user.
	codePause = time.Minute
	maxTries  = 5
	// MaxAccounts is the number of users who can confirm the same number.
	MaxAccounts = 3

	// Detection of toll fraud: a country gets no codes for a day if too few of its last CodeSample codes were used, nor does
	// a range of numbers if too few of its codes among these were.
	CodeSample      = 50
	codeRangeSample = 5
	usedPercent     = 30
	codeBreak       = day
	// A range of numbers: they differ in their last digits only.
	rangeDigits = 4
)

// Prefix identifies the range of a number.
func Prefix(e164 string) string { return e164[:max(0, len(e164)-rangeDigits)] }

// Live reports whether the code can still be used.
func (c *Code) Live(now Time) bool { return !c.Used && now < c.Expires }

// Digits returns the six digits of the code. They are derived from its salt, so that a repetition after a crash has the same
// digits, and from a key that is not entirely in the database.
func (c *Code) Digits(key []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "code %s %d %s", c.Salt, c.Row, c.Number)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(mac.Sum(nil))%1_000_000)
}

// codeKey combines the database's secret with one outside the database.
func (l *Ledger) codeKey() []byte {
	mac := hmac.New(sha256.New, l.secret)
	mac.Write(l.pepper)
	return mac.Sum(nil)
}

// CodePolicy is the admin's policy for codes.
type CodePolicy struct {
	NumberHour int // SMS with codes to one number
	UserDay    int
	CountryDay int
	// Reaches reports whether there is a route for codes to a number. It depends on the number alone.
	Reaches func(e164 string) bool
}

// CodeUse is the recent use of codes that decisions depend on, for Want.Codes.
type CodeUse struct {
	ByUser    map[string]int     // SMS with codes in the last day
	ToNumber  map[string]int     // in the last hour
	ToCountry map[string]int     // in the last day
	Ended     map[string][]Tried // by country: the last CodeSample codes that were used or have expired, since its last pause began
	// Accounts are the users who have confirmed a number, or for whom an admin has bound it, by number: that of each key or, if it has
	// none, those of its user's codes. At most MaxAccounts+1 are listed.
	Accounts map[string][]string
}

func (u *CodeUse) prepare() {
	for _, m := range []*map[string]int{&u.ByUser, &u.ToNumber, &u.ToCountry} {
		if *m == nil {
			*m = map[string]int{}
		}
	}
	if u.Accounts == nil {
		u.Accounts = map[string][]string{}
	}
}

// isFull reports whether too many others have a number for a user to confirm it.
func (u *CodeUse) isFull(number, user string) bool {
	others := 0
	for _, jid := range u.Accounts[number] {
		if jid != user {
			others++
		}
	}
	return others >= MaxAccounts
}

// Tried is the outcome of a code.
type Tried struct {
	Prefix string // of its number
	At     Time   // when it was made
	Used   bool
}

// CodeKey is the subject of a code.
type CodeKey struct{ User, Number, Country string }

// CodeVerdict is the answer to a request for a code, or to an entered code.
type CodeVerdict string

const (
	CodeSent        CodeVerdict = "sent"
	CodeTooSoon     CodeVerdict = "too-soon"    // the last one was sent less than a minute ago
	CodeTooMany     CodeVerdict = "too-many"    // a cap, or the budget
	CodeUnreachable CodeVerdict = "unreachable" // no route, the owner wants no SMS, or too many users have the number
	CodePaused      CodeVerdict = "paused"      // toll fraud is suspected

	CodeRight CodeVerdict = "right" // the number is confirmed
	CodeWrong CodeVerdict = "wrong"
	CodeSpent CodeVerdict = "spent" // wrong, and that was the last attempt
	CodeNone  CodeVerdict = "none"  // no code is expected
	CodeFull  CodeVerdict = "full"  // right, but meanwhile too many others have confirmed the number
)

// CodeRequested says that a user wants to bind a number that must be confirmed. Verdict is set by Apply; unless it is CodeSent,
// nothing has changed.
type CodeRequested struct {
	CodeKey
	Language string
	Consent  bool
	Salt     string // 32 hexadecimal digits
	Verdict  CodeVerdict
}

func (c *CodeRequested) want(_ *Ledger, w *Want) {
	w.Codes, w.Recipients, w.Numbers, w.SMS = append(w.Codes, c.CodeKey), append(w.Recipients, c.User), append(w.Numbers, c.Number), true
	w.Alerts = append(w.Alerts, Alert{Kind: AlertCodes, Country: c.Country})
}

func (c *CodeRequested) apply(b *batch) {
	if c.Verdict = b.refusesCode(&c.CodeKey); c.Verdict != CodeSent {
		return
	}
	x := b.pendingCode(c.User)
	if x == nil || x.Number != c.Number {
		if x != nil {
			x.Expires, x.dirty = b.now, true
		}
		x = &code{Code: Code{Row: b.nextOrd(), JID: c.User, Number: c.Number, Country: c.Country, Salt: c.Salt, MadeAt: b.now}}
		b.codes[x.Row] = x
	}
	x.Language, x.SentAt, x.Expires, x.dirty = c.Language, b.now, b.now.Add(CodeLife), true
	x.Sends++
	b.codeUse.ByUser[c.User]++
	b.codeUse.ToNumber[c.Number]++
	b.codeUse.ToCountry[c.Country]++
	// A number in use stays bound until the new one is confirmed.
	if old := b.numbers[c.User]; old.E164 == "" || old.Source == FromUser && !old.Verified {
		b.bindNumber(Number{JID: c.User, E164: c.Number, Source: FromUser, Consent: c.Consent, At: b.now})
	}
	b.queueText(&text{Text: Text{Kind: TextCode, Conv: Conv{c.User, c.User}, Messages: []int64{x.Row}, Number: c.Number}})
}

// refusesCode returns why no code can be sent now, or CodeSent.
func (b *batch) refusesCode(c *CodeKey) CodeVerdict {
	p := b.policy.SMS
	switch {
	case p == nil || !p.Code.Reaches(c.Number) || b.isStopped(c.Number) || b.codeUse.isFull(c.Number, c.User):
		return CodeUnreachable
	case b.texting[Conv{c.User, c.User}] != nil:
		return CodeTooSoon
	}
	for _, x := range b.codes {
		if x.JID == c.User && b.now < x.SentAt.Add(codePause) {
			return CodeTooSoon
		}
	}
	if b.breaks(c) {
		return CodePaused
	}
	if b.codeUse.ByUser[c.User] >= p.Code.UserDay || b.codeUse.ToNumber[c.Number] >= p.Code.NumberHour || b.codeUse.ToCountry[c.Country] >= p.Code.CountryDay ||
		b.textsTo(c.Number) >= p.PerNumberDay || b.overBudget() {
		return CodeTooMany
	}
	return CodeSent
}

// breaks reports whether codes are paused because of suspected toll fraud: numbers that earn money from incoming SMS request
// codes that nobody ever uses.
func (b *batch) breaks(c *CodeKey) bool {
	alert := Alert{Kind: AlertCodes, Country: c.Country}
	if at, ok := b.alerts[alert]; ok && b.now < at.Add(codeBreak) {
		return true
	}
	all, used, ofRange, usedOfRange := 0, 0, 0, 0
	for _, t := range b.codeUse.Ended[c.Country] {
		one := 0
		if t.Used {
			one = 1
		}
		all, used = all+1, used+one
		if t.Prefix == Prefix(c.Number) && b.now < t.At.Add(codeBreak) {
			ofRange, usedOfRange = ofRange+1, usedOfRange+one
		}
	}
	if all >= CodeSample && used*100 < all*usedPercent {
		b.alert(alert)
		return true
	}
	return ofRange >= codeRangeSample && usedOfRange*100 < ofRange*usedPercent
}

// pendingCode returns the code that a user is expected to enter, or nil.
func (b *batch) pendingCode(user string) *code {
	for _, x := range b.codes {
		if x.JID == user && x.Live(b.now) {
			return x
		}
	}
	return nil
}

// codeOf returns the code that an SMS is about, or nil if it can't be used any more.
func (b *batch) codeOf(t *text) *code {
	if t.Kind != TextCode || len(t.Messages) == 0 {
		return nil
	}
	if x := b.codes[t.Messages[0]]; x != nil && x.Live(b.now) {
		return x
	}
	return nil
}

func (b *batch) bindNumber(n Number) {
	b.numbers[n.JID] = n
	b.out.Numbers = append(b.out.Numbers, n)
}

// CodeTried is a code entered by a user. Verdict, Left and Number are set by Apply.
type CodeTried struct {
	User, Digits string
	Verdict      CodeVerdict
	Left         int    // CodeWrong: remaining attempts
	Number       Number // CodeRight
}

func (c *CodeTried) want(_ *Ledger, w *Want) {
	w.Codes, w.Recipients = append(w.Codes, CodeKey{User: c.User}), append(w.Recipients, c.User)
}

func (c *CodeTried) apply(b *batch) {
	c.Verdict, c.Left, c.Number = CodeNone, 0, Number{}
	for _, x := range b.codes { // a repetition, after the answer was lost
		n := b.numbers[c.User]
		if x.JID == c.User && x.Used && b.now < x.Expires && n.Verified && n.E164 == x.Number && hmac.Equal([]byte(x.Digits(b.codeKey())), []byte(c.Digits)) {
			c.Verdict, c.Number = CodeRight, n
			return
		}
	}
	x := b.pendingCode(c.User)
	if x == nil {
		return
	}
	if !hmac.Equal([]byte(x.Digits(b.codeKey())), []byte(c.Digits)) {
		x.Tries++
		x.dirty = true
		c.Verdict, c.Left = CodeWrong, maxTries-x.Tries
		if c.Left <= 0 {
			c.Verdict, x.Expires = CodeSpent, b.now
		}
		return
	}
	if b.codeUse.isFull(x.Number, c.User) { // two may have asked for a code at once
		c.Verdict = CodeFull
		return
	}
	x.Used, x.dirty = true, true
	b.codeUse.Accounts[x.Number] = append(b.codeUse.Accounts[x.Number], c.User)
	n := Number{JID: c.User, E164: x.Number, Source: FromUser, Consent: b.numbers[c.User].Consent, Verified: true, At: b.now}
	b.bindNumber(n)
	c.Verdict, c.Number = CodeRight, n
}
