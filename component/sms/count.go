package sms

import (
	"strings"

	"tocsin/xep/escalation"
)

// The alphabet of 3GPP TS 23.038 §6.2.1, and its extension table, whose characters take two septets.
const (
	basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extension = "\f^{}\\[~]|€"
)

// Lengths of a single SMS, and of each segment of a longer one (TS 23.038, TS 23.040 §9.2.3.24.1), in septets and UTF-16 code
// units.
const (
	gsmSingle, gsmPart = 160, 153
	ucsSingle, ucsPart = 70, 67
)

// places maps characters to the number of septets they take; 0 if not in the alphabet.
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

// Count returns the number of segments that text takes (none if it is empty), and their encoding. Segments contain whole
// characters: escape sequences and surrogate pairs are not split (TS 23.040 §9.2.3.24.1).
func Count(text string) (segments int, encoding escalation.Encoding) {
	gsm := isGSM(text)
	if text != "" {
		segments = len(Split(text, gsm))
	}
	if gsm {
		return segments, escalation.GSM7
	}
	return segments, escalation.UCS2
}
