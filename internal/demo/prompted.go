package main

import (
	"fmt"
	"strings"

	"tocsin/internal/lab"
	"tocsin/xep/escalation"
)

const number = "+8613800138000"

// prompted: Alice writes to Bob, who does not read; she is prompted to send an SMS, does so, and is told when he reads.
func prompted(s *teller) {
	s.note("Starting Prosody with mod_tocsin, and tocsin on an SQLite file …")
	server := lab.Prosody(s, lab.Options{Tap: lab.Module, Hosts: []string{"example.org"}, Component: "tocsin.example.org"})
	listen := fmt.Sprintf("127.0.0.1:%d", lab.Port(s))
	tocsin := lab.Tocsin(s, server, lab.Settings{
		"web.listen": listen, "web.public": "http://" + listen + "/tocsin",
		"track.undelivered_after": "4s", "track.unread_after": "6s", "track.min_after": "1s", "numbers.region": "CN", "log.level": "warn",
	})
	s.note("tocsin is connected. Messages are overdue 4 s after sending if not delivered, 6 s if not read.")
	s.println()

	alice, bob := s.unread(server, tocsin)
	prompt := alice.Expect("message/{%s}escalate[@id='m1']", escalation.NS).Find("escalate")
	s.line("tocsin", "→ alice's phone: send an SMS to %s?", strings.TrimPrefix(prompt.Find("number").Attr("uri"), "tel:"))
	s.line("", "   %s", prompt.Find("sms").Attr("uri"))

	s.rest()
	alice.Must("set", server.Component, answer(prompt, "claim"))
	s.line("alice", "opens the SMS screen with number and text filled in (claim)")
	s.rest()
	alice.Must("set", server.Component, answer(prompt, "sent"))
	s.line("alice", "has sent it (sent)")
	s.status(alice, "m1", "escalated", "an SMS is out")

	s.rest()
	bob.Read()
	s.line("bob", "reads the message")
	s.status(alice, "m1", "displayed", "bob has read it")
	s.println()
	ordinary(s, server, bob)
	s.println()
	s.note("The story ran on a real server. Try it on yours: see README.md.")
}

// ordinary is the same story with a client that does not support Tocsin: a chat, a page, a reaction.
func ordinary(s *teller, server *lab.Server, bob *lab.Client) {
	contact := "sms@" + server.Component
	eve := server.Login("eve/desk", lab.Gajim)
	lab.Befriend(eve, bob)
	eve.Say(contact, "start", "start")
	eve.Expect("message[@from='%s']/body", contact)
	s.line("eve", "→ sms: start (her client knows nothing of Tocsin)")
	for i, text := range []string{"Hi Bob", "The pump has failed", "please call me"} {
		eve.Say(bob.Bare(), fmt.Sprint("e", i), text)
		s.line("eve", "→ bob: %s", text)
	}
	prompt := eve.Expect("message[@from='%s']/escalate", contact)
	s.said("sms", "→ eve", prompt.Find("body").Text)
	s.rest()
	eve.Send("<message type='chat' id='tap' to='%s'><reactions xmlns='urn:xmpp:reactions:0' id='%s'><reaction>👍</reaction></reactions><store xmlns='urn:xmpp:hints'/></message>",
		contact, prompt.Attr("id"))
	s.line("eve", "reacts 👍: the SMS is out, for all three")
}

func answer(prompt *lab.Element, action string) string {
	return fmt.Sprintf("<answer xmlns='%s' prompt='%s' action='%s'/>", escalation.NS, prompt.Attr("prompt"), action)
}
