package sms

import "testing"

func TestChoice(t *testing.T) {
	for text, want := range map[string]struct {
		n    int
		rest string
	}{
		"2 yes": {2, "yes"}, "(2) yes": {2, "yes"}, " 2) yes\nor no": {2, "yes\nor no"}, "2: yes": {2, "yes"}, "2, yes": {2, "yes"}, "2": {2, ""}, "2.": {2, ""}, "2\nyes": {2, "yes"},
		"12 yes": {12, "yes"}, "２ 好的": {2, "好的"}, "2好的": {2, "好的"}, "（２）好的": {2, "好的"}, "2，好的": {2, "好的"}, "2、好": {2, "好"}, "0 no": {0, "no"},
		"yes": {}, "": {}, "2nd floor": {}, "2.5 km": {}, "2:30 is fine": {}, "2/3": {}, "2pm": {}, "123 yes": {}, "+2 yes": {}, "2%": {}, "2026-11-26": {}, "$2 yes": {},
	} {
		if n, rest := Choice(text); n != want.n || rest != want.rest {
			t.Errorf("%q: %d, %q", text, n, rest)
		}
	}
}
