package phrase

import (
	"strconv"
	"strings"
	"time"

	"tocsin/component/numbers"
	"tocsin/track"
)

var enForm = Form{
	Saved:     "Saved.",
	Unchanged: "Nothing was changed.",
	Yes:       "yes",
	No:        "no",
	Default:   "server default",

	Number: NumberForm{
		Title: Title{"My phone number", "When you have not read a message in time, its sender may be asked to send you an SMS. " +
			"Here you choose to which number, and who may see it."},
		Number:   Label{"Mobile number", `for example "+86 138 0013 8000"`},
		Consent:  Label{"Senders whose messages I have not read may see it", ""},
		HideFrom: Label{`Hide it from (addresses, or "everybody")`, `Addresses, one per line. A domain means everybody there; "everybody" hides it from everybody, "nobody" from nobody.`},
		Code:     Label{"Code", "received by SMS to confirm the number"},
		Resend:   Label{"Send me a code to confirm the number", ""},
		NoSMS:    Label{"This server must not send SMS to my number", "People may still be asked to send you one themselves."},
		Remove:   Label{"Remove the number", ""},
		Bound: func(n track.Number) string {
			return "Your number is " + n.E164 + enSource(n.Source) + enConsent(n.Consent, "; senders may see it.", "; senders may not see it.")
		},
		NotBound:   "You have not bound a number.",
		Releases:   "Who was shown it",
		NoReleases: "Nobody has been shown your number.",
		Release: func(to, id string, at, now time.Time) string {
			return to + ", at " + enTime(at, now) + ", for the message " + id
		},
		Removed: "Your number has been removed.",
		Now: func(n track.Number) string {
			return "Your number is " + n.E164 + enConsent(n.Consent, ". Senders whose messages you have not read may see it.", ". Senders may not see it.")
		},
		Unconfirmed: "It is not used until you have confirmed it with a code.",
		CodeSent: func(number string, life time.Duration) string {
			return "A code is being sent to " + number + " by SMS. Enter it here within " + enDuration(life) + " to confirm the number."
		},
		Expected: func(number string) string {
			return "A code was sent to " + number + ": enter it to confirm the number."
		},
		Confirmed:        "The number is confirmed.",
		SMSOn:            "This server may send SMS to your number.",
		SMSOff:           "This server sends no SMS to your number.",
		StoppedElsewhere: "This server sends no SMS to your number, because STOP was received from it. Text START from your phone, or ask your admin.",
	},
	Preferences: PreferencesForm{
		Title:            Title{"Preferences", "What happens when messages are not read in time."},
		AsSender:         "As a sender",
		AsRecipient:      "As a recipient",
		Both:             "General",
		Mode:             Label{"When a message is not read in time", ""},
		UndeliveredAfter: Label{"Overdue if not delivered within", `for example "90s", "2m" or "1h"; "default" for the server default`},
		UnreadAfter:      Label{"Overdue if not read within", `for example "10m" or "2h"; "default" for the server default`},
		QuietHours:       Label{"Quiet hours (nobody is asked to send me an SMS)", `for example "22:00-07:00"; "never" for none, "default" for the server default`},
		TimeZone:         Label{"Time zone", `for example "Europe/Berlin" or "Asia/Shanghai"; "default" for none`},
		Language:         Label{"Language", ""},
		Text:             Label{"Text of an SMS", ""},
		Fallback:         Label{"Ask me by chat if none of my apps can show prompts", ""},
		WatchMe:          Label{"Messages to me may be watched", "If not, nobody is notified or asked about messages to you."},
		Share:            Label{"If I share my number, it is shown to", ""},
		ShareAll:         "every sender whose message I have not read",
		ShareContacts:    "my contacts only",
		ReadSync:         Label{"When I have read a message on one of my devices without confirming it", "Your devices tell each other what you have read, if your client supports it (XEP-0490)."},
		Gateway:          Label{"My SMS gateway", `a gateway where you have an account, for example "cheogram.com": prompts then have a link that opens a chat via it; "none" for no link`},
		SyncOff:          "it still counts as unread",
		SyncQuiet:        "nobody is asked or notified",
		SyncTell:         "the sender is notified that it was read",
		Unreadable: func(names []string) string {
			return "These settings are no longer valid. Until you set them again, the stricter choice applies: " + strings.Join(names, ", ") + "."
		},
		DefaultIs: func(what string) string { return "default: " + what },
		Usual: func(undelivered, unread time.Duration, quiet string) string {
			within := func(d time.Duration) string {
				if d == 0 {
					return "no limit"
				}
				return enDuration(d)
			}
			if quiet == "" {
				quiet = "no quiet hours"
			}
			return `Write durations like "90s", "10m" or "2h", hours like "22:00-07:00". "default" is the server default: ` +
				within(undelivered) + " for delivery, " + within(unread) + " for reading, " + quiet + "."
		},
		Ask:     "ask me whether to send an SMS",
		Auto:    "send an SMS without asking",
		Never:   "do nothing",
		English: "English",
		Chinese: "Chinese",
		Message: "what I wrote",
		Notice:  "only that I wrote",
		NoQuiet: "never",
		Bounded: func(least, most string) string {
			return "Saved. Durations are limited to between " + least + " and " + most + "."
		},
		AutoAsks:   "Saved. You will be asked as long as this server cannot send SMS itself.",
		ZoneNeeded: "Saved. Set your time zone, too: until then your quiet hours are in UTC.",
	},
	Watching: WatchingForm{
		Title:   Title{"Watched messages", ""},
		Nothing: "None of your messages is waiting to be read.",
		Count: func(n int) string {
			if n == 1 {
				return "One message is waiting to be read."
			}
			return strconv.Itoa(n) + " messages are waiting to be read."
		},
		More: "There are older ones, too.",
		Line: func(with string, sent, now time.Time, state, why string) string {
			return with + ", " + enTime(sent, now) + ": " + state + ". " + why
		},
	},
	Escalate: MessageForm{
		Title:  Title{"Escalate a message now", "You are asked at once whether to send an SMS, whatever your settings."},
		ID:     Label{"Message", ""},
		With:   Label{"To", "only needed if several messages have the same id"},
		Choice: enChoice,
		Done:   func(with string) string { return "You will be asked about " + with + " now." },
	},
	Cancel: MessageForm{
		Title:  Title{"Stop watching a message", "Nobody will be notified or asked about it any more."},
		ID:     Label{"Message", ""},
		With:   Label{"To", "only needed if several messages have the same id"},
		Choice: enChoice,
		Done:   func(with string) string { return "Your message to " + with + " is no longer watched." },
	},
	Mute: MuteForm{
		Title: Title{"Mute a contact", "You are not asked about messages to a muted contact."},
		JID:   Label{"Contact", `for example "bob@example.org"`},
		Muted: Label{"Muted", ""},
		Now: func(muted []string) string {
			if len(muted) == 0 {
				return "Nobody is muted."
			}
			return "Muted: " + strings.Join(muted, ", ")
		},
		On:  func(who string) string { return "You won't be asked about " + who + "." },
		Off: func(who string) string { return "You may be asked about " + who + " again." },
	},
	Register: RegisterForm{
		Title: Title{"Phone number", "The number for an SMS when you have not read a message in time. Senders of such messages may see it. " +
			"Leave it empty to remove it."},
		Phone:   Label{"Mobile number", `for example "+86 138 0013 8000"`},
		Consent: Label{"Senders whose messages I have not read may see it", ""},
	},
	Admin: AdminForms{
		Status:      Title{"Status", ""},
		Pending:     "Pending messages",
		Overdue:     "Overdue alarms",
		OpenPrompts: "Open prompts",
		Outbox:      "Outbox",
		Oldest:      "Oldest alarm",
		Paused:      "Prompts are paused",
		None:        "none",
		SMSSegments: "SMS segments in 24 hours, of the budget",
		SMSUnsure:   "SMS that may have been sent",
		SMSDown:     "SMS routes that are down",

		User:      Title{"Look up a user", ""},
		JID:       Label{"User", `for example "bob@example.org"`},
		Forget:    Label{"Forget this user", "the account was deleted: remove its number, settings and messages"},
		Devices:   "Devices",
		Forgotten: func(who string) string { return "All data about " + who + " has been deleted." },

		Numbers: Title{"Bind numbers", "One number, or one per line: either all are bound, or none."},
		Phone:   Label{"Mobile number", "leave empty to show the number"},
		Consent: Label{"Senders may see it", "on the owner's behalf"},
		Remove:  Label{"Remove the number", ""},
		Lines:   Label{"Lines", "jid,number or jid,number,no"},
		Imported: func(n int) string {
			if n == 1 {
				return "One number is bound."
			}
			return strconv.Itoa(n) + " numbers are bound."
		},
		Removed: func(who string) string { return "The number of " + who + " has been removed." },
		Bound: func(n track.Number) string {
			return "The number of " + n.JID + " is " + n.E164 + enSource(n.Source) + enConsent(n.Consent, "; senders may see it.", "; the owner has not agreed.")
		},
		NotBound: func(who string) string { return "No number is bound to " + who + "." },

		Cancel:   Title{"Stop watching messages", "Without an id, all messages of the sender; with a recipient, only those to them."},
		Sender:   Label{"Sender", ""},
		CancelID: Label{"Message id", ""},
		With:     Label{"Recipient", ""},
		Cancelled: func(n int) string {
			if n == 1 {
				return "One message is no longer watched."
			}
			return strconv.Itoa(n) + " messages are no longer watched."
		},

		AnnounceOff: Title{"Pause all prompts", "While prompts are paused, messages are still watched and senders still see states, but nobody is asked. Prompts that were held back are sent later."},
		Pause:       Label{"Paused", ""},
		PausedNow:   "All prompts are paused.",
		ResumedNow:  "Prompts have resumed.",

		Reload:   Title{"Reload the configuration", ""},
		Reloaded: "Configuration reloaded.",
	},
	Fault: Faults{
		Refused: func(text string, why numbers.Refusal) string {
			return `"` + text + `" is ` + why.Error() + `. Enter a mobile number with its country code, for example "+86 138 0013 8000".`
		},
		File: func(faults numbers.Faults) string {
			return list(faults, func(f numbers.Fault) string {
				return "Line " + strconv.Itoa(f.Line) + ": " + f.Text
			}, "; ", enMore) + "."
		},
		Missing:      func(field string) string { return `"` + field + `" must be filled in.` },
		NotYesNo:     func(field string) string { return `"` + field + `" is neither yes nor no.` },
		NotOneOf:     func(field, text string) string { return `"` + text + `" is not a choice for "` + field + `".` },
		NotADuration: func(text string) string { return `"` + text + `" is not a duration (example: 10m).` },
		NotQuiet:     func(text string) string { return `"` + text + `" is not a range of hours (example: 22:00-07:00).` },
		NotAZone: func(text string) string {
			return `"` + text + `" is not a time zone (example: Europe/Berlin).`
		},
		NotADomain:  func(text string) string { return `"` + text + `" is not a domain (example: cheogram.com).` },
		NotAUser:    func(text string) string { return `"` + text + `" is not a user address (example: bob@example.org).` },
		Yourself:    "That is you.",
		TooMany:     func(limit int) string { return "You can save at most " + strconv.Itoa(limit) + " contacts." },
		ByAdminOnly: "Only your admin can change numbers on this server.",
		Code: map[track.CodeVerdict]string{
			track.CodeTooSoon:     "A code was sent less than a minute ago. Wait for it before you ask for another one.",
			track.CodeTooMany:     "Too many codes or SMS were sent. Try again tomorrow, or ask your admin.",
			track.CodeUnreachable: "No code can be sent to this number. If you have ever replied STOP from it, text START; otherwise ask your admin.",
			track.CodePaused:      "No codes can be sent to this number today. Ask your admin.",
			track.CodeSpent:       "This code is wrong, and there are no tries left. Ask for a new code.",
			track.CodeNone:        "No code is expected, or it has expired.",
			track.CodeFull:        "The code is right, but too many users have this number already. Ask your admin.",
		},
		WrongCode: func(left int) string {
			if left == 1 {
				return "This code is wrong. You have one try left."
			}
			return "This code is wrong. You have " + strconv.Itoa(left) + " tries left."
		},
		NoNumber:  "Bind a number first.",
		NoMessage: "None of your watched messages has this id.",
		Several:   `Several messages have this id: fill in "To", too.`,
		Settled: func(with string, state track.State) string {
			return "The message to " + with + " is settled: " + enStates[state] + "."
		},
	},
}

func enSource(s track.NumberSource) string {
	switch s {
	case track.FromAdmin, track.FromAdminForced:
		return ", bound by an admin"
	case track.FromVCard:
		return ", from the vCard"
	}
	return ""
}

func enConsent(agreed bool, yes, no string) string {
	if agreed {
		return yes
	}
	return no
}

func enChoice(w Waiting, now time.Time) string {
	return w.With + ", " + enTime(w.Sent, now) + ", " + enStates[w.State]
}
