package lab_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/lab"
)

// told describes everything that the module has reported about messages so far; with names, the events of these names.
func told(tap *lab.Component, host string, names ...string) (all []string) {
	tap.Sync(host)
	if len(names) == 0 {
		names = lab.AboutMessages
	}
	for _, e := range tap.Events(names...) {
		all = append(all, lab.Event(e))
	}
	return all
}

// copied describes all copies so far.
func copied(tap *lab.Component, host string) (all []string) {
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

// Each message, and each piece of evidence about it, is reported once; nothing else is.
func TestModuleEvents(t *testing.T) {
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
		{"unknown", "type='chat'", "<x xmlns='urn:example:new'/>"},
		{"no-markable", "type='chat'", "<markable xmlns='urn:xmpp:chat-markers:0'/>"},
		{"no-headline", "type='headline'", "<body>news</body>"},
		{"no-invitation", "", "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='bob@lab.test'/></x>"},
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

	var want []string
	for _, id := range []string{"chat", "normal", "omemo", "omemo2", "openpgp", "eme", "receipt", "displayed", "reaction", "retract1", "retract0", "correct", "reply", "unknown"} {
		event := "out " + id
		if id == "normal" {
			event += " normal"
		}
		want = append(want, event)
	}
	diff(t, "events", told(tap, server.Domain, "out", "in", "bounce"), append(want, "out "+marker))
}

// An event has the format that the tap reads: in a batch from the host, with what only the server knows.
func TestModuleShape(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)
	bob := server.Login("bob/phone", lab.Silent)
	bob.Manage()
	lab.Befriend(alice, bob)
	alice.Say(bob.Bare(), "m1", "a < b & \"c\"")
	bob.Expect("message[@id='m1']/body")
	alice.Sync()
	tap.Sync(server.Domain)
	out := tap.Expect("{urn:tocsin:tap:1}out[@i='m1']")
	for name, want := range map[string]string{"f": alice.JID(), "t": bob.Bare(), "ro": "both", "ss": "1", "sm": "1", "hib": "", "l": "en"} {
		if got := out.Attr(name); got != want {
			t.Errorf("%s is %q, want %q: %s", name, got, want, out)
		}
	}
	if body := out.Find("body"); body.Text != "a < b & \"c\"" || !out.Has("rq") || !out.Has("mk") || len(out.Children) != 3 {
		t.Errorf("payloads: %s", out)
	}
	batches := tap.Batches()
	for i, b := range batches {
		if b.Host != server.Domain || b.Run != batches[0].Run || b.N != i+1 || b.Lost != 0 {
			t.Errorf("batch %d is %+v", i, b)
		}
	}
	hello := tap.Expect("{urn:tocsin:tap:1}hello")
	if hello.Attr("hosts") != server.Domain || !strings.HasPrefix(hello.Attr("server"), "Prosody ") || !strings.Contains(hello.Attr("tells"), "acked") {
		t.Errorf("hello: %s", hello)
	}

	// A sender who is not in the recipient's roster, to somebody who is offline.
	server.AddUser("dave", "secret")
	alice.Say("dave@lab.test", "m2", "hello")
	alice.Sync()
	tap.Sync(server.Domain)
	if out := tap.Expect("{urn:tocsin:tap:1}out[@i='m2']"); out.Attr("ro") != "none" || out.Attr("ss") != "0" {
		t.Errorf("to a stranger: %s", out)
	}
}

// What the component does not need is not reported: texts, reactions, presence.
func TestModuleNeeds(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module})
	tap := server.NewComponent()
	tap.Features = []string{"urn:tocsin:tap:1#no-text", "urn:tocsin:tap:1#no-reactions", "urn:tocsin:tap:1#no-presence"}
	tap.Connect()
	alice := server.Login("alice/phone", lab.Silent)
	for id, body := range map[string]string{"text": "hello", "blank": " \u200b", "otr": "?OTR:AAMDxxx.", "otr-auto": "?OTR:AAMKxxx."} {
		alice.Say("bob@lab.test", id, body)
	}
	alice.SendPayload("bob@lab.test", "<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>+</reaction></reactions>")
	alice.Sync()
	tap.Sync(server.Domain)
	events := tap.Events("out", "presence")
	if len(events) != 4 {
		t.Errorf("events: %s", events)
	}
	for _, e := range events {
		if body := e.Find("body"); body.Text != "" || body.Attr("is") != e.Attr("i") {
			t.Errorf("body: %s", e)
		}
	}
}

// A message for somebody who is offline is "offline", and what his client acknowledges when he is back is "acked".
func TestModuleOfflineAndAcks(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, NoPresence: true})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)
	bob := server.Client("bob/phone", lab.Silent)

	alice.Say(bob.Bare(), "m1", "hello")
	alice.Sync()
	diff(t, "away", told(tap, server.Domain), []string{"out m1", "offline m1 offline"})

	bob.Connect()
	bob.Manage()
	bob.Available()
	bob.Expect("message[@id='m1']/delay")
	tap.Expect("{urn:tocsin:tap:1}acked[@i='m1'][@t='%s']", bob.JID())

	// Receipts are evidence themselves: their delivery is not reported.
	receipt := alice.Receive(bob.Bare(), "x")
	bob.Expect("message/received")
	bob.Sync()
	diff(t, "receipt", told(tap, server.Domain), []string{"out " + receipt})

	// A phone without network: what it had received before is reported when it resumes, the rest when it has received it.
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

	// A client that acknowledges what it never received is not believed.
	bob.Quiet()
	alice.Say(bob.Bare(), "m4", "hello")
	bob.Expect("message[@id='m4']/body")
	bob.Send("<a xmlns='urn:xmpp:sm:3' h='4000'/>")
	bob.ExpectEnd()
	if got := told(tap, server.Domain); slices.Contains(got, "acked m4") {
		t.Errorf("an impossible h was believed: %q", got)
	}
}

// Acks are reported only on request.
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

// Errors made by the server itself pass no hook, but are reported; those of clients are reported once.
func TestModuleBounces(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, NoPresence: true})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Markers)

	alice.Say("nobody@lab.test", "m1", "hello")
	alice.Expect("message[@type='error'][@id='m1']")
	diff(t, "unknown user", told(tap, server.Domain), []string{"out m1", "bounce m1"})

	carol := server.Login("carol/desk", lab.Silent)
	carol.Send("<message type='error' id='m4' to='%s'><error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", alice.JID())
	alice.Expect("message[@type='error'][@id='m4']")
	diff(t, "a client's error", told(tap, server.Domain), []string{"out m4 error"})

	alice.Manage()
	alice.Deaf()
	alice.Say("nobody@lab.test", "m5", "hello")
	tap.Expect("{urn:tocsin:tap:1}bounce[@i='m5']")
	alice.Drop()
	alice.Resume()
	alice.Expect("message[@type='error'][@id='m5']")
	diff(t, "sent once more", told(tap, server.Domain), []string{"out m5"})
}

// What a block list refuses is bounced, and what it drops silently is dropped: always for the blocker's full address, on
// Prosody 13 also for the bare one, unless the admin wants it bounced.
func TestModuleBlocked(t *testing.T) {
	t.Parallel()
	for _, bounces := range []bool{true, false} {
		t.Run(fmt.Sprintf("bounce_blocked_messages=%t", bounces), func(t *testing.T) {
			t.Parallel()
			server := lab.Prosody(t, lab.Options{Tap: lab.Module, Extra: fmt.Sprintf("bounce_blocked_messages = %t", bounces)})
			tap := server.Attach()
			alice := server.Login("alice/phone", lab.Markers)
			bob := server.Login("bob/desk", lab.Silent)
			bob.Block(alice.Bare())
			alice.Say(bob.Bare(), "m1", "hello")
			alice.Say(bob.JID(), "m2", "hello")
			alice.Say("nobody@lab.test", "m3", "hello")
			alice.Sync()
			tap.Expect("{urn:tocsin:tap:1}dropped[@i='m2'][@why='blocked']")
			if alice.Received("message[@type='error'][@id='m1']") != nil {
				tap.Expect("{urn:tocsin:tap:1}bounce[@i='m1']")
			} else {
				tap.Expect("{urn:tocsin:tap:1}dropped[@i='m1'][@why='blocked']")
			}
			diff(t, "the rest", told(tap, server.Domain), []string{"out m1", "out m2", "out m3", "bounce m3"})

			bob.Say(alice.Bare(), "m4", "hello")
			bob.Expect("message[@type='error'][@id='m4']/error/blocked")
			diff(t, "to somebody blocked", told(tap, server.Domain), []string{"bounce m4"})
		})
	}
}

// Between two hosts of one server each message is reported once, and all hosts report in one sequence.
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
	want := []string{"out m1", "handed m1", "out m2", "handed m2", "out m3", "bounce m3"}
	talk()
	tap := server.Attach()
	diff(t, "from the backlog", told(tap, "one.test"), want)
	if hello := tap.Expect("{urn:tocsin:tap:1}hello"); hello.Attr("hosts") != "one.test two.test" {
		t.Errorf("hello: %s", hello)
	}
	talk()
	diff(t, "at once", told(tap, "one.test"), want)
	run := tap.Batches()[0].Run
	for i, b := range tap.Batches() {
		if b.Run != run || b.N != i+1 {
			t.Errorf("batch %d is %+v", i, b)
		}
	}
}

// The module can be reloaded under load: each message is still reported once, the backlog is kept; when unloaded, it leaves
// nothing behind.
func TestModuleReload(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, Modules: []string{"admin_shell", "admin_socket"}})
	alice := server.Login("alice/phone", lab.Silent)
	alice.Say("nobody@lab.test", "m1", "kept over the reload")
	alice.Expect("message[@type='error'][@id='m1']")
	server.Shell("module", "reload", "tocsin", "lab.test")
	tap := server.Attach()
	alice.Say("nobody@lab.test", "m2", "hello")
	alice.Expect("message[@type='error'][@id='m2']")
	diff(t, "reloaded", told(tap, server.Domain), []string{"out m1", "bounce m1", "out m2", "bounce m2"})

	server.Shell("module", "unload", "tocsin", "lab.test")
	alice.Say("nobody@lab.test", "m3", "hello")
	alice.Expect("message[@type='error'][@id='m3']")
	alice.Unavailable()
	alice.Sync()
	diff(t, "unloaded", told(tap, server.Domain), nil)
	tap.Sync(server.Domain)

	out := server.Shell("module", "load", "tocsin", "lab.test")
	alice.Say("nobody@lab.test", "m4", "hello")
	alice.Expect("message[@type='error'][@id='m4']")
	diff(t, "loaded again", told(tap, server.Domain), []string{"out m4", "bounce m4"})
	if !regexp.MustCompile(`(?i)loaded`).MatchString(out) {
		t.Errorf("load: %s", out)
	}
}

// The modules announce in disco where they send their events; Prosody's warns about a component that does not exist.
func TestModuleTellsItsTarget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		start     func(testing.TB, lab.Options) *lab.Server
		component string
		warned    bool
	}{
		{lab.Prosody, "tocsin.lab.test", false}, {lab.Prosody, "tosin.lab.test", true}, {lab.Prosody, "lab2.test", true},
		{lab.Ejabberd, "tosin.lab.test", false},
	} {
		server := test.start(t, lab.Options{Tap: lab.Module, Target: test.component, Hosts: []string{"lab.test", "lab2.test"}, Component: "tocsin.lab.test"})
		tap := server.Attach()
		tap.Send("<iq type='get' id='d' from='%s' to='lab.test'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", server.Component)
		info := tap.Expect("iq[@id='d']/query/feature[@var='urn:tocsin:tap:1']")
		for field, want := range map[string]string{"FORM_TYPE": "urn:tocsin:tap", "component": test.component, "module": "mod_tocsin 1"} {
			if got := info.Find("query/x/field[@var='" + field + "']/value"); got == nil || got.Text != want {
				t.Errorf("disco of a module for %s: %s", test.component, info)
			}
		}
		if warned := strings.Contains(server.Log(), `tocsin_component = "`+test.component+`" names no component`); warned != test.warned {
			t.Errorf("%s: warned: %t", test.component, warned)
		}
	}
}
