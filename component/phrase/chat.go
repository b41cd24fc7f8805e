package phrase

import (
	"time"

	"tocsin/track"
)

// Chat is what the contact says in a chat.
type Chat struct {
	Prompt    func(Ask) string
	Withdrawn func(with string, reason string) string // in place of a prompt that is taken back (protocol §5)
	Remind    func(from string, at, now time.Time) string
	Capped    func(with string) string
	Digest    func(Digest) string

	// Answers to what a person wrote, one line each.
	Sent        func(with string) string
	Declined    func(with string) string
	Snoozed     func(with string, again, now time.Time) string
	NothingOpen string
	NoSuchCode  func(code string) string
	WhichOne    func([]Open) string
	Elsewhere   func(with string) string // another device has the prompt, or answered it
	AlreadyRead func(with string) string
	Over        func(with string) string // the prompt has expired, or was withdrawn
	TooOften    func(with string) string // it was put off too often
	Started     string
	StartedOnly string // and yet the admin allows no prompts by chat
	Stopped     string
	Status      func(waiting []Waiting, now time.Time) string
	Help        string
	Broken      string // a fault of ours
}

// Ask is what a prompt by chat is about. Times are in the reader's time zone, UTC if that is not known.
type Ask struct {
	With   string // the recipient
	Reason track.State
	Sent   []time.Time // when the messages were written, the oldest first
	Now    time.Time
	URI    string // sms:, "" if no number can be shown
	NoText bool   // the text is not known here: the message was encrypted, or is not kept
	Code   string
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
