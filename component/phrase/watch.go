package phrase

import (
	"time"

	"tocsin/track"
)

// Watch has the texts about the state of messages.
type Watch struct {
	State func(track.State) string
	// Reason explains what will happen with a message, or why nothing will. Times are in the zone of now.
	Reason func(r track.Explanation, now time.Time) string
}

// quietEnd formats the end of quiet hours, in their own time zone.
func quietEnd(r track.Explanation, now time.Time) string {
	zone := r.Zone
	if zone == nil {
		zone = now.Location()
	}
	return r.Until.Std().In(zone).Format("15:04 ") + zone.String()
}

// because returns why a confirmation is expected, if there is a text for the rule.
func because(rules map[track.Rule]string, r track.Rule, colon string) string {
	if text := rules[r]; text != "" {
		return colon + text
	}
	return ""
}
