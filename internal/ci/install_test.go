// Package ci tests the scripts of .ci.
package ci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The requirements that .ci/install checks by default, and how a system meets them: programs in the PATH, and files.
var packages = map[string][]string{
	"prosody":                 {"prosody", "prosodyctl"},
	"prosody-modules":         {"/usr/lib/prosody/modules/mod_firewall/mod_firewall.lua"},
	"ejabberd":                {"erl", "/usr/lib/x86_64-linux-gnu/ejabberd-23.01/ebin/ejabberd.app"},
	"postgresql":              {"/usr/lib/postgresql/15/bin/initdb"},
	"lua-check":               {"luacheck"},
	"kannel":                  {"bearerbox", "smsbox"},
	"kannel-extras":           {"/usr/lib/kannel/test/fakesmsc"},
	"chromium-headless-shell": {"chromium-headless-shell"},
	"nodejs":                  {"node"},
	"npm":                     {"npm"},
	"gcc":                     {"gcc"},
	"libc6-dev":               {"/usr/include/stdlib.h"},
	"zsh":                     {"zsh"},
	"fish":                    {"fish"},
	"groff-base":              {"groff"},
	"debootstrap":             {"debootstrap"},
	"iproute2":                {"ip"},
	"lintian":                 {"lintian"},
	"buildah":                 {"buildah"},
	"pgbouncer":               {"/usr/sbin/pgbouncer"},
	"nginx-light":             {"/usr/sbin/nginx"},
}

// system is a fake system: its own PATH, and a root directory for .ci/install.
type system struct {
	t          *testing.T
	root, path string
}

func newSystem(t *testing.T) *system {
	s := &system{t: t, root: t.TempDir(), path: t.TempDir()}
	for _, tool := range []string{"cat", "chmod", "grep", "mktemp", "mv", "rm", "sort"} {
		real, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(real, filepath.Join(s.path, tool)); err != nil {
			t.Fatal(err)
		}
	}
	for _, uses := range packages {
		for _, use := range uses {
			s.put(use, "")
		}
	}
	s.put("id", "echo ${WHO-0}")
	if err := os.MkdirAll(filepath.Join(s.root, "usr/sbin"), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// place is the path of a program or file of the system.
func (s *system) place(use string) string {
	if strings.HasPrefix(use, "/") {
		return filepath.Join(s.root, use)
	}
	return filepath.Join(s.path, use)
}

// put creates a program or file; a script runs in sh.
func (s *system) put(use, script string) {
	s.t.Helper()
	place := s.place(use)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(place, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

func (s *system) remove(use string) {
	s.t.Helper()
	if err := os.Remove(s.place(use)); err != nil {
		s.t.Fatal(err)
	}
}

// apt creates an apt-get that records its arguments, and runs a script to install something.
func (s *system) apt(script string) {
	s.put("apt-get", fmt.Sprintf(`echo "$@" >>%q; if [ "$1" = install ]; then :
%s
fi`, s.place("/calls"), script))
}

func (s *system) read(file string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.place(file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(text)
}

// install runs .ci/install.
func (s *system) install(env []string, args ...string) (out string, code int) {
	s.t.Helper()
	cmd := exec.Command("/bin/bash", append([]string{"../../.ci/install"}, args...)...)
	cmd.Env = append([]string{"PATH=" + s.path, "TOCSIN_ROOT=" + s.root, "TMPDIR=" + s.t.TempDir()}, env...)
	text, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

func (s *system) expect(gotOut string, gotCode int, wantOut string, wantCode int) {
	s.t.Helper()
	if gotOut != wantOut || gotCode != wantCode {
		s.t.Errorf("exit code %d, want %d; printed:\n%swant:\n%s", gotCode, wantCode, gotOut, wantOut)
	}
}

func TestInstallWithNothingMissing(t *testing.T) {
	s := newSystem(t)
	s.apt("")
	out, code := s.install(nil)
	s.expect(out, code, "", 0)
	if calls := s.read("/calls"); calls != "" {
		t.Errorf("apt-get was called: %s", calls)
	}
}

// If one requirement is missing, its package is installed, and nothing else.
func TestInstallWithEachMissing(t *testing.T) {
	for name, uses := range packages {
		for _, use := range uses {
			t.Run(name+"/"+filepath.Base(use), func(t *testing.T) {
				s := newSystem(t)
				s.remove(use)
				out, code := s.install(nil)
				s.expect(out, code, "install: no apt-get here; install by hand what Debian calls: "+name+"\n", 1)

				s.apt("")
				out, code = s.install([]string{"WHO=1000"})
				s.expect(out, code, "install: not root; run: sudo apt-get install "+name+"\n", 1)

				s.apt(fmt.Sprintf("echo >%[1]q; exec /bin/chmod 755 %[1]q", s.place(use)))
				out, code = s.install(nil)
				s.expect(out, code, "Installing "+name+"\n", 0)
				if calls := s.read("/calls"); !strings.HasSuffix(calls, " "+name+"\n") || strings.Count(calls, "install ") != 1 {
					t.Errorf("apt-get was called:\n%s", calls)
				}
			})
		}
	}
}

// The test and the script know the same packages.
func TestInstallWithAllMissing(t *testing.T) {
	s := newSystem(t)
	var names []string
	for name, uses := range packages {
		names = append(names, name)
		for _, use := range uses {
			s.remove(use)
		}
	}
	slices.Sort(names)
	out, code := s.install(nil)
	s.expect(out, code, "install: no apt-get here; install by hand what Debian calls: "+strings.Join(names, " ")+"\n", 1)
}

func TestInstallOfNamedPackages(t *testing.T) {
	s := newSystem(t)
	s.remove("prosody")
	s.remove("gcc")
	out, code := s.install(nil, "gcc", "npm")
	s.expect(out, code, "install: no apt-get here; install by hand what Debian calls: gcc\n", 1)
	out, code = s.install(nil, "npm", "perl6")
	s.expect(out, code, "install: unknown package perl6\n", 2)
}

// What only one command needs is installed only on request.
func TestInstallOnRequestOnly(t *testing.T) {
	s := newSystem(t)
	out, code := s.install(nil, "haproxy", "patroni", "etcd-server", "pgbouncer")
	s.expect(out, code, "install: no apt-get here; install by hand what Debian calls: etcd-server haproxy patroni\n", 1)
	for _, use := range []string{"haproxy", "patroni", "etcd"} {
		s.put(use, "")
	}
	out, code = s.install(nil, "haproxy", "patroni", "etcd-server", "pgbouncer")
	s.expect(out, code, "", 0)
}

// An initdb from elsewhere counts, one without its server does not.
func TestInstallFindsPostgresElsewhere(t *testing.T) {
	s := newSystem(t)
	s.remove("/usr/lib/postgresql/15/bin/initdb")
	s.put("initdb", "")
	_, code := s.install(nil, "postgresql")
	if code != 1 {
		t.Errorf("initdb without postgres: exit code %d", code)
	}
	s.put("postgres", "")
	out, code := s.install(nil, "postgresql")
	s.expect(out, code, "", 0)
}

func TestInstallSaysWhatFailed(t *testing.T) {
	s := newSystem(t)
	s.remove("npm")
	s.apt("echo 'E: no such thing'; exit 100")
	out, code := s.install(nil)
	s.expect(out, code, "Installing npm\nE: no such thing\ninstall: apt-get could not install npm\n", 1)

	s.apt("") // a package that lacks the program
	out, code = s.install(nil)
	s.expect(out, code, "Installing npm\ninstall: npm is installed, but lacks what the tests use: npm\n", 1)
}

// An unreachable package source does not matter if another one has the packages.
func TestInstallSurvivesFailedUpdate(t *testing.T) {
	s := newSystem(t)
	s.remove("gcc")
	s.put("apt-get", fmt.Sprintf(`if [ "$1" = update ]; then echo "E: expired"; exit 100; fi; echo >%[1]q; exec /bin/chmod 755 %[1]q`, s.place("gcc")))
	out, code := s.install(nil)
	s.expect(out, code, "Installing gcc\n", 0)
}

// Services are not started meanwhile, and the previous policy is restored: after success, failure, and a killed run.
func TestInstallForbidsServices(t *testing.T) {
	const policy, theirs = "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 104\n"
	for _, before := range []string{"", "exit 104"} {
		for name, end := range map[string]string{"success": "exit 0", "failure": "exit 1", "kill": "kill -9 $PPID"} {
			t.Run(name+" "+before, func(t *testing.T) {
				s := newSystem(t)
				s.remove("gcc")
				want := ""
				if before != "" {
					s.put(policy, before)
					want = theirs
				}
				s.apt(fmt.Sprintf("%q; echo $? >%q; %s", s.place(policy), s.place("/answer"), end))
				s.install(nil)
				if answer := s.read("/answer"); answer != "101\n" {
					t.Errorf("policy during the installation: %q", answer)
				}
				if name == "kill" {
					s.apt("exit 0")
					s.install(nil)
				}
				if got := s.read(policy); got != want {
					t.Errorf("policy afterwards:\n%s", got)
				}
			})
		}
	}
}
