package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// command runs an ad-hoc command: it starts it and, if fields are given, submits its form.
func (h *host) command(c *lab.Client, name string, fields ...string) *lab.Element {
	start := c.Query("set", h.Component, fmt.Sprintf("<command xmlns='http://jabber.org/protocol/commands' node='%s#%s' action='execute'/>", ns, name))
	if len(fields) == 0 || start.Attr("type") == "error" {
		return start
	}
	var form strings.Builder
	for i := 0; i < len(fields); i += 2 {
		fmt.Fprintf(&form, "<field var='%s'><value>%s</value></field>", fields[i], lab.Escape(fields[i+1]))
	}
	return c.Query("set", h.Component, fmt.Sprintf("<command xmlns='http://jabber.org/protocol/commands' node='%s#%s' sessionid='%s' action='complete'>"+
		"<x xmlns='jabber:x:data' type='submit'>%s</x></command>", ns, name, start.Find("command").Attr("sessionid"), form.String()))
}

func completed(t *testing.T, iq *lab.Element) *lab.Element {
	t.Helper()
	if c := iq.Find("command[@status='completed']"); c != nil && !c.Has("note[@type='error']") {
		return c
	}
	t.Fatalf("not completed: %s", iq)
	return nil
}

func binds(t *testing.T, h *host, who *lab.Client) {
	completed(t, h.command(who, "number", "number", number, "consent", "1"))
}

// Service discovery.
func TestDiscovery(t *testing.T) {
	anyTap(t, nil, func(t *testing.T, h *host) {
		alice := h.Login("alice/desk", lab.Gajim)
		info := alice.Must("get", h.Component, "<query xmlns='http://jabber.org/protocol/disco#info'/>").Find("query")
		if !info.Has("identity[@category='component'][@type='generic'][@name='SMS escalation']") {
			t.Errorf("no identity: %s", info)
		}
		for _, feature := range []string{ns, ns + "#sync", "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items",
			"http://jabber.org/protocol/commands", "jabber:iq:register", "urn:xmpp:ping", "jabber:iq:version"} {
			if !info.Has("feature[@var='" + feature + "']") {
				t.Errorf("no feature %s", feature)
			}
		}
		bot := alice.Must("get", h.contact(), "<query xmlns='http://jabber.org/protocol/disco#info'/>")
		if !bot.Has("query/identity[@category='client'][@type='bot']") {
			t.Errorf("the contact is not a bot: %s", bot)
		}
		alice.Must("get", h.Component, "<ping xmlns='urn:xmpp:ping'/>")
		alice.Must("get", h.Component, "<query xmlns='jabber:iq:version'/>")
		items := alice.Must("get", h.Component, "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>")
		for _, name := range []string{"number", "preferences", "watching", "escalate", "cancel", "mute"} {
			if !items.Has("query/item[@node='" + ns + "#" + name + "']") {
				t.Errorf("no command %s", name)
			}
		}
		if items.Has("query/item[@node='" + ns + "#admin-status']") {
			t.Error("an admin's command is shown to a user")
		}
		wantsError(t, alice.Query("get", h.Component, "<query xmlns='urn:unknown'/>"), "service-unavailable")
		wantsError(t, alice.Query("get", h.Component, ""), "bad-request")
	})
}

// Bob binds his number himself, by command; it is shown to Alice, and Bob sees that it was.
func TestNumberByCommand(t *testing.T) {
	anyTap(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		if refused := h.command(bob, "number", "number", "010 1234 5678", "consent", "1"); !refused.Has("command/note[@type='error']") {
			t.Errorf("a fixed line was accepted: %s", refused)
		}
		binds(t, h, bob)
		alice.Say(bob.Bare(), "m1", "Are you there?")
		wants(t, "number", h.prompt(alice, "m1").Find("number").Attr("uri"), "tel:"+number)
		contains(t, "the command number", h.command(bob, "number").String(), alice.Bare())
	})
}

// By registration; then he removes it again.
func TestNumberByRegistration(t *testing.T) {
	anyTap(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		form := bob.Must("get", h.Component, "<query xmlns='jabber:iq:register'/>").Find("query")
		if !form.Has("phone") || !form.Has("{jabber:x:data}x/field") || form.Has("registered") {
			t.Errorf("the form: %s", form)
		}
		bob.Must("set", h.Component, "<query xmlns='jabber:iq:register'><phone>138 0013 8000</phone></query>")
		again := bob.Must("get", h.Component, "<query xmlns='jabber:iq:register'/>").Find("query")
		if !again.Has("registered") || again.Find("phone").Text != number {
			t.Errorf("not registered: %s", again)
		}
		wantsError(t, bob.Query("set", h.Component, "<query xmlns='jabber:iq:register'><phone>110</phone></query>"), "not-acceptable")
		alice.Say(bob.Bare(), "m1", "Are you there?")
		wants(t, "number", h.prompt(alice, "m1").Find("number").Attr("uri"), "tel:"+number)
		bob.Must("set", h.Component, "<query xmlns='jabber:iq:register'><remove/></query>")
		if h.tocsin.Must("numbers", "list"); strings.Contains(h.tocsin.Must("numbers", "list"), number) {
			t.Error("the number remains")
		}
	})
}

// A number is private, or hidden from Alice: she is prompted without it.
func TestHiddenNumber(t *testing.T) {
	anyTap(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		binds(t, h, bob)
		completed(t, h.command(bob, "number", "hide_from", alice.Bare()))
		alice.Say(bob.Bare(), "m1", "Are you there?")
		if prompt := h.prompt(alice, "m1"); prompt.Has("number") || prompt.Has("sms") {
			t.Errorf("the number is shown: %s", prompt)
		}
	})
}

// Alice wants no prompts at all; then Bob does not want to be watched at all.
func TestPreferences(t *testing.T) {
	anyTap(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		binds(t, h, bob)
		completed(t, h.command(alice, "preferences", "mode", "never"))
		alice.Say(bob.Bare(), "m1", "Are you there?")
		status(alice, "m1", "timeout-undelivered")
		h.noPrompt(alice, 2*time.Second)
		contains(t, "watching", h.command(alice, "watching").String(), bob.Bare())

		completed(t, h.command(bob, "preferences", "watch_me", "0"))
		alice.Say(bob.Bare(), "m2", "Are you there?")
		alice.ExpectNone(settle, "message/{%s}status[@id='m2'][@state='timeout-undelivered']", ns)
	})
}

// Escalating one message now, not watching one, and muting a contact.
func TestInstructions(t *testing.T) {
	anyTap(t, lab.Settings{"track.undelivered_after": "1h"}, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		h.reachable(bob.Bare())
		alice.Say(bob.Bare(), "m1", "Are you there?")
		h.tocsin.Counts("tocsin_pending_messages", "", 1)
		completed(t, h.command(alice, "escalate", "id", "m1", "with", bob.Bare()))
		prompt := h.prompt(alice, "m1")
		if missing := h.command(alice, "escalate", "id", "m9", "with", bob.Bare()); !missing.Has("command/note[@type='error']") {
			t.Errorf("an unknown message was escalated: %s", missing)
		}
		alice.Say(bob.Bare(), "m2", "Never mind this one.")
		h.tocsin.Counts("tocsin_pending_messages", "", 2)
		completed(t, h.command(alice, "cancel", "id", "m2", "with", bob.Bare()))
		status(alice, "m2", "cancelled")
		completed(t, h.command(alice, "cancel", "id", "m1", "with", bob.Bare()))
		h.withdrawal(alice, prompt, "cancelled")
		completed(t, h.command(alice, "mute", "jid", bob.Bare(), "muted", "true"))
		alice.Say(bob.Bare(), "m3", "Urgent", fmt.Sprintf("<track xmlns='%s' until='delivered' timeout='1'/>", ns))
		status(alice, "m3", "timeout-undelivered")
		h.noPrompt(alice, 2*time.Second)
	})
}

// Admin commands are for admins only.
func TestAdmins(t *testing.T) {
	anyTap(t, lab.Settings{"component.admins": []string{"root@lab.test"}}, func(t *testing.T, h *host) {
		root := h.capable("root/desk", lab.Markers)
		alice := h.capable("alice/phone", lab.Markers)
		for _, name := range []string{"admin-status", "admin-user", "admin-numbers", "admin-cancel", "admin-announce-off", "admin-reload"} {
			wantsError(t, h.command(alice, name), "forbidden")
		}
		completed(t, h.command(root, "admin-status"))
		bob := h.Login("bob/desk", lab.Silent)
		h.reachable(bob.Bare())
		completed(t, h.command(root, "admin-announce-off", "paused", "1"))
		alice.Say(bob.Bare(), "m1", "Are you there?")
		status(alice, "m1", "timeout-undelivered")
		h.noPrompt(alice, 2*time.Second)
		completed(t, h.command(root, "admin-announce-off", "paused", "0"))
		h.tocsin.Set(lab.Settings{"track.undelivered_after": "1h"})
		completed(t, h.command(root, "admin-reload"))
		alice.Say(bob.Bare(), "m2", "Are you there?")
		alice.ExpectNone(settle, "message/{%s}status[@id='m2'][@state='timeout-undelivered']", ns)
		h.tocsin.Set(lab.Settings{"track.undelivered_after": "soon"})
		if bad := h.command(root, "admin-reload"); !bad.Has("command/note[@type='error']") {
			t.Errorf("a bad file was accepted: %s", bad)
		}
	})
}
