package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Completion is a shell's completion script for the program's commands, flags and their values.
func Completion(shell string, app *kong.Application) string {
	switch shell {
	case "bash":
		return bashCompletion(app)
	case "zsh":
		return zshCompletion(app)
	case "fish":
		return fishCompletion(app)
	}
	panic("manual: unknown shell " + shell)
}

// commands are all commands, including those with subcommands only, by their full names.
func commands(node *kong.Node) (all []*kong.Node) {
	all = []*kong.Node{node}
	for _, child := range children(node) {
		all = append(all, commands(child)...)
	}
	return all
}

func children(node *kong.Node) []*kong.Node {
	return slices.DeleteFunc(slices.Clone(node.Children), func(n *kong.Node) bool { return n.Hidden })
}

// below is a command's path without the program: "numbers set", "" for the program.
func below(node *kong.Node) string {
	_, rest, _ := strings.Cut(path(node), " ")
	return rest
}

// flagsOf are the flags that a command accepts, including the program's.
func flagsOf(node *kong.Node) (flags []*kong.Flag) {
	for n := node; n != nil; n = n.Parent {
		flags = append(flags, visible(n.Flags)...)
	}
	return flags
}

// How the value of a flag or argument is completed.
const (
	nothing = iota
	words
	files
	folders
)

func argumentOf(f *kong.Flag) int {
	switch {
	case f.IsBool() || f.IsCounter():
		return nothing
	case f.Enum != "":
		return words
	case strings.HasPrefix(f.PlaceHolder, "FILE"):
		return files
	case f.Name == "dir":
		return folders
	}
	return nothing
}

func hasFileArgument(node *kong.Node) bool {
	return slices.ContainsFunc(node.Positional, func(v *kong.Value) bool { return strings.HasPrefix(v.Name, "FILE") })
}

// argumentWords are the possible values of a command's argument, if they are few.
func argumentWords(node *kong.Node) (all []string) {
	for _, arg := range node.Positional {
		if arg.Enum != "" {
			all = append(all, arg.EnumSlice()...)
		}
	}
	return all
}

func bashCompletion(app *kong.Application) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# bash completion for %[1]s
_%[1]s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= commands= flags= word
	if [ "$cur" = = ]; then # bash divides words at it
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case "$command $word" in
`, app.Name)
	all := commands(app.Node)
	for _, cmd := range all[1:] {
		fmt.Fprintf(&b, "\t\t%q) command+=\" $word\" ;;\n", bashPath(cmd))
	}
	b.WriteString("\t\tesac\n\tdone\n\tcase \"$command ${prev/#--/-}\" in\n")
	for _, cmd := range all {
		for _, f := range own(cmd) {
			generate := ""
			switch argumentOf(f) {
			case words:
				generate = fmt.Sprintf("mapfile -t COMPREPLY < <(compgen -W %q -- \"$cur\"); ", strings.Join(f.EnumSlice(), " "))
			case files:
				generate = bashFiles("-f")
			case folders:
				generate = bashFiles("-d")
			default:
				if f.IsBool() || f.IsCounter() {
					continue
				}
			}
			fmt.Fprintf(&b, "\t%q) %sreturn ;;\n", bashPath(cmd)+" -"+f.Name, generate)
		}
	}
	b.WriteString("\tesac\n\tcase \"$command\" in\n")
	for _, cmd := range all {
		var names, flags []string
		for _, child := range children(cmd) {
			names = append(names, child.Name)
		}
		names = append(names, argumentWords(cmd)...)
		for _, f := range flagsOf(cmd) {
			flags = append(flags, "-"+f.Name)
		}
		generate := ""
		if hasFileArgument(cmd) {
			generate = bashFiles("-f")
		}
		fmt.Fprintf(&b, "\t%q) commands=%q flags=%q; %s;;\n", bashPath(cmd), strings.Join(names, " "), strings.Join(flags, " "), generate)
	}
	fmt.Fprintf(&b, `	esac
	case "$cur" in
	--*) mapfile -t COMPREPLY < <(compgen -W "${flags//-/--}" -- "$cur") ;;
	-*) mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur") ;;
	*) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
	esac
}
complete -F _%[1]s %[1]s
`, app.Name)
	return b.String()
}

// bashPath is a command's path as the bash function builds it: " numbers set", "" for the program.
func bashPath(node *kong.Node) string { return strings.TrimRight(" "+below(node), " ") }

func bashFiles(action string) string {
	return "compopt -o filenames; mapfile -t COMPREPLY < <(compgen " + action + " -- \"$cur\"); "
}

func zshCompletion(app *kong.Application) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n", app.Name)
	for _, cmd := range commands(app.Node) {
		fmt.Fprintf(&b, "\n%s() {\n\tlocal context state state_descr line\n\ttypeset -A opt_args\n", zshName(cmd))
		if len(children(cmd)) == 0 {
			fmt.Fprintf(&b, "\t_arguments -C%s\n}\n", zshSpecs(cmd))
			continue
		}
		// Flags after a command belong to the command.
		fmt.Fprintf(&b, "\t_arguments -C -A '-*'%s && return\n\tcase $state in\n\tcommand)\n\t\tlocal -a commands=(\n", zshSpecs(cmd))
		for _, child := range children(cmd) {
			fmt.Fprintf(&b, "\t\t\t%s\n", quote(child.Name+":"+strings.ReplaceAll(child.Help, ":", `\:`)))
		}
		b.WriteString("\t\t)\n\t\t_describe command commands\n\t\t;;\n\trest)\n\t\tcase $words[1] in\n")
		for _, child := range children(cmd) {
			fmt.Fprintf(&b, "\t\t%s) %s ;;\n", child.Name, zshName(child))
		}
		b.WriteString("\t\tesac\n\tesac\n}\n")
	}
	fmt.Fprintf(&b, "\n%s \"$@\"\n", zshName(app.Node))
	return b.String()
}

// zshSpecs are the specifications of a command for _arguments, one per line.
func zshSpecs(cmd *kong.Node) string {
	var specs []string
	for _, f := range flagsOf(cmd) {
		name := "-" + f.Name
		if !f.IsBool() && !f.IsCounter() {
			name += "=" // -flag=value or -flag value
		}
		spec := name + "[" + zshText(f.Help) + "]"
		switch argumentOf(f) {
		case words:
			spec += ":value:(" + strings.Join(f.EnumSlice(), " ") + ")"
		case files:
			spec += ":file:_files"
		case folders:
			spec += ":folder:_files -/"
		default:
			if strings.HasSuffix(name, "=") {
				spec += ":value: "
			}
		}
		specs = append(specs, spec)
	}
	switch known := argumentWords(cmd); {
	case len(children(cmd)) > 0:
		specs = append(specs, "1:command:->command", "*::argument:->rest")
	case hasFileArgument(cmd):
		specs = append(specs, "*:file:_files")
	case len(known) > 0:
		specs = append(specs, "1: :("+strings.Join(known, " ")+")")
	}
	var b strings.Builder
	for _, spec := range specs {
		b.WriteString(" \\\n\t\t" + quote(spec))
	}
	return b.String()
}

func zshName(node *kong.Node) string { return "_" + strings.ReplaceAll(path(node), " ", "_") }

// quote quotes for bash and zsh, and for fish unless there is a backslash.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func zshText(s string) string {
	return strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(s)
}

func fishCompletion(app *kong.Application) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for %s\ncomplete -c %[1]s -f\n", app.Name)
	for _, cmd := range commands(app.Node) {
		condition := "__fish_use_subcommand"
		if names := strings.Fields(below(cmd)); len(names) > 0 {
			condition = "__fish_seen_subcommand_from " + strings.Join(names, "; and __fish_seen_subcommand_from ")
		}
		line := func(format string, args ...any) {
			fmt.Fprintf(&b, "complete -c %s -n %s %s\n", app.Name, quote(condition), fmt.Sprintf(format, args...))
		}
		var siblings []string
		for _, child := range children(cmd) {
			siblings = append(siblings, child.Name)
		}
		for _, child := range children(cmd) {
			offered := condition
			if cmd.Parent != nil {
				offered += "; and not __fish_seen_subcommand_from " + strings.Join(siblings, " ")
			}
			fmt.Fprintf(&b, "complete -c %s -n %s -a %s -d %s\n", app.Name, quote(offered), child.Name, fishQuote(child.Help))
		}
		flags := visible(cmd.Flags)
		for _, f := range flags {
			value := ""
			switch argumentOf(f) {
			case words:
				value = " -x -a " + quote(strings.Join(f.EnumSlice(), " "))
			case files:
				value = " -r -F"
			case folders:
				value = " -x -a '(__fish_complete_directories)'"
			default:
				if !f.IsBool() && !f.IsCounter() {
					value = " -x"
				}
			}
			if cmd.Parent == nil {
				fmt.Fprintf(&b, "complete -c %s -o %s -d %s%s\n", app.Name, f.Name, fishQuote(f.Help), value)
				continue
			}
			line("-o %s -d %s%s", f.Name, fishQuote(f.Help), value)
		}
		if hasFileArgument(cmd) {
			line("-F")
		}
		if known := argumentWords(cmd); len(known) > 0 {
			line("-a %s", quote(strings.Join(known, " ")))
		}
	}
	return b.String()
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
