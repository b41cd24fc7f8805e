package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The output of init equals the files in contrib, which the tests of internal/lab run on real servers.
func TestInitPrintsWhatContribHas(t *testing.T) {
	for server, file := range map[string]string{"ejabberd": "ejabberd/mod_tocsin.yml", "prosody": "prosody/README.md"} {
		t.Run(server, func(t *testing.T) {
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
			if server == "prosody" { // the block for the first way
				_, contrib, _ = strings.Cut(contrib, "with a new secret:")
				_, contrib, _ = strings.Cut(contrib, "```lua\n")
				contrib, _, _ = strings.Cut(contrib, "```")
			}
			if diff := cmp.Diff(bare(contrib), bare(strings.ReplaceAll(block, string(made), "secret"))); diff != "" {
				t.Errorf("%s (-contrib +init):\n%s", server, diff)
			}
		})
	}
}

// init -print prints the same again.
func TestInitPrintsAgain(t *testing.T) {
	for _, server := range []string{"prosody", "ejabberd"} {
		dir := t.TempDir()
		first := must(t, "init", "-domain", "example.org", "-server", server, "-dir", dir)
		_, first, _ = strings.Cut(first, "\n\n")
		if diff := cmp.Diff(first, must(t, "init", "-print", "-server", server, "-dir", dir)); diff != "" {
			t.Errorf("%s (-first +again):\n%s", server, diff)
		}
	}
}

// On machines with systemd, init offers the unit, and mentions what is missing for it.
func TestInitOffersTheUnit(t *testing.T) {
	root := t.TempDir()
	mkdir := func(dir string) {
		t.Helper()
		if err := os.MkdirAll(root+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	in := installation{File: "/etc/tocsin/config.toml", Component: "tocsin.example.org", Domains: []string{"example.org"}}
	steps := func() string {
		in.detect(root)
		in.HasUser = false // whether or not this machine has that user
		var b strings.Builder
		if err := nextSteps.Execute(&b, in); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if got := steps(); strings.Contains(got, "service") || strings.Contains(got, "systemctl") {
		t.Errorf("without systemd:\n%s", got)
	}
	mkdir("/run/systemd/system")
	got := steps()
	for _, line := range []string{
		"install -m 755 " + in.Program + " /usr/local/bin/tocsin\n", "adduser --system --group --home /var/lib/tocsin tocsin\n", "chown tocsin /etc/tocsin/config.toml\n",
		"/usr/local/bin/tocsin init -unit -dir /etc/tocsin > /etc/systemd/system/tocsin.service\n", "systemctl daemon-reload\n", "systemctl enable tocsin\n",
		"runuser -u tocsin -- tocsin check -config /etc/tocsin/config.toml\n", "systemctl start tocsin\n",
	} {
		if !strings.Contains(got, "       "+line) {
			t.Errorf("no %q in\n%s", line, got)
		}
	}
	mkdir("/usr/lib/systemd/system/tocsin.service") // installed by a package
	if got := steps(); strings.Contains(got, "init -unit") || !strings.Contains(got, "systemctl enable tocsin\n") {
		t.Errorf("with a unit:\n%s", got)
	}
	in.File = "config.toml"
	if got := steps(); strings.Contains(got, "systemctl") || !strings.Contains(got, "-dir /etc/tocsin\n") {
		t.Errorf("with a configuration in a user's own folder:\n%s", got)
	}
}

// If our module is installed already, by a package or by hand, init does not ask to copy it.
func TestInitDetectsTheModule(t *testing.T) {
	for _, dir := range []string{"/usr/lib/prosody/modules", "/usr/local/lib/prosody/modules", "/srv"} {
		root := t.TempDir()
		if err := os.CopyFS(root+dir+"/mod_tocsin", os.DirFS("../../contrib/prosody/mod_tocsin")); err != nil {
			t.Fatal(err)
		}
		in := installation{Component: "tocsin.example.org", Domains: []string{"example.org"}, Port: defaultPort}
		in.detect(root)
		var b strings.Builder
		if err := prosodyBlock.Execute(&b, in); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(b.String(), "Copy the folder"); told != (dir == "/srv") {
			t.Errorf("with the module in %s:\n%s", dir, &b)
		}
	}
}

// The unit has the path of the program, and the requested folder of the configuration.
func TestInitPrintsTheUnit(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for dir, file := range map[string]string{".": "/etc/tocsin/config.toml", "/etc/other": "/etc/other/config.toml"} {
		if unit := must(t, "init", "-unit", "-dir", dir); !strings.Contains(unit, "\nExecStart="+program+" run -config "+file+"\n") {
			t.Errorf("-dir %s:\n%s", dir, unit)
		}
	}
}

var comment = regexp.MustCompile(`(^|\s)(#|--)\s.*`)

// bare returns a text without comments, indentation and empty lines.
func bare(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(comment.ReplaceAllString(line, "")); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
