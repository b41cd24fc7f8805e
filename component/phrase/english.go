package phrase

import (
	"strconv"
	"strings"
	"time"

	"tocsin/track"
)

var english = Phrases{
	Lang:     "en",
	Time:     enTime,
	Duration: enDuration,
	Form:     enForm,
	Commands: enCommands,
	Web:      enWeb,
	SMS:      enSMS,
	Chat: Chat{
		Prompt: enPrompt,
		What:   enWhat,
		Test:   "This is a test. Please ignore it.",
		Settled: func(with string, reason track.Withdrawal, at, now time.Time) string {
			switch reason {
			case track.WithdrawDisplayed:
				return with + " read it at " + enTime(at, now) + ". Nothing to do."
			case track.WithdrawDelivered:
				return "Delivered to " + with + " at " + enTime(at, now) + ". Nothing to do for now."
			case track.WithdrawRetracted:
				return "You retracted your message to " + with + ". Nothing to do."
			case track.WithdrawExpired:
				return "The prompt about " + with + " expired at " + enTime(at, now) + "."
			case track.WithdrawTexted:
				return "An SMS was sent to " + with + ". Nothing to do."
			case track.WithdrawAnswered:
				return "You have answered the prompt about " + with + ". Nothing to do."
			}
			return "Your message to " + with + " is no longer watched. Nothing to do."
		},
		Remind: func(from string, messages int, since, now time.Time) string {
			text := "Reminder: " + from + " wrote to you at " + enTime(since, now) + " and is waiting for you to read it."
			if messages > 1 {
				text = "Reminder: " + from + " has sent you " + strconv.Itoa(messages) + " messages since " + enTime(since, now) + " and is waiting for you to read them."
			}
			return text + ` To stop these reminders, reply "watch me off".`
		},
		Capped: func(with string, why track.CapReason) string {
			text := "You have reached the daily limit of prompts about " + with + "."
			switch why {
			case track.CapRecipient:
				text = "There will be no more prompts about " + with + " today, except for urgent messages."
			case track.CapSender:
				text = "You have reached the hourly limit of prompts."
			}
			return text + " Your messages are still watched."
		},
		Replied: func(with, text string) string { return spoken(with+" answered by SMS: ", text) },
		Alert: func(a track.Alert) string {
			switch a.Kind {
			case track.AlertBudgetLow:
				return "Four fifths of the SMS budget for 24 hours (sms.segments_per_day) has been used."
			case track.AlertBudgetSpent:
				return "The SMS budget for 24 hours (sms.segments_per_day) has been used up: senders are asked instead, and no codes are sent."
			case track.AlertNoCode:
				return "The SMS with your code did not arrive. Check your number, and try again, or ask your admin."
			}
			return "Codes to " + a.Country + " are paused for a day: of the last " + strconv.Itoa(track.CodeSample) + ", hardly any were used. This may be toll fraud, which earns somebody money from SMS to numbers there."
		},
		Digest: func(d Digest) string {
			var parts []string
			add := func(what string, who []string) {
				if len(who) > 0 {
					parts = append(parts, what+enNames(who))
				}
			}
			add("read by ", d.Read)
			add("not read by ", d.Unread)
			add("not delivered to ", d.Undelivered)
			add("undeliverable to ", d.Failed)
			return "While you were away: " + strings.Join(parts, "; ") + `. Reply "status" for more.`
		},

		Sent:     func(with string) string { return "Noted: you sent " + with + " an SMS." },
		Declined: func(with string) string { return "OK, no SMS to " + with + "." },
		Sending:  func(with string) string { return "OK, an SMS to " + with + " is being sent." },
		NotFromHere: func(with string) string {
			return "This server can't send an SMS to " + with + ". Please send it yourself."
		},
		NothingOpen: "There is nothing to answer right now.",
		Snoozed: func(with string, again, now time.Time, most time.Duration) string {
			limit := ""
			if most > 0 {
				limit = " The longest delay is " + enDuration(most) + "."
			}
			return "You will be asked about " + with + " again at " + enTime(again, now) + "." + limit
		},
		NoSuchCode: func(code string) string { return `No open prompt has the code "` + code + `".` },
		WhichOne: func(open []Open) string {
			return `Which one? Add the code, for example "sent ` + open[0].Code + `": ` + list(open, func(o Open) string { return o.Code + " for " + o.With }, ", ", enMore) + "."
		},
		Elsewhere: func(with string) string {
			return "Another of your devices is handling the prompt about " + with + ", or has answered it."
		},
		AlreadyRead: func(with string) string { return with + " has read it in the meantime: no SMS needed." },
		Over:        func(with string) string { return "The prompt about " + with + " is over: no answer needed." },
		TooOften: func(with string) string {
			return `You can't put off the prompt about ` + with + ` any longer. Reply "sent" or "no".`
		},
		TooLate:     func(with string) string { return "It is too late to take back your answer about " + with + "." },
		Started:     `You will be asked here when one of your messages is not read in time. Reply "stop" to turn this off.`,
		StartedOnly: "Saved, but prompts by chat are disabled on this server.",
		Stopped:     `You won't be asked here any more. Reply "start" to turn this on again.`,
		Broken:      "Something went wrong on our side. Please try again later.",
	},
	Watch: Watch{
		State:  func(s track.State) string { return enStates[s] },
		Reason: enWhy,
	},
}

func enWhy(r track.Explanation, now time.Time) string {
	at := ""
	if r.Until != 0 {
		at = enTime(r.Until.Std().In(now.Location()), now)
	}
	switch r.Reason {
	case track.ReasonAwaitsDelivery:
		return "Overdue if not delivered by " + at + because(enRules, r.Rule, ": ") + "."
	case track.ReasonAwaitsReading:
		return "Overdue if not read by " + at + because(enRules, r.Rule, ": ") + "."
	case track.ReasonNextStep:
		if at == "" {
			break
		}
		return "Next step at " + at + "."
	case track.ReasonPrompted:
		return "You are being asked about it."
	case track.ReasonTexting:
		return "An SMS is being sent."
	case track.ReasonEnded:
		return "You have answered: you won't be asked again."
	case track.ReasonExpired:
		return "You were asked, but did not answer in time."
	case track.ReasonUnseen:
		return "Not asked: none of your devices was online in time to show the prompt."
	case track.ReasonNeverMode:
		switch r.Whose {
		case track.TierSender:
			return "Not asked: your preferences say never."
		case track.TierHint:
			return "Not asked: the message says never."
		}
		return "Not asked: prompts are disabled on this server."
	case track.ReasonMuted:
		return "Not asked: you have muted this contact."
	case track.ReasonQuiet:
		whose := "quiet hours"
		if r.Whose == track.TierRecipient {
			whose = "the recipient's quiet hours"
		}
		return "Not asked yet: " + whose + " until " + quietEnd(r, now) + "."
	case track.ReasonCap:
		return "Not asked: the limit of prompts was reached."
	case track.ReasonPaused:
		return "Not asked yet: an admin has paused all prompts."
	case track.ReasonOptedOut:
		return "Not watched: the recipient has opted out."
	case track.ReasonWithheld:
		return "Not asked."
	case track.ReasonNotWatched:
		return "Not watched: neither the message nor the server's policy asks for it."
	case track.ReasonNotAsked:
		return "Can't tell: no receipt was requested."
	case track.ReasonNoReceipts:
		return "Can't tell: this contact has not confirmed any of your messages yet."
	case track.ReasonNeverConfirm:
		return "Can't tell: this contact reads your messages without confirming them."
	case track.ReasonHanded:
		return "Can't tell: it went to a client that doesn't confirm anything."
	case track.ReasonFetched:
		return "Can't tell: the contact has been online since, with a client that doesn't confirm older messages."
	case track.ReasonNotMarkable:
		return "Delivered. Can't tell whether it was read: your client didn't ask for a read receipt."
	case track.ReasonNoMarkers:
		return "Delivered. Can't tell whether it was read: this contact's client sends no read receipts."
	case track.ReasonNeverMarks:
		return "Delivered. Can't tell whether it was read: this contact replies, but sends no read receipts."
	case track.ReasonMaybeHidden:
		return "Can't tell: receipts may be hidden by encryption."
	case track.ReasonUntilReached:
		return "Delivered, and nothing more was asked for."
	case track.ReasonSettled:
		return "Nothing more can happen."
	}
	return "Nothing more is planned."
}

// enRules explain why a confirmation is expected.
var enRules = map[track.Rule]string{
	track.RuleStored:         "the server is keeping it until the contact comes online",
	track.RuleAcknowledges:   "the contact's client acknowledges what it receives",
	track.RuleConfirms:       "the contact has confirmed your messages before",
	track.RuleConfirmsOldWay: "the contact has confirmed your messages before",
	track.RuleConfirmsSealed: "the contact has confirmed your encrypted messages before",
	track.RuleReceiptAssumed: "most clients confirm messages of contacts",
	track.RulePolicy:         "on this server, a message without a read receipt counts as unread",
	track.RuleMarks:          "the contact has sent you read receipts before",
	track.RuleMarksUnasked:   "the contact has sent you read receipts before",
	track.RuleMarksSealed:    "the contact has sent you read receipts for encrypted messages before",
	track.RuleAnnounces:      "the contact's client sends read receipts",
	track.RuleMarkerAssumed:  "not known yet whether the contact sends read receipts",
}

var enStates = map[track.State]string{
	track.StatePending:            "not delivered yet",
	track.StateUnknown:            "no confirmation expected",
	track.StateDelivered:          "delivered",
	track.StateDisplayed:          "read",
	track.StateFailed:             "undeliverable",
	track.StateCancelled:          "no longer watched",
	track.StateTimeoutUndelivered: "not delivered in time",
	track.StateTimeoutUnread:      "not read in time",
	track.StateTimeout:            "not confirmed in time",
	track.StateEscalated:          "told by SMS",
}

func enWhat(a PromptContent) string {
	if a.Test {
		return "This is a test by your server's admin, please answer it: this is how you would be asked about an unread message"
	}
	since := enTime(a.Sent[0], a.Now)
	yours, have := "your message from "+since, "has"
	if n := len(a.Sent); n > 1 {
		yours, have = "your "+strconv.Itoa(n)+" messages since "+since, "have"
	}
	switch a.Reason {
	case track.StateTimeoutUnread:
		return a.With + " has not read " + yours
	case track.StateTimeoutUndelivered:
		return strings.ToUpper(yours[:1]) + yours[1:] + " " + have + " not reached " + a.With
	case track.StateTimeout:
		return a.With + " has not confirmed " + yours
	}
	return "Send " + a.With + " an SMS instead? " + strings.ToUpper(yours[:1]) + yours[1:]
}

func enPrompt(a PromptContent) string {
	what := enWhat(a)
	if len(a.Quotes) > 0 {
		what += ":"
	} else {
		what += "."
	}
	var send string
	switch {
	case a.IsPage:
		send = "SMS: " + a.Link
	case a.Number == "":
		send = "No phone number can be shown. If you know one, send an SMS."
	case a.Text == "":
		send = "SMS to " + a.Number + " – write the text yourself:"
	default:
		send = "SMS to " + a.Number + ":\n" + a.Text
	}
	code := ""
	if a.Code != "" {
		code = " " + a.Code
	}
	byUs, bySend := "", ""
	if a.Sends {
		byUs, bySend = "📨 to have it sent from here, ", "send"+code+", "
	}
	return a.lines(what, "The connection was interrupted: "+a.With+" may have read it.", enTried[a.Tried], send, "Via "+a.Gateway+": ", "React 👍 when sent, "+byUs+"👎 for no, ⏰ for later. (Or reply: sent"+code+", "+bySend+"no"+code+", later"+code+".)")
}

var enTried = map[track.SMSState]string{
	track.SMSStateFailed: "This server sent an SMS, but it did not arrive.",
	track.SMSStateUnsure: "This server may have sent an SMS, but can't be sure.",
}

func enTime(at, now time.Time) string {
	layout := "15:04"
	if at.Year() != now.In(at.Location()).Year() {
		layout = "2 January 2006 15:04"
	} else if at.YearDay() != now.In(at.Location()).YearDay() {
		layout = "2 January 15:04"
	}
	return at.Format(layout) + utc(at)
}

func enDuration(d time.Duration) string {
	return inUnits(d, " ", func(n int64, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return strconv.FormatInt(n, 10) + " " + unit + "s"
	}, [3]string{"hour", "minute", "second"})
}

func enMore(n int) string { return " and " + strconv.Itoa(n) + " more" }

func enNames(who []string) string {
	return list(who, func(s string) string { return s }, ", ", enMore)
}
