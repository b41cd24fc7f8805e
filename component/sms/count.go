package sms

import (
	"strings"

	"tocsin/xep/escalation"
)

// The alphabet of 3GPP TS 23.038 §6.2.1, and its extension table, whose characters take two places.
const (
	basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extension = "\f^{}\\[~]|€"
)

// Lengths of one SMS, and of each segment of a longer one (TS 23.038, TS 23.040 §9.2.3.24.1): septets, and units of
// UTF-16.
const (
	gsmSingle, gsmPart = 160, 153
	ucsSingle, ucsPart = 70, 67
)

// places says how many septets a character takes; 0: it is not in the alphabet.
var places = func() map[rune]int {
	m := make(map[rune]int)
	for _, r := range basic {
		m[r] = 1
	}
	for _, r := range extension {
		m[r] = 2
	}
	return m
}()

func isGSM(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return places[r] == 0 }) < 0
}

// Count returns how many SMS text takes, and in which encoding they travel. An empty text takes none. Segments hold
// whole characters: neither an escape and what it escapes nor a surrogate pair are split (TS 23.040 §9.2.3.24.1).
func Count(text string) (segments int, encoding escalation.Encoding) {
	if isGSM(text) {
		return pack(text, gsmSingle, gsmPart, func(r rune) int { return places[r] }), escalation.GSM7
	}
	return pack(text, ucsSingle, ucsPart, func(r rune) int {
		if r > 0xffff {
			return 2
		}
		return 1
	}), escalation.UCS2
}

func pack(text string, single, part int, size func(rune) int) int {
	if text == "" {
		return 0
	}
	total, segments, used := 0, 1, 0
	for _, r := range text {
		n := size(r)
		total += n
		if used += n; used > part {
			segments, used = segments+1, n
		}
	}
	if total <= single {
		return 1
	}
	return segments
}
