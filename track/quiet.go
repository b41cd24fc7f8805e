package track

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// NoQuiet is the setting of a recipient without quiet hours, whatever the domain's are.
const NoQuiet = "never"

// ParseQuiet parses quiet hours like "22:00-07:00 Europe/Berlin". Without a zone they are in zone. An empty text, or
// "never", is the zero Quiet.
func ParseQuiet(text string, zone *time.Location) (Quiet, error) {
	if text = strings.TrimSpace(text); text == "" || text == NoQuiet {
		return Quiet{}, nil
	}
	span, name, named := strings.Cut(text, " ")
	if named {
		var err error
		if zone, err = loadZone(strings.TrimSpace(name)); err != nil {
			return Quiet{}, fmt.Errorf("unknown time zone %q (example: Europe/Berlin)", name)
		}
	}
	from, to, ok := strings.Cut(span, "-")
	q := Quiet{Zone: zone}
	var err1, err2 error
	q.From, err1 = parseClock(from)
	q.To, err2 = parseClock(to)
	if !ok || errors.Join(err1, err2) != nil {
		return Quiet{}, fmt.Errorf("invalid hours %q (example: 22:00-07:00)", span)
	}
	if q.From == q.To {
		return Quiet{}, fmt.Errorf("invalid hours %q: start and end are the same", span)
	}
	return q, nil
}

// zones caches time zones: they are read from files, which don't change while a process runs.
var zones sync.Map

func loadZone(name string) (*time.Location, error) {
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	if zone == time.Local {
		return nil, errors.New("the machine's own time zone has no name")
	}
	zones.Store(name, zone)
	return zone, nil
}

func parseClock(s string) (minutes int, err error) {
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err
}

// String formats q as ParseQuiet parses it.
func (q Quiet) String() string {
	switch {
	case q.Zone == nil:
		return ""
	case q.Always:
		return "always"
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d %s", q.From/60, q.From%60, q.To/60, q.To%60, q.Zone)
}

// quietRetry is how often unreadable hours are tried again.
const quietRetry = Time(15 * 60_000)

// Until returns the end of the quiet span that contains now, or 0. On days on which the clocks of the zone change, it errs
// on the side of quiet: a wall time that occurs twice begins a span with its first instant and ends one with its second; one
// that does not exist is the instant it would have been.
func (q Quiet) Until(now Time) Time {
	switch {
	case q.Zone == nil:
		return 0
	case q.Always: // until the next attempt to read them
		return now - now%quietRetry + quietRetry
	}
	today := now.Std().In(q.Zone)
	// A span that contains now began yesterday or today.
	for day := -1; day <= 0; day++ {
		ends := day
		if q.To < q.From {
			ends++
		}
		begin, _ := q.wall(today, day, q.From)
		_, end := q.wall(today, ends, q.To)
		if begin <= now && now < end {
			return end
		}
	}
	return 0
}

// wall returns the first and the last instant at which the clocks of the zone show a time, some days from today.
func (q Quiet) wall(today time.Time, days, minutes int) (first, last Time) {
	shown := time.Date(today.Year(), today.Month(), today.Day()+days, 0, minutes, 0, 0, time.UTC)
	before, after := q.offset(shown, -24*time.Hour), q.offset(shown, 24*time.Hour)
	if before == after {
		return At(before), At(before)
	}
	isBefore, isAfter := q.shows(before, shown), q.shows(after, shown)
	switch {
	case isBefore && isAfter:
		return At(before), At(after)
	case isAfter:
		return At(after), At(after)
	}
	return At(before), At(before)
}

// offset returns the instant that is shown by clocks set as they are some time before or after it.
func (q Quiet) offset(shown time.Time, by time.Duration) time.Time {
	_, seconds := shown.Add(by).In(q.Zone).Zone()
	return shown.Add(-time.Duration(seconds) * time.Second)
}

func (q Quiet) shows(instant, shown time.Time) bool {
	hour, minute, _ := instant.In(q.Zone).Clock()
	return hour == shown.Hour() && minute == shown.Minute()
}
