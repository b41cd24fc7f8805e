package phrase

// Web has the texts of pages, besides data forms (protocol §11).
type Web struct {
	PromptTitle   func(with string) string
	Number, Text  string
	NoNumber      string
	WriteYourself string
	Open          string // the SMS app
	OpenHint      string // shown once the prompt is claimed
	Scan          string // the QR code, with a phone
	Copy, Copied  string
	Sent, Later   string
	SendIt        string                      // the component sends it
	OpenVia       func(gateway string) string // a chat via a gateway
	No            string
	Elsewhere     string // another device has claimed the prompt
	Done          string // answered
	Snoozed       string
	Changed       string // it was answered or settled before
	Update        string // use another text

	Settings, Admin string
	OpenPage        string // button that starts a session
	OpenHere        string // explains the button
	Save            string
	Do              string // button that executes an admin's command
	Timeline        string
	TimelineEmpty   string
	Legend          string
	Delete          string
	DeleteHint      string
	Deleted         string
	Health          string

	GoneTitle, Gone string // an invalid link
	TooMany         string
	Failed          string
	Home            string // in the title bar
}

var enWeb = Web{
	PromptTitle:   func(with string) string { return "Send " + with + " an SMS?" },
	Number:        "Number",
	Text:          "Text",
	NoNumber:      "No phone number can be shown. If you know one, send an SMS.",
	WriteYourself: "The text of your message is not available, because it was encrypted or is not stored. Please write it yourself; an SMS is not encrypted.",
	Open:          "Open SMS app",
	OpenHint:      "Number and text are filled in. Come back here when you have sent it.",
	Scan:          "Or scan this with your phone.",
	Copy:          "Copy text",
	Copied:        "Copied",
	Sent:          "Sent",
	Later:         "Not now",
	SendIt:        "Send it for me",
	OpenVia:       func(gateway string) string { return "Open a chat via " + gateway },
	No:            "No SMS",
	Elsewhere:     "Another of your devices is handling it.",
	Done:          "Noted. You can close this page.",
	Snoozed:       "You will be asked again in ten minutes. You can close this page.",
	Changed:       "This has been settled in the meantime.",
	Update:        "Use this text",

	Settings:      "Settings",
	Admin:         "Administration",
	OpenPage:      "Open",
	OpenHere:      "This link works once, and only for 15 minutes after it was sent. The page stays open for an hour on this device.",
	Save:          "Save",
	Do:            "OK",
	Timeline:      "Your last messages",
	TimelineEmpty: "None of your messages has been watched yet.",
	Legend:        "Sent, delivered, read; late; by SMS. Texts are never shown here.",
	Delete:        "Delete my data",
	DeleteHint:    "Deletes your number, your settings and the list of who has seen your number.",
	Deleted:       "Your data has been deleted. You can close this page.",
	Health:        "Health",

	GoneTitle: "This link is not valid",
	Gone:      "It has been used already or has expired. Send “settings” to the contact for a new one.",
	TooMany:   "Too many requests. Please try again in a minute.",
	Failed:    "Something went wrong on our side. Please try again later.",
	Home:      "SMS escalation",
}

var zhWeb = Web{
	PromptTitle:   func(with string) string { return "给 " + with + " 改发短信吗？" },
	Number:        "号码",
	Text:          "内容",
	NoNumber:      "没有可以显示的号码。如果您知道号码，请发短信。",
	WriteYourself: "消息内容不可用：它已加密，或没有保存。请您自己填写；短信不加密。",
	Open:          "打开短信应用",
	OpenHint:      "号码和内容已填好。发送后请回到此页。",
	Scan:          "或用手机扫描。",
	Copy:          "复制内容",
	Copied:        "已复制",
	Sent:          "已发送",
	Later:         "以后再说",
	SendIt:        "代我发送",
	OpenVia:       func(gateway string) string { return "通过 " + gateway + " 聊天发送" },
	No:            "不发短信",
	Elsewhere:     "您的另一台设备正在处理。",
	Done:          "已记下，可以关闭此页。",
	Snoozed:       "十分钟后会再次询问您，可以关闭此页。",
	Changed:       "此询问已处理。",
	Update:        "使用此内容",

	Settings:      "设置",
	Admin:         "管理",
	OpenPage:      "打开",
	OpenHere:      "此链接只能使用一次，发出后 15 分钟内有效。页面在这台设备上保持打开一小时。",
	Save:          "保存",
	Do:            "确定",
	Timeline:      "您最近的消息",
	TimelineEmpty: "还没有跟踪过您的消息。",
	Legend:        "已发送、已送达、已读；超时；已发短信。此处不显示消息内容。",
	Delete:        "删除我的数据",
	DeleteHint:    "删除您的号码、设置以及谁看到过号码的记录。",
	Deleted:       "您的数据已删除，可以关闭此页。",
	Health:        "运行状况",

	GoneTitle: "此链接无效",
	Gone:      "它已被使用或已过期。向联系人发送“设置”可获取新链接。",
	TooMany:   "请求太多，请一分钟后再试。",
	Failed:    "服务出错了，请稍后再试。",
	Home:      "短信提醒",
}
