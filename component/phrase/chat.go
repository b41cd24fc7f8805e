package phrase

import (
	"strings"
	"time"

	"tocsin/track"
)

// Chat is what the contact says in a chat.
type Chat struct {
	Prompt func(Ask) string
	What   func(Ask) string // its first line: who, and what has not happened
	Test   string           // the text of the SMS that a test prompts for
	// Settled takes the place of a prompt that is over, and says why in one line (protocol §7). at is when that was known.
	Settled func(with string, reason track.Withdrawal, at, now time.Time) string
	Remind  func(from string, messages int, since, now time.Time) string
	Capped  func(with string, why track.CapReason) string
	Alert   func(a track.Alert) string // to an admin
	Digest  func(Digest) string
	// Replied hands on what somebody has answered by SMS, so that none of it can be taken for our own words.
	Replied func(with, text string) string

	// Answers to what a person wrote, one line each.
	Sent        func(with string) string
	Declined    func(with string) string
	Sending     func(with string) string                                           // the component sends it
	NotFromHere func(with string) string                                           // it can't
	Snoozed     func(with string, again, now time.Time, most time.Duration) string // most: they had said more, and this is the most; or 0
	NothingOpen string
	NoSuchCode  func(code string) string
	WhichOne    func([]Open) string
	Elsewhere   func(with string) string // another device has the prompt, or answered it
	AlreadyRead func(with string) string
	Over        func(with string) string // the prompt has expired, or was withdrawn
	TooOften    func(with string) string // it was put off too often
	TooLate     func(with string) string // to take an answer back
	Started     string
	StartedOnly string // and yet the admin allows no prompts by chat
	Stopped     string
	Broken      string // a fault of ours
}

// Ask is what a prompt by chat is about. Times are in the reader's time zone, UTC if that is not known.
type Ask struct {
	Test    bool   // it is about nothing: an admin tries whether prompts arrive
	With    string // the recipient
	Reason  track.State
	Doubt   bool        // evidence may have been lost meanwhile
	Sent    []time.Time // when the messages were written, the oldest first
	Now     time.Time
	Quotes  []string // what they say; nothing if a text is not known
	Number  string   // E.164; "" if no number can be shown
	Text    string   // of the SMS; "" if the client has to fill it in
	Link    string   // where the SMS can be sent from: a page, or an sms: URI; "" if there is none
	Via     string   // xmpp: URI of a chat by Gateway, where the reader has an account; "" if there is none
	Gateway string
	IsPage  bool           // Link is a page, which shows number and text
	Sends   bool           // the component can be asked to send it
	Under   bool           // it is doing so
	Tried   track.SMSState // what became of an SMS that it has sent before
	Code    string         // of the answers; "" if there is nothing else that they could be about
}

// maxQuotes is how many messages a prompt quotes, maxQuote how much of each, in code points.
const (
	maxQuotes = 5
	maxQuote  = 160
)

// quoted returns the messages as quotations, a line each; of very many the middle is left out.
func (a *Ask) quoted() []string {
	quotes := a.Quotes
	var lines []string
	for i, text := range quotes {
		if skipped := len(quotes) - maxQuotes; skipped > 0 && i >= 2 && i < 2+skipped {
			if i == 2 {
				lines = append(lines, "> …")
			}
			continue
		}
		text = strings.Join(strings.Fields(text), " ")
		if runes := []rune(text); len(runes) > maxQuote {
			text = string(runes[:maxQuote]) + "…"
		}
		lines = append(lines, "> "+text)
	}
	return lines
}

// spoken puts somebody's words after an introduction, as quotations if they have several lines.
func spoken(introduction, text string) string {
	if !strings.Contains(text, "\n") {
		return introduction + text
	}
	return strings.TrimSpace(introduction) + "\n> " + strings.ReplaceAll(text, "\n", "\n> ")
}

// lines joins the parts of a prompt: who and what, the quotations, what is in doubt, what was tried, how to send, what by a gateway, how
// to answer.
func (a *Ask) lines(what, doubt, tried, send, via, answer string) string {
	all := append([]string{what}, a.quoted()...)
	if a.Doubt {
		all = append(all, doubt)
	}
	if tried != "" {
		all = append(all, tried)
	}
	if send != "" {
		all = append(all, send)
	}
	if a.Via != "" {
		all = append(all, via+a.Via)
	}
	if a.Link != "" && !a.IsPage {
		all = append(all, a.Link)
	}
	return strings.Join(append(all, answer), "\n")
}

// Digest is what has become of a sender's messages while the sender was away: names of recipients, each once.
type Digest struct {
	Read, Unread, Undelivered, Failed []string
}

// Open is a prompt that can be answered.
type Open struct{ Code, With string }

// Waiting is a message that is being watched.
type Waiting struct {
	With  string
	Sent  time.Time
	State track.State
}

// maxNamed is how many things are named in one line of chat.
const maxNamed = 10
