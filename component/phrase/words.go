package phrase

import (
	"strings"
	"time"
)

// list joins at most maxNamed items, and adds how many more there are.
func list[T any](items []T, say func(T) string, separator string, more func(n int) string) string {
	var said []string
	for _, item := range items[:min(len(items), maxNamed)] {
		said = append(said, say(item))
	}
	text := strings.Join(said, separator)
	if n := len(items) - len(said); n > 0 {
		text += more(n)
	}
	return text
}

// utc marks a time in UTC.
func utc(at time.Time) string {
	if at.Location() == time.UTC {
		return " UTC"
	}
	return ""
}

// inUnits formats d in hours, minutes and seconds.
func inUnits(d time.Duration, separator string, say func(n int64, unit string) string, units [3]string) string {
	seconds := int64(d.Round(time.Second) / time.Second)
	var said []string
	for i, size := range []int64{3600, 60, 1} {
		n := seconds / size
		seconds %= size
		if n > 0 || size == 1 && len(said) == 0 {
			said = append(said, say(n, units[i]))
		}
	}
	return strings.Join(said, separator)
}
