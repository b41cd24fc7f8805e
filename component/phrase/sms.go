package phrase

// SMS is what an SMS says beside the message.
type SMS struct {
	Stop string // how to get no more of them
}

var (
	enSMS = SMS{Stop: "Reply STOP to end these."}
	zhSMS = SMS{Stop: "回复“退订”不再接收。"}
)
