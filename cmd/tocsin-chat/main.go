// Tocsin-chat is a minimal client for Tocsin in a terminal: it sends messages with receipts, markers and hints, shows the
// state of each, and on a prompt prints the sms: link and reads the answer. It is an example and a test tool, not a client
// for daily use. docs/CLIENTS.md explains the stanzas.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"mellium.im/xmpp/jid"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.As(err, &usageError{}):
		fmt.Fprintln(os.Stderr, "tocsin-chat:", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "tocsin-chat:", err)
		os.Exit(1)
	}
}

// usageError is an error in the command line.
type usageError struct{ error }

// confirmations are the kinds of confirmations that the client can send.
var confirmations = []string{"nothing", "receipts", "markers"}

type options struct {
	JID, To           jid.JID
	Password, Server  string
	Confirm, Language string
}

func parse(args []string, out io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("tocsin-chat", flag.ContinueOnError)
	flags.SetOutput(out)
	own := flags.String("jid", "", "your `address`, with or without a resource")
	to := flags.String("to", "", "the `address` to write to")
	flags.StringVar(&o.Password, "password", os.Getenv("TOCSIN_CHAT_PASSWORD"), "your `password`; default is $TOCSIN_CHAT_PASSWORD")
	flags.StringVar(&o.Server, "server", "", "`host:port` of the server; default is the domain's port 5222. Without TLS on loopback only")
	flags.StringVar(&o.Confirm, "confirm", "markers", "what to confirm: nothing, receipts or markers")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.JID, err = jid.Parse(*own); err != nil || o.JID.Localpart() == "" {
		return o, usageError{fmt.Errorf("-jid: invalid JID %q (example: alice@example.org)", *own)}
	}
	if o.To, err = jid.Parse(*to); err != nil || o.To.Localpart() == "" {
		return o, usageError{fmt.Errorf("-to: invalid JID %q (example: bob@example.org)", *to)}
	}
	if !slices.Contains(confirmations, o.Confirm) {
		return o, usageError{fmt.Errorf("-confirm: invalid value %q (one of %v)", o.Confirm, confirmations)}
	}
	if flags.NArg() > 0 {
		return o, usageError{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	}
	return o, nil
}

// run chats until the input, the stream or ctx ends.
func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := connect(ctx, o)
	if err != nil {
		return err
	}
	defer w.close()

	chat := newChat(o.To.Bare(), o.Confirm)
	ended := make(chan error, 1)
	incoming := make(chan message, 1024) // for messages that arrive while an answer is awaited
	go func() { ended <- w.serve(ctx, incoming) }()
	defer func() {
		w.close()
		<-ended
	}()
	if chat.service, err = w.arrive(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, chat.welcome())

	// A read from a terminal cannot be interrupted: this goroutine may outlast the chat, and ends with the program.
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		var act action
		select {
		case line, more := <-lines:
			if !more {
				return nil
			}
			act = chat.line(line)
		case m := <-incoming:
			act = chat.receive(m, time.Now())
		case err := <-ended:
			ended <- err
			return err
		case <-ctx.Done():
			return nil
		}
		if act.quit {
			return nil
		}
		if err := perform(ctx, w, chat, act, out); err != nil {
			return err
		}
	}
}

// perform prints and sends the effect of a line or a stanza.
func perform(ctx context.Context, w *wire, chat *chat, act action, out io.Writer) error {
	for _, text := range act.show {
		fmt.Fprintln(out, text)
	}
	for _, m := range act.send {
		if err := w.send(ctx, m); err != nil {
			return err
		}
	}
	if act.answer != nil {
		fault, err := w.answer(ctx, chat.service, *act.answer)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, chat.answered(*act.answer, fault))
	}
	return nil
}
