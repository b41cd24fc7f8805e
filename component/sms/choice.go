package sms

import (
	"regexp"
	"strconv"
	"strings"
)

// choice is a number of one or two digits, in any brackets, that is not the beginning of something else: a time, a date, "2nd", "2.5".
var choice = regexp.MustCompile(`^[(（\[]?([0-9]{1,2})(?:[)）\]]|[.:,;、，：；。-]?(?:\s|$)|[、，：；。]|(\p{Han}|\p{Hiragana}|\p{Katakana}))\s*`)

// Choice reads the number that a reply begins with when it answers one of several, and what follows it; 0 if there is none.
func Choice(text string) (n int, rest string) {
	text = strings.TrimSpace(text)
	plain := fullDigits.Replace(text)
	found := choice.FindStringSubmatchIndex(plain)
	if found == nil {
		return 0, ""
	}
	n, _ = strconv.Atoi(plain[found[2]:found[3]])
	end := found[1]
	if found[4] >= 0 { // the letter is of the text
		end = found[4]
	}
	return n, strings.TrimSpace(plain[end:])
}

// fullDigits are what Chinese and Japanese keyboards make of digits.
var fullDigits = strings.NewReplacer("０", "0", "１", "1", "２", "2", "３", "3", "４", "4", "５", "5", "６", "6", "７", "7", "８", "8", "９", "9")
