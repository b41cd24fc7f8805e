package tap

import "tocsin/track"

var (
	untils = map[string]track.Until{"delivered": track.UntilDelivered, "displayed": track.UntilDisplayed, "none": track.UntilNone}
	// XEP-0131 §5.6 has no "urgent", unlike the hint's priority.
	urgencies  = map[string]track.Priority{"low": track.Low, "medium": track.Normal, "high": track.High}
	priorities = map[string]track.Priority{"low": track.Low, "normal": track.Normal, "high": track.High, "urgent": track.Urgent}
	modes      = map[string]track.Mode{"ask": track.Ask, "auto": track.Auto, "never": track.Never}
)

// hint reads the attributes of <track/>. A malformed value voids the whole hint; unknown attributes are ignored.
func hint(attrs []attr) (h track.Hint, ok bool) {
	for i := range attrs {
		a := &attrs[i]
		if a.space != noSpace {
			continue
		}
		ok := true
		switch string(a.local) {
		case "until":
			h.Until, ok = untils[string(a.value)]
		case "priority":
			h.Priority, ok = priorities[string(a.value)]
		case "escalate":
			h.Escalate, ok = modes[string(a.value)]
		case "timeout":
			h.Timeout, ok = seconds(a.value)
		}
		if !ok {
			return track.Hint{}, false
		}
	}
	return h, true
}

// seconds reads 1 to 9 plain digits, above zero.
func seconds(b []byte) (int32, bool) {
	n, ok := position(b)
	return int32(n), ok && n > 0
}

// position reads 1 to 9 plain digits.
func position(b []byte) (n int, ok bool) {
	if len(b) > 9 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(b) > 0
}
