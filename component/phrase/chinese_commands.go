package phrase

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var zhCommands = Commands{
	About: "您的消息未按时阅读时，我会告诉您，并帮您改发短信。回复“开始”即可在这里收到询问，回复“帮助”查看所有指令。",
	Help: strings.Join([]string{
		"收到询问时：“已发”、“不发”或“稍后 10分钟”。",
		"状态 – 哪些消息还在等待，为什么",
		"改发短信 bob – 立即询问发给 bob 的消息",
		"取消跟踪 bob – 不再跟踪这些消息",
		"不再询问 bob、恢复询问 bob – 是否询问发给 bob 的消息",
		"号码、号码 138 0013 8000、号码 删除 – 您自己的号码",
		"验证码 123456 – 确认号码；短信 关、短信 开 – 本服务器是否可以向它发短信",
		"公开给 所有人、联系人 或 不公开 – 谁可以看到号码",
		"隐藏 alice、取消隐藏 alice；谁看过 – 谁看到过号码",
		"免打扰 22:00-07:00 Asia/Shanghai、免打扰 关 – 这段时间不询问别人是否给您发短信",
		"跟踪我 关 – 不跟踪发给您的消息",
		"我的设备 静默、告知 或 关 – 您在自己设备上读过的消息是否算已读",
		"时限 2分钟 10分钟 – 多久未送达、未阅读算超时",
		"方式 询问 或 从不；短信内容 原文 或 通知；语言 en 或 zh",
		"短信网关 cheogram.com、短信网关 关 – 询问中附上通过您的短信网关发送的链接",
		"设置 – 查看所有设置",
		"开始、停止 – 打开或关闭这里的询问",
		"忘记我 – 删除关于您的数据",
	}, "\n"),
	Usage: func(v Verb) string { return zhUsage[v] },
	Example: func(fault string, v Verb) string {
		if usage := zhUsage[v]; usage != "" {
			return fault + "\n例如：" + usage
		}
		return fault
	},
	WhichOf: func(v Verb, names []string) string {
		return "是哪一个？" + list(names, func(name string) string { return "“" + inChinese(v) + " " + name + "”" }, "、", zhMore) + "。"
	},
	Nobody: func(who string) string {
		if who == "" {
			return "没有正在跟踪的消息。"
		}
		return "没有正在跟踪的、发给 " + who + " 的消息。"
	},
	Cancelled: func(with string, n int) string {
		return "发给 " + with + " 的 " + strconv.Itoa(n) + " 条消息不再跟踪。"
	},
	SharedAll:      "您没有按时阅读消息时，发送者可以看到您的号码。",
	SharedContacts: "只有您的联系人可以在您没有按时阅读其消息时看到您的号码。",
	SharedNobody:   "没有人可以看到您的号码。",
	ShareHint:      "回复“公开给 所有人”或“公开给 联系人”，发送者才能看到它。",
	HiddenFrom:     func(who string) string { return "您的号码已对 " + who + " 隐藏。" },
	VisibleTo:      func(who string) string { return "您的号码不再对 " + who + " 隐藏。" },
	Everybody:      "所有人",
	Settings:       "您的设置：",
	Change:         "在此修改",
	Sure:           "这会删除您的号码、设置以及谁看到过号码的记录。回复“忘记我 是”继续。",
	Forgotten:      "已删除。除了仍在等待的消息，不再保留关于您的数据。",
}

var zhUsage = map[Verb]string{
	Sent:        "“已发” – 您已发送短信",
	No:          "“不发” – 不发短信",
	SendIt:      "“代发” – 由本服务器发送短信",
	Snooze:      "“稍后 10分钟” – 十分钟后再问",
	Start:       "“开始” – 在这里询问我",
	Stop:        "“停止” – 不在这里询问我",
	Status:      "“状态” – 哪些消息还在等待，为什么",
	Escalate:    "“改发短信 bob” – 立即询问发给 bob 的消息",
	Cancel:      "“取消跟踪 bob” – 不再跟踪发给 bob 的消息",
	Mute:        "“不再询问 bob” – 不再询问发给 bob 的消息",
	Unmute:      "“恢复询问 bob” – 再次询问发给 bob 的消息",
	Number:      "“号码 138 0013 8000” – 绑定您的手机号码；“号码 删除”删除它",
	Code:        "“验证码 123456” – 用短信中的验证码确认您的号码",
	SMSTo:       "“短信 关” – 本服务器不向您的号码发短信；“短信 开”允许",
	Share:       "“公开给 联系人” – 谁可以看到您的号码：所有人、联系人、不公开",
	Hide:        "“隐藏 alice” – alice 看不到您的号码",
	Unhide:      "“取消隐藏 alice” – alice 可以再次看到",
	Who:         "“谁看过” – 谁看到过您的号码",
	SetMode:     "“方式 询问” – 消息没有按时阅读时：询问、从不",
	SetTimes:    "“时限 2分钟 10分钟” – 2 分钟未送达、10 分钟未阅读算超时",
	SetText:     "“短信内容 通知” – 短信内容：原文、通知",
	SetQuiet:    "“免打扰 22:00-07:00 Asia/Shanghai” – 这段时间不询问别人是否给您发短信；“免打扰 关”取消",
	SetZone:     "“时区 Asia/Shanghai” – 您看到的时间所用的时区",
	SetWatching: "“跟踪我 关” – 不跟踪发给您的消息；“跟踪我 开”允许",
	SetSync:     "“我的设备 静默” – 您在自己设备上读过的消息，不询问也不通知任何人；“我的设备 告知” – 并告知发送者已读；“我的设备 关” – 仍算未读",
	SetGateway:  "“短信网关 cheogram.com” – 询问中附上通过您的短信网关聊天的链接；“短信网关 关”取消",
	SetLanguage: "“语言 en” – en 或 zh",
	Settings:    "“设置” – 查看所有设置",
	Forget:      "“忘记我” – 删除关于您的数据",
}

// inChinese returns the first Chinese word for a verb.
func inChinese(v Verb) string {
	for _, word := range words[v] {
		if r, _ := utf8.DecodeRuneInString(word); unicode.Is(unicode.Han, r) {
			return word
		}
	}
	return string(v)
}
