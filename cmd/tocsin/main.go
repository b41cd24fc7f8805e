// Tocsin tells the senders of chat messages what became of them, and asks them to send an SMS when a message is not
// delivered or read in time. This is the program of the XMPP component: see config.example.toml and docs/ADMIN.md.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	_ "time/tzdata" // quiet hours name time zones, and a machine may have none

	"github.com/alecthomas/kong"

	"tocsin/config"
)

// commands is the command line: one field a subcommand, each in a file of its own.
type commands struct {
	Init    initCommand    `cmd:"" help:"Write a configuration with a fresh secret, and tell what the server needs."`
	Check   checkCommand   `cmd:"" help:"Tell what is wrong with configuration, database, connection and rights."`
	Run     runCommand     `cmd:"" help:"Serve until told to stop."`
	Status  statusCommand  `cmd:"" help:"Show what is pending, overdue and open."`
	Numbers numbersCommand `cmd:"" help:"Keep the directory of phone numbers."`
	Migrate migrateCommand `cmd:"" help:"Bring the database to this version's schema."`
	Storage storageCommand `cmd:"" help:"Move a database."`
	Version versionCommand `cmd:"" help:"Show the version."`
}

// Exit codes.
const (
	done = iota
	failed
	wrongUsage
)

// errFailed ends a command that has told already what is wrong.
var errFailed = errors.New("failed")

// usageError is a fault of the command line, not of the work.
type usageError struct{ error }

// environment is what a command knows of the world around it.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	lookup         func(ctx context.Context, host string) (addresses []string, err error)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], &environment{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.Getenv, now: time.Now, lookup: net.DefaultResolver.LookupHost,
	})
	stop()
	os.Exit(code)
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, e *environment) int {
	helped := false
	parser, err := kong.New(&commands{},
		kong.Name("tocsin"),
		kong.Description("SMS escalation for XMPP."),
		kong.Writers(e.stdout, e.stderr),
		kong.Exit(func(int) { helped = true }), // kong exits after it has shown the help
		kong.Help(printHelp),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(e),
	)
	if err != nil {
		panic(err) // the tags above are wrong
	}
	command, err := parser.Parse(doubleDashes(args))
	if helped {
		return done
	}
	if err != nil {
		fmt.Fprintf(e.stderr, "tocsin: %s (see tocsin -help)\n", singleDashes(err.Error()))
		return wrongUsage
	}
	return e.report(command.Run())
}

// report tells an error and returns the exit code for it.
func (e *environment) report(err error) int {
	faults, usage := config.Faults(nil), usageError{}
	switch {
	case err == nil:
		return done
	case errors.Is(err, errFailed):
	case errors.As(err, &faults):
		fmt.Fprintln(e.stderr, faults) // each with its file and line
	case errors.As(err, &usage):
		fmt.Fprintf(e.stderr, "tocsin: %v\n", err)
		return wrongUsage
	default:
		fmt.Fprintf(e.stderr, "tocsin: %v\n", err)
	}
	return failed
}

var singleDash = regexp.MustCompile(`^-[a-z][a-z-]+(=|$)`)

// doubleDashes writes -flag as --flag: both are taken, kong knows the second alone. There are no one-letter flags to
// take for one but -h.
func doubleDashes(args []string) []string {
	args = append([]string(nil), args...)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if singleDash.MatchString(arg) {
			args[i] = "-" + arg
		}
	}
	return args
}

var doubleDash = regexp.MustCompile(`(^|[\s\[("])--([a-z])`)

func singleDashes(text string) string { return doubleDash.ReplaceAllString(text, "$1-$2") }

func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	out := ctx.Stdout
	var text bytes.Buffer
	ctx.Stdout = &text
	err := kong.DefaultHelpPrinter(options, ctx)
	ctx.Stdout = out
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, singleDashes(text.String()))
	return err
}

// oneLine keeps an error of a library to the one line that is promised.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
