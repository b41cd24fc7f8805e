package numbers

import "strings"

// Mask hides the middle of a number, so that only those who know it recognise it.
func Mask(e164 string) string {
	const first, last = 3, 2
	if len(e164) <= first+last {
		return strings.Repeat("*", len(e164))
	}
	return e164[:first] + strings.Repeat("*", len(e164)-first-last) + e164[len(e164)-last:]
}
