package track

import (
	"testing"
	"time"
)

func at(t *testing.T, text string) Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return At(parsed)
}

// TestQuietUntil: across midnight, in the zone of the hours, on the days when clocks change.
func TestQuietUntil(t *testing.T) {
	for _, tc := range []struct{ quiet, now, until string }{
		{"22:00-07:00 Europe/Berlin", "2026-11-24T20:59:59Z", ""},
		{"22:00-07:00 Europe/Berlin", "2026-11-24T21:00:00Z", "2026-11-25T06:00:00Z"},
		{"22:00-07:00 Europe/Berlin", "2026-11-24T22:59:59Z", "2026-11-25T06:00:00Z"},
		{"22:00-07:00 Europe/Berlin", "2026-11-24T23:30:00Z", "2026-11-25T06:00:00Z"},
		{"22:00-07:00 Europe/Berlin", "2026-11-25T05:59:59Z", "2026-11-25T06:00:00Z"},
		{"22:00-07:00 Europe/Berlin", "2026-11-25T06:00:00Z", ""},
		{"12:00-13:30 Asia/Shanghai", "2026-11-24T04:00:00Z", "2026-11-24T05:30:00Z"},
		{"12:00-13:30 Asia/Shanghai", "2026-11-24T12:30:00Z", ""},
		{"00:00-06:00 UTC", "2026-12-31T23:59:59Z", ""},
		{"00:00-06:00 UTC", "2027-01-01T00:00:00Z", "2027-01-01T06:00:00Z"},
		{"23:00-00:00 UTC", "2026-12-31T23:30:00Z", "2027-01-01T00:00:00Z"},
		{"06:00-05:59 UTC", "2026-11-24T05:59:30Z", ""},
		{"06:00-05:59 UTC", "2026-11-24T06:00:00Z", "2026-11-25T05:59:00Z"},

		// Clocks go forward in Berlin on 2026-03-29, from 02:00 to 03:00: the night is an hour shorter.
		{"22:00-07:00 Europe/Berlin", "2026-03-28T21:30:00Z", "2026-03-29T05:00:00Z"},
		{"22:00-07:00 Europe/Berlin", "2026-03-29T04:59:59Z", "2026-03-29T05:00:00Z"},
		{"22:00-02:30 Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"}, // 02:30 is not: an hour and a half after one
		{"02:30-07:00 Europe/Berlin", "2026-03-29T01:29:59Z", ""},
		{"02:30-07:00 Europe/Berlin", "2026-03-29T01:30:00Z", "2026-03-29T05:00:00Z"},
		// They go back on 2026-10-25, from 03:00 to 02:00: the night is an hour longer.
		{"22:00-07:00 Europe/Berlin", "2026-10-24T20:00:00Z", "2026-10-25T06:00:00Z"},
		{"22:00-02:30 Europe/Berlin", "2026-10-25T00:15:00Z", "2026-10-25T01:30:00Z"},
		{"22:00-02:30 Europe/Berlin", "2026-10-25T01:15:00Z", "2026-10-25T01:30:00Z"}, // up to the second 02:30
		{"22:00-02:30 Europe/Berlin", "2026-10-25T01:30:00Z", ""},
		{"02:30-07:00 Europe/Berlin", "2026-10-25T00:29:59Z", ""},
		{"02:30-07:00 Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T06:00:00Z"},
		{"02:30-07:00 Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-25T06:00:00Z"}, // it is 02:10 again, and it has begun
	} {
		q, err := ParseQuiet(tc.quiet, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := Time(0)
		if tc.until != "" {
			want = at(t, tc.until)
		}
		if got := q.Until(at(t, tc.now)); got != want {
			t.Errorf("%s at %s: until %v, want %q", tc.quiet, tc.now, got.Std(), tc.until)
		}
	}
	if (Quiet{}).Until(noon) != 0 {
		t.Error("quiet without quiet hours")
	}
}

// TestQuietEndsAfterItBegan: at any instant of two years, in zones with all kinds of clock changes, a quiet span that
// contains it ends later, within a day and an hour, and its end is not quiet.
func TestQuietEndsAfterItBegan(t *testing.T) {
	for _, text := range []string{"22:00-07:00 Europe/Berlin", "02:15-02:45 Europe/Berlin", "23:30-00:30 America/Sao_Paulo", "01:00-03:00 Australia/Lord_Howe", "00:00-23:59 Asia/Kolkata"} {
		q, err := ParseQuiet(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		for now := at(t, "2026-01-01T00:00:00Z"); now < at(t, "2028-01-01T00:00:00Z"); now = now.Add(17 * time.Minute) {
			until := q.Until(now)
			if until != 0 && (until <= now || until > now.Add(25*time.Hour) || q.Until(until) != 0) {
				t.Fatalf("%s at %v: until %v", text, now.Std(), until.Std())
			}
		}
	}
}

func TestParseQuiet(t *testing.T) {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	for _, tc := range []struct{ text, want string }{
		{"22:00-07:00 Europe/Berlin", "22:00-07:00 Europe/Berlin"}, {" 22:00-07:00 ", "22:00-07:00 Europe/Berlin"}, {"9:05-10:00 UTC", "09:05-10:00 UTC"},
		{"", ""}, {"never", ""},
	} {
		q, err := ParseQuiet(tc.text, berlin)
		if err != nil || q.String() != tc.want {
			t.Errorf("%q: %q, %v", tc.text, q, err)
		}
		if again, err := ParseQuiet(q.String(), nil); err != nil || again.String() != tc.want {
			t.Errorf("%q is parsed again as %q, %v", q, again, err)
		}
	}
	for _, text := range []string{"22:00", "22-07", "22:00-24:00", "22:00-22:00", "22:00-07:00 Berlin", "22:00-07:00 Local", "x", "22:60-07:00", "22:00--07:00"} {
		if q, err := ParseQuiet(text, nil); err == nil {
			t.Errorf("%q is parsed as %q", text, q)
		}
	}
}
