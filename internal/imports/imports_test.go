// Package imports holds the packages of the project to the rules of who may import whom (docs/ARCHITECTURE.md).
package imports

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "tocsin"

// rules name, for the packages of the project, what else of the project they may import; the first that fits counts. A
// path that ends in "/..." is a folder with all below it. Tests of a package may import internal/... beside.
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

// floors are the packages of component, from the ground up: each imports only what stands on the floors below it. What
// comes in (request) and what goes out (outbox) stand beside each other.
var floors = [][]string{
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

// impure is what track, which does no I/O and starts nothing, can't want.
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

// No arrow of component points upward, nor to a neighbour.
func TestFloors(t *testing.T) {
	floor := map[string]int{}
	for i, names := range floors {
		for _, name := range names {
			floor[name] = i + 1
		}
	}
	packages := list(t)
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if !matches(name, []string{"component/..."}) {
			continue
		}
		own := floor[name]
		if own == 0 {
			t.Errorf("%s stands on no floor", name)
		}
		for _, path := range p.Imports {
			if below := strings.TrimPrefix(path, module+"/"); floor[below] >= own && floor[below] > 0 {
				t.Errorf("%s imports %s, which does not stand below it", name, below)
			}
		}
	}
	for name := range floor {
		if !slices.ContainsFunc(packages, func(p goPackage) bool { return p.ImportPath == module+"/"+name }) {
			t.Errorf("%s has a floor, and is not there", name)
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

func importsOf(t *testing.T, packages string) []string {
	t.Helper()
	var paths []string
	for _, p := range list(t) {
		if matches(strings.TrimPrefix(p.ImportPath, module+"/"), []string{packages}) {
			paths = append(paths, p.Imports...)
		}
	}
	if len(paths) == 0 {
		t.Fatalf("%s imports nothing at all: is it there?", packages)
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
	command.Dir = "../.." // -e: what does not build is told by the build
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
