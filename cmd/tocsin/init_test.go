package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What init prints is what contrib has, which the tests of internal/lab run on real servers.
func TestInitPrintsWhatContribHas(t *testing.T) {
	for server, file := range map[string]string{"ejabberd": "ejabberd/tocsin.yml", "prosody": "prosody/README.md"} {
		dir := t.TempDir()
		code, out := tocsin(t, "init", "-domain", "example.org", "-server", server, "-dir", dir)
		if code != done {
			t.Fatalf("exit code %d: %s", code, out)
		}
		config, err := os.ReadFile(filepath.Join(dir, "config.toml"))
		if err != nil {
			t.Fatal(err)
		}
		made := regexp.MustCompile(`secret = "(\w+)"`).FindSubmatch(config)[1]
		_, block, _ := strings.Cut(out, "----8<----\n")
		block, _, _ = strings.Cut(block, "---->8----\n")
		if !strings.Contains(block, string(made)) {
			t.Errorf("%s: the secret is not that of the configuration", server)
		}

		text, err := os.ReadFile(filepath.Join("../../contrib", file))
		if err != nil {
			t.Fatal(err)
		}
		contrib := string(text)
		if server == "prosody" { // the block of the first way
			_, contrib, _ = strings.Cut(contrib, "with a fresh secret:")
			_, contrib, _ = strings.Cut(contrib, "```lua\n")
			contrib, _, _ = strings.Cut(contrib, "```")
		}
		if diff := cmp.Diff(bare(contrib), bare(strings.ReplaceAll(block, string(made), "secret"))); diff != "" {
			t.Errorf("%s (-contrib +init):\n%s", server, diff)
		}
	}
}

var comment = regexp.MustCompile(`(^|\s)(#|--)\s.*`)

// bare is a text without comments, indentation and empty lines.
func bare(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(comment.ReplaceAllString(line, "")); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
