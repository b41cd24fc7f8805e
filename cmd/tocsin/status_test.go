package main

import (
	"strings"
	"testing"
	"time"

	"tocsin/track"
)

// Invalid settings are listed by the names of the form.
func TestStatusOfUnreadableSettings(t *testing.T) {
	s := newStatus("tocsin.example.org", track.Summary{}, nil, time.Now())
	s.add(&track.Prefs{JID: "alice@example.org", Mode: track.Auto})
	s.add(&track.Prefs{JID: "bob@example.org", Mode: 9, Zone: "Europe/Nowhere"})
	var out strings.Builder
	if err := s.write(&out, time.Now()); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "settings of bob@example.org, the stricter choice applies: mode, time_zone\n") || strings.Contains(text, "alice") {
		t.Error(text)
	}
}
