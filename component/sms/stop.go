package sms

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Order is what the owner of a number says about SMS of ours.
type Order int

const (
	NoOrder Order = iota // a reply like any other
	Stop
	Start
)

// The words that carriers and providers take for these, but those that are words of a conversation, too: yes, end, quit, cancel.
var orders = map[Order][]string{
	Stop:  {"stop", "stopall", "stop all", "unsubscribe", "optout", "opt-out", "revoke", "remove", "arret", "stopp", "td", "退订", "取消订阅"},
	Start: {"start", "unstop", "恢复"},
}

// ReadOrder reads a reply that is exactly such a word; case, accents, width and a full stop aside.
func ReadOrder(text string) Order {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(text))
	plain = strings.Join(strings.Fields(strings.ToLower(strings.TrimRight(strings.TrimSpace(plain), ".。!"))), " ")
	for order, words := range orders {
		if slices.Contains(words, plain) {
			return order
		}
	}
	return NoOrder
}
