package lab

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"tocsin/address"
)

// Two localparts that are the same account to a server must be the same to us, and different ones must stay different: both
// servers' own preparation is tested with all of Unicode.
func TestAddressesAreTheServers(t *testing.T) {
	names := localparts()
	for server, prepared := range map[string][]string{"prosody": prosodyPrepares(t, names), "ejabberd": ejabberdPrepares(t, names)} {
		refused := 0
		for i, want := range prepared {
			got, err := address.Local(names[i])
			switch {
			case want == "": // the server has no such account
			case err != nil:
				refused++
			case got != want:
				t.Errorf("%+q is %+q to %s, and %+q to us", names[i], want, server, got)
			}
		}
		if refused > len(names)/50 {
			t.Errorf("%d of %d localparts are refused, but %s accepts them", refused, len(names), server)
		}
	}
}

// localparts returns all single characters of the scripts, and mixtures with combining, joining and right-to-left
// characters.
func localparts() []string {
	var pool []rune
	for _, r := range [][2]rune{{0x21, 0x33ff}, {0xac00, 0xac80}, {0xf900, 0xffff}, {0x10400, 0x1044f}, {0x1d100, 0x1d7ff}, {0x1f300, 0x1f3ff}, {0x2f800, 0x2fa1d}} {
		for c := r[0]; c <= r[1]; c++ {
			pool = append(pool, c)
		}
	}
	var marks []rune
	var names []string
	for _, c := range pool {
		names = append(names, string(c))
		if unicode.Is(unicode.M, c) {
			marks = append(marks, c)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var name []rune
		for range 1 + rng.IntN(5) {
			switch rng.IntN(4) {
			case 0:
				name = append(name, marks[rng.IntN(len(marks))])
			case 1:
				name = append(name, rune('a'+rng.IntN(26)))
			default:
				name = append(name, pool[rng.IntN(len(pool))])
			}
		}
		names = append(names, string(name))
	}
	return names
}

func prosodyPrepares(t *testing.T, names []string) []string {
	t.Helper()
	return prepare(t, names, Lua(t, "-e", `
local prep = require "util.encodings".stringprep.nodeprep
io.output("out")
for name in io.lines("in") do io.write(prep(name) or "", "\n") end`))
}

func ejabberdPrepares(t *testing.T, names []string) []string {
	t.Helper()
	return prepare(t, names, exec.CommandContext(t.Context(), program(t, "erl"), "-noshell", "-eval", `catch stringprep:load_nif(), {ok, Names} = file:read_file("in"),
ok = file:write_file("out", [case stringprep:nodeprep(N) of error -> "\n"; P -> [P, "\n"] end || N <- binary:split(Names, <<"\n">>, [global])]),
init:stop().`))
}

// prepare runs a command that reads names from the file "in", one per line, and writes them prepared to "out".
func prepare(t *testing.T, names []string, cmd *exec.Cmd) []string {
	t.Helper()
	cmd.Dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(cmd.Dir, "in"), []byte(strings.Join(names, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, said)
	}
	out, err := os.ReadFile(filepath.Join(cmd.Dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(names) {
		t.Fatalf("%s: %d lines for %d names", cmd, len(lines), len(names))
	}
	return lines
}
