// Package manual generates the manual pages of a program and the completion scripts for shells, from the model of its
// command line and the example of its configuration.
package manual

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Page is the content of a manual page that does not come from the model or the example.
type Page struct {
	Name    string
	Section int
	Summary string // after the name, as apropos shows it
	Source  string // the program and its version
	Before  []Section
	After   []Section
}

// Section is a heading with paragraphs. A paragraph with a tab is a term and its description.
type Section struct {
	Title string
	Text  []string
}

// Program writes the page of a program, with every command and flag that is not hidden.
func Program(w io.Writer, app *kong.Application, p Page) error {
	r := &roff{}
	r.head(p)
	r.macro("SH", "SYNOPSIS")
	for _, cmd := range leaves(app.Node) {
		r.macro("SY", path(cmd))
		for _, f := range own(cmd) {
			use := bold("-"+f.Name) + valueOf(f)
			if !f.Required {
				use = "[" + use + "]"
			}
			r.line(use)
		}
		for _, arg := range cmd.Positional {
			r.line(italic(arg.Name))
		}
		r.macro("YS")
	}
	r.sections(p.Before)
	r.macro("SH", "COMMANDS")
	for _, cmd := range leaves(app.Node) {
		r.macro("SS", path(cmd))
		r.text(cmd.Help)
		if cmd.Detail != "" {
			r.macro("PP")
			r.text(cmd.Detail)
		}
		r.flags(own(cmd))
	}
	r.macro("SH", "OPTIONS OF ALL COMMANDS")
	r.flags(visible(app.Flags))
	r.sections(p.After)
	_, err := io.WriteString(w, r.String())
	return err
}

func (r *roff) flags(flags []*kong.Flag) {
	for _, f := range flags {
		r.macro("TP")
		term := bold("-"+f.Name) + valueOf(f)
		if f.Short != 0 {
			term = bold("-"+string(f.Short)) + ", " + term
		}
		r.line(term)
		help := f.Help
		if f.HasDefault && !f.IsBool() {
			help += fmt.Sprintf(" (default: %s)", f.Default)
		}
		r.text(help)
	}
}

// leaves are the commands without subcommands, in the order of the help.
func leaves(node *kong.Node) []*kong.Node {
	return slices.DeleteFunc(node.Leaves(true), func(n *kong.Node) bool { return n.Name == "help" })
}

// path is a command's full name: "tocsin numbers set".
func path(node *kong.Node) string {
	if node.Parent == nil {
		return node.Name
	}
	return path(node.Parent) + " " + node.Name
}

// own are the flags of a command and of its parents except the program.
func own(cmd *kong.Node) (flags []*kong.Flag) {
	for n := cmd; n.Parent != nil; n = n.Parent {
		flags = append(visible(n.Flags), flags...)
	}
	return flags
}

func visible(flags []*kong.Flag) []*kong.Flag {
	return slices.DeleteFunc(slices.Clone(flags), func(f *kong.Flag) bool { return f.Hidden })
}

// valueOf is a flag's value in the synopsis, "" if it has none.
func valueOf(f *kong.Flag) string {
	switch {
	case f.IsBool() || f.IsCounter():
		return ""
	case f.Enum != "":
		return "=" + bold(strings.Join(f.EnumSlice(), "|"))
	case f.PlaceHolder != "":
		return "=" + italic(f.PlaceHolder)
	}
	return "=" + italic(strings.ToUpper(f.Name))
}
