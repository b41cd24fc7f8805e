package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"tocsin/internal/lab"
	"tocsin/xep/escalation"
)

const (
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	plain = "\x1b[0m"
)

// teller is a stage that prints what happens.
type teller struct {
	testing.TB
	out     io.Writer
	colours bool
	pace    time.Duration // so that people can follow
	started time.Time
}

// onScreen tells a story to a person.
func onScreen(s testing.TB) *teller {
	t := &teller{TB: s, out: os.Stdout, pace: 1200 * time.Millisecond, started: time.Now()}
	if info, err := os.Stdout.Stat(); err == nil && os.Getenv("NO_COLOR") == "" {
		t.colours = info.Mode()&os.ModeCharDevice != 0
	}
	return t
}

// status waits for a state and explains it.
func (s *teller) status(c *lab.Client, id, state, meaning string) {
	st := c.Expect("message/{%s}status[@id='%s'][@state='%s']", escalation.NS, id, state).Find("status")
	s.line("tocsin", "→ alice: %s%s%s – %s (by %s)", bold, state, plain, meaning, st.Attr("basis"))
}

func (s *teller) begin() { s.started = time.Now() }

// unread is how both stories begin: Alice writes to Bob, who does not read it in time.
func (s *teller) unread(server *lab.Server, tocsin *lab.Daemon) (alice, bob *lab.Client) {
	alice = server.Login("alice/phone", lab.Markers.Phone())
	alice.Greet(server.Component)
	alice.Expect("presence[@from='%s']", server.Component)
	bob = server.Login("bob/phone", lab.Markers)
	lab.Befriend(alice, bob) // no confirmations are expected of strangers
	tocsin.Must("numbers", "set", bob.Bare(), number)
	s.begin()
	s.line("admin", "$ tocsin numbers set %s %s", bob.Bare(), number)

	s.rest()
	alice.Say(bob.Bare(), "m1", "The server room is on fire.")
	s.line("alice", "→ bob: The server room is on fire.")
	bob.Expect("message[@id='m1']/body")

	s.status(alice, "m1", "delivered", "bob's client has it")
	s.status(alice, "m1", "timeout-unread", "bob has not read it in time")
	return alice, bob
}

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

// said prints what somebody reads, line by line.
func (s *teller) said(who, whom, text string) {
	for i, line := range strings.Split(text, "\n") {
		if i == 0 {
			s.line(who, "%s: %s", whom, line)
		} else {
			s.line("", "   %s", line)
		}
	}
}

func (s *teller) println() { fmt.Fprintln(s.out) }

func (s *teller) paint(text string) string {
	if s.colours {
		return text
	}
	return strings.NewReplacer(bold, "", faint, "", plain, "").Replace(text)
}

// rest gives a person time to read.
func (s *teller) rest() {
	select {
	case <-time.After(s.pace):
	case <-s.Context().Done():
		runtime.Goexit()
	}
}
