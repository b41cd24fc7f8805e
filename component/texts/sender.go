package texts

import (
	"slices"

	"tocsin/component/numbers"
)

// domesticFirst moves foreign senders to the end of the list, because operators often reject them.
func domesticFirst(senders []string, number string) []string {
	home := numbers.Country(number)
	foreign := func(from string) int {
		if from[0] == '+' && numbers.Country(from) != home {
			return 1
		}
		return 0
	}
	senders = slices.Clone(senders)
	slices.SortStableFunc(senders, func(a, b string) int { return foreign(a) - foreign(b) })
	return senders
}
