// Package imports checks the rules of which package may import which (docs/ARCHITECTURE.md), and of names
// (docs/design/glossary.md).
package imports

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "tocsin"

// rules list, for the packages of the project, which others they may import; the first match counts. A path that ends in
// "/..." is a folder with everything below it. Tests may also import internal/....
var rules = []struct {
	packages string
	imports  []string
}{
	{"track", nil},
	{"address", nil},
	{"xep/...", nil},
	{"storage/storagetest", []string{"track", "storage"}},
	{"storage/...", []string{"track", "storage/..."}},
	{"config", []string{"track", "address", "storage/dsn", "component/clock", "component/gateway/...", "component/routes", "component/settings", "component/sms", "component/tap"}},
	{"component/...", []string{"track", "address", "xep/...", "component/..."}},
	{"internal/...", []string{"..."}},
	{"contrib/...", []string{}},
	{"cmd/...", []string{"track", "address", "xep/...", "storage", "config", "component/...", "contrib/systemd", "cmd/tocsin/manual"}},
}

// layers are the layers of component, lowest first: each package imports only packages of lower layers. The handling of
// incoming (request) and outgoing (outbox) stanzas is in the same layer.
var layers = [][]string{
	{"component/clock", "component/queue"},
	{"component/fair", "component/gateway", "component/intake", "component/metrics", "component/numbers", "component/session", "component/sms", "component/tap"},
	{"component/gateway/httpapi", "component/gateway/smpp", "component/gateway/xmpp", "component/phrase", "component/routes"},
	{"component/settings"},
	{"component/alarm", "component/people", "component/presence", "component/selftest", "component/texts", "component/writer"},
	{"component/command", "component/privacy", "component/source"},
	{"component/outbox", "component/request", "component/web"},
	{"component"},
}

// foreign names the libraries that only some packages may use.
var foreign = map[string][]string{
	"github.com/BurntSushi/toml":                 {"config", "component/gateway/httpapi"}, // presets
	"github.com/alecthomas/kong":                 {"cmd/..."},
	"github.com/coreos/go-systemd":               {"cmd/..."},
	"github.com/jmoiron/sqlx":                    {"storage/..."},
	"github.com/lib/pq":                          {"storage/..."},
	"github.com/pressly/goose":                   {"storage/..."},
	"modernc.org/sqlite":                         {"storage/..."},
	"database/sql":                               {"storage/..."},
	"github.com/prometheus/client_golang":        {"component", "component/metrics", "cmd/..."},
	"os":                                         {"cmd/...", "config", "storage/..."},
	"net/http":                                   {"cmd/...", "component", "component/gateway/httpapi", "component/outbox", "component/web"},
	"github.com/xdg-go/stringprep":               {"address"},
	"mellium.im/xmpp":                            {"address", "xep/...", "component/...", "cmd/..."},
	"go.uber.org/goleak":                         {},
	"pgregory.net/rapid":                         {},
	"github.com/google/go-cmp":                   {},
	"github.com/rogpeppe/go-internal/testscript": {},
}

// impure are packages that track, which does no I/O and starts no goroutines, must not import.
var impure = []string{"net", "os", "io/ioutil", "context", "log", "log/slog", "net/http", "database/sql"}

type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func TestImports(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		allowed, ok := allowedFor(name)
		if !ok {
			t.Errorf("%s: no rule says what it may import", name)
			continue
		}
		for _, path := range p.Imports {
			if own, ok := strings.CutPrefix(path, module+"/"); ok && !matches(own, allowed) {
				t.Errorf("%s imports %s", name, own)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			own, ok := strings.CutPrefix(path, module+"/")
			if ok && own != name && !matches(own, allowed) && !matches(own, []string{"internal/...", "storage/storagetest", "xep/..."}) {
				t.Errorf("a test of %s imports %s", name, own)
			}
		}
	}
}

// No package of component imports one of its own or a higher layer.
func TestLayers(t *testing.T) {
	layer := map[string]int{}
	for i, names := range layers {
		for _, name := range names {
			layer[name] = i + 1
		}
	}
	packages := list(t)
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if !matches(name, []string{"component/..."}) {
			continue
		}
		own := layer[name]
		if own == 0 {
			t.Errorf("%s is in no layer", name)
		}
		for _, path := range p.Imports {
			if below := strings.TrimPrefix(path, module+"/"); layer[below] >= own && layer[below] > 0 {
				t.Errorf("%s imports %s, which is not in a lower layer", name, below)
			}
		}
	}
	for name := range layer {
		if !slices.ContainsFunc(packages, func(p goPackage) bool { return p.ImportPath == module+"/"+name }) {
			t.Errorf("%s is in a layer, but does not exist", name)
		}
	}
}

func TestForeignImports(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if strings.HasPrefix(name, "internal/") || name == "storage/storagetest" {
			continue
		}
		for _, path := range p.Imports {
			for library, users := range foreign {
				if (path == library || strings.HasPrefix(path, library+"/") && isForeign(library)) && !matches(name, users) {
					t.Errorf("%s imports %s", name, path)
				}
			}
		}
	}
}

func TestTrackIsPure(t *testing.T) {
	for _, path := range importsOf(t, "track") {
		if slices.Contains(impure, path) || isForeign(path) {
			t.Errorf("track imports %s", path)
		}
	}
}

func TestExtensionsKnowMelliumAlone(t *testing.T) {
	for _, path := range importsOf(t, "xep/...") {
		if isForeign(path) && !strings.HasPrefix(path, "mellium.im/") {
			t.Errorf("xep imports %s", path)
		}
	}
}

// An interface of component asks for at most four methods, beside those of the interfaces that it joins.
func TestInterfacesAreSmall(t *testing.T) {
	const most = 4
	files, interfaces := token.NewFileSet(), 0
	err := filepath.WalkDir("../../component", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if asks, ok := n.(*ast.InterfaceType); ok {
				interfaces++
				if methods := methodsOf(asks); methods > most {
					t.Errorf("%s: an interface with %d methods", files.Position(asks.Pos()), methods)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if interfaces < 50 {
		t.Errorf("only %d interfaces: is component somewhere else?", interfaces)
	}
}

func methodsOf(asks *ast.InterfaceType) (n int) {
	for _, element := range asks.Methods.List {
		if _, ok := element.Type.(*ast.FuncType); ok {
			n++
		}
	}
	return n
}

func importsOf(t *testing.T, packages string) []string {
	t.Helper()
	var paths []string
	for _, p := range list(t) {
		if matches(strings.TrimPrefix(p.ImportPath, module+"/"), []string{packages}) {
			paths = append(paths, p.Imports...)
		}
	}
	if len(paths) == 0 {
		t.Fatalf("%s imports nothing: does it exist?", packages)
	}
	return paths
}

// isForeign reports whether a package is neither ours nor of the standard library.
func isForeign(path string) bool {
	host, _, _ := strings.Cut(path, "/")
	return strings.Contains(host, ".")
}

func allowedFor(name string) ([]string, bool) {
	for _, rule := range rules {
		if matches(name, []string{rule.packages}) {
			return rule.imports, true
		}
	}
	return nil, false
}

func matches(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		folder, below := strings.CutSuffix(pattern, "...")
		return name == strings.TrimSuffix(folder, "/") || below && strings.HasPrefix(name, folder)
	})
}

func list(t *testing.T) []goPackage {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", module+"/...")
	command.Dir = "../.." // -e: build errors are reported elsewhere
	out, err := command.Output()
	if err != nil {
		if fault := (*exec.ExitError)(nil); errors.As(err, &fault) {
			t.Fatalf("go list: %s", fault.Stderr)
		}
		t.Fatal(err)
	}
	var packages []goPackage
	for in := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := in.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
