package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// build is a build of cmd/tocsin, made once per test binary.
type build struct {
	once sync.Once
	path string
	out  []byte
	err  error
}

var built, plain build

// Build builds cmd/tocsin, once per test binary, with the race detector if the test has it, and returns the path.
func Build(t testing.TB) string {
	t.Helper()
	return built.program(t, RaceDetector)
}

func (b *build) program(t testing.TB, race bool) (path string) {
	t.Helper()
	dir := root(t)
	b.once.Do(func() { b.path, b.out, b.err = compile(dir, race) })
	if b.err != nil {
		t.Fatalf("go build ./cmd/tocsin: %v\n%s", b.err, b.out)
	}
	return b.path
}

// compile leaves the program in .build, where the next test binary finds it up to date; they take turns.
func compile(dir string, race bool) (path string, out []byte, err error) {
	if err := os.MkdirAll(filepath.Join(dir, ".build"), 0o755); err != nil {
		return "", nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".build", "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", nil, err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, ".build", "tocsin")
	if race {
		path += "-race"
	}
	args := []string{"build", "-o", path}
	if race {
		args = append(args, raceFlags()...)
	}
	cmd := exec.Command("go", append(args, "./cmd/tocsin")...)
	cmd.Dir = dir
	out, err = cmd.CombinedOutput()
	return path, out, err
}

// raceFlags are those of the Makefile, if the test was started by it: then most of what the program needs has been compiled.
func raceFlags() []string {
	if flags := strings.Fields(os.Getenv("TOCSIN_RACE")); len(flags) > 0 {
		return flags
	}
	return []string{"-race"}
}
