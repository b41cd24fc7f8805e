package smpp

import (
	"math/big"
	"regexp"
	"strings"
	"time"

	"tocsin/component/gateway"
)

// messageStates are the values of message_state (SMPP 3.4 §5.2.28), except UNKNOWN.
var messageStates = map[int]gateway.State{
	1: gateway.Accepted, // ENROUTE
	2: gateway.Delivered,
	3: gateway.Expired,
	4: gateway.Failed,   // DELETED
	5: gateway.Failed,   // UNDELIVERABLE
	6: gateway.Accepted, // ACCEPTED
	8: gateway.Failed,   // REJECTED
}

// statTexts are the states in the text of a receipt (App. B).
var statTexts = map[string]gateway.State{
	"ENROUTE": gateway.Accepted, "ACCEPTD": gateway.Accepted, "BUFFERD": gateway.Accepted,
	"DELIVRD": gateway.Delivered, "EXPIRED": gateway.Expired,
	"DELETED": gateway.Failed, "UNDELIV": gateway.Failed, "REJECTD": gateway.Failed,
}

// Fields in the text of a receipt, in any case: "id:IIIIIIIIII sub:SSS dlvrd:DDD submit date:YYMMDDhhmm done date:YYMMDDhhmm
// stat:DDDDDDD err:E Text: …" (App. B).
var (
	receiptID   = regexp.MustCompile(`(?i)(?:^|\s)id:\s*([^\s,]{1,64})`)
	receiptStat = regexp.MustCompile(`(?i)(?:^|\s)stat:\s*([a-z]{4,9})`)
	receiptText = regexp.MustCompile(`(?i)(?:^|\s)text:`)
)

// Forms of the ids in receipts.
const (
	idsSame   = "same"
	idsHexDec = "hex-dec" // hexadecimal in the response, decimal in the text of the receipt
)

// receipt decodes a delivery receipt from its parameters and, where these are missing, its text. ok is false without an id or a
// known state.
func receipt(m *message, ids string) (id string, state gateway.State, ok bool) {
	body := string(m.text())
	if at := receiptText.FindStringIndex(body); at != nil {
		body = body[:at[0]] // what follows is quoted from the SMS
	}
	if value, there := m.tlv(tagReceiptedID); there {
		id = submitted(strings.TrimRight(string(value), "\x00"), ids)
	}
	if found := receiptID.FindStringSubmatch(body); found != nil && (id == "" || ids == idsHexDec) {
		id = found[1]
		if ids == idsHexDec {
			id = decimal(id, 10)
		}
	}
	number, there := m.number(tagMessageState)
	state, ok = messageStates[number]
	if !there || !ok {
		if found := receiptStat.FindStringSubmatch(body); found != nil {
			state, ok = statTexts[strings.ToUpper(found[1])]
		} else {
			ok = false
		}
	}
	id = gateway.ID(id)
	return id, state, ok && id != ""
}

// submitted converts the id in a response to the form that it has in receipts.
func submitted(id, ids string) string {
	if ids == idsHexDec {
		return decimal(id, 16)
	}
	return id
}

// decimal converts a number to decimal without leading zeros. Anything else is returned as it is.
func decimal(id string, base int) string {
	if n, ok := new(big.Int).SetString(id, base); ok {
		return n.String()
	}
	return id
}

// relative formats a relative time (§7.1.1.2), YYMMDDhhmmsstnnR, of at most 30 days; "" for 0, the SMSC's default.
func relative(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	seconds := min(int64((d+time.Second-1)/time.Second), 30*24*3600)
	two := func(n int64) string { return string([]byte{'0' + byte(n/10), '0' + byte(n%10)}) }
	return "0000" + two(seconds/86400) + two(seconds/3600%24) + two(seconds/60%60) + two(seconds%60) + "000R"
}
