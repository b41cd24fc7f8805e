package source

import (
	"testing"
	"time"

	"tocsin/track"
)

func TestSkew(t *testing.T) {
	type batch struct{ ahead, at track.Time }
	for name, test := range map[string]struct {
		batches []batch
		want    time.Duration
	}{
		"nothing is known":                {nil, 0},
		"alike":                           {[]batch{{0, 1000}, {-3, 2000}}, 0},
		"behind, some were late":          {[]batch{{-9000, 1000}, {-8000, 2000}, {-20_000, 3000}}, -8 * time.Second},
		"ahead":                           {[]batch{{90_000, 1000}, {89_000, 2000}}, 90 * time.Second},
		"put right: it is forgotten soon": {[]batch{{90_000, 1000}, {0, 62_000}, {0, 123_000}}, 0},
		"our own was put back":            {[]batch{{0, 500_000}, {400_000, 100_000}}, 400 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var s skew
			for _, b := range test.batches {
				s.observe(b.at+b.ahead, b.at)
			}
			s.observe(0, 9000) // says nothing about it
			if got := s.ahead(); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
