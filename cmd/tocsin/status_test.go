package main

import (
	"strings"
	"testing"
	"time"

	"tocsin/component/texts"
	"tocsin/config"
	"tocsin/track"
)

// Routes that are down are named by /readyz, which stays ready, and from there by status.
func TestRoutesAreDown(t *testing.T) {
	h := &fixed{state: State{SMS: []texts.RouteState{{Name: "carrier", Why: "not bound"}, {Name: "sim", Up: true}}}}
	address := serve(t, h)
	code, body := get(t, "http://"+address+"/readyz")
	if code != 200 || !strings.Contains(body, `"sms":[{"route":"carrier","up":false,"why":"not bound"},{"route":"sim","up":true}]`) {
		t.Errorf("%d %s", code, body)
	}
	conf := &config.Config{}
	conf.Metrics.Listen = address
	found, why := findInstance(t.Context(), conf)
	if found == nil {
		t.Fatal(why)
	}
	s := newStatus("tocsin.example.org", track.Summary{}, found, time.Now())
	s.SMS = &smsStatus{Budget: 500, Routes: found.State.SMS}
	var out strings.Builder
	if err := s.write(&out, time.Now()); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "carrier is DOWN: not bound\n") || !strings.Contains(text, "sim is up\n") || !strings.Contains(text, "ready, version") {
		t.Error(text)
	}
}

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
