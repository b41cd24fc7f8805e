package survival

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Each promise of the design names its tests, and they exist.
func TestNamesInDesign(t *testing.T) {
	const root = "../.."
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name()[0] == '.' && path != root {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, name := range declared.FindAllSubmatch(text, -1) {
			there[string(name[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"survival.md", "storage.md"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", "design", page))
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(string(text), -1)
		if len(names) == 0 {
			t.Errorf("%s names no test", page)
		}
		for _, name := range names {
			if !there[name] {
				t.Errorf("%s: no such test: %s", page, name)
			}
		}
	}
}
