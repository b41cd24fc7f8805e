// Demo runs the story that Tocsin is for, against a real Prosody with throw-away data on loopback, and prints it as it
// happens: Alice writes to Bob, who does not read; Alice is prompted to send an SMS, does so, and is told when Bob reads.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"tocsin/internal/lab"
	"tocsin/internal/tbrun"
	"tocsin/xep/escalation"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if !tbrun.Perform(ctx, "demo", func(s *tbrun.Stage) { story(newTeller(s)) }) {
		os.Exit(1)
	}
}

const (
	number = "+8613800138000"
	pace   = 1200 * time.Millisecond // so that people can follow
)

func story(s *teller) {
	s.note("Starting Prosody with mod_tocsin, and tocsin on an SQLite file …")
	server := lab.Prosody(s, lab.Options{Tap: lab.Module, Hosts: []string{"example.org"}, Component: "tocsin.example.org"})
	listen := fmt.Sprintf("127.0.0.1:%d", lab.Port(s))
	tocsin := lab.Tocsin(s, server, lab.Settings{
		"web.listen": listen, "web.public": "http://" + listen + "/tocsin",
		"track.undelivered_after": "4s", "track.unread_after": "6s", "track.min_after": "1s", "numbers.region": "CN", "log.level": "warn",
	})
	s.note("tocsin is connected. Messages are overdue 4 s after sending if not delivered, 6 s if not read.")
	fmt.Println()

	alice := server.Login("alice/phone", lab.Markers.Phone())
	alice.Greet(server.Component)
	alice.Expect("presence[@from='%s']", server.Component)
	bob := server.Login("bob/phone", lab.Markers)
	lab.Befriend(alice, bob) // from strangers no confirmations are expected
	tocsin.Must("numbers", "set", bob.Bare(), number)
	s.begin()
	s.line("admin", "$ tocsin numbers set %s %s", bob.Bare(), number)

	s.wait(pace)
	alice.Say(bob.Bare(), "m1", "The server room is on fire.")
	s.line("alice", "→ bob: The server room is on fire.")
	bob.Expect("message[@id='m1']/body")

	s.status(alice, "m1", "delivered", "bob's client has it")
	s.status(alice, "m1", "timeout-unread", "bob has not read it in time")
	prompt := alice.Expect("message/{%s}escalate[@id='m1']", escalation.NS).Find("escalate")
	s.line("tocsin", "→ alice's phone: send an SMS to %s?", strings.TrimPrefix(prompt.Find("number").Attr("uri"), "tel:"))
	s.line("", "   %s", prompt.Find("sms").Attr("uri"))

	s.wait(pace)
	alice.Must("set", server.Component, answer(prompt, "claim"))
	s.line("alice", "opens the SMS screen with number and text filled in (claim)")
	s.wait(pace)
	alice.Must("set", server.Component, answer(prompt, "sent"))
	s.line("alice", "has sent it (sent)")
	s.status(alice, "m1", "escalated", "an SMS is out")

	s.wait(pace)
	bob.Read()
	s.line("bob", "reads the message")
	s.status(alice, "m1", "displayed", "bob has read it")
	fmt.Println()
	ordinary(s, server, bob)
	fmt.Println()
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
	for i, line := range strings.Split(prompt.Find("body").Text, "\n") {
		if i == 0 {
			s.line("sms", "→ eve: %s", line)
		} else {
			s.line("", "   %s", line)
		}
	}
	s.wait(pace)
	eve.Send("<message type='chat' id='tap' to='%s'><reactions xmlns='urn:xmpp:reactions:0' id='%s'><reaction>👍</reaction></reactions><store xmlns='urn:xmpp:hints'/></message>",
		contact, prompt.Attr("id"))
	s.line("eve", "reacts 👍: the SMS is out, for all three")
}

func answer(prompt *lab.Element, action string) string {
	return fmt.Sprintf("<answer xmlns='%s' prompt='%s' action='%s'/>", escalation.NS, prompt.Attr("prompt"), action)
}

// status waits for a state and explains it.
func (s *teller) status(c *lab.Client, id, state, meaning string) {
	st := c.Expect("message/{%s}status[@id='%s'][@state='%s']", escalation.NS, id, state).Find("status")
	s.line("tocsin", "→ alice: %s%s%s – %s (by %s)", bold, state, plain, meaning, st.Attr("basis"))
}

const (
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	plain = "\x1b[0m"
)

// teller is a stage that prints what happens.
type teller struct {
	*tbrun.Stage
	out     *os.File
	colours bool
	started time.Time
}

func newTeller(s *tbrun.Stage) *teller {
	t := &teller{Stage: s, out: os.Stdout, started: time.Now()}
	if info, err := t.out.Stat(); err == nil && os.Getenv("NO_COLOR") == "" {
		t.colours = info.Mode()&os.ModeCharDevice != 0
	}
	return t
}

func (s *teller) begin() { s.started = time.Now() }

func (s *teller) note(format string, args ...any) {
	fmt.Fprintln(s.out, s.paint(faint+fmt.Sprintf(format, args...)+plain))
}

func (s *teller) line(who, format string, args ...any) {
	at := ""
	if who != "" {
		at = fmt.Sprintf("%5.1f s", time.Since(s.started).Seconds())
	}
	fmt.Fprintln(s.out, s.paint(fmt.Sprintf("%7s  %-7s %s", at, who, fmt.Sprintf(format, args...))))
}

func (s *teller) paint(text string) string {
	if s.colours {
		return text
	}
	return strings.NewReplacer(bold, "", faint, "", plain, "").Replace(text)
}

func (s *teller) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.Context().Done():
		runtime.Goexit()
	}
}
