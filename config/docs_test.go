package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/BurntSushi/toml"
)

// tomlBlock is a fenced block of TOML in Markdown.
var tomlBlock = regexp.MustCompile("(?ms)^[ \t]*```toml\n(.*?)^[ \t]*```")

// documented returns the TOML blocks of the project's Markdown, by file and line.
func documented(t *testing.T) map[string]string {
	t.Helper()
	blocks := map[string]string{}
	err := filepath.WalkDir("..", func(file string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "node_modules" || e.Name() == ".git"):
			return fs.SkipDir
		case filepath.Ext(file) != ".md":
			return nil
		}
		data, err := os.ReadFile(file)
		for _, at := range tomlBlock.FindAllSubmatchIndex(data, -1) {
			line := 1 + strings.Count(string(data[:at[0]]), "\n")
			blocks[file+":"+strconv.Itoa(line)] = string(data[at[2]:at[3]])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

// completed adds to an example what a complete configuration needs.
func completed(t *testing.T, block string) string {
	t.Helper()
	var table map[string]any
	if _, err := toml.Decode(block, &table); err != nil {
		t.Fatal(err)
	}
	lacks := func(name string) bool { _, there := table[name]; return !there }
	if lacks("component") {
		block += "\n[component]\njid = 'tocsin.example.org'\n"
	}
	if lacks("tap") {
		block += "\n[tap]\ndomains = ['example.org']\n"
	}
	if sms, ok := table["sms"].(map[string]any); ok {
		if _, there := sms["countries"]; !there {
			block += "\n[sms]\ncountries = ['CN']\n"
		}
	}
	return regexp.MustCompile(`(?m)^secret_file( *= )"[^"]*"`).ReplaceAllString(block, `secret$1"hunter2"`) // no such files
}

// TestDocs loads each example of the documentation, completed if necessary.
func TestDocs(t *testing.T) {
	blocks := documented(t)
	if len(blocks) < 10 {
		t.Fatalf("%d examples: where are the others?", len(blocks))
	}
	for where, block := range blocks {
		t.Run(strings.TrimPrefix(where, "../"), func(t *testing.T) {
			_, err := parse("example", completed(t, block), env("TOCSIN_COMPONENT_SECRET=hunter2"))
			var faults Faults
			if errors.As(err, &faults) {
				t.Error(faults)
			}
		})
	}
}

// TestDocsAreNotRewrapped finds blocks of settings whose lines were joined like prose.
func TestDocsAreNotRewrapped(t *testing.T) {
	settings := regexp.MustCompile("(?ms)^[ \t]*```(yaml|ini)\n(.*?)^[ \t]*```")
	err := filepath.WalkDir("../docs", func(file string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".md" {
			return err
		}
		data, err := os.ReadFile(file)
		for _, m := range settings.FindAllStringSubmatch(string(data), -1) {
			for line := range strings.Lines(m[2]) {
				line, _, _ = strings.Cut(line, " #")
				line, _, _ = strings.Cut(line, " ;")
				if keys := strings.FieldsFunc(line, unicode.IsSpace); len(keys) > 0 && joined(m[1], keys) {
					t.Errorf("%s: several settings in one line: %q", file, line)
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// joined reports whether the words of a line are more than one setting.
func joined(language string, words []string) bool {
	settings := 0
	for _, word := range words {
		if language == "yaml" && strings.HasSuffix(word, ":") || language == "ini" && (word == "=" || strings.HasSuffix(word, "]")) {
			settings++
		}
	}
	return settings > 1
}
