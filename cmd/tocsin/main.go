// Tocsin reports to the senders of chat messages whether they were delivered and read, and prompts them to send an SMS when
// one is not delivered or read in time. This is the XMPP component: see config.example.toml and docs/ADMIN.md.
//
// The program has the arguments, environment, signals and system clock; it decides nothing about messages. Its tests play command
// lines (testdata/*.txtar), and run it on real servers (lab_test.go) and databases (postgres_test.go).
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
	"slices"
	"strings"
	"syscall"
	"time"

	_ "time/tzdata" // quiet hours name time zones, and a machine may have none

	"github.com/alecthomas/kong"
	_ "golang.org/x/crypto/x509roots/fallback" // for webhooks and databases, where the machine has no certificates

	"tocsin/config"
)

// commands is the command line: one field per subcommand, each in a file of its own.
type commands struct {
	ShowVersion kong.VersionFlag `name:"version" help:"Show the version."`

	Init    initCommand    `cmd:"" help:"Write a configuration with a fresh secret, and print what the server needs."`
	Check   checkCommand   `cmd:"" help:"Check the configuration, the database, the connection and the tap."`
	Run     runCommand     `cmd:"" help:"Run the component until it is stopped."`
	Test    testCommand    `cmd:"" help:"Send a test prompt to a user and wait for the answer."`
	Status  statusCommand  `cmd:"" help:"Show what is pending, overdue and open."`
	SMS     smsCommand     `cmd:"" name:"sms" help:"Inspect and test the routes for the component's own SMS."`
	Numbers numbersCommand `cmd:"" help:"Manage the directory of phone numbers."`
	Migrate migrateCommand `cmd:"" help:"Bring the database schema up to date."`
	Storage storageCommand `cmd:"" help:"Manage the database."`
	Version versionCommand `cmd:"" help:"Show the version."`
	Help    helpCommand    `cmd:"" help:"Show the help of a command."`

	Completion completionCommand `cmd:"" help:"Print a shell's completion script."`
	Man        manCommand        `cmd:"" hidden:"" help:"Print a manual page."`
}

// helpCommand is "tocsin help COMMAND", which execute turns into "tocsin COMMAND -help".
type helpCommand struct {
	Command []string `arg:"" optional:"" name:"COMMAND"`
}

// Exit codes.
const (
	done = iota
	failed
	wrongUsage
)

// errFailed ends a command that has already reported what is wrong.
var errFailed = errors.New("failed")

// usageError is an error in the command line.
type usageError struct{ error }

// environment is what a command needs from its surroundings.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	lookup         func(ctx context.Context, host string) (addresses []string, err error)
	root           string // root directory in which init looks for installed files; "" except in tests
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], &environment{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.Getenv, now: time.Now, lookup: lookup,
	})
	stop()
	os.Exit(code)
}

// lookup resolves a host in DNS, without search domains.
func lookup(ctx context.Context, host string) ([]string, error) {
	return net.DefaultResolver.LookupHost(ctx, host+".")
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, e *environment) int {
	helped := false
	parser, err := kong.New(&commands{},
		kong.Name("tocsin"),
		kong.Description("SMS escalation for XMPP."),
		kong.Writers(e.stdout, e.stderr),
		kong.Exit(func(int) { helped = true }), // kong exits after showing the help or the version
		kong.Vars{"version": versionLine()},
		kong.Help(printHelp),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(e),
	)
	if err != nil {
		panic(err) // the tags above are invalid
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "-help")
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

// report prints an error and returns the exit code for it.
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

// doubleDashes turns -flag into --flag, the only form that kong knows; both are accepted. The only one-letter flag is -h.
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

// printHelp prints kong's help with single dashes in the same columns.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	out := ctx.Stdout
	var text bytes.Buffer
	ctx.Stdout = &text
	err := kong.DefaultHelpPrinter(options, ctx)
	ctx.Stdout = out
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, singleDashes(described.ReplaceAllString(text.String(), "$1 ")))
	return err
}

var described = regexp.MustCompile(`(?m)^((?:  -h,|     ) --\S+  +)`) // a flag, up to its description

// oneLine joins the lines of an error.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
