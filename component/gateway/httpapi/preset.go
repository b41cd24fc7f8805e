package httpapi

import (
	"embed"
	"io/fs"
	"path"
	"strings"

	"github.com/BurntSushi/toml"
)

//go:embed presets/*.toml
var presets embed.FS

const custom = "custom" // no preset

// Presets returns the names of all presets, sorted.
func Presets() []string {
	files, _ := fs.Glob(presets, "presets/*.toml") // the pattern is valid
	for i, file := range files {
		files[i] = strings.TrimSuffix(path.Base(file), ".toml")
	}
	return files
}

func presetPath(name string) string { return "presets/" + name + ".toml" }

// Preset returns a preset as TOML, or "" if there is none of that name.
func Preset(name string) string {
	text, err := presets.ReadFile(presetPath(name))
	if err != nil {
		return ""
	}
	return string(text)
}

// presetTable returns a new decoded copy of a preset, empty if there is none. Tests check that all presets are valid.
func presetTable(name string) map[string]any {
	table := map[string]any{}
	if _, err := toml.Decode(Preset(name), &table); err != nil {
		return map[string]any{}
	}
	return table
}

// presetLine returns the line of a key in a preset, or else of its table, or 0. It relies on the plain form of presets: one key
// per line, tables with headers.
func presetLine(name, key string) int {
	found, table := 0, ""
	parts := strings.Split(strings.ReplaceAll(key, `"`, ""), ".")
	for i, line := range strings.Split(Preset(name), "\n") {
		if header, ok := strings.CutPrefix(strings.TrimSpace(line), "["); ok {
			table, _, _ = strings.Cut(header, "]")
			if table == parts[0] {
				found = i + 1
			}
			continue
		}
		left, _, ok := strings.Cut(line, "=")
		if left = strings.Trim(left, " \""); !ok || strings.HasPrefix(left, "#") {
			continue
		}
		switch {
		case table == "" && left == parts[0], table == parts[0] && len(parts) > 1 && left == parts[1]:
			return i + 1
		}
	}
	return found
}
