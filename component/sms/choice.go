package sms

import (
	"regexp"
	"strconv"
	"strings"
)

// choice matches a number of one or two digits, with or without brackets, that is not part of a time, a date, "2nd" or "2.5".
var choice = regexp.MustCompile(`^[(（\[]?([0-9]{1,2})(?:[)）\]]|[.:,;、，：；。-]?(?:\s|$)|[、，：；。]|(\p{Han}|\p{Hiragana}|\p{Katakana}))\s*`)

// Choice returns the number at the start of a reply, which chooses one of several conversations, and the rest; or 0.
func Choice(text string) (n int, rest string) {
	text = strings.TrimSpace(text)
	plain := fullDigits.Replace(text)
	found := choice.FindStringSubmatchIndex(plain)
	if found == nil {
		return 0, ""
	}
	n, _ = strconv.Atoi(plain[found[2]:found[3]])
	end := found[1]
	if found[4] >= 0 { // the character belongs to the text
		end = found[4]
	}
	return n, strings.TrimSpace(plain[end:])
}

// fullDigits replaces full-width digits, as Chinese and Japanese keyboards write them.
var fullDigits = strings.NewReplacer("０", "0", "１", "1", "２", "2", "３", "3", "４", "4", "５", "5", "６", "6", "７", "7", "８", "8", "９", "9")
