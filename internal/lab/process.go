package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a child process that ends with the test: its whole group is killed when the test ends, or by the kernel if the
// test binary is killed.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string        // path of its output
	done chan struct{} // closed when it has ended
	err  error         // of Wait; valid after done
}

// start runs a command whose output is appended to the file log, in that file's folder.
func start(name, log string, env []string, argv ...string) (*process, error) {
	return owner{}.spawn(name, log, env, argv...)
}

// spawn is start for a program that runs as the owner.
func (o owner) spawn(name, log string, env []string, argv ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = filepath.Dir(log)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: o.credential()}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// stop asks the process to end, waits for the grace period, then kills the group.
func (p *process) stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
	}
	p.kill()
}

// kill kills the whole group at once and waits.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// await polls until ready returns true, the process has ended, or the time is over. It polls less and less often, since each
// poll takes CPU time that others need.
func (p *process) await(within time.Duration, ready func() bool) error {
	deadline := time.After(within)
	for pause := 15 * time.Millisecond; !ready(); pause = min(pause*5/4, 150*time.Millisecond) {
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %v", p.name, p.err)
		case <-deadline:
			return fmt.Errorf("%s is not ready after %s", p.name, within)
		case <-time.After(pause):
		}
	}
	return nil
}

// listening reports whether something accepts connections at the address.
func listening(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// answers reports whether a GET is answered with the status.
func answers(url string, status int) bool {
	client := http.Client{Timeout: time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == status
}

// Servers is the folder of other versions of the servers, created by .ci/servers; without it the tests run the installed
// ones.
var Servers = os.Getenv("TOCSIN_SERVERS")

// program returns the path of a required program.
func program(t testing.TB, name string, elsewhere ...string) string {
	t.Helper()
	if path := filepath.Join(Servers, "programs", name); Servers != "" {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, path := range elsewhere {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: run .ci/install", name)
	return ""
}

// tail returns the last lines of a log.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	all := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// root returns the repository's root, searching upwards from the test's folder.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("no go.mod above the test's folder")
	return ""
}

// cpu is the CPU time of the process so far, without its children.
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // from the third on, see proc(5)
	const tick = 10 * time.Millisecond
	var ticks int
	for _, field := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(string(field))
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}
