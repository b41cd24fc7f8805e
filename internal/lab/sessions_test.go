package lab_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// aboutSessions are the names of the events about sessions.
var aboutSessions = []string{"opened", "managed", "hibernating", "resumed", "closed", "presence", "here"}

// Sessions that open, change or close are reported, however they close.
func TestModuleSessions(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, SMTimeout: time.Second})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)
	came := tap.Expect("{urn:tocsin:tap:1}presence[@s='%s']", alice.JID())
	if came.Attr("ver") == "" || came.Attr("show") != "" {
		t.Errorf("presence: %s", came)
	}
	alice.Become(lab.Silent)
	alice.Available("<show>away</show>", "<status>private</status>", "<priority>5</priority>")
	changed := tap.Expect("{urn:tocsin:tap:1}presence[@s='%s']", alice.JID())
	if changed.Attr("ver") == came.Attr("ver") || changed.Attr("show") != "away" || changed.Attr("prio") != "5" || changed.Attr("k") != came.Attr("k") {
		t.Errorf("changed presence: %s", changed)
	}
	alice.Send("<presence to='bob@lab.test'/>")
	alice.Unavailable()
	alice.Sync()
	diff(t, "unavailable", told(tap, server.Domain, aboutSessions...), []string{"opened alice@lab.test/phone", "presence alice@lab.test/phone unavailable"})

	for _, end := range []struct {
		name string
		come func(c *lab.Client)
		end  func(c *lab.Client)
		want []string
	}{
		{"left", nil, func(c *lab.Client) { c.Send("</stream:stream>") }, []string{"closed left"}},
		{"lost", nil, (*lab.Client).Drop, []string{"closed lost"}},
		{"timeout", (*lab.Client).Manage, (*lab.Client).Drop, []string{"managed", "hibernating", "closed timeout"}},
		{"replaced", nil, func(*lab.Client) { server.Login("bob/replaced", lab.Silent) }, []string{"closed replaced", "opened", "presence"}},
	} {
		bob := server.Login("bob/"+end.name, lab.Silent)
		if end.come != nil {
			end.come(bob)
		}
		end.end(bob)
		closed := tap.Expect("{urn:tocsin:tap:1}closed[@s='%s']", bob.JID())
		var got []string
		for _, e := range append(tap.Events("managed", "hibernating"), closed) {
			name := e.Name.Local
			if why := e.Attr("why"); why != "" {
				name += " " + why
			}
			got = append(got, name)
			if e.Attr("s") != bob.JID() || e.Attr("k") != closed.Attr("k") {
				t.Errorf("%s: whose is %s?", end.name, e)
			}
		}
		if end.name == "replaced" {
			continue // later events belong to its successor
		}
		diff(t, end.name, got, end.want)
	}
}

// A resumed session stays the same, and so does one that exists when the component connects.
func TestModuleSessionGoesOn(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module})
	bob := server.Login("bob/phone", lab.Markers)
	bob.Manage()
	carol := server.Login("carol/desk", lab.Silent)
	carol.Unavailable()
	carol.Sync()

	tap := server.Attach()
	here := tap.Expect("{urn:tocsin:tap:1}here[@s='%s']", bob.JID())
	if here.Attr("sm") != "1" || here.Attr("r") != "1" || here.Attr("hib") != "" || here.Attr("p") != "1" || here.Attr("ver") == "" {
		t.Errorf("who is there: %s", here)
	}
	if here := tap.Expect("{urn:tocsin:tap:1}here[@s='%s']", carol.JID()); here.Attr("sm") != "" || here.Attr("p") != "" {
		t.Errorf("who is there, and unavailable: %s", here)
	}
	bob.Drop()
	tap.Expect("{urn:tocsin:tap:1}hibernating[@k='%s']", here.Attr("k"))
	bob.Resume()
	tap.Expect("{urn:tocsin:tap:1}resumed[@k='%s']", here.Attr("k"))
	bob.Drop()
	tap.Expect("{urn:tocsin:tap:1}hibernating[@k='%s']", here.Attr("k"))
	tap.Close()
	tap.Connect()
	if again := tap.Expect("{urn:tocsin:tap:1}here[@s='%s']", bob.JID()); again.Attr("hib") != "1" || again.Attr("k") != here.Attr("k") {
		t.Errorf("who is there, and sleeps: %s", again)
	}
}

// A live copy to a session without stream management is handed; what a session with it leaves unacknowledged is reported
// when it ends, with its fate.
func TestModuleHandedAndUnacked(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, SMTimeout: time.Second})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Silent)
	desk := server.Login("bob/desk", lab.Silent)
	alice.Say(desk.Bare(), "m1", "hello")
	desk.Expect("message[@id='m1']/body")
	diff(t, "without stream management", told(tap, server.Domain), []string{"out m1", "handed m1"})
	desk.Close()

	phone := server.Login("bob/phone", lab.Silent)
	phone.Manage()
	phone.Quiet()
	alice.Say(phone.Bare(), "m2", "hello")
	phone.Expect("message[@id='m2']/body")
	phone.Drop()
	tap.Expect("{urn:tocsin:tap:1}closed[@s='%s'][@why='timeout']", phone.JID())
	diff(t, "a dead session", told(tap, server.Domain), []string{"out m2", "unacked m2", "offline m2 offline"})

	// Its client fetches from the archive: there it stays.
	phone = server.Login("bob/phone", lab.Silent)
	phone.Manage()
	phone.Must("set", "", "<query xmlns='urn:xmpp:mam:2'/>")
	diff(t, "from offline storage, before there is stream management", told(tap, server.Domain), []string{"handed m2"})
	phone.Quiet()
	alice.Say(phone.Bare(), "m3", "hello")
	phone.Expect("message[@id='m3']/body")
	phone.Drop()
	tap.Expect("{urn:tocsin:tap:1}closed[@s='%s'][@why='timeout']", phone.JID())
	diff(t, "a dead session of a client that uses the archive", told(tap, server.Domain), []string{"out m3", "unacked m3", "offline m3 archive"})
}

// The removal of an account is reported.
func TestModuleRemoved(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, Registration: true})
	tap := server.Attach()
	bob := server.Login("bob/desk", lab.Silent)
	bob.Send("<iq type='set' id='remove'><query xmlns='jabber:iq:register'><remove/></query></iq>")
	tap.Expect("{urn:tocsin:tap:1}removed[@j='%s']", bob.Bare())
}

// While the component is down users notice nothing, events are kept, the oldest dropped if necessary, and later reported in
// order, with all open sessions.
func TestModuleBacklog(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, Backlog: 150})
	alice := server.Login("alice/phone", lab.Silent) // before the component ever connected
	bob := server.Login("bob/desk", lab.Silent)
	for i := range 100 { // each is reported and handed
		alice.Say(bob.Bare(), fmt.Sprintf("m%d", i), "hello")
		bob.Expect("message[@id='m%d']/body", i)
	}
	marker := bob.Display(alice.Bare(), "m3")
	alice.Expect("message/displayed")
	alice.ExpectNone(0, "message[@type='error']")
	bob.ExpectNone(0, "message[@type='error']")

	tap := server.Attach()
	got := told(tap, server.Domain)
	if want := append([]string{"out m50", "handed m50"}, "out "+marker); len(got) != 101 || !slices.Equal([]string{got[0], got[1], got[100]}, want) {
		t.Errorf("connected: %d events, of them %q; want 101, of them %q", len(got), []string{got[0], got[1], got[len(got)-1]}, want)
	}
	first := tap.Batches()[0]
	if first.N != 3 || first.Lost != 100 {
		t.Errorf("the first batch is %+v: want the third one, and 100 lost", first)
	}

	tap.Close()
	alice.Say(bob.Bare(), "m100", "hello")
	bob.Expect("message[@id='m100']/body")
	bob.Close()
	tap.Forget()
	tap.Connect()
	diff(t, "connected again", told(tap, server.Domain), []string{"out m100", "handed m100"})
	diff(t, "who is there", told(tap, server.Domain, aboutSessions...), []string{"here alice@lab.test/phone"})
}

// What the component has not acknowledged is resent, with the same number; no more is kept waiting than it can process.
func TestModuleAcknowledged(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Silent)
	told(tap, server.Domain)
	tap.Silent(true)
	alice.Say("nobody@lab.test", "m1", "hello")
	alice.Expect("message[@type='error'][@id='m1']")
	diff(t, "at first", told(tap, server.Domain), []string{"out m1", "bounce m1"})
	tap.Drop()
	alice.Say("nobody@lab.test", "m2", "hello")
	alice.Expect("message[@type='error'][@id='m2']")
	tap.Silent(false)
	before := tap.Batches()
	tap.Connect()
	diff(t, "sent again", told(tap, server.Domain), []string{"out m1", "bounce m1", "out m2", "bounce m2"})
	if again, last := tap.Batches()[len(before)], before[len(before)-1]; again != last {
		t.Errorf("the batch is %+v, and was %+v", again, last)
	}
	tap.Drop()
	tap.Connect()
	diff(t, "acknowledged", told(tap, server.Domain), nil)

	for what, payload := range map[string]string{
		"another run":                   "<ack xmlns='urn:tocsin:tap:1' run='another' n='1'/>",
		"a number that was never sent":  fmt.Sprintf("<ack xmlns='urn:tocsin:tap:1' run='%s' n='4000'/>", before[0].Run),
		"a number that is none":         fmt.Sprintf("<ack xmlns='urn:tocsin:tap:1' run='%s' n='x'/>", before[0].Run),
		"nothing":                       "<ack xmlns='urn:tocsin:tap:1'/>",
		"a number with a fraction":      fmt.Sprintf("<ack xmlns='urn:tocsin:tap:1' run='%s' n='1.5'/>", before[0].Run),
		"a number that is not a number": fmt.Sprintf("<ack xmlns='urn:tocsin:tap:1' run='%s' n='nan'/>", before[0].Run),
	} {
		tap.Send("<iq type='set' id='wrong' from='%s' to='lab.test'>%s</iq>", server.Component, payload)
		if answer := tap.Expect("iq[@id='wrong']"); !answer.Has("error/item-not-found") {
			t.Errorf("%s: %s", what, answer)
		}
	}
	if answer := alice.Query("set", "lab.test", fmt.Sprintf("<ack xmlns='urn:tocsin:tap:1' run='%s' n='1'/>", before[0].Run)); answer.Attr("type") != "error" {
		t.Errorf("a user's: %s", answer)
	}
}
