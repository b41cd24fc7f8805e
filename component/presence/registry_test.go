package presence

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tocsin/component/clock"
	"tocsin/component/queue"
	"tocsin/internal/expect"
	"tocsin/track"
	"tocsin/xep/caps"
)

const both = track.CanStatus | track.CanSMS

// desk is a registry whose queries are answered by the test.
type desk struct {
	*Registry
	t     *testing.T
	clock *clock.Stepped
	kept  map[string]track.Features // what a restart would know
	came  []string                  // capable resources
	open  *device                   // the query that was taken and not answered yet

	changed func(owner string) // may be nil
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, clock: clock.NewStepped(time.Unix(1e9, 0)), kept: map[string]track.Features{}}
	d.Registry = New(d, d.clock)
	return d
}

// Changed implements Events.
func (d *desk) Changed(owner string, _ track.Clients) {
	if d.changed != nil {
		d.changed(owner)
	}
}

// Arrived implements Events.
func (d *desk) Arrived(full string) { d.came = append(d.came, full) }

// Returned implements Events.
func (d *desk) Returned(string, time.Time) {}

// hears processes a sign of life.
func (d *desk) hears(full string, from Source, ver string) {
	d.Observe(full, from, caps.Caps{Ver: ver})
}

// asked returns the next query; ok is false if there is none.
func (d *desk) asked() (device, bool) {
	if d.open == nil {
		if next, ok := d.queries.Pop(); ok {
			d.open = &next
		}
	}
	if d.open == nil {
		return device{}, false
	}
	return *d.open, true
}

// answer answers the next query.
func (d *desk) answer(features track.Features, as reply) {
	d.t.Helper()
	asked, ok := d.asked()
	if !ok {
		d.t.Fatal("nothing was asked")
	}
	d.open = nil
	d.resolve(asked, features, as)
}

// saved is what a restart would know.
func (d *desk) saved() map[string]track.Features {
	for full, dev := range d.popSaves() {
		if d.kept[full] = dev.Features; dev.Features == 0 {
			delete(d.kept, full)
		}
	}
	return d.kept
}

// reach looks up a user, answers all queries in the same way, and returns who can be reached then.
func (d *desk) reach(owner string, as reply) View {
	d.t.Helper()
	d.View(owner)
	for d.queries.Len() > 0 {
		d.answer(both, as)
	}
	v := d.View(owner)
	if !v.Ready {
		d.t.Errorf("%s: nobody knows who can be reached", owner)
	}
	slices.Sort(v.Capable)
	return v
}

func TestResourceBecomesKnown(t *testing.T) {
	s := newDesk(t)
	s.hears("alice@example.org/phone", FromDirected, "")
	if s.View("alice@example.org").Ready {
		t.Error("ready before it has answered")
	}
	s.answer(both, replied)
	expect.Equal(t, "capable", s.View("alice@example.org").Capable, []string{"alice@example.org/phone"})
	expect.Equal(t, "come", s.came, []string{"alice@example.org/phone"})
	expect.Equal(t, "kept", s.saved(), map[string]track.Features{"alice@example.org/phone": both})
	s.Left("alice@example.org/phone")
	expect.Equal(t, "left", s.View("alice@example.org").Online, false)
	expect.Equal(t, "kept when it has left", len(s.saved()), 0)
}

// A device that hangs may be online or not: it delays nobody, and is sent what the others are.
func TestMuteResource(t *testing.T) {
	s := newDesk(t)
	for _, full := range []string{"alice@example.org/desk", "alice@example.org/phone"} {
		s.hears(full, FromDirected, "")
		s.answer(both, replied)
	}
	s.clock.Step(time.Hour)
	v := s.reach("alice@example.org", silent)
	expect.Equal(t, "capable", v.Capable, []string{"alice@example.org/desk", "alice@example.org/phone"})
	expect.Equal(t, "kept", len(s.saved()), 2)
	s.clock.Step(time.Hour)
	expect.Equal(t, "gone without a word", s.reach("alice@example.org", refused).Online, false)
	expect.Equal(t, "kept when it is gone", len(s.saved()), 0)
}

// Capabilities may change while a client is being queried, as when it loads our plugin: the last ones count.
func TestCapabilitiesChangeMeanwhile(t *testing.T) {
	s := newDesk(t)
	s.hears("alice@example.org/web", FromPresence, "before")
	s.hears("alice@example.org/web", FromPresence, "after")
	s.answer(0, replied)
	if s.View("alice@example.org").Ready {
		t.Error("ready with what it was before")
	}
	asked, _ := s.asked()
	expect.Equal(t, "asked for", asked.caps.Ver, "after")
	s.answer(both, replied)
	expect.Equal(t, "capable", s.View("alice@example.org").Capable, []string{"alice@example.org/web"})
}

// An answer to a query from before a client left does not apply to its successor.
func TestAnswerOfAnEarlierLife(t *testing.T) {
	s := newDesk(t)
	s.hears("alice@example.org/phone", FromDirected, "")
	s.Left("alice@example.org/phone")
	s.clock.Step(time.Second)
	s.hears("alice@example.org/phone", FromDirected, "")
	s.answer(0, refused)
	if s.View("alice@example.org").Ready {
		t.Error("ready before the second question is answered")
	}
	s.answer(both, replied)
	expect.Equal(t, "capable", len(s.View("alice@example.org").Capable), 1)
}

// A user's resources are limited, and displace nobody else's. The newest are kept.
func TestEndlessResources(t *testing.T) {
	s := newDesk(t)
	s.hears("alice@example.org/phone", FromDirected, "")
	s.answer(both, replied)
	for i := range 10_000 {
		s.clock.Step(time.Millisecond)
		s.hears(fmt.Sprintf("mallory@example.org/%d", i), FromPresence, "")
		if i >= 5_000 { // those before are mute
			s.reach("mallory@example.org", replied)
		}
	}
	expect.Equal(t, "resources", s.n, 1+maxPerUser)
	newest := "mallory@example.org/9999"
	if v := s.reach("mallory@example.org", replied); !slices.Contains(v.Capable, newest) {
		t.Errorf("%s is not known", newest)
	}
	expect.Equal(t, "others", len(s.reach("alice@example.org", replied).Capable), 1)
}

// Where the server does not report who leaves, clients with a new resource at each login do not fill the registry.
func TestLeftWithoutAWord(t *testing.T) {
	s := newDesk(t)
	for i := range 100 {
		user := fmt.Sprintf("user%d@example.org", i)
		s.hears(user+"/answers", FromActivity, "")
		s.answer(track.CanMarkers, replied)
		s.hears(user+"/mute", FromActivity, "")
		s.answer(0, silent)
	}
	s.hears("alice@example.org/phone", FromPresence, "")
	s.answer(both, replied)
	s.clock.Step(activityLife + time.Minute)
	s.sweep()
	expect.Equal(t, "those that can't be asked", s.n, 101)
	s.clock.Step(forgetAfter)
	s.sweep()
	for s.queries.Len() > 0 {
		if d, _ := s.asked(); d.full == "alice@example.org/phone" {
			s.answer(both, replied)
		} else {
			s.answer(0, refused)
		}
	}
	expect.Equal(t, "those that are not there", s.n, 1)
	expect.Equal(t, "she who is", len(s.reach("alice@example.org", replied).Capable), 1)
}

// With more queries than can be sent, earlier answers count, and nothing loops.
func TestTooManyQuestions(t *testing.T) {
	s := newDesk(t)
	s.Restore(track.Device{JID: "alice@example.org/phone", Features: both, At: track.At(s.clock.Now())})
	s.queries = queue.NewShared[device](0)
	s.changed = func(owner string) { s.View(owner) }
	s.Recheck()
	s.View("alice@example.org")
	expect.Equal(t, "capable", s.View("alice@example.org").Capable, []string{"alice@example.org/phone"})
	s.hears("bob@example.org/new", FromPresence, "")
	s.queries = queue.NewShared[device](1)
	s.hears("bob@example.org/new", FromPresence, "")
	s.answer(both, replied)
	expect.Equal(t, "asked at the next sign of life", len(s.View("bob@example.org").Capable), 1)
}

// When there are too many resources, the user with the most loses one: nobody can keep others out.
func TestTooManyResources(t *testing.T) {
	s := newDesk(t)
	s.max = 20
	for i := range 5 {
		for j := range 10 {
			s.clock.Step(time.Second)
			s.hears(fmt.Sprintf("hog%d@example.org/%d", i, j), FromPresence, "")
			s.answer(0, replied)
		}
	}
	for _, full := range []string{"alice@example.org/phone", "alice@example.org/laptop"} {
		s.hears(full, FromPresence, "")
		s.answer(both, replied)
	}
	s.hears("hog1@example.org/more", FromPresence, "")
	expect.Equal(t, "all", s.n, 20)
	expect.Equal(t, "alice's", len(s.reach("alice@example.org", replied).Capable), 2)
}

// A flood of queries about one user's resources delays nobody else's, and affects that user alone.
func TestQuestionsTakeTurns(t *testing.T) {
	s := newDesk(t)
	s.queries = queue.NewShared[device](10)
	for i := range 20 {
		s.hears(fmt.Sprintf("hog@example.org/%d", i), FromPresence, "")
	}
	s.hears("alice@example.org/phone", FromPresence, "")
	expect.Equal(t, "questions", s.queries.Len(), 10)
	s.answer(0, replied)
	next, _ := s.asked()
	expect.Equal(t, "the second", next.full, "alice@example.org/phone")
}
