package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/config"
)

// TestCompletion runs the completion scripts in their shells: for a line up to the cursor, it compares the suggestions.
func TestCompletion(t *testing.T) {
	lines := []struct {
		line  string
		offer string // the only suggestion
	}{
		{"tocsin ini", "init"},
		{"tocsin numb", "numbers"},
		{"tocsin numbers imp", "import"},
		{"tocsin init -ser", "-server"},
		{"tocsin numbers set -pri", "-private"},
		{"tocsin init -server pro", "prosody"},
		{"tocsin numbers import sta", "staff.csv"},
		{"tocsin check -config sta", "staff.csv"},
		{"tocsin completion fi", "fish"},
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			code, script := tocsin(t, "completion", shell)
			if code != done {
				t.Fatal(script)
			}
			for name, text := range map[string]string{"_tocsin": script, "staff.csv": ""} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			asker, err := filepath.Abs("testdata/shell/complete." + shell)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			args := []string{asker}
			for _, l := range lines {
				args = append(args, l.line)
			}
			cmd := exec.CommandContext(ctx, shell, args...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", shell, err, out)
			}
			offers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			if len(offers) != len(lines) {
				t.Fatalf("%d answers for %d lines:\n%s", len(offers), len(lines), out)
			}
			for i, l := range lines {
				got := strings.TrimSuffix(strings.TrimSpace(offers[i]), "=") // zsh adds it until a space follows
				if got != l.offer {
					t.Errorf("%q is completed by %q, want %q", l.line, got, l.offer)
				}
			}
		})
	}
}

// The manual pages mention every command, flag and key, and groff reports no errors.
func TestManualPages(t *testing.T) {
	code, program := tocsin(t, "man")
	if code != done {
		t.Fatal(program)
	}
	page := render(t, program)
	for _, help := range []string{"init", "check", "run", "status", "numbers set", "numbers import", "migrate", "storage copy"} {
		_, text := tocsin(t, append(strings.Fields(help), "-help")...)
		for _, word := range strings.Fields(text) {
			flag, _, _ := strings.Cut(word, "=")
			if strings.HasPrefix(flag, "-") && len(flag) > 2 && !strings.Contains(page, strings.Trim(flag, ",")) {
				t.Errorf("tocsin(1) lacks %s of %s", flag, help)
			}
		}
	}
	code, configuration := tocsin(t, "man", "../../config.example.toml")
	if code != done {
		t.Fatal(configuration)
	}
	shown := render(t, configuration)
	for _, key := range config.Keys() {
		if name := key[strings.LastIndexByte(key, '.')+1:]; name != "template" && !strings.Contains(shown, name+" = ") && !strings.Contains(shown, "["+key+"]") {
			t.Errorf("tocsin.toml(5) lacks %s", key)
		}
	}
}

// render formats a page for a terminal with very long lines.
func render(t *testing.T, page string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "groff", "-man", "-Tutf8", "-P-cbou", "-ww", "-rLL=1000n")
	cmd.Stdin = strings.NewReader(page)
	var out, faults strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &faults
	if err := cmd.Run(); err != nil || faults.Len() > 0 {
		t.Errorf("groff: %v\n%s", err, faults.String())
	}
	return out.String()
}
