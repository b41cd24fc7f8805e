package track

import "testing"

func TestStricterStanding(t *testing.T) {
	for _, tt := range []struct{ a, b, want Standing }{
		{StandingUnknown, StandingUnknown, StandingUnknown},
		{StandingUnknown, StandingBoth, StandingBoth},
		{StandingUnknown, StandingNone, StandingNone},
		{StandingFrom, StandingNone, StandingNone},
		{StandingTo, StandingBoth, StandingTo},
		{StandingBoth, StandingFrom, StandingFrom},
	} {
		if got := tt.a.Stricter(tt.b); got != tt.want {
			t.Errorf("%d and %d: %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := tt.b.Stricter(tt.a); got != tt.want {
			t.Errorf("%d and %d: %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}
