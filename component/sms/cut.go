package sms

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// maxCluster is the longest grapheme that counts as one, in code points. (Family emoji with skin tones have 11.) A longer one
// counts as several, so that stacked marks cannot evade a limit.
const maxCluster = 16

// Cut truncates text to n graphemes (UAX #29), including an ellipsis at the end: "…", or "..." if that keeps the text in the GSM
// alphabet, which allows about twice as much per SMS. It never splits a grapheme.
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

// cutMiddle is like Cut, but removes the middle, because the first and last of several messages matter most.
func cutMiddle(text string, n int) string {
	if length(text) <= n {
		return text
	}
	if head, tail := ends(text, n-3); tail != "" && isGSM(head) && isGSM(tail) {
		return head + "..." + tail
	}
	if n < 1 {
		return ""
	}
	head, tail := ends(text, n-1)
	return head + "…" + tail
}

// ends returns the first and last graphemes of text, n in all, without white space at the cut.
func ends(text string, n int) (head, tail string) {
	if n < 2 {
		return trimmed(text, n), ""
	}
	head = trimmed(text, n/2)
	skip, start := length(text)-(n-n/2), 0
	graphemes(text, func(next, weight int) bool {
		if skip <= 0 && !isBlank(text[start:next]) {
			return false
		}
		skip -= weight
		start = next
		return true
	})
	return head, text[start:]
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
	start, end := 0, 0
	graphemes(text, func(next, weight int) bool {
		if n -= weight; n < 0 {
			return false
		}
		if !isBlank(text[start:next]) {
			end = next
		}
		start = next
		return true
	})
	return text[:end]
}

// isBlank reports whether a grapheme is nothing but white space. A space can also be part of one, such as a number sign's or an
// accent's.
func isBlank(grapheme string) bool { return strings.Trim(grapheme, " \n") == "" }

// graphemes calls yield with the end and weight of each grapheme of text, until it returns false.
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
