package ci

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testsOf returns the names of the tests and fuzz targets in a package's folder.
func testsOf(t *testing.T, folder string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}

// Every test named in docs/design/security.md exists: as a story of internal/scenarios, or as a test of the package named
// before it; and every attack has one.
func TestSecurityPage(t *testing.T) {
	const root = "../.."
	page, err := os.ReadFile(filepath.Join(root, "docs/design/security.md"))
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`[^`]+`")
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "|") || len(cells) != 3 || strings.HasPrefix(cells[0], "---") || strings.TrimSpace(cells[0]) == "attack" {
			continue
		}
		rows++
		tests, in := 0, ""
		for _, name := range quoted.FindAllString(cells[2], -1) {
			name = strings.Trim(name, "`")
			isTest := strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")
			_, noStory := os.Stat(filepath.Join(root, "internal/scenarios/testdata", name+".txtar"))
			_, noPackage := os.Stat(filepath.Join(root, name))
			switch {
			case isTest && in == "":
				t.Errorf("%s: missing the package before it", name)
			case isTest:
				if !testsOf(t, filepath.Join(root, in))[name] {
					t.Errorf("%s has no %s", in, name)
				}
				tests++
			case noStory == nil:
				tests++
			case noPackage == nil:
				in = name
			default:
				t.Errorf("%s: neither a story nor a package", name)
			}
		}
		if tests == 0 {
			t.Errorf("no test named for: %s", cells[0])
		}
	}
	if rows < 15 {
		t.Errorf("%d rows", rows)
	}
}
