package request

import (
	"bytes"
	"fmt"
	"testing"
)

func TestTokens(t *testing.T) {
	mine, other := tokens{bytes.Repeat([]byte{1}, 32)}, tokens{bytes.Repeat([]byte{2}, 32)}
	for _, rev := range []int64{0, 1, 70, 1 << 40} {
		token := mine.of("alice@example.org", rev)
		if got, ok := mine.revision("alice@example.org", token); got != rev || !ok {
			t.Errorf("revision %d: %q is %d, %t", rev, token, got, ok)
		}
		if mine.of("alice@example.org", rev) != token {
			t.Errorf("revision %d has two tokens", rev)
		}
		for what, foreign := range map[string]string{
			"of another sender": mine.of("bob@example.org", rev), "of another database": other.of("alice@example.org", rev),
			"a number": fmt.Sprint(rev), "cut": token[:len(token)-1], "longer": token + "A", "none": "", "with padding": token + "==",
		} {
			t.Run(what, func(t *testing.T) {
				if got, ok := mine.revision("alice@example.org", foreign); ok {
					t.Errorf("revision %d: a token %s is taken for %d", rev, what, got)
				}
			})
		}
		for i := range token {
			changed := []byte(token)
			changed[i] ^= 1
			if _, ok := mine.revision("alice@example.org", string(changed)); ok {
				t.Errorf("revision %d: taken with character %d changed", rev, i)
			}
		}
	}
}
