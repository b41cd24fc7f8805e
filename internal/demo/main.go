// Demo tells the stories that Tocsin is for as they happen, on a real Prosody with throw-away data on loopback: how Alice is prompted to
// send Bob an SMS, and, as "demo sms", how Tocsin sends one itself by way of a real Kannel, and Bob answers.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tocsin/internal/tbrun"
)

// stories are told by these arguments.
var stories = map[string]func(*teller){"": prompted, "sms": texted}

func main() {
	what := ""
	if len(os.Args) > 1 {
		what = os.Args[1]
	}
	story := stories[what]
	if story == nil {
		fmt.Fprintln(os.Stderr, "usage: demo [sms]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if !tbrun.Perform(ctx, "demo", func(s *tbrun.Stage) { story(onScreen(s)) }) {
		os.Exit(1)
	}
}
