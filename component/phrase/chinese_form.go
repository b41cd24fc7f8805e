package phrase

import (
	"strconv"
	"strings"
	"time"

	"tocsin/component/numbers"
	"tocsin/track"
)

var zhForm = Form{
	Saved:     "已保存。",
	Unchanged: "没有任何改动。",
	Yes:       "是",
	No:        "否",
	Default:   "按此处的惯例",

	Number: NumberForm{
		Title: Title{"我的手机号码", "如果您没有及时读消息，发送者可能会被询问是否给您发短信。" +
			"在这里设定发到哪个号码，以及谁可以看到它。"},
		Number:   Label{"手机号码", "例如“138 0013 8000”或“+86 138 0013 8000”"},
		Consent:  Label{"允许我尚未读其消息的发送者看到此号码", ""},
		HideFrom: Label{"对以下地址隐藏（“everybody”：所有人）", "每行一个地址。域名表示该域的所有人；“everybody”表示对所有人隐藏，“nobody”表示不隐藏。"},
		Code:     Label{"验证码", "通过短信收到的、用于确认号码的代码"},
		Remove:   Label{"删除号码", ""},
		Bound: func(n track.Number) string {
			return "您的号码是 " + n.E164 + zhSource(n.Source) + zhConsent(n.Consent, "；发送者可以看到。", "；您没有同意任何人看到。")
		},
		NotBound:   "您没有绑定号码。",
		Releases:   "谁看到过",
		NoReleases: "还没有人看到过您的号码。",
		Release: func(to, id string, at, now time.Time) string {
			return to + "，" + zhTime(at, now) + "，因消息 " + id
		},
		Removed: "您的号码已删除。",
		Now: func(n track.Number) string {
			return "您的号码是 " + n.E164 + zhConsent(n.Consent, "。您尚未读其消息的发送者可以看到它。", "。您没有同意发送者看到它。")
		},
	},
	Preferences: PreferencesForm{
		Title:            Title{"偏好设置", "消息没有及时被读时怎么办。"},
		AsSender:         "作为发送者",
		AsRecipient:      "作为接收者",
		Both:             "通用",
		Mode:             Label{"消息没有及时被读时", ""},
		UndeliveredAfter: Label{"多久未送达算超时", "例如“90s”、“2m”或“1h”；“default”表示按此处的惯例"},
		UnreadAfter:      Label{"多久未读算超时", "例如“10m”或“2h”；“default”表示按此处的惯例"},
		QuietHours:       Label{"在此时段内不询问任何人是否给我发短信", "例如“22:00-07:00”；“never”表示没有，“default”表示按此处的惯例"},
		TimeZone:         Label{"时区", "例如“Asia/Shanghai”或“Europe/Berlin”；“default”表示不设定"},
		Language:         Label{"语言", ""},
		Text:             Label{"短信内容", ""},
		Fallback:         Label{"我的客户端都不支持时，用聊天消息询问我", ""},
		WatchMe:          Label{"允许跟踪我的送达和已读情况", "如果不允许，不会有人因发给您的消息得到通知或询问。"},
		DefaultIs:        func(what string) string { return "按惯例：" + what },
		Usual: func(undelivered, unread time.Duration, quiet string) string {
			within := func(d time.Duration, what string) string {
				if d == 0 {
					return what + "不限时"
				}
				return zhDuration(d) + "内" + what
			}
			if quiet == "" {
				quiet = "没有免打扰时段"
			}
			return "时间请写作“90s”、“10m”或“2h”，时段请写作“22:00-07:00”。“default”表示按此处的惯例：" +
				within(undelivered, "送达") + "，" + within(unread, "已读") + "，" + quiet + "。"
		},
		Ask:     "询问我是否发短信",
		Auto:    "不询问，直接发短信",
		Never:   "什么都不做",
		English: "英文",
		Chinese: "中文",
		Message: "我写的内容",
		Notice:  "只说我发了消息",
		NoQuiet: "没有",
		Bounded: func(least, most string) string {
			return "已保存。时间限制在 " + least + " 到 " + most + " 之间。"
		},
		AutoAsks:   "已保存。在这里还不能直接发短信时，会先询问您。",
		ZoneNeeded: "已保存。请同时设定时区，否则免打扰时段按 UTC 计算。",
	},
	Watching: WatchingForm{
		Title:   Title{"正在跟踪的消息", ""},
		Nothing: "您没有等待阅读的消息。",
		Count:   func(n int) string { return "有 " + strconv.Itoa(n) + " 条消息等待阅读。" },
		More:    "还有更早的消息。",
		Line: func(with string, sent, now time.Time, state, why string) string {
			return with + "，" + zhTime(sent, now) + "：" + state + "。" + why
		},
	},
	Escalate: MessageForm{
		Title:  Title{"立即处理一条消息", "不论您的设置如何，立即询问您是否发短信。"},
		ID:     Label{"消息", ""},
		With:   Label{"发给", "只有多条消息的标识相同时才需要填写"},
		Choice: zhChoice,
		Done:   func(with string) string { return "现在就会询问您关于 " + with + " 的消息。" },
	},
	Cancel: MessageForm{
		Title:  Title{"停止跟踪一条消息", "不会再有关于它的通知或询问。"},
		ID:     Label{"消息", ""},
		With:   Label{"发给", "只有多条消息的标识相同时才需要填写"},
		Choice: zhChoice,
		Done:   func(with string) string { return "您发给 " + with + " 的消息不再跟踪。" },
	},
	Mute: MuteForm{
		Title: Title{"联系人免询问", "不会询问您关于免询问联系人的消息。"},
		JID:   Label{"联系人", "例如“bob@example.org”"},
		Muted: Label{"免询问", ""},
		Now: func(muted []string) string {
			if len(muted) == 0 {
				return "没有免询问的联系人。"
			}
			return "免询问：" + strings.Join(muted, "、")
		},
		On:  func(who string) string { return "以后不会询问您关于 " + who + " 的消息。" },
		Off: func(who string) string { return "以后可能会询问您关于 " + who + " 的消息。" },
	},
	Register: RegisterForm{
		Title:   Title{"手机号码", "您没有及时读消息时，短信会发到这个号码。这些消息的发送者可以看到它。留空则删除号码。"},
		Phone:   Label{"手机号码", "例如“138 0013 8000”或“+86 138 0013 8000”"},
		Consent: Label{"允许我尚未读其消息的发送者看到此号码", ""},
	},
	Admin: AdminForms{
		Status:      Title{"状态", ""},
		Pending:     "等待中的消息",
		Overdue:     "逾期的定时",
		OpenPrompts: "未答复的询问",
		Outbox:      "等待发出",
		Oldest:      "最早的定时",
		Paused:      "询问已暂停",
		None:        "无",

		User:    Title{"查看用户", ""},
		JID:     Label{"用户", "例如“bob@example.org”"},
		Devices: "设备",

		Numbers:  Title{"绑定号码", "绑定一个号码，或多行号码：要么全部绑定，要么一个也不绑定。"},
		Phone:    Label{"手机号码", "留空则显示现有号码"},
		Consent:  Label{"发送者可以看到", "由您代号码主人负责"},
		Remove:   Label{"删除号码", ""},
		Lines:    Label{"多行号码", "jid,number 或 jid,number,no"},
		Imported: func(n int) string { return "已绑定 " + strconv.Itoa(n) + " 个号码。" },
		Removed:  func(who string) string { return who + " 的号码已删除。" },
		Bound: func(n track.Number) string {
			return n.JID + " 的号码是 " + n.E164 + zhSource(n.Source) + zhConsent(n.Consent, "；发送者可以看到。", "；未经同意。")
		},
		NotBound: func(who string) string { return who + " 没有绑定号码。" },

		Cancel:    Title{"停止跟踪消息", "不填标识则停止跟踪该发送者的所有消息；填写接收者则只限发给该接收者的消息。"},
		Sender:    Label{"发送者", ""},
		CancelID:  Label{"消息标识", ""},
		With:      Label{"接收者", ""},
		Cancelled: func(n int) string { return strconv.Itoa(n) + " 条消息不再跟踪。" },

		AnnounceOff: Title{"暂停所有询问", "暂停期间仍会跟踪消息并告知状态，但不询问任何人。被暂停的询问以后会补上。"},
		Pause:       Label{"暂停", ""},
		PausedNow:   "所有询问已暂停。",
		ResumedNow:  "已恢复询问。",

		Reload:   Title{"重新读取配置", ""},
		Reloaded: "配置已重新读取。",
	},
	Fault: Faults{
		Refused: func(text string, why numbers.Refusal) string {
			return "“" + text + "”" + zhRefusals[why] + "。请填写带国家代码的手机号码，例如“+86 138 0013 8000”。"
		},
		File: func(faults numbers.Faults) string {
			return list(faults, func(f numbers.Fault) string {
				return "第 " + strconv.Itoa(f.Line) + " 行：" + f.Text
			}, "；", zhMore) + "。"
		},
		Missing:  func(field string) string { return "“" + field + "”必须填写。" },
		NotYesNo: func(field string) string { return "“" + field + "”既不是“是”也不是“否”。" },
		NotOneOf: func(field, text string) string { return "“" + text + "”不是“" + field + "”的选项。" },
		NotADuration: func(text string) string {
			return "“" + text + "”不是时间。请填写“90s”、“10m”或“2h”。"
		},
		NotQuiet: func(text string) string { return "“" + text + "”不是时段。请填写“22:00-07:00”。" },
		NotAZone: func(text string) string {
			return "“" + text + "”不是时区。请填写“Asia/Shanghai”或“Europe/Berlin”。"
		},
		NotAUser: func(text string) string {
			return "“" + text + "”不是个人地址。请填写“bob@example.org”。"
		},
		Yourself:    "这是您自己。",
		TooMany:     func(limit int) string { return "最多只能保存 " + strconv.Itoa(limit) + " 个联系人。" },
		ByAdminOnly: "号码由管理员维护，请联系管理员更改。",
		NoCode:      "现在不需要验证码。",
		NoNumber:    "请先绑定号码。",
		NoMessage:   "没有正在跟踪的、带有此标识的消息。",
		Several:     "有多条消息的标识相同，请同时填写“发给”。",
		Settled: func(with string, state track.State) string {
			return "发给 " + with + " 的消息已经了结：" + zhStates[state] + "。"
		},
	},
}

var zhRefusals = map[numbers.Refusal]string{
	numbers.Unreadable: "不是电话号码",
	numbers.Impossible: "是不存在的号码",
	numbers.Short:      "是短号码",
	numbers.FixedLine:  "是固定电话，不能接收短信",
	numbers.TollFree:   "是免费电话，不能接收短信",
	numbers.Premium:    "是收费服务号码",
	numbers.Extension:  "是分机号码，不能接收短信",
	numbers.NotMobile:  "不是手机号码",
}

func zhSource(s track.NumberSource) string {
	switch s {
	case track.FromAdmin, track.FromAdminForced:
		return "（由管理员绑定）"
	case track.FromVCard:
		return "（来自电子名片）"
	}
	return ""
}

func zhConsent(agreed bool, yes, no string) string {
	if agreed {
		return yes
	}
	return no
}

func zhChoice(w Waiting, now time.Time) string {
	return w.With + "，" + zhTime(w.Sent, now) + "，" + zhStates[w.State]
}
