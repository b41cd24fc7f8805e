package main

import (
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"tocsin/cmd/tocsin/manual"
)

type completionCommand struct {
	Shell string `arg:"" name:"SHELL" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints a completion script.
func (c *completionCommand) Run(k *kong.Context, e *environment) error {
	_, err := io.WriteString(e.stdout, manual.Completion(c.Shell, k.Model))
	return err
}

// manCommand is for packagers.
type manCommand struct {
	Example string `arg:"" optional:"" name:"FILE" help:"Print tocsin.toml(5) from config.example.toml, not tocsin(1)."`
}

// Run prints a manual page.
func (c *manCommand) Run(k *kong.Context, e *environment) error {
	source := "Tocsin " + programVersion()
	if c.Example == "" {
		return manual.Program(e.stdout, k.Model, manual.Page{
			Name: "tocsin", Section: 1, Summary: "SMS escalation for XMPP", Source: source, Before: aboutProgram, After: besideProgram,
		})
	}
	example, err := os.ReadFile(c.Example)
	if err != nil {
		return err
	}
	return manual.Configuration(e.stdout, string(example), manual.Page{
		Name: "tocsin.toml", Section: 5, Summary: "configuration of tocsin", Source: source, Before: aboutConfiguration, After: besideConfiguration,
	})
}

var aboutProgram = []manual.Section{{Title: "DESCRIPTION", Text: []string{
	"Tocsin is a component (XEP-0114) of an XMPP server, Prosody or ejabberd. It watches the chat messages of the server's users, and when " +
		"one is not delivered or read in time, it tells the sender and offers to send an SMS instead.",
	"The program runs as a service and is managed by commands. Flags may be written with one dash or two.",
}}}

var besideProgram = []manual.Section{
	{Title: "EXIT STATUS", Text: []string{
		fmt.Sprintf("%d\tSuccess.", done),
		fmt.Sprintf("%d\tFailure, such as an invalid configuration.", failed),
		fmt.Sprintf("%d\tUsage error.", wrongUsage),
	}},
	{Title: "ENVIRONMENT", Text: []string{
		"TOCSIN_CONFIG\tThe configuration, unless -config is given.",
		"TOCSIN_COMPONENT_SECRET\tThe component's secret; overrides the configuration.",
		"TOCSIN_STORAGE_DSN\tThe database; overrides the configuration.",
	}},
	{Title: "FILES", Text: []string{
		"./config.toml, /etc/tocsin/config.toml\tThe configuration, if neither -config nor TOCSIN_CONFIG is given.",
		"/var/lib/tocsin\tThe database of the service, if it is SQLite.",
	}},
	{Title: "SEE ALSO", Text: []string{"tocsin.toml(5)"}},
}

var aboutConfiguration = []manual.Section{{Title: "SYNOPSIS", Text: []string{"/etc/tocsin/config.toml"}}}

var besideConfiguration = []manual.Section{{Title: "SEE ALSO", Text: []string{"tocsin(1)"}}}
