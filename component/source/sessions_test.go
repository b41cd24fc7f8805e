package source

import (
	"fmt"
	"strings"
	"testing"

	"tocsin/component/tap"
	"tocsin/internal/expect"
)

const full = "bob@here.test/phone"

// Events about sessions, and who comes and goes as a result. An event is "kind key", and its attributes.
func TestSessionTable(t *testing.T) {
	kinds := map[string]tap.SessionKind{
		"opened": tap.SessionOpened, "managed": tap.SessionManaged, "hibernating": tap.SessionHibernating, "resumed": tap.SessionResumed,
		"closed": tap.SessionClosed, "available": tap.SessionPresence, "unavailable": tap.SessionPresence, "here": tap.SessionHere,
	}
	for _, tt := range []struct{ name, events, want string }{
		{"comes and goes", "opened 1, available 1, unavailable 1, closed 1", "came left"},
		{"changes", "opened 1, available 1, available 1", "came came"},
		{"goes without a word", "opened 1, available 1, closed 1", "came left"},
		{"never was available", "opened 1, closed 1", ""},
		{"sleeps", "opened 1, managed 1, available 1, hibernating 1, resumed 1, closed 1", "came left"},
		{"resumes under another key", "opened 1, available 1, hibernating 1, resumed 2 1, closed 1 moved, closed 2", "came left"},
		{"is replaced, and ends first", "opened 1, available 1, closed 1, opened 2, available 2", "came left came"},
		{"is replaced, and ends last", "opened 1, available 1, opened 2, available 2, closed 1", "came came"},
		{"was there before", "here 1 available, closed 1", "came left"},
		{"was not known", "closed 1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newSessionTable()
			var got []string
			for event := range strings.SplitSeq(tt.events, ", ") {
				words := strings.Fields(event)
				s := tap.Session{Kind: kinds[words[0]], JID: full, Key: words[1], Available: words[0] == "available"}
				for _, word := range words[2:] {
					switch word {
					case "moved":
						s.End = tap.EndMoved
					case "available":
						s.Available = true
					default:
						s.Before = word
					}
				}
				c := r.record("run", &s)
				if c.came != "" {
					got = append(got, "came")
				}
				if c.left != "" {
					got = append(got, "left")
				}
			}
			expect.Equal(t, "changes", strings.Join(got, " "), tt.want)
		})
	}
}

// Whether a user's clients acknowledge is known from their sessions, or from the last one if none is open.
func TestSessionTableOfUser(t *testing.T) {
	r := newSessionTable()
	take := func(kind tap.SessionKind, key, jid string) {
		r.record("run", &tap.Session{Kind: kind, JID: jid, Key: key})
	}
	take(tap.SessionOpened, "1", full)
	take(tap.SessionManaged, "1", full)
	take(tap.SessionOpened, "2", "bob@here.test/desk")
	take(tap.SessionHibernating, "1", full)
	sessions, _ := r.Of("bob@here.test")
	managed := 0
	for _, s := range sessions {
		if s.Managed && s.Hibernating {
			managed++
		}
	}
	expect.Equal(t, "sessions", len(sessions), 2)
	expect.Equal(t, "managed ones", managed, 1)
	take(tap.SessionClosed, "2", "bob@here.test/desk")
	take(tap.SessionClosed, "1", full)
	sessions, last := r.Of("bob@here.test")
	expect.Equal(t, "sessions of who is away", len(sessions), 0)
	expect.Equal(t, "the last one was managed", last, true)
}

// The sessions tracked per user are limited, so that there is room for others.
func TestSessionTableOfOneFlood(t *testing.T) {
	r := newSessionTable()
	for i := range 2 * maxSessionsOf {
		r.record("run", &tap.Session{Kind: tap.SessionOpened, JID: full, Key: fmt.Sprint(i)})
	}
	sessions, _ := r.Of("bob@here.test")
	expect.Equal(t, "Bob's", len(sessions), maxSessionsOf)
	r.record("run", &tap.Session{Kind: tap.SessionClosed, JID: full, Key: "0"})
	r.record("run", &tap.Session{Kind: tap.SessionOpened, JID: full, Key: "more"})
	sessions, _ = r.Of("bob@here.test")
	expect.Equal(t, "when one has ended", len(sessions), maxSessionsOf)
	r.record("run", &tap.Session{Kind: tap.SessionOpened, JID: "carol@here.test/x", Key: "c"})
	sessions, _ = r.Of("carol@here.test")
	expect.Equal(t, "Carol's", len(sessions), 1)
}

// After a hello all sessions are reported again; those not reported in time have ended meanwhile.
func TestSessionTableAfterHello(t *testing.T) {
	r := newSessionTable()
	for key, jid := range map[string]string{"1": full, "2": "carol@here.test/desk"} {
		r.record("old", &tap.Session{Kind: tap.SessionHere, JID: jid, Key: key, Available: true})
	}
	r.record("other", &tap.Session{Kind: tap.SessionHere, JID: "dave@also.test/x", Key: "1", Available: true})
	r.hello("new", "old", 1000)
	r.record("new", &tap.Session{Kind: tap.SessionHere, JID: full, Key: "1", Available: true})
	expect.Equal(t, "who has left, at once", len(r.sweep(1000)), 0)
	expect.Equal(t, "who has left", strings.Join(r.sweep(1000+confirmWithin), " "), "carol@here.test/desk")
	others, _ := r.Of("dave@also.test")
	expect.Equal(t, "sessions of another run", len(others), 1)
}
