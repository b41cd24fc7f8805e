// Package numbers reads telephone numbers, one or a file of them, and decides who is shown one. It does no I/O.
package numbers

import (
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// Refusal is why a text is no number that an SMS can be sent to. It completes the sentence "it is …".
type Refusal string

const (
	Unreadable Refusal = "no phone number"
	Impossible Refusal = "no phone number that can exist"
	Short      Refusal = "a short number"
	FixedLine  Refusal = "a fixed line, which takes no SMS"
	TollFree   Refusal = "a toll-free number, which takes no SMS"
	Premium    Refusal = "a premium-rate or shared-cost number"
	Extension  Refusal = "an extension, which takes no SMS"
	NotMobile  Refusal = "no mobile number"
)

// Refusals are all of them.
var Refusals = []Refusal{Unreadable, Impossible, Short, FixedLine, TollFree, Premium, Extension, NotMobile}

// Error implements error.
func (r Refusal) Error() string { return string(r) }

// maxLength is the longest text that is looked at, in bytes.
const maxLength = 64

// short is the length from which a number that can't exist is no short number: 110 and 10086 are short numbers.
const short = 6

// Parse reads a number as people write it, and returns it as E.164. Without a country code it belongs to region
// (ISO 3166). What is refused is refused with a Refusal.
func Parse(text, region string) (string, error) {
	text = visible(text)
	if len(text) > 4 && strings.EqualFold(text[:4], "tel:") {
		text = text[4:]
	}
	if !plausible(text) {
		return "", Unreadable
	}
	// The library alone would find a number in the middle of anything.
	n, err := phonenumbers.Parse(text, region)
	if err != nil {
		return "", Unreadable
	}
	if n.GetExtension() != "" {
		return "", Extension
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return phonenumbers.Format(n, phonenumbers.E164), nil
	case phonenumbers.FIXED_LINE:
		return "", FixedLine
	case phonenumbers.TOLL_FREE:
		return "", TollFree
	case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST:
		return "", Premium
	case phonenumbers.UNKNOWN:
		if len(phonenumbers.GetNationalSignificantNumber(n)) < short {
			return "", Short
		}
		return "", Impossible
	}
	return "", NotMobile
}

// FromVCard returns the first of the numbers of a vCard, in the order of package vcard, that an SMS can be sent to.
func FromVCard(found []string, region string) (number string, ok bool) {
	for _, text := range found {
		if n, err := Parse(text, region); err == nil {
			return n, true
		}
	}
	return "", false
}

// visible drops what address books put around numbers that are copied: marks of direction, zero-width characters.
func visible(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text))
}

// plausible reports whether text is nothing but a number: digits of any script, separators, a plus in front, an
// extension after it.
func plausible(text string) bool {
	if text == "" || len(text) > maxLength {
		return false
	}
	number, _, _ := strings.Cut(text, ";ext=")
	for i, r := range number {
		switch {
		case unicode.IsDigit(r), strings.ContainsRune(" \u00a0\u3000-.()/\u2010\u2011\u2012\u2013\u2014\u2212\uff0d\uff08\uff09", r):
		case (r == '+' || r == '\uff0b') && strings.Trim(number[:i], " (") == "":
		default:
			return false
		}
	}
	return true
}
