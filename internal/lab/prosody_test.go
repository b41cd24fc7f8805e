package lab_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/lab"
)

// told returns all that the tap has told by now, in a few words each.
func told(tap *lab.Component, host string) (all []string) {
	tap.Sync(host)
	for _, c := range tap.Copies() {
		all = append(all, c.String())
	}
	return all
}

func diff(t *testing.T, what string, got, want []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// Each message, and each thing that tells a message's fate, is copied once; nothing else is.
func TestModuleCopies(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, NoPresence: true, Extra: `Component "rooms.lab.test" "muc"`})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Silent)
	other := server.Login("alice/desk", lab.Silent)
	other.Carbons()
	bob := server.Login("bob/desk", lab.Silent)

	room := "hall@rooms.lab.test"
	alice.Send("<presence to='%s/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room)
	alice.Expect("presence[@from='%s/alice']//status[@code='110']", room)

	for _, m := range []struct{ id, attrs, payload string }{
		{"chat", "type='chat'", "<body>hello</body>"},
		{"normal", "", "<body>hello</body>"},
		{"omemo", "type='chat'", "<encrypted xmlns='eu.siacs.conversations.axolotl'><payload>x</payload></encrypted>"},
		{"omemo2", "type='chat'", "<encrypted xmlns='urn:xmpp:omemo:2'/>"},
		{"openpgp", "type='chat'", "<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>"},
		{"eme", "type='chat'", "<encryption xmlns='urn:xmpp:eme:0' namespace='x'/>"},
		{"receipt", "type='chat'", "<received xmlns='urn:xmpp:receipts' id='x'/>"},
		{"displayed", "type='chat'", "<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>"},
		{"reaction", "type='chat'", "<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>+</reaction></reactions>"},
		{"retract1", "type='chat'", "<retract xmlns='urn:xmpp:message-retract:1' id='x'/>"},
		{"retract0", "type='chat'", "<apply-to xmlns='urn:xmpp:fasten:0' id='x'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>"},
		{"correct", "type='chat'", "<body>hi</body><replace xmlns='urn:xmpp:message-correct:0' id='x'/>"},
		{"reply", "type='chat'", "<body>yes</body><reply xmlns='urn:xmpp:reply:0' id='x' to='alice@lab.test'/>"},
		{"no-typing", "type='chat'", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"},
		{"no-markable", "type='chat'", "<markable xmlns='urn:xmpp:chat-markers:0'/>"},
		{"no-headline", "type='headline'", "<body>news</body>"},
		{"no-carbon", "type='chat'", "<received xmlns='urn:xmpp:carbons:2'/><body>forged</body>"},
		{"no-empty", "type='chat'", ""},
	} {
		alice.Send("<message id='%s' to='bob@lab.test' %s>%s</message>", m.id, m.attrs, m.payload)
	}
	for id, to := range map[string]string{"no-self": "alice@lab.test", "no-other-self": other.JID(), "no-host": "lab.test",
		"no-component": server.Component, "no-contact": "sms@" + server.Component, "no-room": room + "/alice"} {
		alice.Say(to, id, "hello")
	}
	alice.Send("<message id='no-groupchat' to='%s' type='groupchat'><body>hello</body></message>", room)
	alice.Sync()
	marker := bob.Display(alice.Bare(), "chat")
	bob.Sync()

	want := []string{"chat", "normal", "omemo", "omemo2", "openpgp", "eme", "receipt", "displayed", "reaction", "retract1", "retract0", "correct", "reply"}
	for i := range want {
		want[i] = "out " + want[i]
	}
	got := told(tap, server.Domain)
	diff(t, "copies", got, append(want, "out "+marker))
}

// A copy has the shape that the tap reads: from the host, and when, to the millisecond.
func TestModuleShape(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, NoPresence: true})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)
	alice.Say("bob@lab.test", "m1", "hello")
	copied := tap.Wait(lab.Patience, "a copy", lab.Path("message/forwarded"))
	if copied.Attr("from") != "lab.test" || copied.Attr("to") != server.Component || copied.Attr("type") != "normal" {
		t.Errorf("outer addresses: %s", copied)
	}
	inner := copied.Find("{urn:xmpp:forward:0}forwarded/{jabber:client}message")
	if inner.Attr("from") != alice.JID() || inner.Attr("to") != "bob@lab.test" || !inner.Has("{urn:xmpp:receipts}request") ||
		!inner.Has("{urn:xmpp:chat-markers:0}markable") || inner.Find("{jabber:client}body").Text != "hello" {
		t.Errorf("inner message: %s", copied)
	}
	stamp := copied.Find("{urn:xmpp:forward:0}forwarded/{urn:xmpp:delay}delay").Attr("stamp")
	at, err := time.Parse("2006-01-02T15:04:05.000Z", stamp)
	if err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("stamp %q: %v", stamp, err)
	}
}

// A message for somebody who is away is "offline", and what his client acknowledges when he is back is "acked".
func TestModuleOfflineAndAcks(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, NoPresence: true})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)
	bob := server.Client("bob/phone", lab.Silent)

	alice.Say(bob.Bare(), "m1", "hello")
	alice.Sync()
	diff(t, "away", told(tap, server.Domain), []string{"out m1", "offline m1"})

	bob.Connect()
	bob.Manage()
	bob.Available()
	bob.Expect("message[@id='m1']/delay")
	tap.Tapped("acked", "message[@id='m1']")

	// A receipt is evidence of its own: that it arrived is not told.
	receipt := alice.Receive(bob.Bare(), "x")
	bob.Expect("message/received")
	bob.Sync()
	diff(t, "receipt", told(tap, server.Domain), []string{"out " + receipt})

	// A phone without network: what it had got before is told when it resumes, the rest when it has got it.
	bob.Quiet()
	alice.Say(bob.Bare(), "m2", "still there?")
	bob.Expect("message[@id='m2']/body")
	bob.Drop()
	alice.Say(bob.Bare(), "m3", "hello?")
	alice.Sync()
	diff(t, "no network", told(tap, server.Domain), []string{"out m2", "out m3"})
	bob.Resume()
	bob.Expect("message[@id='m3']/body")
	bob.Sync()
	diff(t, "resumed", told(tap, server.Domain), []string{"acked m2", "acked m3"})

	// A client that acknowledges what it never got is believed nothing.
	bob.Quiet()
	alice.Say(bob.Bare(), "m4", "hello")
	bob.Expect("message[@id='m4']/body")
	bob.Send("<a xmlns='urn:xmpp:sm:3' h='4000'/>")
	bob.ExpectEnd()
	if got := told(tap, server.Domain); slices.Contains(got, "acked m4") {
		t.Errorf("an impossible h was believed: %q", got)
	}
}

// Acks are told only if they are wanted.
func TestModuleWithoutAcksAndPresence(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, NoAcks: true, NoPresence: true})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Silent)
	bob := server.Login("bob/phone", lab.Silent)
	bob.Manage()
	alice.Say(bob.Bare(), "m1", "hello")
	bob.Expect("message[@id='m1']/body")
	bob.Sync()
	diff(t, "copies", told(tap, server.Domain), []string{"out m1"})
}

// Errors that the server makes itself pass no hook, and are told all the same; those of clients are told once.
func TestModuleBounces(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, NoPresence: true})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)
	bob := server.Login("bob/desk", lab.Silent)

	alice.Say("nobody@lab.test", "m1", "hello")
	alice.Expect("message[@type='error'][@id='m1']")
	diff(t, "unknown user", told(tap, server.Domain), []string{"out m1", "bounce error m1"})

	bob.Block(alice.Bare())
	alice.Say(bob.Bare(), "m2", "hello")
	alice.Expect("message[@type='error'][@id='m2']/error/service-unavailable")
	diff(t, "blocked", told(tap, server.Domain), []string{"out m2", "bounce error m2"})

	bob.Say(alice.Bare(), "m3", "hello")
	bob.Expect("message[@type='error'][@id='m3']/error/blocked")
	diff(t, "to somebody blocked", told(tap, server.Domain), []string{"bounce error m3"})

	carol := server.Login("carol/desk", lab.Silent)
	carol.Send("<message type='error' id='m4' to='%s'><error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", alice.JID())
	alice.Expect("message[@type='error'][@id='m4']")
	diff(t, "a client's error", told(tap, server.Domain), []string{"out error m4"})

	alice.Manage()
	alice.Deaf()
	alice.Say("nobody@lab.test", "m5", "hello")
	tap.Tapped("bounce", "message[@id='m5']")
	alice.Drop()
	alice.Resume()
	alice.Expect("message[@type='error'][@id='m5']")
	diff(t, "sent once more", told(tap, server.Domain), []string{"out m5"})
}

// Whoever comes, changes or goes is told, however the end comes.
func TestModulePresence(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, SMTimeout: time.Second})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)

	came := tap.Tapped("presence", "presence[@from='%s']", alice.JID())
	if c := came.Inner.Find("{http://jabber.org/protocol/caps}c"); c.Attr("ver") == "" || came.Inner.Has("delay") {
		t.Errorf("presence: %s", came.Inner)
	}
	alice.Become(lab.Silent)
	alice.Available("<show>away</show>", "<status>private</status>")
	changed := tap.Tapped("presence", "presence[@from='%s']", alice.JID())
	if changed.Inner.Find("c").Attr("ver") == came.Inner.Find("c").Attr("ver") || changed.Inner.Has("status") {
		t.Errorf("changed presence: %s", changed.Inner)
	}
	alice.Send("<presence to='bob@lab.test'/>")
	alice.Unavailable()
	tap.Tapped("presence", "presence[@type='unavailable'][@from='%s']", alice.JID())
	alice.Sync()
	diff(t, "directed presence", told(tap, server.Domain), nil)

	bob := server.Login("bob/closed", lab.Silent)
	bob.Send("</stream:stream>")
	tap.Tapped("presence", "presence[@type='unavailable'][@from='%s']", bob.JID())

	carol := server.Login("carol/lost", lab.Silent)
	carol.Drop()
	tap.Tapped("presence", "presence[@type='unavailable'][@from='%s']", carol.JID())

	dave := server.Login("dave/hibernating", lab.Silent)
	dave.Manage()
	dave.Drop()
	tap.Tapped("presence", "presence[@type='unavailable'][@from='%s']", dave.JID())

	erin := server.Login("erin/replaced", lab.Silent)
	server.Login("erin/replaced", lab.Silent)
	tap.Tapped("presence", "presence[@type='unavailable'][@from='%s']", erin.JID())
}

// While the component is away users notice nothing, copies are kept, the oldest given up, and then told in order, with all
// who are there.
func TestModuleBacklog(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, Backlog: 3})
	alice := server.Login("alice/phone", lab.Silent) // before the component was ever there
	bob := server.Login("bob/desk", lab.Silent)
	for i := range 4 {
		alice.Say(bob.Bare(), fmt.Sprintf("m%d", i), "hello")
		bob.Expect("message[@id='m%d']/body", i)
	}
	marker := bob.Display(alice.Bare(), "m3")
	alice.Expect("message/displayed")
	alice.ExpectNone(0, "message[@type='error']")
	bob.ExpectNone(0, "message[@type='error']")

	tap := server.Attach()
	got := told(tap, server.Domain)
	slices.Sort(got[3:]) // of presences the order is not told
	diff(t, "connected", got, []string{"out m2", "out m3", "out " + marker, "presence alice@lab.test/phone", "presence bob@lab.test/desk"})

	tap.Close()
	alice.Say(bob.Bare(), "m5", "hello")
	bob.Expect("message[@id='m5']/body")
	bob.Close()
	tap.Connect()
	diff(t, "connected again", told(tap, server.Domain), []string{"out m5", "presence alice@lab.test/phone"})
}

// Between two hosts of one server each message is copied once, by its sender's host, and the backlog keeps their order.
func TestModuleCrossHost(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, NoPresence: true, Hosts: []string{"one.test", "two.test"}})
	alice := server.Login("alice@one.test/phone", lab.Silent)
	bob := server.Login("bob@two.test/desk", lab.Silent)
	talk := func() {
		alice.Say(bob.Bare(), "m1", "hello")
		bob.Expect("message[@id='m1']/body")
		bob.Say(alice.Bare(), "m2", "hello")
		alice.Expect("message[@id='m2']/body")
		alice.Say("nobody@two.test", "m3", "hello")
		alice.Expect("message[@type='error'][@id='m3']")
	}
	want := []string{"out m1", "out m2", "out m3", "bounce error m3"}
	talk()
	tap := server.Attach()
	diff(t, "from the backlog", told(tap, "one.test"), want)
	talk()
	tap.Sync("one.test")
	copies := tap.Copies()
	var got []string
	for _, c := range copies {
		got = append(got, c.String())
	}
	diff(t, "at once", got, want)
	if copies[0].From != "one.test" || copies[1].From != "two.test" {
		t.Errorf("copies come from %s and %s", copies[0].From, copies[1].From)
	}
}

// The module can be reloaded while people talk: each message is still copied once, the backlog is kept; unloaded, it leaves
// nothing behind.
func TestModuleReload(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, Extra: `modules_enabled = { "admin_shell", "admin_socket", "c2s", "roster", "saslauth", "disco", "ping" }`})
	alice := server.Login("alice/phone", lab.Silent)
	alice.Say("nobody@lab.test", "m1", "kept over the reload")
	alice.Expect("message[@type='error'][@id='m1']")
	server.Shell("module", "reload", "tocsin", "lab.test")
	tap := server.Attach()
	alice.Say("nobody@lab.test", "m2", "hello")
	alice.Expect("message[@type='error'][@id='m2']")
	diff(t, "reloaded", told(tap, server.Domain), []string{"out m1", "bounce error m1", "presence alice@lab.test/phone", "out m2", "bounce error m2"})

	server.Shell("module", "unload", "tocsin", "lab.test")
	alice.Say("nobody@lab.test", "m3", "hello")
	alice.Expect("message[@type='error'][@id='m3']")
	alice.Unavailable()
	alice.Sync()
	diff(t, "unloaded", told(tap, server.Domain), nil)

	out := server.Shell("module", "load", "tocsin", "lab.test")
	alice.Say("nobody@lab.test", "m4", "hello")
	alice.Expect("message[@type='error'][@id='m4']")
	diff(t, "loaded again", told(tap, server.Domain), []string{"out m4", "bounce error m4"})
	if !regexp.MustCompile(`(?i)loaded`).MatchString(out) {
		t.Errorf("load: %s", out)
	}
}

// The module says in disco where it sends its copies, and warns of a component that is not there.
func TestModuleTellsItsTarget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		component string
		warned    bool
	}{{"tocsin.lab.test", false}, {"tosin.lab.test", true}, {"lab2.test", true}} {
		server := lab.Prosody(t, lab.Options{Tap: lab.Module, Target: test.component, Hosts: []string{"lab.test", "lab2.test"}, Component: "tocsin.lab.test"})
		tap := server.Attach()
		tap.Send("<iq type='get' id='d' from='%s' to='lab.test'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", server.Component)
		info := tap.Expect("iq[@id='d']/query/feature[@var='urn:tocsin:tap:0']")
		if got := info.Find("query/x/field[@var='component']/value"); got == nil || got.Text != test.component {
			t.Errorf("disco of a module for %s: %s", test.component, info)
		}
		if warned := strings.Contains(server.Log(), `tocsin_component = "`+test.component+`" names no component`); warned != test.warned {
			t.Errorf("%s: warned: %t", test.component, warned)
		}
	}
}
