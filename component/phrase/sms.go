package phrase

import (
	"strconv"
	"strings"
)

// SMS has the texts of SMS, besides messages.
type SMS struct {
	Stop    string               // how to opt out
	Answer  func(tag int) string // how to answer, if several people have written
	Whom    func([]Open) string  // in response to an ambiguous reply
	Code    func(digits, domain string) string
	Stopped func(domain string) string // in response to STOP
	Started func(domain string) string // in response to START
	Help    func(domain string) string // in response to HELP
	Test    func(domain string) string // a test SMS
}

var (
	enSMS = SMS{
		Stop:   "Reply STOP to opt out.",
		Answer: func(tag int) string { return "To answer, begin with " + strconv.Itoa(tag) + "." },
		Whom: func(all []Open) string {
			var list []string
			for _, o := range all {
				list = append(list, o.Code+" for "+o.With)
			}
			return "Your reply was not passed on: several people have written to you. Begin with " + strings.Join(list, ", ") + "."
		},
		Code: func(digits, domain string) string {
			return digits + " is your code to confirm this number on " + domain + ". It is valid for 10 minutes."
		},
		Stopped: func(domain string) string {
			return "You will get no more SMS from " + domain + ". Reply START to get them again."
		},
		Started: func(domain string) string {
			return "You will get SMS from " + domain + " again. Reply STOP to opt out."
		},
		Help: func(domain string) string {
			return domain + " sends you an SMS when you have not read a chat message in time. Reply STOP to opt out."
		},
		Test: func(domain string) string { return "This is a test SMS from the admin of " + domain + "." },
	}
	zhSMS = SMS{
		Stop:   "回复“退订”不再接收。",
		Answer: func(tag int) string { return "回复请以" + strconv.Itoa(tag) + "开头。" },
		Whom: func(all []Open) string {
			var list []string
			for _, o := range all {
				list = append(list, o.Code+" 回复 "+o.With)
			}
			return "您的回复未转达：有多人给您发过短信。请以数字开头：" + strings.Join(list, "，") + "。"
		},
		Code: func(digits, domain string) string {
			return "验证码 " + digits + "，用于在 " + domain + " 上确认此号码，10 分钟内有效。"
		},
		Stopped: func(domain string) string {
			return "您将不再收到 " + domain + " 的短信。回复“恢复”重新接收。"
		},
		Started: func(domain string) string {
			return "您将重新收到 " + domain + " 的短信。回复“退订”不再接收。"
		},
		Help: func(domain string) string {
			return "您未及时阅读聊天消息时，" + domain + " 会发短信通知您。回复“退订”不再接收。"
		},
		Test: func(domain string) string { return "这是 " + domain + " 的管理员发送的测试短信。" },
	}
)
