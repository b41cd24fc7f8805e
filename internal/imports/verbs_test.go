package imports

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// No function or method of the product begins with a verb that docs/design/glossary.md rules out.
func TestVerbs(t *testing.T) {
	ruledOut, files, names := ruledOutVerbs(t), token.NewFileSet(), 0
	check := func(name *ast.Ident) {
		names++
		if slices.Contains(ruledOut, firstWord(name.Name)) {
			t.Errorf("%s: %s: another verb is in docs/design/glossary.md", files.Position(name.Pos()), name.Name)
		}
	}
	for _, path := range sources(t) {
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				check(n.Name)
			case *ast.InterfaceType:
				for _, method := range n.Methods.List {
					for _, name := range method.Names {
						check(name)
					}
				}
			}
			return true
		})
	}
	if names < 1000 {
		t.Errorf("only %d functions: is the product somewhere else?", names)
	}
}

// sources are the product's files.
func sources(t *testing.T) []string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-f", `{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}`, module+"/...")
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(path string) bool {
		return strings.HasPrefix(path, filepath.Join(root, "internal")) || strings.Contains(path, "storagetest")
	})
}

// ruledOutVerbs are those in the last column of the glossary's table of verbs.
func ruledOutVerbs(t *testing.T) (all []string) {
	t.Helper()
	glossary, err := os.ReadFile("../../docs/design/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(glossary), "| verb | what it means | not |")
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || strings.HasPrefix(cells[1], "--") {
			continue
		}
		for verb := range strings.SplitSeq(cells[3], ",") {
			if verb = strings.TrimSpace(verb); verb != "" {
				all = append(all, verb)
			}
		}
	}
	if len(all) < 10 {
		t.Fatalf("the glossary rules out %q alone", all)
	}
	return all
}

// firstWord returns the first word of a name, in lower case: "save" of SaveDevices.
func firstWord(name string) string {
	end := strings.IndexFunc(name[1:], func(r rune) bool { return !unicode.IsLower(r) })
	if end < 0 {
		return strings.ToLower(name)
	}
	return strings.ToLower(name[:end+1])
}
