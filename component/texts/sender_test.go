package texts

import (
	"strings"
	"testing"
)

func TestDomesticFirst(t *testing.T) {
	for want, senders := range map[string]string{
		"": "", "+8613900139000 +8613700137000 +4915112345678": "+4915112345678 +8613900139000 +8613700137000",
		"ACME 10690000 +4915112345678": "+4915112345678 ACME 10690000", "+12025550123 +4915112345678": "+12025550123 +4915112345678",
	} {
		if got := strings.Join(domesticFirst(strings.Fields(senders), "+8613800138000"), " "); got != want {
			t.Errorf("%q: %q, want %q", senders, got, want)
		}
	}
}
