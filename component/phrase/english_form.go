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
	Default:   "as usual here",

	Number: NumberForm{
		Title: Title{"My phone number", "When you have not read a message in time, its sender may be asked to send you an SMS. " +
			"Say here to which number, and who may see it."},
		Number:   Label{"Mobile number", `such as "+86 138 0013 8000"`},
		Consent:  Label{"Senders whose messages I have not read may see it", ""},
		HideFrom: Label{`Hide it from (addresses, or "everybody")`, `Addresses, one a line. A domain is everybody there; "everybody" hides it from all, "nobody" from none.`},
		Code:     Label{"Code", "that came by SMS to confirm the number"},
		Remove:   Label{"Remove the number", ""},
		Bound: func(n track.Number) string {
			return "Your number is " + n.E164 + enSource(n.Source) + enConsent(n.Consent, "; senders may see it.", "; nobody may see it because you agreed.")
		},
		NotBound:   "No number is bound to you.",
		Releases:   "Who was shown it",
		NoReleases: "Nobody has been shown your number.",
		Release: func(to, id string, at, now time.Time) string {
			return to + ", at " + enTime(at, now) + ", for the message " + id
		},
		Removed: "Your number is removed.",
		Now: func(n track.Number) string {
			return "Your number is " + n.E164 + enConsent(n.Consent, ". Senders whose messages you have not read may see it.", ". You have not agreed that senders see it.")
		},
	},
	Preferences: PreferencesForm{
		Title:            Title{"Preferences", "What happens when messages are not read in time."},
		AsSender:         "As a sender",
		AsRecipient:      "As a recipient",
		Both:             "Both",
		Mode:             Label{"When a message is not read in time", ""},
		UndeliveredAfter: Label{"Overdue when not delivered after", `such as "90s", "2m" or "1h"; "default" for what is usual here`},
		UnreadAfter:      Label{"Overdue when not read after", `such as "10m" or "2h"; "default" for what is usual here`},
		QuietHours:       Label{"Hours in which nobody is asked to send me an SMS", `such as "22:00-07:00"; "never" for no such hours, "default" for what is usual here`},
		TimeZone:         Label{"Time zone", `such as "Europe/Berlin" or "Asia/Shanghai"; "default" for none`},
		Language:         Label{"Language", ""},
		Text:             Label{"An SMS says", ""},
		Fallback:         Label{"Ask me by chat when none of my apps can do better", ""},
		WatchMe:          Label{"My delivery and reading may be watched", "If not, nobody is told or asked about messages to you."},
		DefaultIs:        func(what string) string { return "as usual: " + what },
		Usual: func(undelivered, unread time.Duration, quiet string) string {
			within := func(d time.Duration) string {
				if d == 0 {
					return "any time"
				}
				return enDuration(d)
			}
			if quiet == "" {
				quiet = "no such hours"
			}
			return `Write times like "90s", "10m" or "2h", hours like "22:00-07:00". "default" is what is usual here: ` +
				within(undelivered) + " for delivery, " + within(unread) + " for reading, " + quiet + "."
		},
		Ask:     "ask me about an SMS",
		Auto:    "send an SMS unasked",
		Never:   "do nothing",
		English: "English",
		Chinese: "Chinese",
		Message: "what I wrote",
		Notice:  "only that I wrote",
		NoQuiet: "never",
		Bounded: func(least, most string) string {
			return "Saved. Times are kept between " + least + " and " + most + "."
		},
		AutoAsks:   "Saved. As long as no SMS can be sent from here, you are asked.",
		ZoneNeeded: "Saved. Set your time zone, too: your hours count in UTC until then.",
	},
	Watching: WatchingForm{
		Title:   Title{"Messages being watched", ""},
		Nothing: "Nothing of yours is waiting to be read.",
		Count: func(n int) string {
			if n == 1 {
				return "One message is waiting to be read."
			}
			return strconv.Itoa(n) + " messages are waiting to be read."
		},
		More: "There are older ones.",
		Line: func(with string, sent, now time.Time, state, why string) string {
			return with + ", " + enTime(sent, now) + ": " + state + ". " + why
		},
	},
	Escalate: MessageForm{
		Title:  Title{"Escalate a message now", "You are asked at once whether to send an SMS, whatever your settings are."},
		ID:     Label{"Message", ""},
		With:   Label{"To", "needed only if several messages have the same id"},
		Choice: enChoice,
		Done:   func(with string) string { return "You will be asked about " + with + " now." },
	},
	Cancel: MessageForm{
		Title:  Title{"Stop watching a message", "Nobody will be told or asked about it any more."},
		ID:     Label{"Message", ""},
		With:   Label{"To", "needed only if several messages have the same id"},
		Choice: enChoice,
		Done:   func(with string) string { return "Your message to " + with + " is no longer watched." },
	},
	Mute: MuteForm{
		Title: Title{"Mute a contact", "You are not asked about messages to a muted contact."},
		JID:   Label{"Contact", `such as "bob@example.org"`},
		Muted: Label{"Muted", ""},
		Now: func(muted []string) string {
			if len(muted) == 0 {
				return "Nobody is muted."
			}
			return "Muted: " + strings.Join(muted, ", ")
		},
		On:  func(who string) string { return "You will not be asked about " + who + "." },
		Off: func(who string) string { return "You may be asked about " + who + " again." },
	},
	Register: RegisterForm{
		Title: Title{"Phone number", "The number that an SMS is sent to when you have not read a message in time. Senders of such messages may see it. " +
			"Leave it empty to remove it."},
		Phone:   Label{"Mobile number", `such as "+86 138 0013 8000"`},
		Consent: Label{"Senders whose messages I have not read may see it", ""},
	},
	Admin: AdminForms{
		Status:      Title{"Status", ""},
		Pending:     "Messages waiting",
		Overdue:     "Alarms overdue",
		OpenPrompts: "Open prompts",
		Outbox:      "Waiting to be sent",
		Oldest:      "Oldest alarm",
		Paused:      "Prompts are paused",
		None:        "none",

		User:    Title{"Look up a user", ""},
		JID:     Label{"User", `such as "bob@example.org"`},
		Devices: "Devices",

		Numbers: Title{"Bind numbers", "One number, or many as lines: all of them are bound, or none."},
		Phone:   Label{"Mobile number", "left empty: the number is shown"},
		Consent: Label{"Senders may see it", "you answer for its owner"},
		Remove:  Label{"Remove the number", ""},
		Lines:   Label{"Lines", "jid,number or jid,number,no"},
		Imported: func(n int) string {
			if n == 1 {
				return "One number is bound."
			}
			return strconv.Itoa(n) + " numbers are bound."
		},
		Removed: func(who string) string { return "The number of " + who + " is removed." },
		Bound: func(n track.Number) string {
			return "The number of " + n.JID + " is " + n.E164 + enSource(n.Source) + enConsent(n.Consent, "; senders may see it.", "; without consent.")
		},
		NotBound: func(who string) string { return "No number is bound to " + who + "." },

		Cancel:   Title{"Stop watching messages", "Without an id, all messages of the sender; with a recipient, those to them."},
		Sender:   Label{"Sender", ""},
		CancelID: Label{"Message id", ""},
		With:     Label{"Recipient", ""},
		Cancelled: func(n int) string {
			if n == 1 {
				return "One message is no longer watched."
			}
			return strconv.Itoa(n) + " messages are no longer watched."
		},

		AnnounceOff: Title{"Pause all prompts", "While they are paused, messages are watched and states are told, but nobody is asked. What is held back is asked later."},
		Pause:       Label{"Paused", ""},
		PausedNow:   "All prompts are paused.",
		ResumedNow:  "Prompts are sent again.",

		Reload:   Title{"Read the configuration again", ""},
		Reloaded: "The configuration was read again.",
	},
	Fault: Faults{
		Refused: func(text string, why numbers.Refusal) string {
			return `"` + text + `" is ` + why.Error() + `. Say a mobile number with its country code, such as "+86 138 0013 8000".`
		},
		File: func(faults numbers.Faults) string {
			return list(faults, func(f numbers.Fault) string {
				return "Line " + strconv.Itoa(f.Line) + ": " + f.Text
			}, "; ", enMore) + "."
		},
		Missing:      func(field string) string { return `"` + field + `" must be filled in.` },
		NotYesNo:     func(field string) string { return `"` + field + `" is neither yes nor no.` },
		NotOneOf:     func(field, text string) string { return `"` + text + `" is none of the choices for "` + field + `".` },
		NotADuration: func(text string) string { return `"` + text + `" is no time. Say "90s", "10m" or "2h".` },
		NotQuiet:     func(text string) string { return `"` + text + `" is no span of hours. Say "22:00-07:00".` },
		NotAZone: func(text string) string {
			return `"` + text + `" is no time zone. Say "Europe/Berlin" or "Asia/Shanghai".`
		},
		NotAUser:    func(text string) string { return `"` + text + `" is no address of a person. Say "bob@example.org".` },
		Yourself:    "That is you.",
		TooMany:     func(limit int) string { return "More than " + strconv.Itoa(limit) + " contacts can't be kept." },
		ByAdminOnly: "Numbers are kept by your admin here: ask them to change yours.",
		NoCode:      "No code is expected.",
		NoNumber:    "Bind a number first.",
		NoMessage:   "No message of yours with this id is being watched.",
		Several:     `Several messages have this id: fill in "To", too.`,
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
