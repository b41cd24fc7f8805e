package phrase

import (
	"strconv"
	"strings"
)

var enCommands = Commands{
	About: `I tell you when one of your messages is not read in time, and help you send an SMS instead. Write "start" to be asked here, "help" for everything I understand.`,
	Help: strings.Join([]string{
		`When I ask about a message: "sent", "no" or "later 10m".`,
		`status – what is pending, and why`,
		`send now bob – ask about your messages to Bob now`,
		`cancel bob – stop watching them`,
		`mute bob, unmute bob – whether you are asked about messages to Bob`,
		`number, number +86 138 0013 8000, number remove – your own number`,
		`code 123456 – confirm it; sms off, sms on – whether this server may send SMS there`,
		`share with everybody, contacts or nobody – who may see it`,
		`hide from alice, unhide alice; who – who has seen it`,
		`quiet 22:00-07:00 Europe/Berlin, quiet off – when nobody is asked to send you an SMS`,
		`watch me off – never watch messages to you`,
		`my devices quiet, tell or off – whether reading a message on one of your devices counts`,
		`times 2m 10m – when a message is overdue: not delivered, not read`,
		`mode ask or never; text message or notice; language en or zh`,
		`gateway cheogram.com, gateway off – a link to send the SMS via your own gateway`,
		`settings – everything at a glance`,
		`start, stop – whether you are asked in this chat`,
		`forget me – delete all data about you`,
	}, "\n"),
	Usage: func(v Verb) string { return enUsage[v] },
	Example: func(fault string, v Verb) string {
		if usage := enUsage[v]; usage != "" {
			return fault + "\nExample: " + usage
		}
		return fault
	},
	WhichOf: func(v Verb, names []string) string {
		return "Which one? " + list(names, func(name string) string { return `"` + string(v) + " " + name + `"` }, ", ", enMore) + "."
	},
	Nobody: func(who string) string {
		if who == "" {
			return "None of your messages is being watched."
		}
		return "None of your messages to " + who + " is being watched."
	},
	Cancelled: func(with string, n int) string {
		if n == 1 {
			return "Your message to " + with + " is no longer watched."
		}
		return strconv.Itoa(n) + " messages to " + with + " are no longer watched."
	},
	SharedAll:      "Senders whose messages you have not read may see your number.",
	SharedContacts: "Only your contacts may see your number, when you have not read their messages.",
	SharedNobody:   "Nobody may see your number.",
	ShareHint:      `Write "share with everybody" or "share with contacts" to let senders see it.`,
	HiddenFrom:     func(who string) string { return "Your number is hidden from " + who + "." },
	VisibleTo:      func(who string) string { return "Your number is no longer hidden from " + who + "." },
	Everybody:      "everybody",
	Settings:       "Your settings:",
	Change:         "Change them here",
	Sure:           `This deletes your number, your settings and the list of who has seen your number. Write "forget me yes" to go on.`,
	Forgotten:      "Done. Your data is deleted, except for messages that are still pending.",
}

var enUsage = map[Verb]string{
	Sent:        `"sent" – you have sent the SMS`,
	No:          `"no" – don't send an SMS`,
	SendIt:      `"send" – let this server send the SMS`,
	Snooze:      `"later 10m" – ask again in ten minutes`,
	Start:       `"start" – ask me in this chat`,
	Stop:        `"stop" – don't ask me in this chat`,
	Status:      `"status" – what is pending, and why`,
	Escalate:    `"send now bob" – ask about your messages to Bob now`,
	Cancel:      `"cancel bob" – stop watching your messages to Bob`,
	Mute:        `"mute bob" – don't ask about messages to Bob`,
	Unmute:      `"unmute bob" – ask about messages to Bob again`,
	Number:      `"number +86 138 0013 8000" – bind your mobile number; "number remove" removes it`,
	Code:        `"code 123456" – confirm your number with the code that you received by SMS`,
	SMSTo:       `"sms off" – this server sends no SMS to your number; "sms on" allows it`,
	Share:       `"share with contacts" – who may see your number: everybody, contacts or nobody`,
	Hide:        `"hide from alice" – Alice never sees your number`,
	Unhide:      `"unhide alice" – Alice may see it again`,
	Who:         `"who" – who has seen your number`,
	SetMode:     `"mode ask" – what happens when a message is not read: ask or never`,
	SetTimes:    `"times 2m 10m" – overdue when not delivered in 2 minutes or not read in 10`,
	SetText:     `"text notice" – what an SMS says: message or notice`,
	SetQuiet:    `"quiet 22:00-07:00 Europe/Berlin" – nobody is asked to send you an SMS then; "quiet off" ends it`,
	SetZone:     `"time zone Europe/Berlin" – the time zone used in messages to you`,
	SetWatching: `"watch me off" – messages to you are never watched; "watch me on" allows it`,
	SetSync:     `"my devices quiet" – nobody is asked about a message that you have read on one of your devices, even if you sent no read receipt; "my devices tell" – its sender is notified as well; "my devices off" – it still counts as unread`,
	SetGateway:  `"gateway cheogram.com" – prompts have a link that opens a chat via your SMS gateway; "gateway off" removes it`,
	SetLanguage: `"language zh" – en or zh`,
	Settings:    `"settings" – everything at a glance`,
	Forget:      `"forget me" – delete all data about you`,
}
