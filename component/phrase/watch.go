package phrase

import (
	"time"

	"tocsin/track"
)

// Watch says where messages stand.
type Watch struct {
	State func(track.State) string
	// Why says what will happen with a message, or why nothing.
	Why func(Reason) string
}

// Reason is track's explanation, for a reader.
type Reason struct {
	Why track.Why
	Of  track.Tier   // whose setting it is: WhyNeverMode, WhyQuiet
	Do  track.Action // WhyNextStep
	At  time.Time    // when something will happen; the zero time if nothing will. WhyQuiet: in the zone of the quiet hours
	Now time.Time
}
