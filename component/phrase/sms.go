package phrase

import "strconv"

// SMS is what an SMS says beside the message.
type SMS struct {
	Stop    string               // how to get no more of them
	Answer  func(tag int) string // how to answer this one, when several people have written
	Code    func(digits, domain string) string
	Stopped func(domain string) string // in answer to STOP
	Started func(domain string) string // in answer to START
}

var (
	enSMS = SMS{
		Stop:   "Reply STOP to end these.",
		Answer: func(tag int) string { return "To answer, begin with " + strconv.Itoa(tag) + "." },
		Code: func(digits, domain string) string {
			return digits + " is your code to confirm this number on " + domain + ". It is valid for 10 minutes."
		},
		Stopped: func(domain string) string {
			return "You get no more SMS from " + domain + ". Reply START to get them again."
		},
		Started: func(domain string) string { return "You get SMS from " + domain + " again. Reply STOP to end them." },
	}
	zhSMS = SMS{
		Stop:   "回复“退订”不再接收。",
		Answer: func(tag int) string { return "回复请以" + strconv.Itoa(tag) + "开头。" },
		Code: func(digits, domain string) string {
			return "验证码 " + digits + "，用于在 " + domain + " 上确认此号码，10 分钟内有效。"
		},
		Stopped: func(domain string) string {
			return "您不再收到 " + domain + " 的短信。回复“恢复”重新接收。"
		},
		Started: func(domain string) string {
			return "您将重新收到 " + domain + " 的短信。回复“退订”不再接收。"
		},
	}
)
