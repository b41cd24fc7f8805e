package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// progress shows the progress of a copy: a bar on a terminal, otherwise a line for each table.
type progress struct {
	out      io.Writer
	terminal bool
	table    string
	line     string
}

const barWidth = 30

func (p *progress) print(table string, done, total int64) {
	if table != p.table {
		p.end()
		p.table = table
	}
	full := barWidth
	if total > 0 {
		full = int(min(done, total) * barWidth / total)
	}
	p.line = fmt.Sprintf("%-12s [%s%s] %d of %d", table, strings.Repeat("#", full), strings.Repeat(".", barWidth-full), done, total)
	if p.terminal {
		fmt.Fprint(p.out, "\r", p.line)
	}
}

// end ends the line of a table.
func (p *progress) end() {
	switch {
	case p.table == "":
	case p.terminal:
		fmt.Fprintln(p.out)
	default:
		fmt.Fprintln(p.out, p.line)
	}
	p.table, p.line = "", ""
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
