// Package numbers parses phone numbers (parse.go) and CSV files of them (csv.go), and decides who is shown a number (release.go,
// docs/design/numbers.md). It is pure: no I/O, no clock. Its tests are tables, some of real vCards and spreadsheets.
package numbers

import (
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// Refusal is the reason why a number can't receive SMS. It completes the sentence "it is …".
type Refusal string

const (
	Unreadable Refusal = "not a phone number"
	Impossible Refusal = "not a number in use"
	Short      Refusal = "a short number"
	FixedLine  Refusal = "a fixed line, which receives no SMS"
	TollFree   Refusal = "a toll-free number, which receives no SMS"
	Premium    Refusal = "a premium-rate or shared-cost number"
	Extension  Refusal = "an extension, which receives no SMS"
	NotMobile  Refusal = "not a mobile number"
)

// Refusals are all of them.
var Refusals = []Refusal{Unreadable, Impossible, Short, FixedLine, TollFree, Premium, Extension, NotMobile}

// Error implements error.
func (r Refusal) Error() string { return string(r) }

// maxLength is the longest text accepted, in bytes.
const maxLength = 64

// short is the length below which an impossible number counts as a short number, such as 110 and 10086.
const short = 6

// Parse parses a number as people write it, and returns it in E.164. A number without a country code belongs to region (ISO 3166).
// The error is a Refusal.
func Parse(text, region string) (string, error) {
	n, err := parse(text, region)
	if err != nil {
		return "", err
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

// ParseForced parses a number that Parse refuses but an admin vouches for, because numbering plans change faster than libraries. It
// must have a country code, and the length of an E.164 number.
func ParseForced(text string) (string, error) {
	if _, err := parse(text, "ZZ"); err != nil { // no region
		return "", err
	}
	// The digits as written: the library would change a number that it does not know.
	digits := phonenumbers.NormalizeDigitsOnly(strings.ReplaceAll(visible(text), "(0)", ""))
	if len(digits) < 7 || len(digits) > 15 { // ITU-T E.164 §6
		return "", Impossible
	}
	return "+" + digits, nil
}

// parse parses text that looks like a number.
func parse(text, region string) (*phonenumbers.PhoneNumber, error) {
	text = visible(text)
	if len(text) > 4 && strings.EqualFold(text[:4], "tel:") {
		text = text[4:]
	}
	if !plausible(text) {
		return nil, Unreadable
	}
	// On its own, the library would find a number in any text.
	n, err := phonenumbers.Parse(text, region)
	if err != nil {
		return nil, Unreadable
	}
	if n.GetExtension() != "" {
		return nil, Extension
	}
	return n, nil
}

// FromVCard returns the first number that can receive SMS among those that package vcard found.
func FromVCard(found []string, region string) (number string, ok bool) {
	for _, text := range found {
		if n, err := Parse(text, region); err == nil {
			return n, true
		}
	}
	return "", false
}

// visible removes direction marks and zero-width characters, which come with numbers copied from address books and web pages, and
// makes all spaces and dashes plain.
func visible(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case unicode.Is(unicode.Zs, r), r == '\t':
			return ' '
		case unicode.Is(unicode.Pd, r), r == '\u2212':
			return '-'
		}
		return r
	}, text))
}

// plausible reports whether text consists of a number: digits of any script, separators, a leading plus, an extension at the end.
func plausible(text string) bool {
	if text == "" || len(text) > maxLength {
		return false
	}
	number, _, _ := strings.Cut(text, ";ext=")
	for i, r := range number {
		switch {
		case unicode.IsDigit(r), strings.ContainsRune(" -.()/\uff08\uff09", r):
		case (r == '+' || r == '\uff0b') && strings.Trim(number[:i], " (") == "":
		default:
			return false
		}
	}
	return true
}

// Country returns the country (ISO 3166) of a number in E.164, or "" if unknown.
func Country(e164 string) string {
	n, err := phonenumbers.Parse(e164, "ZZ")
	if err != nil {
		return ""
	}
	if country := phonenumbers.GetRegionCodeForNumber(n); len(country) == 2 && country != "ZZ" {
		return country
	}
	return ""
}
