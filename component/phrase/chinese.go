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
	Commands: zhCommands,
	Web:      zhWeb,
	SMS:      zhSMS,
	Chat: Chat{
		Prompt: zhPrompt,
		What:   zhWhat,
		Test:   "这是一次测试，请忽略。",
		Settled: func(with string, reason track.Withdrawal, at, now time.Time) string {
			switch reason {
			case track.WithdrawDisplayed:
				return with + " 已于 " + zhTime(at, now) + " 阅读，无需处理。"
			case track.WithdrawDelivered:
				return "消息已于 " + zhTime(at, now) + " 送达 " + with + "，暂时无需处理。"
			case track.WithdrawRetracted:
				return "您已撤回发给 " + with + " 的消息，无需处理。"
			case track.WithdrawExpired:
				return "关于 " + with + " 的询问已于 " + zhTime(at, now) + " 过期。"
			case track.WithdrawTexted:
				return "已给 " + with + " 发送短信，无需处理。"
			case track.WithdrawAnswered:
				return "您已答复关于 " + with + " 的询问，无需处理。"
			}
			return "发给 " + with + " 的消息不再跟踪，无需处理。"
		},
		Remind: func(from string, messages int, since, now time.Time) string {
			text := "提醒：" + from + " 在 " + zhTime(since, now) + " 给您发了消息，正在等您阅读。"
			if messages > 1 {
				text = "提醒：" + from + " 自 " + zhTime(since, now) + " 起给您发了 " + strconv.Itoa(messages) + " 条消息，正在等您阅读。"
			}
			return text + "不想再收到提醒，请回复“跟踪我 关”。"
		},
		Capped: func(with string, why track.CapReason) string {
			text := "今天关于 " + with + " 的询问已达上限。"
			switch why {
			case track.CapRecipient:
				text = "今天不会再就 " + with + " 询问您，紧急消息除外。"
			case track.CapSender:
				text = "一小时内对您的询问已达上限。"
			}
			return text + "您的消息仍在跟踪中。"
		},
		Replied: func(with, text string) string { return spoken(with+" 用短信回复：", text) },
		Alert: func(a track.Alert) string {
			switch a.Kind {
			case track.AlertBudgetLow:
				return "24 小时的短信预算（sms.segments_per_day）已使用五分之四。"
			case track.AlertBudgetSpent:
				return "24 小时的短信预算（sms.segments_per_day）已用完：改为询问发送者，也不再发送验证码。"
			case track.AlertNoCode:
				return "验证码短信没有送达。请检查您的号码后再试，或联系管理员。"
			}
			return "发往 " + a.Country + " 的验证码暂停一天：最近 " + strconv.Itoa(track.CodeSample) + " 个几乎都没有使用，可能有人在刷短信牟利。"
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
			add(d.Failed, "未能送达")
			return "您离开期间：" + strings.Join(parts, "；") + "。回复“状态”查看详情。"
		},

		Sent:     func(with string) string { return "已记下：您给 " + with + " 发了短信。" },
		Declined: func(with string) string { return "好的，不给 " + with + " 发短信。" },
		Sending:  func(with string) string { return "好的，正在给 " + with + " 发送短信。" },
		NotFromHere: func(with string) string {
			return "本服务器无法给 " + with + " 发短信，请您自己发送。"
		},
		NothingOpen: "现在没有需要答复的询问。",
		Snoozed: func(with string, again, now time.Time, most time.Duration) string {
			limit := ""
			if most > 0 {
				limit = "最长 " + zhDuration(most) + "。"
			}
			return "将在 " + zhTime(again, now) + " 再问您关于 " + with + " 的消息。" + limit
		},
		NoSuchCode: func(code string) string { return "没有代码为“" + code + "”的询问。" },
		WhichOne: func(open []Open) string {
			return "是哪一个？请带上代码回复，例如“已发 " + open[0].Code + "”：" + list(open, func(o Open) string { return o.Code + "（" + o.With + "）" }, "、", zhMore) + "。"
		},
		Elsewhere: func(with string) string {
			return "您的另一台设备正在处理或已经答复关于 " + with + " 的询问。"
		},
		AlreadyRead: func(with string) string { return with + " 已读，不需要发短信了。" },
		Over:        func(with string) string { return "关于 " + with + " 的询问已结束，不需要答复了。" },
		TooOften: func(with string) string {
			return "关于 " + with + " 的询问不能再推迟了，请回复“已发”或“不发”。"
		},
		TooLate:     func(with string) string { return "关于 " + with + " 的答复已经不能收回。" },
		Started:     "您的消息未按时阅读时，会在这里询问您。回复“停止”可关闭。",
		StartedOnly: "已保存，但本服务器已停用聊天询问。",
		Stopped:     "以后不会在这里询问您。回复“开始”可重新打开。",
		Broken:      "服务出错了，请稍后再试。",
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
		return "如果到 " + at + " 还未送达，即为超时" + because(zhRules, r.Rule, "：") + "。"
	case track.ReasonAwaitsReading:
		return "如果到 " + at + " 还未阅读，即为超时" + because(zhRules, r.Rule, "：") + "。"
	case track.ReasonNextStep:
		if at == "" {
			break
		}
		return "下一步：" + at + "。"
	case track.ReasonPrompted:
		return "正在询问您。"
	case track.ReasonTexting:
		return "正在发送短信。"
	case track.ReasonEnded:
		return "您已答复，不会再问。"
	case track.ReasonExpired:
		return "已询问过您，但您未按时答复。"
	case track.ReasonUnseen:
		return "未询问：当时没有能显示询问的设备在线。"
	case track.ReasonNeverMode:
		switch r.Whose {
		case track.TierSender:
			return "未询问：您设置了从不询问。"
		case track.TierHint:
			return "未询问：消息本身要求不询问。"
		}
		return "未询问：本服务器已停用询问。"
	case track.ReasonMuted:
		return "未询问：您已设为不再询问此联系人。"
	case track.ReasonQuiet:
		whose := "免打扰时段"
		if r.Whose == track.TierRecipient {
			whose = "对方的免打扰时段"
		}
		return "暂未询问：" + whose + "，到 " + quietEnd(r, now) + " 为止。"
	case track.ReasonCap:
		return "未询问：询问次数已达上限。"
	case track.ReasonPaused:
		return "暂未询问：管理员暂停了所有询问。"
	case track.ReasonOptedOut:
		return "未跟踪：对方不允许跟踪。"
	case track.ReasonWithheld:
		return "未询问。"
	case track.ReasonNotWatched:
		return "未跟踪：消息和服务器规则都没有要求。"
	case track.ReasonNotAsked:
		return "没有回执不代表未读：这条消息没有要求回执。"
	case track.ReasonNoReceipts:
		return "没有回执不代表未读：对方还没有确认过您的任何消息。"
	case track.ReasonNeverConfirm:
		return "没有回执不代表未读：对方阅读您的消息时不发回执。"
	case track.ReasonHanded:
		return "没有回执不代表未读：消息已交给一个不发回执的客户端。"
	case track.ReasonFetched:
		return "没有回执不代表未读：对方之后上过线，但其客户端不确认较早的消息。"
	case track.ReasonNotMarkable:
		return "已送达，不确定是否已读：您的客户端没有要求已读回执。"
	case track.ReasonNoMarkers:
		return "已送达，不确定是否已读：对方的客户端不发已读回执。"
	case track.ReasonNeverMarks:
		return "已送达，不确定是否已读：对方会回复，但不发已读回执。"
	case track.ReasonMaybeHidden:
		return "没有回执不代表未读：回执可能在加密内容中。"
	case track.ReasonUntilReached:
		return "已送达，没有其他要求。"
	case track.ReasonSettled:
		return "已结束。"
	}
	return "没有后续步骤。"
}

// zhRules explain why a confirmation is expected.
var zhRules = map[track.Rule]string{
	track.RuleStored:         "服务器正在保存，等对方上线",
	track.RuleAcknowledges:   "对方的客户端收到消息会确认",
	track.RuleConfirms:       "对方曾确认收到您的消息",
	track.RuleConfirmsOldWay: "对方曾确认收到您的消息",
	track.RuleConfirmsSealed: "对方曾确认收到您的加密消息",
	track.RuleReceiptAssumed: "多数客户端会向联系人确认收到",
	track.RulePolicy:         "本服务器把没有已读回执视为未读",
	track.RuleMarks:          "对方曾对您的消息发过已读回执",
	track.RuleMarksUnasked:   "对方曾对您的消息发过已读回执",
	track.RuleMarksSealed:    "对方曾对您的加密消息发过已读回执",
	track.RuleAnnounces:      "对方的客户端会发已读回执",
	track.RuleMarkerAssumed:  "尚不清楚对方是否发已读回执",
}

var zhStates = map[track.State]string{
	track.StatePending:            "尚未送达",
	track.StateUnknown:            "不会有回执",
	track.StateDelivered:          "已送达",
	track.StateDisplayed:          "已读",
	track.StateFailed:             "未能送达",
	track.StateCancelled:          "已停止跟踪",
	track.StateTimeoutUndelivered: "未按时送达",
	track.StateTimeoutUnread:      "未按时阅读",
	track.StateTimeout:            "未按时确认",
	track.StateEscalated:          "已用短信告知",
}

func zhWhat(a PromptContent) string {
	if a.Test {
		return "这是服务器管理员发起的测试，请答复：如果有消息未按时阅读，就会这样询问您"
	}
	since := zhTime(a.Sent[0], a.Now)
	yours, toThem := "您 "+since+" 的消息", "您 "+since+" 发给 "+a.With+" 的消息"
	if n := strconv.Itoa(len(a.Sent)); n != "1" {
		yours, toThem = "您 "+since+" 以来的 "+n+" 条消息", "您 "+since+" 以来发给 "+a.With+" 的 "+n+" 条消息"
	}
	switch a.Reason {
	case track.StateTimeoutUnread:
		return a.With + " 还没有阅读" + yours
	case track.StateTimeoutUndelivered:
		return toThem + "还没有送达"
	case track.StateTimeout:
		return toThem + "还没有确认"
	}
	return "要改发短信吗？" + toThem
}

func zhPrompt(a PromptContent) string {
	what := zhWhat(a)
	if len(a.Quotes) > 0 {
		what += "："
	} else {
		what += "。"
	}
	var send string
	switch {
	case a.IsPage:
		send = "短信：" + a.Link
	case a.Number == "":
		send = "没有可以显示的号码。如果您知道号码，请发短信。"
	case a.Text == "":
		send = "发短信到 " + a.Number + "，内容请您自己写："
	default:
		send = "发短信到 " + a.Number + "：\n" + a.Text
	}
	code := ""
	if a.Code != "" {
		code = " " + a.Code
	}
	byUs, bySend := "", ""
	if a.Sends {
		byUs, bySend = "由本服务器代发点 📨，", "代发"+code+"、"
	}
	return a.lines(what, "其间连接曾中断，"+a.With+" 可能已读。", zhTried[a.Tried], send, "通过 "+a.Gateway+" 发送：", "已发短信点 👍，"+byUs+"不发点 👎，稍后再问点 ⏰。（或回复：已发"+code+"、"+bySend+"不发"+code+"、稍后"+code+"。）")
}

var zhTried = map[track.SMSState]string{
	track.SMSStateFailed: "本服务器发出的短信没有送达。",
	track.SMSStateUnsure: "本服务器可能已发出短信，但无法确定。",
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
