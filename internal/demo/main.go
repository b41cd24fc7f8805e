// Demo shows what Tocsin does, live on a real Prosody with throw-away data on loopback: Alice is prompted to send Bob an SMS;
// with "demo sms", Tocsin sends one itself through a real Kannel, and Bob replies.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tocsin/internal/tbrun"
)

// stories are the demos by argument.
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
