package sms

import (
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// maxCluster is the longest grapheme that counts as one, in code points: emoji of families with skin tones have 11. A
// longer one counts as several, so that stacked marks don't outwit a limit.
const maxCluster = 16

// Cut returns text with at most n graphemes (UAX #29), the last of which is an ellipsis if anything was cut: "…", or
// "..." where that keeps the text in the alphabet of GSM and thereby twice as long in one SMS. It never cuts a grapheme.
func Cut(text string, n int) string {
	if length(text) <= n {
		return text
	}
	if head := trimmed(text, n-3); head != "" && isGSM(head) {
		return head + "..."
	}
	if n < 1 {
		return ""
	}
	return trimmed(text, n-1) + "…"
}

// length returns the number of graphemes of text.
func length(text string) (n int) {
	graphemes(text, func(_, weight int) bool {
		n += weight
		return true
	})
	return n
}

// trimmed returns the first n graphemes of text, without white space at the end.
func trimmed(text string, n int) string {
	end := 0
	graphemes(text, func(next, weight int) bool {
		if n -= weight; n < 0 {
			return false
		}
		end = next
		return true
	})
	for end > 0 && (text[end-1] == ' ' || text[end-1] == '\n') {
		end--
	}
	return text[:end]
}

// graphemes calls yield with the end of each grapheme of text, and how many it counts for.
func graphemes(text string, yield func(end, weight int) bool) {
	state, end := -1, 0
	for rest := text; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		end += len(cluster)
		if !yield(end, (utf8.RuneCountInString(cluster)+maxCluster-1)/maxCluster) {
			return
		}
	}
}
