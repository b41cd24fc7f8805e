package component

import (
	"fmt"
	"strings"
	"testing"

	"tocsin/component/session"
	"tocsin/internal/expect"
	"tocsin/internal/fakeserver"
	"tocsin/track"
)

// noticed gives alice notices about n messages to somebody.
func (s *served) noticed(n int64, id func(int64) string, recipient string) {
	for i := range n {
		key := track.Key{Sender: "alice@example.org", Recipient: recipient, ID: id(i)}
		s.store.messages = append(s.store.messages, track.Message{Ord: i + 1, Key: key, Notice: track.Notice{Seq: 1, Rev: 10 * (i + 1), State: track.StateDelivered}})
	}
	s.revision.Store(10 * n)
}

// sync requests a page.
func (s *served) sync(by, after, more string) *fakeserver.Element {
	s.Helper()
	if after != "" {
		after = " after='" + after + "'"
	}
	s.send("<iq type='get' from='%s' to='tocsin.example.org' id='s'><sync xmlns='urn:tocsin:escalation:0'%s%s/></iq>", by, after, more)
	s.later(0)
	got := s.peer.Take()
	if len(got) != 1 || len(got[0].Children) == 0 {
		s.Fatalf("answered %v", got)
	}
	return got[0].Children[len(got[0].Children)-1]
}

// A client pages through its states: each comes once, and the end is marked.
func TestSyncInPages(t *testing.T) {
	serve(t, func(s *served) {
		s.noticed(7, func(i int64) string { return fmt.Sprint("m", i) }, "bob@example.org")
		var got []string
		token := ""
		for page := 1; ; page++ {
			answer := s.sync("alice@example.org/phone", token, " max='3'")
			for _, status := range answer.Children {
				got = append(got, status.Attr["id"])
			}
			token = answer.Attr["last"]
			if answer.Attr["complete"] == "true" {
				expect.Equal(t, "pages", page, 3)
				break
			}
		}
		expect.Equal(t, "states", got, []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6"})
		again := s.sync("alice@example.org/phone", token, "")
		expect.Equal(t, "at the end", len(again.Children), 0)
		expect.Equal(t, "the token stays", again.Attr["last"], token)
	})
}

// A token belongs to one sender and one database: with any other, the client starts over.
func TestSyncTokens(t *testing.T) {
	serve(t, func(s *served) {
		s.noticed(7, func(i int64) string { return fmt.Sprint("m", i) }, "bob@example.org")
		token := s.sync("alice@example.org/phone", "", "").Attr["last"]
		notFound := func(what string, e *fakeserver.Element) {
			t.Helper()
			if e.Name.Local != "error" || e.Children[0].Name.Local != "item-not-found" {
				t.Errorf("%s: answered %v", what, e)
			}
		}
		notFound("another's", s.sync("bob@example.org/x", token, ""))
		notFound("a number", s.sync("alice@example.org/phone", "70", ""))
		s.revision.Store(60) // restored from a backup
		notFound("of what was lost", s.sync("alice@example.org/phone", token, ""))
	})
}

// Ids and addresses can be long: pages are smaller then, but never empty.
func TestSyncBelowTheStanzaLimit(t *testing.T) {
	serve(t, func(s *served) {
		const all = 100
		s.noticed(all, func(i int64) string { return fmt.Sprintf("%03d%s", i, strings.Repeat("'", 1021)) },
			strings.Repeat("ä", 511)+"@"+strings.Repeat("a", 1023))
		token, pages, states := "", 0, 0
		for complete := false; !complete; pages++ {
			answer := s.sync("alice@example.org/phone", token, "")
			states += len(answer.Children)
			token, complete = answer.Attr["last"], answer.Attr["complete"] == "true"
		}
		expect.Equal(t, "states", states, all)
		if pages < all*(1021*5+2045)/session.MaxStanza {
			t.Errorf("%d pages", pages)
		}
	})
}
