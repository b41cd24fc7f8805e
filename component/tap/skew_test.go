package tap

import (
	"testing"

	"tocsin/track"
)

func TestSkew(t *testing.T) {
	type arrival struct{ ahead, at track.Time }
	for name, test := range map[string]struct {
		arrivals []arrival
		want     track.Time
	}{
		"nothing is known":                {nil, 0},
		"alike":                           {[]arrival{{0, 1000}, {-3, 2000}}, 0},
		"behind, some were late":          {[]arrival{{-9000, 1000}, {-8000, 2000}, {-20_000, 3000}}, -8000},
		"ahead":                           {[]arrival{{90_000, 1000}, {89_000, 2000}}, 90_000},
		"put right: it is forgotten soon": {[]arrival{{90_000, 1000}, {0, 62_000}, {0, 123_000}}, 0},
		"our own was put back":            {[]arrival{{0, 500_000}, {400_000, 100_000}}, 400_000},
	} {
		t.Run(name, func(t *testing.T) {
			var s Skew
			for _, b := range test.arrivals {
				s.Observe(b.at+b.ahead, b.at)
			}
			if got := s.Ahead(); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}
