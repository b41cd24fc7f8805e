package phrase

import (
	"strconv"
	"strings"
)

// SMS is what an SMS says beside the message.
type SMS struct {
	Stop    string               // how to get no more of them
	Answer  func(tag int) string // how to answer this one, when several people have written
	Whom    func([]Open) string  // in answer to a reply that may be to several
	Code    func(digits, domain string) string
	Stopped func(domain string) string // in answer to STOP
	Started func(domain string) string // in answer to START
	Test    func(domain string) string // whether SMS arrive
}

var (
	enSMS = SMS{
		Stop:   "Reply STOP to end these.",
		Answer: func(tag int) string { return "To answer, begin with " + strconv.Itoa(tag) + "." },
		Whom: func(all []Open) string {
			var list []string
			for _, o := range all {
				list = append(list, o.Code+" for "+o.With)
			}
			return "Your answer was not passed on: several people have written to you. Begin with " + strings.Join(list, ", ") + "."
		},
		Code: func(digits, domain string) string {
			return digits + " is your code to confirm this number on " + domain + ". It is valid for 10 minutes."
		},
		Stopped: func(domain string) string {
			return "You get no more SMS from " + domain + ". Reply START to get them again."
		},
		Started: func(domain string) string { return "You get SMS from " + domain + " again. Reply STOP to end them." },
		Test:    func(domain string) string { return "A test by the admin of " + domain + ": SMS arrive." },
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
			return "您不再收到 " + domain + " 的短信。回复“恢复”重新接收。"
		},
		Started: func(domain string) string {
			return "您将重新收到 " + domain + " 的短信。回复“退订”不再接收。"
		},
		Test: func(domain string) string { return domain + " 管理员的测试：短信可以送达。" },
	}
)
