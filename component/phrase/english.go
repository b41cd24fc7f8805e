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
	Orders:   enOrders,
	Chat: Chat{
		Prompt: enPrompt,
		Settled: func(with string, reason track.Withdrawal, at, now time.Time) string {
			switch reason {
			case track.WithdrawDisplayed:
				return with + " has read it at " + enTime(at, now) + ". Nothing to do."
			case track.WithdrawDelivered:
				return "It reached " + with + " at " + enTime(at, now) + ". Nothing to do for now."
			case track.WithdrawRetracted:
				return "You took back your message to " + with + ". Nothing to do."
			case track.WithdrawExpired:
				return "This question about " + with + " expired at " + enTime(at, now) + "."
			case track.WithdrawAnswered:
				return "You have answered about " + with + ". Nothing to do."
			}
			return "Your message to " + with + " is no longer watched. Nothing to do."
		},
		Remind: func(from string, at, now time.Time) string {
			return "A reminder: " + from + " wrote to you at " + enTime(at, now) + " and waits for you to read it."
		},
		Capped: func(with string) string {
			return "You have been asked about " + with + " as often as is allowed. For now you are not asked about them again; your messages are still watched."
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
			add("failed to ", d.Failed)
			return "While you were away: " + strings.Join(parts, "; ") + `. Reply "status" for more.`
		},

		Sent:        func(with string) string { return "Noted: you have sent an SMS to " + with + "." },
		Declined:    func(with string) string { return "All right: no SMS to " + with + "." },
		NothingOpen: "There is nothing to answer.",
		Snoozed: func(with string, again, now time.Time, most time.Duration) string {
			limit := ""
			if most > 0 {
				limit = " " + enDuration(most) + " is the longest."
			}
			return "You will be asked about " + with + " again at " + enTime(again, now) + "." + limit
		},
		NoSuchCode: func(code string) string { return `Nothing that "` + code + `" would answer is open.` },
		WhichOne: func(open []Open) string {
			return `Which one? Say it with its code, like "sent ` + open[0].Code + `": ` + list(open, func(o Open) string { return o.Code + " for " + o.With }, ", ", enMore) + "."
		},
		Elsewhere: func(with string) string {
			return "Another of your devices is dealing with " + with + ", or has answered."
		},
		AlreadyRead: func(with string) string { return with + " has read it in the meantime: no SMS is needed." },
		Over:        func(with string) string { return "This is over: no answer about " + with + " is needed any more." },
		TooOften: func(with string) string {
			return `It was put off too often. Answer "sent" or "no" about ` + with + "."
		},
		TooLate:     func(with string) string { return "It is too late to take your answer about " + with + " back." },
		Started:     `You will be asked here when a message of yours is not read in time. "stop" ends it.`,
		StartedOnly: "Your wish is kept, but your admin allows no questions by chat.",
		Stopped:     `You will not be asked here any more. "start" begins again.`,
		Broken:      "That did not work, and it is not your fault. Please try again later.",
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
		return "Overdue if not delivered by " + at + "."
	case track.ReasonAwaitsReading:
		return "Overdue if not read by " + at + "."
	case track.ReasonNextStep:
		if at == "" {
			break
		}
		return "The next step is at " + at + "."
	case track.ReasonPrompted:
		return "You are being asked about it."
	case track.ReasonEnded:
		return "You have answered: you are not asked again."
	case track.ReasonExpired:
		return "You were asked, and did not answer in time."
	case track.ReasonUnseen:
		return "Not asked: none of your devices was there to show the question in time."
	case track.ReasonNeverMode:
		switch r.Whose {
		case track.TierSender:
			return "Not asked: your preferences say never."
		case track.TierHint:
			return "Not asked: the message itself says never."
		}
		return "Not asked: nobody is, here."
	case track.ReasonMuted:
		return "Not asked: you have muted this contact."
	case track.ReasonQuiet:
		whose := "quiet hours here"
		if r.Whose == track.TierRecipient {
			whose = "quiet hours of the recipient"
		}
		return "Not asked yet: " + whose + " until " + quietEnd(r, now) + "."
	case track.ReasonCap:
		return "Not asked: you have been asked as often as is allowed."
	case track.ReasonPaused:
		return "Not asked yet: an admin has paused all questions."
	case track.ReasonOptedOut:
		return "Not watched: the recipient does not wish it."
	case track.ReasonNotWatched:
		return "Not watched: neither the message nor a rule asks for it."
	case track.ReasonNotAsked:
		return "Silence says nothing: the message asks for no receipt."
	case track.ReasonNoMarkers:
		return "Silence says nothing: the recipient's app is not known to tell what was read."
	case track.ReasonMaybeHidden:
		return "Silence says nothing: what comes back may be hidden by the encryption."
	case track.ReasonUntilReached:
		return "It has arrived, and nothing else was asked for."
	case track.ReasonSettled:
		return "Nothing more can happen."
	}
	return "Nothing more is planned."
}

var enStates = map[track.State]string{
	track.StatePending:            "not delivered yet",
	track.StateUnknown:            "nothing can be known",
	track.StateDelivered:          "delivered",
	track.StateDisplayed:          "read",
	track.StateFailed:             "failed",
	track.StateCancelled:          "no longer watched",
	track.StateTimeoutUndelivered: "not delivered in time",
	track.StateTimeoutUnread:      "not read in time",
	track.StateTimeout:            "not confirmed in time",
	track.StateEscalated:          "SMS sent",
}

func enPrompt(a Ask) string {
	since := enTime(a.Sent[0], a.Now)
	yours, have := "your message of "+since, "has"
	if n := len(a.Sent); n > 1 {
		yours, have = "your "+strconv.Itoa(n)+" messages since "+since, "have"
	}
	var what string
	switch a.Reason {
	case track.StateTimeoutUnread:
		what = a.With + " has not read " + yours
	case track.StateTimeoutUndelivered:
		what = "Y" + yours[1:] + " " + have + " not reached " + a.With
	case track.StateTimeout:
		what = a.With + " has not confirmed " + yours
	default:
		what = "Go on by SMS? " + a.With + ", " + yours
	}
	if what += "."; len(a.Quotes) > 0 {
		what = what[:len(what)-1] + ":"
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
	return a.lines(what, send, "React 👍 when sent, 👎 for no, ⏰ for later. (Or answer: sent"+code+", no"+code+", later"+code+".)")
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
