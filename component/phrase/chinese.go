package phrase

import (
	"strconv"
	"strings"
	"time"

	"tocsin/track"
)

var chinese = Phrases{
	Lang:     "zh",
	Time:     zhTime,
	Duration: zhDuration,
	Form:     zhForm,
	Orders:   zhOrders,
	Chat: Chat{
		Prompt: zhPrompt,
		Withdrawn: func(with, reason string) string {
			switch reason {
			case "displayed":
				return with + " 已经读过了，不用发短信。"
			case "delivered":
				return "消息已经送达 " + with + "，暂时不用发短信。"
			case "claimed":
				return "您的另一台设备正在处理发给 " + with + " 的消息。"
			case "answered":
				return "关于 " + with + " 您已经答复。"
			case "snoozed":
				return "稍后会再问您关于 " + with + " 的消息。"
			case "retracted":
				return "您已撤回发给 " + with + " 的消息。"
			case "expired":
				return "关于 " + with + " 的答复时间已过。"
			}
			return "关于 " + with + " 不再需要答复。"
		},
		Remind: func(from string, at, now time.Time) string {
			return "提醒：" + from + " 在 " + zhTime(at, now) + " 给您发了消息，正等您阅读。"
		},
		Capped: func(with string) string {
			return "关于 " + with + " 的询问已达到上限。暂时不会再问您，但您的消息仍在跟踪中。"
		},
		Digest: func(d Digest) string {
			var parts []string
			add := func(who []string, what string) {
				if len(who) > 0 {
					parts = append(parts, zhNames(who)+" "+what)
				}
			}
			add(d.Read, "已读")
			add(d.Unread, "未读")
			add(d.Undelivered, "未送达")
			add(d.Failed, "发送失败")
			return "您离开期间：" + strings.Join(parts, "；") + "。回复“status”查看详情。"
		},

		Sent:        func(with string) string { return "已记下：您给 " + with + " 发了短信。" },
		Declined:    func(with string) string { return "好的，不给 " + with + " 发短信。" },
		NothingOpen: "现在没有需要答复的询问。",
		Snoozed: func(with string, again, now time.Time) string {
			return "将在 " + zhTime(again, now) + " 再问您关于 " + with + " 的消息。"
		},
		NoSuchCode: func(code string) string { return "没有代码为“" + code + "”的询问。" },
		WhichOne: func(open []Open) string {
			return "是哪一个？请带上代码回复，例如“sent " + open[0].Code + "”：" + list(open, func(o Open) string { return o.Code + "（" + o.With + "）" }, "、", zhMore) + "。"
		},
		Elsewhere: func(with string) string {
			return "您的另一台设备正在处理或已经答复关于 " + with + " 的询问。"
		},
		AlreadyRead: func(with string) string { return with + " 已经读过了，不用发短信。" },
		Over:        func(with string) string { return "已经结束：关于 " + with + " 不再需要答复。" },
		TooOften: func(with string) string {
			return "推迟的次数太多了。关于 " + with + "，请回复“sent”或“no”。"
		},
		Started:     "您的消息未能及时被读时，将在这里问您。回复“stop”可停止。",
		StartedOnly: "您的选择已保存，但管理员不允许通过聊天询问。",
		Stopped:     "以后不会在这里问您了。回复“start”可重新开始。",
		Status: func(waiting []Waiting, now time.Time) string {
			if len(waiting) == 0 {
				return "您没有等待阅读的消息。"
			}
			return "等待中：" + list(waiting, func(w Waiting) string {
				return w.With + "（" + zhTime(w.Sent, now) + "，" + zhStates[w.State] + "）"
			}, "、", zhMore) + "。"
		},
		Help: "发了短信请回复“sent 代码”，不发请回复“no 代码”，稍后再问请回复“snooze 代码 10m”，" +
			"“status”查看等待中的消息，“stop”或“start”关闭或打开这些询问。只有同时有几个询问时才需要代码。",
		Broken: "出错了，不是您的问题。请稍后再试。",
	},
	Watch: Watch{
		State:  func(s track.State) string { return zhStates[s] },
		Reason: zhWhy,
	},
}

func zhWhy(r track.Explanation, now time.Time) string {
	at := ""
	if r.Until != 0 {
		at = zhTime(r.Until.Std().In(now.Location()), now)
	}
	switch r.Reason {
	case track.ReasonAwaitsDelivery:
		return "如果到 " + at + " 还未送达，即为超时。"
	case track.ReasonAwaitsReading:
		return "如果到 " + at + " 还未被读，即为超时。"
	case track.ReasonNextStep:
		if at == "" {
			break
		}
		return "下一步在 " + at + "。"
	case track.ReasonPrompted:
		return "正在询问您。"
	case track.ReasonEnded:
		return "您已答复，不会再问。"
	case track.ReasonExpired:
		return "已询问过您，但您未及时答复。"
	case track.ReasonUnseen:
		return "未询问：您没有设备能及时显示询问。"
	case track.ReasonNeverMode:
		switch r.Whose {
		case track.TierSender:
			return "未询问：您的设置是从不询问。"
		case track.TierHint:
			return "未询问：消息本身要求不询问。"
		}
		return "未询问：这里从不询问。"
	case track.ReasonMuted:
		return "未询问：您已将此联系人设为免询问。"
	case track.ReasonQuiet:
		whose := "这里的免打扰时段"
		if r.Whose == track.TierRecipient {
			whose = "对方的免打扰时段"
		}
		return "暂未询问：" + whose + "，到 " + quietEnd(r, now) + " 为止。"
	case track.ReasonCap:
		return "未询问：询问次数已达上限。"
	case track.ReasonPaused:
		return "暂未询问：管理员暂停了所有询问。"
	case track.ReasonOptedOut:
		return "未跟踪：对方不愿被跟踪。"
	case track.ReasonNotWatched:
		return "未跟踪：消息和规则都没有要求。"
	case track.ReasonNotAsked:
		return "没有消息不说明什么：该消息没有要求回执。"
	case track.ReasonNoMarkers:
		return "没有消息不说明什么：不知道对方的客户端是否会告知已读。"
	case track.ReasonMaybeHidden:
		return "没有消息不说明什么：回执可能在加密内容中。"
	case track.ReasonUntilReached:
		return "已经送达，没有其他要求。"
	case track.ReasonSettled:
		return "已经了结。"
	}
	return "没有后续步骤。"
}

var zhStates = map[track.State]string{
	track.StatePending:            "尚未送达",
	track.StateUnknown:            "无从得知",
	track.StateDelivered:          "已送达",
	track.StateDisplayed:          "已读",
	track.StateFailed:             "失败",
	track.StateCancelled:          "不再跟踪",
	track.StateTimeoutUndelivered: "未能及时送达",
	track.StateTimeoutUnread:      "未能及时被读",
	track.StateTimeout:            "未能及时得到确认",
	track.StateEscalated:          "已发短信",
}

func zhPrompt(a Ask) string {
	at := zhTime(a.Sent[0], a.Now)
	mine, theirs := "您 "+at+" 发的消息", "您 "+at+" 发给 "+a.With+" 的消息"
	if n := len(a.Sent); n > 1 {
		mine = "您从 " + at + " 起发的 " + strconv.Itoa(n) + " 条消息"
		theirs = "您从 " + at + " 起发给 " + a.With + " 的 " + strconv.Itoa(n) + " 条消息"
	}
	var what string
	switch a.Reason {
	case track.StateTimeoutUnread:
		what = a.With + " 还没有读" + mine + "。"
	case track.StateTimeoutUndelivered:
		what = theirs + "还没有送达。"
	default:
		what = theirs + "还没有得到确认。"
	}
	answer := "\n然后回复“sent " + a.Code + "”；不发请回复“no " + a.Code + "”。"
	switch {
	case a.URI == "":
		return what + "\n这里没有可以显示的电话号码。如果您知道号码，请发短信。" + answer
	case a.NoText:
		return what + "\n发短信（内容请您自己写）： " + a.URI + answer
	}
	return what + "\n发短信： " + a.URI + answer
}

func zhTime(at, now time.Time) string {
	layout := "15:04"
	if at.Year() != now.In(at.Location()).Year() {
		layout = "2006年1月2日 15:04"
	} else if at.YearDay() != now.In(at.Location()).YearDay() {
		layout = "1月2日 15:04"
	}
	return at.Format(layout) + utc(at)
}

func zhDuration(d time.Duration) string {
	return inUnits(d, " ", func(n int64, unit string) string {
		return strconv.FormatInt(n, 10) + " " + unit
	}, [3]string{"小时", "分钟", "秒"})
}

func zhMore(n int) string { return " 等，另有 " + strconv.Itoa(n) + " 项" }

func zhNames(who []string) string {
	return list(who, func(s string) string { return s }, "、", zhMore)
}
