package phrase

import (
	"strings"
	"time"

	"tocsin/track"
)

// Chat has the texts of the contact's chat messages.
type Chat struct {
	Prompt func(PromptContent) string
	What   func(PromptContent) string // first line of a prompt: who, and what has not happened
	Test   string                     // text of the SMS in a test prompt
	// Settled replaces a prompt that is over, with the reason in one line (protocol §7). at is when the reason became known.
	Settled func(with string, reason track.Withdrawal, at, now time.Time) string
	Remind  func(from string, messages int, since, now time.Time) string
	Capped  func(with string, why track.CapReason) string
	Alert   func(a track.Alert) string // to an admin
	Digest  func(Digest) string
	// Replied passes on a reply by SMS. The reply is quoted if it could be mistaken for the contact's own words.
	Replied func(with, text string) string

	// Replies to users, one line each.
	Sent        func(with string) string
	Declined    func(with string) string
	Sending     func(with string) string                                           // the component is sending the SMS
	NotFromHere func(with string) string                                           // the component can't send it
	Snoozed     func(with string, again, now time.Time, most time.Duration) string // most: the limit, if the user asked for more; or 0
	NothingOpen string
	NoSuchCode  func(code string) string
	WhichOne    func([]Open) string
	Elsewhere   func(with string) string // another device has claimed or answered the prompt
	AlreadyRead func(with string) string
	Over        func(with string) string // the prompt has expired, or was withdrawn
	TooOften    func(with string) string // it was put off too often
	TooLate     func(with string) string // to take back an answer
	Started     string
	StartedOnly string // prompts by chat are disabled on this server
	Stopped     string
	Broken      string // internal error
}

// PromptContent is the content of a prompt by chat. Times are in the reader's time zone, or in UTC if that is not known.
type PromptContent struct {
	Test    bool   // a test prompt by an admin
	With    string // the recipient
	Reason  track.State
	Doubt   bool        // evidence may have been lost
	Sent    []time.Time // when the messages were sent, oldest first
	Now     time.Time
	Quotes  []string // the messages' texts; none if any text is unknown
	Number  string   // E.164; "" if no number can be shown
	Text    string   // of the SMS; "" if the client has to fill it in
	Link    string   // page or sms: URI for sending the SMS, or ""
	Via     string   // xmpp: URI of a chat via Gateway, where the reader has an account, or ""
	Gateway string
	IsPage  bool           // Link is a page, which shows number and text
	Sends   bool           // the component can send the SMS
	Under   bool           // it is sending it
	Tried   track.SMSState // state of an SMS that it sent before
	Code    string         // to include in answers; "" if there is only one open prompt
}

// A prompt quotes at most maxQuotes messages, and maxQuote code points of each.
const (
	maxQuotes = 5
	maxQuote  = 160
)

// quoted returns the messages as quotations, one line each. If there are many, those in the middle are omitted.
func (a *PromptContent) quoted() []string {
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

// spoken appends a text to an introduction, as a quotation if it has several lines.
func spoken(introduction, text string) string {
	if !strings.Contains(text, "\n") {
		return introduction + text
	}
	return strings.TrimSpace(introduction) + "\n> " + strings.ReplaceAll(text, "\n", "\n> ")
}

// lines joins the parts of a prompt: first line, quotations, doubt, an earlier SMS, how to send, the gateway link, how to answer.
func (a *PromptContent) lines(what, doubt, tried, send, via, answer string) string {
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

// Digest summarizes a sender's messages for the time that the sender was away: names of recipients, each once.
type Digest struct {
	Read, Unread, Undelivered, Failed []string
}

// Open is an open prompt.
type Open struct{ Code, With string }

// Waiting is a watched message.
type Waiting struct {
	With  string
	Sent  time.Time
	State track.State
}

// maxNamed is how many items a line lists.
const maxNamed = 10
