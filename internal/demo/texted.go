package main

import (
	"strings"

	"tocsin/internal/lab"
	"tocsin/xep/escalation"
)

// texted: Alice writes to Bob, who does not read; Tocsin sends him an SMS through Kannel, he replies from his phone, and
// Alice is told.
func texted(s *teller) {
	s.note("Starting Prosody with mod_tocsin, Kannel with an SMSC behind it, and tocsin on an SQLite file …")
	server := lab.Prosody(s, lab.Options{Tap: lab.Module, Hosts: []string{"example.org"}, Component: "tocsin.example.org"})
	smsc := lab.NewSMSC(s, false)
	kannel := lab.NewKannel(s, smsc, "")
	settings := kannel.Settings()
	for key, value := range (lab.Settings{
		"escalate.mode": "auto", "track.undelivered_after": "4s", "track.unread_after": "6s", "track.min_after": "1s", "numbers.region": "CN", "log.level": "warn",
	}) {
		settings[key] = value
	}
	tocsin := lab.Tocsin(s, server, settings)
	kannel.Attach(tocsin)
	s.note(`tocsin is connected, and sends SMS by Kannel (mode = "auto"). Messages are overdue 4 s after sending if not delivered, 6 s if not read.`)
	s.println()

	alice, _ := s.unread(server, tocsin)
	s.status(alice, "m1", "escalated", "Kannel has taken an SMS")
	alice.Expect("message/{%s}status[@id='m1'][@sms='delivered']", escalation.NS)
	s.said("kannel", "→ bob's phone", sent(smsc))
	s.line("tocsin", "→ alice: the phone has it")

	s.rest()
	const answer = "On my way. Call the fire brigade!"
	smsc.Phone(strings.TrimPrefix(number, "+"), strings.TrimPrefix(lab.KannelNumber, "+"), answer)
	s.line("bob", "answers from his phone: %s", answer)
	s.status(alice, "m1", "displayed", "bob has read it")
	told := alice.Expect("message[@type='chat']/{%s}sms-reply", escalation.NS)
	s.said("sms", "→ alice", told.Find("body").Text)
	s.println()
	s.note("The story ran on a real server and a real gateway. docs/SMS.md has what you need for yours.")
}

// sent is the text of an SMS, with its parts joined.
func sent(smsc *lab.SMSC) string {
	var text strings.Builder
	_, parts, _ := smsc.State()
	for _, part := range parts {
		text.WriteString(part.Text)
	}
	return text.String()
}
