package address

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"
	"golang.org/x/text/unicode/norm"
)

// profile is nodeprep (RFC 3920 appendix A). For domains it prohibits a few more characters than nameprep (RFC 3491), but no
// host name has those. The library would normalise by current Unicode, so prepare does that itself.
var profile = stringprep.Profile{
	Prohibits: []stringprep.Set{
		stringprep.TableC1_1, stringprep.TableC1_2, stringprep.TableC2_1, stringprep.TableC2_2, stringprep.TableC3, stringprep.TableC4,
		stringprep.TableC5, stringprep.TableC6, stringprep.TableC7, stringprep.TableC8, stringprep.TableC9,
		{{'"', '"'}, {'&', '\''}, {'/', '/'}, {':', ':'}, {'<', '<'}, {'>', '>'}, {'@', '@'}},
	},
}

// prepare maps and normalises s, and rejects prohibited characters.
func prepare(s string) (string, error) {
	if plain(s) {
		return s, nil
	}
	if !utf8.ValidString(s) || len(s) > maxRaw || strings.ContainsRune(s, kilogram) {
		return "", ErrInvalid
	}
	var mapped strings.Builder
	for _, r := range s {
		if to, ok := fold(r); ok {
			mapped.WriteString(to)
		} else {
			mapped.WriteRune(r)
		}
	}
	normal := normalise(mapped.String())
	if normal != mapped.String() && shuffled(mapped.String()) {
		return "", ErrInvalid
	}
	return profile.Prepare(normal)
}

const (
	maxRaw   = 4 * maxPart // before preparation, which drops characters
	kilogram = '\u33c6'    // ㏆: ejabberd maps it to "C∕kg", Prosody to "c∕kg"
)

// plain reports whether preparing s would change nothing.
func plain(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_' || c == '+') {
			return false
		}
	}
	return true
}

// fold maps one character (RFC 3454 tables B.1 and B.2). The library's B.1 lacks the Mongolian soft hyphen.
func fold(r rune) (string, bool) {
	if r == '\u1806' {
		return "", true
	}
	if to, ok := stringprep.TableB1.Map(r); ok {
		return string(to), true
	}
	to, ok := stringprep.TableB2.Map(r)
	return string(to), ok
}

// shuffled reports whether s has three or more combining characters in a row that are not in canonical order. ejabberd
// leaves some of those as they are: normalising them would give one user the address of another.
func shuffled(s string) bool {
	var marks []uint8 // their classes
	for _, r := range s {
		decomposed := string(norm.NFKD.PropertiesString(string(r)).Decomposition())
		for _, d := range cmp.Or(decomposed, string(r)) {
			class := norm.NFKD.PropertiesString(string(d)).CCC()
			if class == 0 {
				marks = marks[:0]
				continue
			}
			if marks = append(marks, class); len(marks) > 2 && !slices.IsSorted(marks) {
				return true
			}
		}
	}
	return false
}

// normalise is NFKC as defined by Unicode 3.2: later characters are left as they are, and five are mapped as they were
// before Corrigendum 4.
func normalise(s string) string {
	var out strings.Builder
	begin := 0 // of a run of characters that Unicode 3.2 knows
	for i, r := range s {
		was, corrected := corrigendum4[r]
		if corrected || stringprep.TableA1.Contains(r) {
			out.WriteString(norm.NFKC.String(s[begin:i]))
			if !corrected {
				was = r
			}
			out.WriteRune(was)
			begin = i + utf8.RuneLen(r)
		}
	}
	out.WriteString(norm.NFKC.String(s[begin:]))
	return out.String()
}

var corrigendum4 = map[rune]rune{0x2F868: 0x2136A, 0x2F874: 0x5F33, 0x2F91F: 0x43AB, 0x2F95F: 0x7AAE, 0x2F9BF: 0x4D57}
