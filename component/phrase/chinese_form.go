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
	Default:   "服务器默认",

	Number: NumberForm{
		Title: Title{"我的手机号码", "您没有按时阅读消息时，系统可能会询问发送者是否给您发短信。" +
			"在这里设定短信发到哪个号码，以及谁可以看到它。"},
		Number:   Label{"手机号码", "例如“138 0013 8000”或“+86 138 0013 8000”"},
		Consent:  Label{"我未阅读其消息时，发送者可以看到此号码", ""},
		HideFrom: Label{"对以下地址隐藏（“everybody”：所有人）", "每行一个地址。域名表示该域的所有人；“everybody”表示对所有人隐藏，“nobody”表示不隐藏。"},
		Code:     Label{"验证码", "短信中用于确认号码的验证码"},
		Resend:   Label{"发送验证码以确认号码", ""},
		NoSMS:    Label{"不要由本服务器给我的号码发短信", "别人仍可能被询问是否自己给您发短信。"},
		Remove:   Label{"删除号码", ""},
		Bound: func(n track.Number) string {
			return "您的号码是 " + n.E164 + zhSource(n.Source) + zhConsent(n.Consent, "；发送者可以看到。", "；发送者不能看到。")
		},
		NotBound:   "您还没有绑定号码。",
		Releases:   "谁看到过",
		NoReleases: "还没有人看到过您的号码。",
		Release: func(to, id string, at, now time.Time) string {
			return to + "，" + zhTime(at, now) + "，因消息 " + id
		},
		Removed: "您的号码已删除。",
		Now: func(n track.Number) string {
			return "您的号码是 " + n.E164 + zhConsent(n.Consent, "。您未阅读其消息的发送者可以看到它。", "。发送者不能看到它。")
		},
		Unconfirmed: "号码尚未用验证码确认，确认之前不会使用。",
		CodeSent: func(number string, life time.Duration) string {
			return "正在向 " + number + " 发送验证码。请在" + zhDuration(life) + "内在此输入，以确认号码。"
		},
		Expected: func(number string) string {
			return "已向 " + number + " 发送验证码，请输入以确认号码。"
		},
		Confirmed:        "号码已确认。",
		SMSOn:            "本服务器可以给您的号码发短信。",
		SMSOff:           "本服务器不给您的号码发短信。",
		StoppedElsewhere: "本服务器不给您的号码发短信，因为收到过退订。请用手机回复“恢复”，或联系管理员。",
	},
	Preferences: PreferencesForm{
		Title:            Title{"偏好设置", "消息未按时阅读时怎么办。"},
		AsSender:         "作为发送者",
		AsRecipient:      "作为接收者",
		Both:             "通用",
		Mode:             Label{"消息未按时阅读时", ""},
		UndeliveredAfter: Label{"多久未送达算超时", "例如“90s”、“2m”或“1h”；“default”表示服务器默认"},
		UnreadAfter:      Label{"多久未读算超时", "例如“10m”或“2h”；“default”表示服务器默认"},
		QuietHours:       Label{"免打扰时段（不询问别人是否给我发短信）", "例如“22:00-07:00”；“never”表示不设，“default”表示服务器默认"},
		TimeZone:         Label{"时区", "例如“Asia/Shanghai”或“Europe/Berlin”；“default”表示不设定"},
		Language:         Label{"语言", ""},
		Text:             Label{"短信内容", ""},
		Fallback:         Label{"我的客户端都不支持询问时，用聊天消息询问我", ""},
		WatchMe:          Label{"允许跟踪发给我的消息", "不允许时，没有人会收到关于发给您的消息的通知或询问。"},
		Share:            Label{"公开号码后，谁可以看到", ""},
		ShareAll:         "所有我没有按时阅读其消息的发送者",
		ShareContacts:    "只有我的联系人",
		ReadSync:         Label{"我在自己的设备上读了消息但未发回执时", "如果您的客户端支持，您的设备会互相告知已读到哪里（XEP-0490）。"},
		Gateway:          Label{"我的短信网关", "您有账号的网关，例如“cheogram.com”：询问中会附上通过它聊天的链接；“none”表示不附"},
		SyncOff:          "仍算未读",
		SyncQuiet:        "不询问也不通知任何人",
		SyncTell:         "告知发送者消息已读",
		Unreadable: func(names []string) string {
			return "这些设置已失效，在您重新设置之前按较严格的方式处理：" + strings.Join(names, "、") + "。"
		},
		DefaultIs: func(what string) string { return "默认：" + what },
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
			return "时间请写作“90s”、“10m”或“2h”，时段请写作“22:00-07:00”。“default”表示服务器默认：" +
				within(undelivered, "送达") + "，" + within(unread, "已读") + "，" + quiet + "。"
		},
		Ask:     "询问我是否发短信",
		Auto:    "不询问，直接发短信",
		Never:   "不处理",
		English: "英文",
		Chinese: "中文",
		Message: "我写的内容",
		Notice:  "只说我发了消息",
		NoQuiet: "没有",
		Bounded: func(least, most string) string {
			return "已保存。时间限制在 " + least + "到" + most + "之间。"
		},
		AutoAsks:   "已保存。在本服务器能够自行发送短信之前，会先询问您。",
		ZoneNeeded: "已保存。请同时设定时区，否则免打扰时段按 UTC 计算。",
	},
	Watching: WatchingForm{
		Title:   Title{"正在跟踪的消息", ""},
		Nothing: "没有等待对方阅读的消息。",
		Count:   func(n int) string { return "有 " + strconv.Itoa(n) + " 条消息等待对方阅读。" },
		More:    "还有更早的消息。",
		Line: func(with string, sent, now time.Time, state, why string) string {
			return with + "，" + zhTime(sent, now) + "：" + state + "。" + why
		},
	},
	Escalate: MessageForm{
		Title:  Title{"立即改发短信", "不论您的设置如何，立即询问您是否发短信。"},
		ID:     Label{"消息", ""},
		With:   Label{"发给", "仅在多条消息标识相同时需要填写"},
		Choice: zhChoice,
		Done:   func(with string) string { return "马上询问您是否给 " + with + " 发短信。" },
	},
	Cancel: MessageForm{
		Title:  Title{"停止跟踪一条消息", "不会再有关于它的通知或询问。"},
		ID:     Label{"消息", ""},
		With:   Label{"发给", "仅在多条消息标识相同时需要填写"},
		Choice: zhChoice,
		Done:   func(with string) string { return "您发给 " + with + " 的消息不再跟踪。" },
	},
	Mute: MuteForm{
		Title: Title{"不再询问的联系人", "不会询问您发给这些联系人的消息。"},
		JID:   Label{"联系人", "例如“bob@example.org”"},
		Muted: Label{"不再询问", ""},
		Now: func(muted []string) string {
			if len(muted) == 0 {
				return "没有不再询问的联系人。"
			}
			return "不再询问：" + strings.Join(muted, "、")
		},
		On:  func(who string) string { return "以后不会询问您发给 " + who + " 的消息。" },
		Off: func(who string) string { return "以后会重新询问您发给 " + who + " 的消息。" },
	},
	Register: RegisterForm{
		Title:   Title{"手机号码", "您没有按时阅读消息时，短信会发到这个号码。这些消息的发送者可以看到它。留空则删除号码。"},
		Phone:   Label{"手机号码", "例如“138 0013 8000”或“+86 138 0013 8000”"},
		Consent: Label{"我未阅读其消息时，发送者可以看到此号码", ""},
	},
	Admin: AdminForms{
		Status:      Title{"状态", ""},
		Pending:     "待处理的消息",
		Overdue:     "超时的提醒",
		OpenPrompts: "未答复的询问",
		Outbox:      "待发送",
		Oldest:      "最早的提醒",
		Paused:      "询问已暂停",
		None:        "无",
		SMSSegments: "24 小时内的短信条数 / 预算",
		SMSUnsure:   "不确定是否已发出的短信",
		SMSDown:     "不可用的短信通道",

		User:      Title{"查看用户", ""},
		JID:       Label{"用户", "例如“bob@example.org”"},
		Forget:    Label{"清除此用户的数据", "账号已注销：号码、设置和消息记录将全部删除"},
		Devices:   "设备",
		Forgotten: func(who string) string { return "已清除 " + who + " 的全部数据。" },

		Numbers:  Title{"绑定号码", "绑定一个号码，或多行号码：要么全部绑定，要么一个也不绑定。"},
		Phone:    Label{"手机号码", "留空则显示现有号码"},
		Consent:  Label{"发送者可以看到", "由您代表号码主人同意"},
		Remove:   Label{"删除号码", ""},
		Lines:    Label{"多行号码", "jid,number 或 jid,number,no"},
		Imported: func(n int) string { return "已绑定 " + strconv.Itoa(n) + " 个号码。" },
		Removed:  func(who string) string { return who + " 的号码已删除。" },
		Bound: func(n track.Number) string {
			return n.JID + " 的号码是 " + n.E164 + zhSource(n.Source) + zhConsent(n.Consent, "；发送者可以看到。", "；号码主人未同意公开。")
		},
		NotBound: func(who string) string { return who + " 没有绑定号码。" },

		Cancel:    Title{"停止跟踪消息", "不填标识则停止跟踪该发送者的所有消息；填写接收者则只限发给该接收者的消息。"},
		Sender:    Label{"发送者", ""},
		CancelID:  Label{"消息标识", ""},
		With:      Label{"接收者", ""},
		Cancelled: func(n int) string { return strconv.Itoa(n) + " 条消息不再跟踪。" },

		AnnounceOff: Title{"暂停所有询问", "暂停期间仍会跟踪消息并显示状态，但不询问任何人，恢复后补上。"},
		Pause:       Label{"暂停", ""},
		PausedNow:   "所有询问已暂停。",
		ResumedNow:  "已恢复询问。",

		Reload:   Title{"重新加载配置", ""},
		Reloaded: "配置已重新加载。",
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
		NotYesNo: func(field string) string { return "“" + field + "”只能填“是”或“否”。" },
		NotOneOf: func(field, text string) string { return "“" + text + "”不是“" + field + "”的选项。" },
		NotADuration: func(text string) string {
			return "“" + text + "”不是有效的时间（例如：10m）。"
		},
		NotQuiet: func(text string) string {
			return "“" + text + "”不是有效的时段（例如：22:00-07:00）。"
		},
		NotAZone: func(text string) string {
			return "“" + text + "”不是有效的时区（例如：Asia/Shanghai）。"
		},
		NotADomain: func(text string) string {
			return "“" + text + "”不是有效的域名（例如：cheogram.com）。"
		},
		NotAUser: func(text string) string {
			return "“" + text + "”不是用户地址（例如：bob@example.org）。"
		},
		Yourself:    "这是您自己。",
		TooMany:     func(limit int) string { return "最多只能保存 " + strconv.Itoa(limit) + " 个联系人。" },
		ByAdminOnly: "号码由管理员维护，请联系管理员更改。",
		Code: map[track.CodeVerdict]string{
			track.CodeTooSoon:     "验证码发出还不到一分钟，请稍候再重新获取。",
			track.CodeTooMany:     "验证码或短信发送过多，请明天再试，或联系管理员。",
			track.CodeUnreachable: "无法向此号码发送验证码。如果您曾用它回复“退订”，请用手机回复“恢复”；否则请联系管理员。",
			track.CodePaused:      "今天无法向此号码发送验证码，请联系管理员。",
			track.CodeSpent:       "验证码错误，已没有剩余次数，请重新获取验证码。",
			track.CodeNone:        "没有待输入的验证码，或验证码已过期。",
			track.CodeFull:        "验证码正确，但已有太多用户使用此号码，请联系管理员。",
		},
		WrongCode: func(left int) string { return "验证码错误，还可以尝试 " + strconv.Itoa(left) + " 次。" },
		NoNumber:  "请先绑定号码。",
		NoMessage: "没有正在跟踪的消息使用此标识。",
		Several:   "有多条消息的标识相同，请同时填写“发给”。",
		Settled: func(with string, state track.State) string {
			return "发给 " + with + " 的消息已结束：" + zhStates[state] + "。"
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
