package phrase

import "strconv"

// SMS is what an SMS says beside the message.
type SMS struct {
	Stop   string               // how to get no more of them
	Answer func(tag int) string // how to answer this one, when several people have written
}

var (
	enSMS = SMS{
		Stop:   "Reply STOP to end these.",
		Answer: func(tag int) string { return "To answer, begin with " + strconv.Itoa(tag) + "." },
	}
	zhSMS = SMS{
		Stop:   "回复“退订”不再接收。",
		Answer: func(tag int) string { return "回复请以" + strconv.Itoa(tag) + "开头。" },
	}
)
