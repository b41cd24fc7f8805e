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

// ReadOrder reads a reply that is exactly such a word, or one of further words like STOP; case, accents, width and a full stop aside.
func ReadOrder(text string, stop []string) Order {
	word := plain(text)
	for order, words := range orders {
		if slices.Contains(words, word) {
			return order
		}
	}
	if word != "" && slices.ContainsFunc(stop, func(s string) bool { return plain(s) == word }) {
		return Stop
	}
	return NoOrder
}

// plain is what of a word counts.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(text))
	return strings.Join(strings.Fields(strings.ToLower(strings.TrimRight(strings.TrimSpace(text), ".。!"))), " ")
}
