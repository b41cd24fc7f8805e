package phrase

import (
	"time"

	"tocsin/track"
)

// Watch says where messages stand.
type Watch struct {
	State func(track.State) string
	// Reason says what will happen with a message, or why nothing. Times are told in the zone of now.
	Reason func(r track.Explanation, now time.Time) string
}

// quietEnd is the end of quiet hours, in their own zone.
func quietEnd(r track.Explanation, now time.Time) string {
	zone := r.Zone
	if zone == nil {
		zone = now.Location()
	}
	return r.Until.Std().In(zone).Format("15:04 ") + zone.String()
}

// because adds why a confirmation is expected, if there is something to say.
func because(rules map[track.Rule]string, r track.Rule, colon string) string {
	if text := rules[r]; text != "" {
		return colon + text
	}
	return ""
}
