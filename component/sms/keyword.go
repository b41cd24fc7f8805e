package sms

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Keyword is a word by which the owner of a number opts out of SMS, or in again, or asks what they are.
type Keyword int

const (
	NoKeyword Keyword = iota // an ordinary reply
	Stop
	Start
	Help
)

// Keywords that carriers and providers recognise, except those that occur in conversations: yes, end, quit, cancel, info.
var keywords = map[Keyword][]string{
	Stop:  {"stop", "stopall", "stop all", "unsubscribe", "optout", "opt-out", "revoke", "remove", "arret", "stopp", "td", "退订", "取消订阅"},
	Start: {"start", "unstop", "恢复"},
	Help:  {"help", "aide", "hilfe", "帮助"},
}

// ReadKeyword returns the keyword that a reply consists of. stop has further words like STOP. Case, accents, width, and a full stop
// or exclamation mark at the end do not matter.
func ReadKeyword(text string, stop []string) Keyword {
	word := plain(text)
	switch {
	case word == "":
		return NoKeyword
	case slices.Contains(keywords[Stop], word):
		return Stop
	case slices.Contains(keywords[Start], word):
		return Start
	case slices.ContainsFunc(stop, func(s string) bool { return plain(s) == word }):
		return Stop
	case slices.Contains(keywords[Help], word):
		return Help
	}
	return NoKeyword
}

// plain normalizes a word for comparison.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(text))
	return strings.Join(strings.Fields(strings.ToLower(strings.TrimRight(strings.TrimSpace(text), ".。!"))), " ")
}
