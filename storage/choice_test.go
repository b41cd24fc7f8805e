package storage

import (
	"testing"
	"time"

	"tocsin/track"
)

// An out-of-range setting, as from another version, is not mistaken for a known one.
func TestNumbersTooLarge(t *testing.T) {
	for _, n := range []int64{257, 256 + 9, -1, 1 << 40} {
		var mode track.Mode
		choice(&walk{mode: unpacking, ints: []int64{n}}, "mode", &mode)
		if mode <= track.Never {
			t.Errorf("mode %d is read as %d", n, mode)
		}
	}
	for _, ms := range []int64{-1, 1<<63 - 1, 9_300_000_000_000_000, -1 << 62} {
		var after time.Duration
		span(&walk{mode: unpacking, ints: []int64{ms}}, "unread_after", &after)
		if after != -time.Millisecond {
			t.Errorf("%d ms are read as %s", ms, after)
		}
	}
}
