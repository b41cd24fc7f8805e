package component

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tocsin/internal/expect"
	"tocsin/track"
	"tocsin/xep/caps"
)

const both = track.CanStatus | track.CanSMS

// shelf is a book whose questions wait for the test to answer them.
type shelf struct {
	*book
	t     *testing.T
	now   time.Time
	asked []device
	kept  map[string]track.Features // what a restart would know
	came  []string                  // capable resources
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{book: newBook(), t: t, now: time.Unix(1e9, 0), kept: map[string]track.Features{}}
	s.ask = func(d device) { s.asked = append(s.asked, d) }
	s.keep = func(d track.Device) {
		if s.kept[d.JID] = d.Features; d.Features == 0 {
			delete(s.kept, d.JID)
		}
	}
	s.changed = func(string) {}
	s.arrived = func(full string) { s.came = append(s.came, full) }
	s.back = func(string, time.Time) {}
	return s
}

// hears takes a sign of life in.
func (s *shelf) hears(full string, from source, ver string) {
	s.saw(full, from, caps.Caps{Ver: ver}, s.now)
}

// answer answers the oldest question.
func (s *shelf) answer(features track.Features, r reply) {
	s.t.Helper()
	if len(s.asked) == 0 {
		s.t.Fatal("nothing was asked")
	}
	d := s.asked[0]
	s.asked = s.asked[1:]
	s.answered(d, features, r, s.now)
}

// reach looks for a user, has all questions answered in the same way, and returns who can be reached then.
func (s *shelf) reach(owner string, r reply) view {
	s.t.Helper()
	s.look(owner, s.now)
	for len(s.asked) > 0 {
		s.answer(both, r)
	}
	v := s.look(owner, s.now)
	if !v.ready {
		s.t.Errorf("%s: nobody knows who can be reached", owner)
	}
	slices.Sort(v.capable)
	return v
}

func TestResourceBecomesKnown(t *testing.T) {
	s := newShelf(t)
	s.hears("alice@example.org/phone", fromDirected, "")
	if s.look("alice@example.org", s.now).ready {
		t.Error("ready before it has answered")
	}
	s.answer(both, replied)
	expect.Equal(t, "capable", s.look("alice@example.org", s.now).capable, []string{"alice@example.org/phone"})
	expect.Equal(t, "come", s.came, []string{"alice@example.org/phone"})
	expect.Equal(t, "kept", s.kept, map[string]track.Features{"alice@example.org/phone": both})
	s.gone("alice@example.org/phone", s.now)
	expect.Equal(t, "left", s.look("alice@example.org", s.now).online, false)
	expect.Equal(t, "kept when it has left", len(s.kept), 0)
}

// A device that hangs is not there for sure, and not gone for sure: it holds up nobody, and is sent what the others are.
func TestMuteResource(t *testing.T) {
	s := newShelf(t)
	for _, full := range []string{"alice@example.org/desk", "alice@example.org/phone"} {
		s.hears(full, fromDirected, "")
		s.answer(both, replied)
	}
	s.now = s.now.Add(time.Hour)
	v := s.reach("alice@example.org", silent)
	expect.Equal(t, "capable", v.capable, []string{"alice@example.org/desk", "alice@example.org/phone"})
	expect.Equal(t, "kept", len(s.kept), 2)
	s.now = s.now.Add(time.Hour)
	expect.Equal(t, "gone without a word", s.reach("alice@example.org", refused).online, false)
	expect.Equal(t, "kept when it is gone", len(s.kept), 0)
}

// Its capabilities change while it is being asked, as those of a client do that loads us as a plugin: the last count.
func TestCapabilitiesChangeMeanwhile(t *testing.T) {
	s := newShelf(t)
	s.hears("alice@example.org/web", fromPresence, "before")
	s.hears("alice@example.org/web", fromPresence, "after")
	s.answer(0, replied)
	if s.look("alice@example.org", s.now).ready {
		t.Error("ready with what it was before")
	}
	expect.Equal(t, "asked for", s.asked[0].caps.Ver, "after")
	s.answer(both, replied)
	expect.Equal(t, "capable", s.look("alice@example.org", s.now).capable, []string{"alice@example.org/web"})
}

// The answer to a question from before it left says nothing about the one that came after.
func TestAnswerOfAnEarlierLife(t *testing.T) {
	s := newShelf(t)
	s.hears("alice@example.org/phone", fromDirected, "")
	s.gone("alice@example.org/phone", s.now)
	s.now = s.now.Add(time.Second)
	s.hears("alice@example.org/phone", fromDirected, "")
	s.answer(0, refused)
	if s.look("alice@example.org", s.now).ready {
		t.Error("ready before the second question is answered")
	}
	s.answer(both, replied)
	expect.Equal(t, "capable", len(s.look("alice@example.org", s.now).capable), 1)
}

// A user with endless resources takes up a bounded place, and nobody else's. The newest are known.
func TestEndlessResources(t *testing.T) {
	s := newShelf(t)
	s.hears("alice@example.org/phone", fromDirected, "")
	s.answer(both, replied)
	for i := range 10_000 {
		s.now = s.now.Add(time.Millisecond)
		s.hears(fmt.Sprintf("mallory@example.org/%d", i), fromPresence, "")
		if i >= 5_000 { // those before are mute
			s.reach("mallory@example.org", replied)
		}
	}
	expect.Equal(t, "resources", s.n, 1+ownerMax)
	newest := "mallory@example.org/9999"
	if v := s.reach("mallory@example.org", replied); !slices.Contains(v.capable, newest) {
		t.Errorf("%s is not known", newest)
	}
	expect.Equal(t, "others", len(s.reach("alice@example.org", replied).capable), 1)
}

// Where the server does not tell who leaves, clients that call themselves otherwise at each login do not fill the book.
func TestLeftWithoutAWord(t *testing.T) {
	s := newShelf(t)
	for i := range 100 {
		user := fmt.Sprintf("user%d@example.org", i)
		s.hears(user+"/answers", fromActivity, "")
		s.answer(track.CanMarkers, replied)
		s.hears(user+"/mute", fromActivity, "")
		s.answer(0, silent)
	}
	s.hears("alice@example.org/phone", fromPresence, "")
	s.answer(both, replied)
	s.now = s.now.Add(activityLife + time.Minute)
	s.sweep(s.now)
	expect.Equal(t, "those that can't be asked", s.n, 101)
	s.now = s.now.Add(forgetAfter)
	s.sweep(s.now)
	for len(s.asked) > 0 {
		if d := s.asked[0]; d.full == "alice@example.org/phone" {
			s.answer(both, replied)
		} else {
			s.answer(0, refused)
		}
	}
	expect.Equal(t, "those that are not there", s.n, 1)
	expect.Equal(t, "she who is", len(s.reach("alice@example.org", replied).capable), 1)
}

// With more questions than can be asked, what was known counts, and nothing goes round in circles.
func TestTooManyQuestions(t *testing.T) {
	s := newShelf(t)
	s.remember(track.Device{JID: "alice@example.org/phone", Features: both, At: track.At(s.now)})
	s.ask = func(d device) { s.answered(d, 0, unasked, s.now) }
	s.changed = func(owner string) { s.look(owner, s.now) }
	s.doubt(s.now)
	s.look("alice@example.org", s.now)
	expect.Equal(t, "capable", s.look("alice@example.org", s.now).capable, []string{"alice@example.org/phone"})
	s.hears("bob@example.org/new", fromPresence, "")
	s.ask = func(d device) { s.answered(d, both, replied, s.now) }
	s.hears("bob@example.org/new", fromPresence, "")
	expect.Equal(t, "asked at the next sign of life", len(s.look("bob@example.org", s.now).capable), 1)
}
